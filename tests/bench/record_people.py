"""The people behind the synthetic customer records: households with their members, addresses, telephones and e-mail addresses.

In: how many people, a seed. Out: arrays with one value per person. Names are skewed as real ones are (Zipf–Mandelbrot), from the
lists of the synthetic population and from syllables; partners, parents and children share surname, address and landline; some
are twins, some sons bear their father's name, some houses hold several households. Nobody real is meant.
"""

from __future__ import annotations

import importlib.resources
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["People", "draw_people"]

Text = NDArray[np.bytes_]
Integers = NDArray[np.int64]
_ONSETS = "b br c ch cl d dr f fl g gr h j k kn l m n p pr r s sh st t th tr v w wh"
_VOWELS = "a e i o u ai ea ee oo ou"
_CODAS = "b ck d g l ll m n nd ng nt p r rd rn s sk st t tt x"
_SURNAME_ENDS = "son ton ley man ford ham worth well er s field by wood stone ski ez"
_GIVEN_ENDS = {"F": "a ia elle ina y een ette ora is ana", "M": "o us an on ert in as ard el io"}
_TYPES = "Street Road Avenue Lane Drive Close Court Place Crescent Way Walk Hill"
_TOWN_ENDS = "ton ville ford bridge mouth port field ham bury burgh"
_JOBS = """
teacher nurse driver clerk engineer cook cleaner carpenter electrician manager accountant student retired farmer lawyer
plumber designer programmer waiter hairdresser mechanic salesman librarian physician dentist pharmacist painter guard
"""
_PROVIDERS = "post.example.com mail.example.net inbox.example.org box.example.com letters.example.net web.example.org"


@dataclass(frozen=True)
class People:
    """One value per person. `other_…` is the second value a person has (before marriage, before moving, a second address); equal
    to the first where there is none. `informal` is the given name that friends use."""

    given: Text
    informal: Text
    family: Text
    other_family: Text
    birth_date: NDArray[np.datetime64]
    address: Integers
    other_address: Integers
    mobile: Text
    other_mobile: Text
    landline: Text
    email: Text
    other_email: Text
    household_email: Text
    national_id: Text
    occupation: Text
    streets: Text
    cities: Text
    postcodes: Text
    near_postcodes: Text
    regions: Text


def draw_people(people: int, seed: int) -> People:
    """Draw them; equal arguments, equal people."""
    rng = np.random.default_rng([seed, 1])
    household, position = _households(people, rng)
    homes = int(household[-1]) + 1
    head = np.flatnonzero(position == 0)[household]
    woman = rng.random(people) < 0.5
    partner = (position == 1) & (rng.random(people) < 0.85)
    woman[partner] = ~woman[head[partner]]
    child = (position > 0) & ~partner
    birth, twin = _births(head, partner, child, rng)
    given, informal = _given_names(woman, rng)
    junior = child & ~woman & ~woman[head] & (rng.random(people) < 0.06) & ~twin
    given[junior], informal[junior] = given[head[junior]], informal[head[junior]]

    surnames = _surnames(max(2000, int(20 * people**0.62)), rng)
    of_home, own = _zipf(len(surnames), homes, rng, 20), _zipf(len(surnames), people, rng, 20)
    family = np.where(partner & (rng.random(people) < 0.25), own, of_home[household])
    married = woman & ~child & (rng.random(people) < 0.3)
    other_family = np.where(married, _zipf(len(surnames), people, rng, 20), family)

    moved = rng.random(people) < 0.2
    address = household.copy()
    other_address = np.where(moved, homes + np.cumsum(moved) - 1, address)
    crowded = np.flatnonzero(rng.random(homes) < 0.06)  # several households at one address: flats, residences
    place = np.arange(homes + int(moved.sum()))
    place[crowded] = rng.integers(homes, size=len(crowded))
    streets, cities, postcodes, near, regions = (a[place] for a in _addresses(len(place), people, rng))

    mobile = _numbers(b"07", 9, people, rng)
    landline = _numbers(b"01", 9, homes, rng)[household]
    words = surnames[_zipf(len(surnames), people, rng, 20)]
    family_text = surnames[family]
    year = np.datetime_as_string(birth.astype("datetime64[Y]")).astype("S4")
    email = _emails(given, family_text, words, year, rng)
    other_email = _emails(informal, surnames[other_family], words[::-1], year, rng)
    shared = rng.random(homes) < 0.1
    home_email = _join(
        np.array([b"the"]), np.strings.lower(surnames[of_home]), np.arange(homes).astype("S8"), b"@", _provider(homes, rng)
    )
    serial = (np.arange(people, dtype=np.int64) * 982_451_653 + 123_456_789) % 1_000_000_000
    return People(
        given=given,
        informal=informal,
        family=family_text,
        other_family=surnames[other_family],
        birth_date=birth,
        address=address,
        other_address=other_address,
        mobile=mobile,
        other_mobile=np.where(rng.random(people) < 0.2, _numbers(b"07", 9, people, rng), mobile),
        landline=landline,
        email=email,
        other_email=np.where(rng.random(people) < 0.4, other_email, email),
        household_email=np.where(shared[household], home_email[household], b""),
        national_id=np.strings.zfill(serial.astype("S9"), 9),
        occupation=np.array(_JOBS.split(), "S")[_zipf(len(_JOBS.split()), people, rng, 4)],
        streets=streets,
        cities=cities,
        postcodes=postcodes,
        near_postcodes=near,
        regions=regions,
    )


def _households(people: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """Household of each person, from zero in order, and the person's place in it."""
    sizes = rng.choice(np.arange(1, 6), people, p=(0.3, 0.32, 0.17, 0.14, 0.07))
    ends = np.cumsum(sizes)
    household = np.repeat(np.arange(people), sizes)[:people]
    return household, np.arange(people) - (ends - sizes)[household]


def _births(
    head: Integers, partner: NDArray[np.bool_], child: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.datetime64], NDArray[np.bool_]]:
    """Birth dates, and who is the twin of the person before."""
    people = len(head)
    year = rng.integers(1932, 2003, people)
    year = np.where(partner, year[head] + np.rint(rng.normal(0, 4, people)).astype(np.int64), year)
    year = np.where(child, np.minimum(year[head] + rng.integers(19, 40, people), 2019), year)
    days = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]") + rng.integers(0, 365, people)
    twin = child & np.concatenate([[False], child[:-1]]) & (rng.random(people) < 0.06)
    days[twin] = days[np.flatnonzero(twin) - 1]
    return days, twin


def _given_names(woman: NDArray[np.bool_], rng: np.random.Generator) -> tuple[Text, Text]:
    """Given names, and a short form of each: a known one, or the first letters."""
    lists = json.loads((importlib.resources.files("graph.synth") / "data" / "names.json").read_text("utf-8"))["given"]
    given, informal = np.zeros(len(woman), "S16"), np.zeros(len(woman), "S16")
    for sex, rows in (("F", np.flatnonzero(woman)), ("M", np.flatnonzero(~woman))):
        entries = [entry.partition(":") for entry in lists[sex]]
        composed = _syllables(800, rng, _GIVEN_ENDS[sex])
        names = np.concatenate([np.array([e[0] for e in entries], "S16"), composed])
        order = np.concatenate([np.arange(len(entries)), len(entries) + rng.permutation(len(composed))])
        drawn = order[_zipf(len(names), len(rows), rng, 8)]
        short = [e[2].split("|") if e[2] else [e[0]] for e in entries] + [[n[:4]] for n in composed.astype(str)]
        most = max(map(len, short))
        table = np.array([[s[i % len(s)] for i in range(most)] for s in short], "S16")
        given[rows], informal[rows] = names[drawn], table[drawn, rng.integers(most, size=len(rows))]
    return given, informal


def _surnames(number: int, rng: np.random.Generator) -> Text:
    listed = json.loads((importlib.resources.files("graph.synth") / "data" / "names.json").read_text("utf-8"))["family"]
    return np.concatenate([np.array(listed, "S16"), _syllables(number - len(listed), rng, _SURNAME_ENDS)])


def _addresses(number: int, people: int, rng: np.random.Generator) -> tuple[Text, ...]:
    """Street with number, city, postcode, a postcode nearby and region, one per address. A street lies in one postcode."""
    names = _syllables(max(500, int(6 * people**0.6)), rng, f"{_TOWN_ENDS} y er")
    towns = _syllables(max(60, int(1.3 * people**0.5)), rng, _TOWN_ENDS)
    types = np.array(_TYPES.split(), "S")
    codes = max(200, people // 25)
    share = 1 / (np.arange(len(towns)) + 5.0)
    room = np.maximum(1, (share / share.sum() * codes).astype(np.int64))
    first = np.concatenate([[0], np.cumsum(room)[:-1]])
    town, street = _zipf(len(towns), number, rng, 5), _zipf(len(names), number, rng, 15)
    kind = (street * 7 + town) % len(types)
    block = (street * 2_654_435_761 + kind) % room[town]
    house = (rng.exponential(40, number) + 1).astype(np.int64).astype("S4")
    text = _join(house, b" ", names[street], b" ", types[kind])
    near = first[town] + (block + 1) % room[town]
    regions = np.array([b"North", b"South", b"East", b"West", b"Central", b"Coast", b"Lakes", b"Highlands"])
    return (
        text,
        towns[town],
        (10_000 + first[town] + block).astype("S6"),
        (10_000 + near).astype("S6"),
        regions[town % len(regions)],
    )


def _emails(given: Text, family: Text, word: Text, year: Text, rng: np.random.Generator) -> Text:
    """One address each, no two equal: a provider gives a taken name out with a number behind it."""
    g, f, w = (np.strings.lower(np.strings.replace(x, b"'", b"")) for x in (given, family, word))
    forms = (
        _join(g, b".", f),
        _join(g.astype("S1"), f),
        _join(g, year.view("S1").reshape(-1, 4)[:, 2:].copy().view("S2").ravel()),
        _join(f, b"_", g.astype("S1"), year),
        _join(w, rng.integers(1, 999, len(g)).astype("S3")),
    )
    choice = rng.choice(len(forms), len(g), p=(0.35, 0.2, 0.15, 0.1, 0.2))
    local = np.choose(choice, [form.astype("S40") for form in forms])
    address = _join(local, b"@", _provider(len(g), rng))
    _, kind, count = np.unique(address, return_inverse=True, return_counts=True)
    order = np.argsort(kind, kind="stable")
    begin = np.cumsum(count) - count
    copy = np.empty(len(g), np.int64)
    copy[order] = np.arange(len(g)) - begin[kind[order]]
    number = np.where(copy > 0, (copy + 1).astype("S6"), b"")
    name, _, provider = np.strings.partition(address, np.array([b"@"], address.dtype))
    return _join(name, number, b"@", provider)


def _provider(number: int, rng: np.random.Generator) -> Text:
    providers = np.array(_PROVIDERS.split(), "S")
    return providers[_zipf(len(providers), number, rng, 1)]


def _numbers(prefix: bytes, digits: int, number: int, rng: np.random.Generator) -> Text:
    return _join(np.array([prefix]), np.strings.zfill(rng.integers(10**digits, size=number).astype(f"S{digits}"), digits))


def _syllables(number: int, rng: np.random.Generator, ends: str) -> Text:
    """Distinct capitalised words of one or two syllables and an ending."""
    parts = [p.split() for p in (_ONSETS, _VOWELS, _CODAS, _VOWELS, _CODAS, ends)]
    found: dict[str, None] = {}
    while len(found) < number:
        drawn = [rng.integers(len(part), size=2 * number) for part in parts]
        two = rng.random(2 * number) < 0.4
        for *places, long in zip(*drawn, two, strict=True):
            chosen = [part[place] for part, place in zip(parts, places, strict=True)]
            word = "".join(chosen if long else chosen[:3] + chosen[5:]).capitalize()
            if len(word) <= 15:
                found.setdefault(word)
    return np.array(list(found)[:number], "S16")


def _zipf(values: int, number: int, rng: np.random.Generator, offset: float) -> Integers:
    """Ranks drawn by Zipf–Mandelbrot, frequency 1 / (rank + offset)."""
    share = np.cumsum(1 / (np.arange(values) + 1 + offset))
    return np.searchsorted(share / share[-1], rng.random(number), side="right").clip(max=values - 1)


def _join(*parts: Text | bytes) -> Text:
    arrays = [np.array([p]) if isinstance(p, bytes) else p for p in parts]
    result = arrays[0]
    for part in arrays[1:]:
        result = np.strings.add(result, part)
    return result

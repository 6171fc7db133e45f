"""What is true about a person: name, addresses of mail and home, telephone. Accounts hold distorted copies of it.

E-mail domains are those reserved for examples (RFC 2606); telephone numbers come from the ranges that regulators keep for
fiction (NANPA 555-01xx, Ofcom drama numbers, ACMA 5550 and 7010). No Chinese range is kept for fiction, so nobody there has one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np

from graph.synth.draw import generator
from graph.synth.parameters import Population
from graph.synth.people import People

__all__ = ["DOMAINS", "Record", "make_records"]

DOMAINS = ("example.com", "example.net", "example.org", "mail.example.com", "post.example.net", "inbox.example.org")
Pairs = list[list[str]]
_GB = ("113496", "114496", "116496", "117496", "118496", "121496", "131496", "141496", "151496", "161496")
_GB_OTHER = (("191498", 1000), ("207946", 1000), ("292018", 1000), ("289649", 1000))
_AU = ("25550", "27010", "35550", "37010", "75550", "77010", "85550", "87010")


@dataclass
class Record:
    """One person's true data; `latin` is the romanised (given, family) of a Chinese name."""

    given: str
    family: str
    latin: tuple[str, str] | None
    nicknames: list[str]
    female: bool
    birth: date
    emails: list[str] = field(default_factory=list)  # the present one, an earlier one
    shared_email: str | None = None  # of the household
    phone: str | None = None  # national significant number
    landline: str | None = None
    calling_code: str = ""
    homes: list[tuple[str, str, str, str, str]] = field(default_factory=list)  # street, city, postcode, region, country


class _Phones:
    """Numbers of the fictional ranges, none given twice while they last."""

    def __init__(self, rng: np.random.Generator, area_codes: dict[str, str]) -> None:
        pools = {c: [f"{a}55501{i:02d}" for a in codes.split() for i in range(100)] for c, codes in area_codes.items()}
        pools["GB"] = [f"{p}0{i:03d}" for p in _GB for i in range(1000)]
        pools["GB"] += [f"{p}{'6' if p == '289649' else '0'}{i:03d}" for p, n in _GB_OTHER for i in range(n)]
        pools["AU"] = [f"{p}{i:04d}" for p in _AU for i in range(10_000)]
        self._left = {c: [pool[i] for i in rng.permutation(len(pool))] for c, pool in pools.items()}

    def next(self, country: str) -> str | None:
        left = self._left.get(country)
        return left.pop() if left else None


def make_records(parameters: Population, people: People, names: dict[str, Any]) -> list[Record]:
    """One record a person; `names` is the shipped names.json."""
    rng = generator(parameters.seed, "records")
    phones = _Phones(rng, names["area_codes"])
    zh_family = [x.split(":") for x in names["zh_family"]]
    zh_given = [x.split(":") for x in names["zh_given"]]
    places = names["places"]
    draws = rng.integers(0, 1 << 40, (len(people), 10))
    chance = rng.random((len(people), 8))
    taken: set[str] = set()
    records: list[Record] = []
    home, household = -1, _Household()
    for i in range(len(people)):
        d, u = draws[i], chance[i]
        place = places[people.place[i]]
        if people.household[i] != home:
            home, household = int(people.household[i]), _Household()
            household.address = _address(d[0], place, int(people.city[i]), names["streets"])
            household.english = names["family"][d[1] % len(names["family"])]
            household.chinese = zh_family[d[1] % len(zh_family)]
            household.landline = phones.next(place["country"]) if u[0] < 0.3 else None
            household.shares_email = bool(u[1] < 0.06)
        record = _name(people, i, d, u, names, zh_family, zh_given, household)
        record.landline, record.calling_code = household.landline, _CALLING_CODES[place["country"]]
        record.homes = [household.address]
        if u[3] < 0.12:
            record.homes.append(_address(d[2], place, int(d[3] % len(place["cities"])), names["streets"]))
        record.phone = phones.next(place["country"]) if u[4] < 0.9 else None
        for k in range(2):
            record.emails.append(_email(record, int(d[4 + k]), taken))
        if household.shares_email:
            household.email = household.email or _email(record, int(d[6]), taken, f"{_latin(record)[1]}.family")
            record.shared_email = household.email
        records.append(record)
    return records


_CALLING_CODES = {"US": "1", "CA": "1", "GB": "44", "AU": "61", "CN": "86"}


@dataclass
class _Household:
    address: tuple[str, str, str, str, str] = ("", "", "", "", "")
    english: str = ""
    chinese: list[str] = field(default_factory=list)
    landline: str | None = None
    shares_email: bool = False
    email: str | None = None


def _name(
    people: People, i: int, d: Any, u: Any, names: dict[str, Any], zh_family: Pairs, zh_given: Pairs, home: _Household
) -> Record:
    female = bool(people.female[i])
    birth = date(1970, 1, 1) + timedelta(days=int(people.birth_day[i]))
    if people.chinese[i]:
        family = home.chinese if u[2] < 0.6 else zh_family[d[7] % len(zh_family)]
        parts = [zh_given[d[8] % len(zh_given)]] + ([zh_given[d[9] % len(zh_given)]] if u[5] < 0.8 else [])
        latin = ("".join(p[1] for p in parts).capitalize(), family[1])
        return Record("".join(p[0] for p in parts), family[0], latin, [], female, birth)
    family_name = home.english if u[2] < 0.8 else names["family"][d[7] % len(names["family"])]
    given, _, short = names["given"]["F" if female else "M"][d[8] % 40].partition(":")
    return Record(given, family_name, None, short.split("|") if short else [], female, birth)


def _latin(record: Record) -> tuple[str, str]:
    given, family = record.latin or (record.given, record.family)
    return given.lower(), family.lower().replace("'", "")


def _email(record: Record, draw: int, taken: set[str], local: str | None = None) -> str:
    given, family = _latin(record)
    forms = (
        f"{given}.{family}",
        f"{given}{family}",
        f"{given[0]}{family}",
        f"{family}.{given}",
        f"{given}{record.birth.year % 100:02d}",
        f"{given}_{family}",
        f"{(record.nicknames or [given])[0].lower()}{draw // 64 % 900 + 100}",
    )
    local = local or forms[draw % len(forms)]
    domain = DOMAINS[draw // 8 % len(DOMAINS)]
    address, k = f"{local}@{domain}", draw // 4096 % 90
    while address in taken:
        k += 1
        address = f"{local}{k}@{domain}"
    taken.add(address)
    return address


def _address(draw: int, place: dict[str, Any], city: int, streets: dict[str, Any]) -> tuple[str, str, str, str, str]:
    town, region, start = place["cities"][city].split(":")
    a, b, c = int(draw) % 997, int(draw) // 997 % 991, int(draw) // 1_000_003 % 97
    number = a % 240 + 1
    if place["country"] == "CN":
        return f"{streets['zh'][b % len(streets['zh'])]}{number}号", town, f"{start}{a % 10}{b % 1000:03d}", region, "CN"
    suffix = streets["suffixes"][c % len(streets["suffixes"])]
    street = f"{number} {streets['en'][b % len(streets['en'])]} {suffix}"
    postcode = {
        "US": f"{start}{b % 1000:03d}",
        "AU": f"{start}{b % 100:02d}",
        "GB": f"{start}{a % 20 + 1} {b % 9 + 1}{'ABDEFGHJ'[a % 8]}{'LNPQRSTU'[b % 8]}",
        "CA": f"{start}{a % 9 + 1}{'ABCEGHJK'[b % 8]} {b % 9 + 1}{'LMNPRSTV'[a % 8]}{c % 9 + 1}",
    }[place["country"]]
    return street, town, postcode, region, place["country"]

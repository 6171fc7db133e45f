"""Sessions: who used which device, when, where and signed in as whom. Events are what happens inside them.

Use follows a daily and weekly rhythm in local time: work machines by day on weekdays, telephones in the evening. On family
tablets and kiosks several people sign in; now and then somebody signs in on a device that is not theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from graph.synth.accounts import Accounts
from graph.synth.devices import FAMILY, KIOSK, PHONE, WORK, Devices, Streams
from graph.synth.draw import Bools, Floats, Ints, generator, pick_in_groups, weighted
from graph.synth.networks import Networks
from graph.synth.parameters import Population
from graph.synth.people import People

__all__ = ["Sessions", "Visits", "make_sessions", "make_visits"]

_DAY = 86_400.0
_HOME_HOURS = (2, 1, 0.5, 0.3, 0.4, 1, 3, 5, 5, 4, 4, 4.5, 5.5, 5, 4, 4, 4.5, 6, 7.5, 9, 10, 10, 7.5, 4.5)
_WEEKEND_HOURS = (3.5, 2, 1, 0.5, 0.4, 0.6, 1.2, 2.5, 5, 7, 8, 8, 7.5, 7, 7, 7, 7, 7, 7.5, 8, 9, 9, 7, 5)
_WORK_HOURS = (0, 0, 0, 0, 0, 0, 0.1, 1, 6, 9, 9, 8, 6, 8, 9, 9, 8, 5, 1.5, 0.5, 0.3, 0.2, 0, 0)
_DAYS = (1.0, 0.98, 0.97, 1.0, 1.05, 1.2, 1.25)  # Monday to Sunday
_WORK_DAYS = (1.0, 1.05, 1.05, 1.0, 0.85, 0.05, 0.03)


@dataclass(frozen=True)
class Visits:
    """Sessions of people on what is theirs, before device ids, places and accounts are known."""

    person: Ints
    stream: Ints
    start: Floats  # seconds after the period's beginning, UTC
    size: Ints


@dataclass(frozen=True)
class Sessions:
    """One row a session."""

    person: Ints  # who acts
    device: Ints
    start: Floats  # seconds after the period's beginning, UTC
    address: Ints
    account: Ints  # signed in as; -1: not signed in
    size: Ints  # number of events


def make_visits(parameters: Population, people: People, streams: Streams, places: list[dict[str, Any]], budget: int) -> Visits:
    """Visits with `budget` events together. Everybody has one at least, where the budget allows it."""
    rng = generator(parameters.seed, "visits")
    size = _sizes(rng, budget, 2.5)
    person = weighted(rng, people.engagement, len(size))
    person[: len(people)] = np.arange(len(people))[: len(size)]
    stream = pick_in_groups(rng, streams.first, streams.last, streams.use, person)
    start = _when(rng, parameters, people, person, streams.hardware[stream] == WORK, places)
    return Visits(person, stream, start, size)


def make_sessions(
    parameters: Population, people: People, accounts: Accounts, streams: Streams, visits: Visits, devices: Devices, device: Ints,
    networks: Networks, places: list[dict[str, Any]], budget: int,
) -> Sessions:  # fmt: skip
    """Sessions of visits, each on its `device`, and of shared devices. `budget` is for the latter; what they leave of it makes
    visits longer."""
    rng = generator(parameters.seed, "sessions")
    shared = _shared(rng, parameters, people, accounts, devices, networks, places, budget)
    personal = _personal(rng, parameters, people, accounts, streams, visits, devices, device, networks)
    longer = rng.integers(0, len(personal.size), budget - int(shared.size.sum()))
    personal = replace(personal, size=personal.size + np.bincount(longer, minlength=len(personal.size)))
    return Sessions(*(np.concatenate([getattr(personal, f.name), getattr(shared, f.name)]) for f in fields(Sessions)))


def _sizes(rng: np.random.Generator, budget: int, mean: float) -> Ints:
    """Geometric session sizes that sum to the budget."""
    sizes = rng.geometric(1 / mean, int(budget / mean * 1.3) + 50)
    total = np.cumsum(sizes)
    while total[-1] < budget:
        sizes = np.concatenate([sizes, rng.geometric(1 / mean, 50)])
        total = np.cumsum(sizes)
    last = int(np.searchsorted(total, budget))
    sizes = sizes[: last + 1].copy()
    sizes[-1] -= total[last] - budget
    return sizes.astype(np.int64)


def _when(
    rng: np.random.Generator, parameters: Population, people: People, person: Ints, work: Bools, places: list[dict[str, Any]]
) -> Floats:
    """UTC seconds after the beginning, by the rhythm of the person's place and the device's use."""
    days, n = np.arange(parameters.days), len(person)
    weekday = (parameters.start.weekday() + days) % 7
    day = np.where(work, weighted(rng, np.array(_WORK_DAYS)[weekday], n), weighted(rng, np.array(_DAYS)[weekday], n))
    weekend = weekday[day] >= 5
    hour = np.where(weekend, weighted(rng, _WEEKEND_HOURS, n), weighted(rng, _HOME_HOURS, n)).astype(np.float64)
    hour = np.where(work, weighted(rng, _WORK_HOURS, n), (hour + people.shift[person]) % 24)
    midnight = datetime.combine(parameters.start, datetime.min.time())
    noons = [midnight + timedelta(days=int(d), hours=12) for d in days]
    zones = [ZoneInfo(p["zone"]) for p in places]
    offset = np.array([[(zone.utcoffset(noon) or timedelta()).total_seconds() for noon in noons] for zone in zones])
    start: Floats = day * _DAY + (hour + rng.random(n)) * 3600 - offset[people.place[person], day]
    return start


def _personal(
    rng: np.random.Generator, parameters: Population, people: People, accounts: Accounts, streams: Streams, visits: Visits,
    devices: Devices, device: Ints, networks: Networks,
) -> Sessions:  # fmt: skip
    person, stream, n = visits.person, visits.stream, len(visits.size)
    hardware, length = streams.hardware[stream], parameters.days * _DAY
    inside = np.clip(visits.start, 0, length - 1)

    # Where: each kind of hardware has its own places.
    place = rng.random(n)
    mobile, at_work = hardware == PHONE, people.office[person] >= 0
    home_below = np.where(mobile, 0.48, np.where(hardware == WORK, 0.15, 0.88))
    office_below = home_below + np.where(at_work, np.where(mobile, 0.1, np.where(hardware == WORK, 0.85, 0.05)), 0.0)
    carrier_below = np.where(mobile, 0.95, office_below)
    address = np.select(
        [place < home_below, place < office_below, place < carrier_below],
        [
            networks.home(people.household[person], device, inside, length),
            networks.offices + np.maximum(people.office[person], 0),
            networks.carrier(rng, person),
        ],
        networks.hotspot(rng, n),
    )

    # Signed in: some people nearly always are, some never; a fresh id of a stream does not always sign in again.
    main = pick_in_groups(rng, accounts.first, accounts.last, np.ones(len(accounts)), np.arange(len(people)))
    own = pick_in_groups(rng, accounts.first, accounts.last, np.ones(len(accounts)), streams.person)
    own = np.where(rng.random(len(own)) < 0.75, main[streams.person], own)
    habit = rng.beta(0.7 * parameters.sign_in_share, 0.7 * (1 - parameters.sign_in_share) + 1e-9, len(people))
    signs = rng.random(len(own)) < habit[streams.person] * np.array([1.0, 1.0, 0.9, 0.5, 0.9])[streams.hardware]
    keeps = rng.random(len(devices)) < 0.9
    account = np.where(signs[stream] & keeps[device] & (rng.random(n) < 0.75), own[stream], -1)
    other = pick_in_groups(rng, accounts.first, accounts.last, np.ones(len(accounts)), person)
    account = np.where((account >= 0) & (rng.random(n) < 0.06), other, account)

    # A stray sign-in: somebody of the household, or anybody, on one session of a device.
    session_of = np.full(len(devices), -1)
    session_of[device] = np.arange(n)
    strays = session_of[(rng.random(len(devices)) < parameters.stray_sign_in_share) & (session_of >= 0)]
    guest = _housemate(rng, people, person[strays])
    guest = np.where(rng.random(len(strays)) < 0.3, rng.integers(0, len(people), len(strays)), guest)
    visiting = pick_in_groups(rng, accounts.first, accounts.last, np.ones(len(accounts)), guest)
    account[strays] = np.where(visiting >= 0, visiting, account[strays])
    person = person.copy()
    person[strays] = np.where(visiting >= 0, guest, person[strays])
    return Sessions(person, device, visits.start, address, account, visits.size)


def _housemate(rng: np.random.Generator, people: People, person: Ints) -> Ints:
    """Somebody of the same household, perhaps the person again."""
    home = np.arange(people.households)
    first, last = np.searchsorted(people.household, home), np.searchsorted(people.household, home, side="right")
    return pick_in_groups(rng, first.astype(np.int64), last.astype(np.int64), np.ones(len(people)), people.household[person])


def _shared(
    rng: np.random.Generator, parameters: Population, people: People, accounts: Accounts, devices: Devices, networks: Networks,
    places: list[dict[str, Any]], budget: int,
) -> Sessions:  # fmt: skip
    """Family tablets (a dozen sessions each, by all members) and kiosks (hundreds of people, once or twice each)."""
    length = parameters.days * _DAY
    tablets, kiosks = np.flatnonzero(devices.role == FAMILY), np.flatnonzero(devices.role == KIOSK)
    device = np.concatenate([np.repeat(tablets, 4 + rng.poisson(8, len(tablets))), np.repeat(kiosks, 320)])
    size = rng.geometric(1 / 2.5, len(device)).astype(np.int64)
    fits = np.cumsum(size) <= budget
    device, size = device[fits], size[fits]
    kiosk = devices.role[device] == KIOSK
    home = np.maximum(devices.household[device], 0)
    first = np.searchsorted(people.household, np.arange(people.households)).astype(np.int64)
    last = np.searchsorted(people.household, np.arange(people.households), side="right").astype(np.int64)
    person = np.where(
        kiosk, weighted(rng, people.engagement, len(device)), pick_in_groups(rng, first, last, np.ones(len(people)), home)
    )
    start = _when(rng, parameters, people, person, kiosk, places)
    own = pick_in_groups(rng, accounts.first, accounts.last, np.ones(len(accounts)), person)
    account = np.where(rng.random(len(device)) < np.where(kiosk, 0.85, 0.6), own, -1)
    address = np.where(
        kiosk,
        networks.hotspots + device % networks.hotspot_count,
        networks.home(home, device, np.clip(start, 0, length - 1), length),
    )
    return Sessions(person, device, start, address, account, size)

"""Small simulated worlds of dense browsing, for cross-device tests and benchmarks: people in households, with routines, places
and favourites, and with one to four devices each. No sign-ins.

A person is at one place each hour (home, work, somewhere else, on the way); the telephone always goes along, a laptop
sometimes. Devices of one person share favourites and pages in part; people of one household share a home network, a few
favourites, now and then a place elsewhere. Only a part of all devices need be observed, as in a panel.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graph.resolve import links
from graph.resolve.cross_device.profiles import build_profiles
from tests.unit.lake_tables import KEY, START, connect

__all__ = ["Simulated", "World", "prepare", "simulate"]

PHONE, LAPTOP, TABLET, OFFICE = range(4)
_KIND = ("mobile", "desktop", "tablet", "desktop")
_ZONES = ("America/New_York", "America/Los_Angeles", "Europe/London", "Asia/Singapore")
_HOUR = np.array((2, 1, 0.5, 0.3, 0.4, 1, 3, 5, 5, 4, 4, 4.5, 5.5, 5, 4, 4, 4.5, 6, 7.5, 9, 10, 10, 7.5, 4.5))
_HOME, _WORK, _AWAY, _TRANSIT = range(4)


@dataclass(frozen=True)
class World:
    """What the world is like; shares are of people, hours or events as named."""

    people: int = 120
    days: int = 30
    seed: int = 0
    household_sizes: tuple[float, ...] = (0.3, 0.3, 0.2, 0.2)  # shares of households of one, two, …
    events_per_day: float = 25.0  # of a device, median over devices
    panel_share: float = 1.0  # of people, those of whom anything is observed
    observed_share: float = 1.0  # of their devices
    cities: int = 2
    office_people: int = 25  # people behind one office address
    cafes: int = 30
    away_share: float = 0.12  # of waking hours
    carrier_addresses: int = 300  # per city
    mobile_data_share: float = 0.25  # of events on telephones, those over the carrier wherever the person is
    household_taste: float = 0.2  # of favourites, those of the whole household
    favourite_share: float = 0.6  # of events
    sites: int = 2_000
    app_share: float = 0.5  # of events on telephones and tablets, those in apps, which no desktop has
    device_taste: float = 0.5  # the smaller, the more do a person's devices serve different favourites
    second_id_share: float = 0.1  # of telephones and of laptops, those with a second browser or app that has an id of its own
    wrong_zone_share: float = 0.02  # of devices, those whose clock is set to another zone


@dataclass(frozen=True)
class Simulated:
    """`connection`: a lake with events and devices; `owner`: person of each device id."""

    connection: duckdb.DuckDBPyConnection
    owner: dict[str, int]
    household: dict[str, int]


def simulate(world: World) -> Simulated:
    """Draw a world."""
    rng = np.random.default_rng(world.seed)
    n, hours = world.people, world.days * 24
    sizes = rng.choice(len(world.household_sizes), n, p=world.household_sizes) + 1
    household = np.repeat(np.arange(n), sizes)[:n]
    city = rng.integers(0, world.cities, n)[household]
    office = rng.integers(0, max(1, n // world.office_people), n)
    works = rng.random(n) < 0.7
    place, spot = _places(rng, world, household, works, hours)
    owner, hardware = _devices(rng, world, works)
    device, hour = _activity(rng, world, owner, hardware, place, hours)
    person = owner[device]
    network = _networks(rng, world, device, person, hour, hardware, household, city, office, place, spot)
    item, page = _contents(rng, world, device, person, household, hardware, len(owner))
    zone = (city[owner] + (rng.random(len(owner)) < world.wrong_zone_share)) % len(_ZONES)
    seconds = hour * 3600 + rng.integers(0, 3600, len(hour))
    order = np.argsort(seconds, kind="stable")
    ids = np.array([f"d{k:05d}" for k in rng.permutation(len(owner))])
    start = np.datetime64(START.replace(tzinfo=None), "us")
    events = {
        "event_id": [f"e{k}" for k in range(len(order))],
        "at": pa.array((start + seconds[order] * np.timedelta64(1_000_000, "us")), pa.timestamp("us", tz="UTC")),
        "device_id": ids[device][order],
        "content_id": np.char.add("s", item[order].astype(str)),
        "url": np.char.add("p", page[order].astype(str)),
        "type": np.where(item >= world.sites, "app_open", "page_view")[order],
        "ip": np.char.add("n", network[order].astype(str)),
        "timezone": np.array(_ZONES)[zone[device]][order],
    }
    connection = connect(devices=[{"device_id": i, "kind": _KIND[h]} for i, h in zip(ids, hardware, strict=True)])
    empty = connection.sql("SELECT * FROM events").to_arrow_table()
    columns = [pa.array(events[f.name], f.type) if f.name in events else pa.nulls(len(order), f.type) for f in empty.schema]
    connection.register("events", pa.table(columns, schema=empty.schema))
    return Simulated(
        connection,
        {str(i): int(p) for i, p in zip(ids, owner, strict=True)},
        {str(i): int(household[p]) for i, p in zip(ids, owner, strict=True)},
    )


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """The temporary tables that cross-device matching reads."""
    links.build_links(connection, KEY)
    connection.execute("CREATE OR REPLACE TEMP TABLE classes (kind VARCHAR, id VARCHAR, class VARCHAR, reason VARCHAR)")
    connection.execute("CREATE OR REPLACE TEMP TABLE generic_networks AS SELECT network_id FROM networks WHERE devices > 20")
    build_profiles(connection, KEY)


Ints = npt.NDArray[np.int64]


def _places(
    rng: np.random.Generator, world: World, household: Ints, works: npt.NDArray[np.bool_], hours: int
) -> tuple[Ints, Ints]:
    """Kind of place and, away, which spot: people × hours."""
    n = len(household)
    clock = np.arange(hours) % 24
    workday = (np.arange(hours) // 24) % 7 < 5
    place = np.full((n, hours), _HOME)
    at_work = works[:, None] & (workday & (clock >= 9) & (clock < 17))[None, :] & (rng.random((n, hours)) < 0.85)
    place[at_work] = _WORK
    awake = ((clock >= 8) & (clock < 23))[None, :]
    own = rng.random((n, hours)) < world.away_share
    place[own & awake & ~at_work] = _AWAY
    place[awake & ~at_work & (rng.random((n, hours)) < 0.1)] = _TRANSIT
    haunts = rng.integers(0, world.cafes, (n, 4))  # each person's own few
    spot = haunts[np.arange(n)[:, None], rng.integers(0, 4, (n, hours))]
    homes = int(household.max()) + 1
    outing = (rng.random((homes, hours)) < 0.03) & (clock >= 10)[None, :] & (clock < 22)[None, :]
    where = rng.integers(0, world.cafes, (homes, hours))
    joins = outing[household] & ~at_work & (rng.random((n, hours)) < 0.7)
    place[joins] = _AWAY
    return place, np.where(joins, where[household], spot)


def _devices(rng: np.random.Generator, world: World, works: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Owner and hardware of each observed device."""
    n = world.people
    owns = np.column_stack([rng.random(n) < 0.92, rng.random(n) < 0.7, rng.random(n) < 0.25, works & (rng.random(n) < 0.3)])
    second = owns & (rng.random(owns.shape) < np.array([1.0, 1.0, 0.0, 0.0]) * world.second_id_share)
    owns = np.concatenate([owns, second], axis=1)
    owner, column = np.nonzero(
        owns & (rng.random(n) < world.panel_share)[:, None] & (rng.random(owns.shape) < world.observed_share)
    )
    return owner.astype(np.int64), (column % 4).astype(np.int64)


def _activity(rng: np.random.Generator, world: World, owner: Ints, hardware: Ints, place: Ints, hours: int) -> tuple[Ints, Ints]:
    """Device and hour of each event: sessions where the device is with its person, at the person's hours."""
    n = world.people
    shift = np.round(rng.normal(0, 2, n)).astype(int)
    taste = rng.gamma(2.0, 0.5, (n, 24))
    weight = np.stack([np.roll(_HOUR, s) for s in shift]) * taste
    carries = rng.beta(1, 4, n)
    use = world.events_per_day * rng.lognormal(0, 0.8, len(owner)) * np.array([1.0, 1.0, 0.4, 0.8])[hardware]
    devices, when = [], []
    for d in range(len(owner)):
        p, h = owner[d], hardware[d]
        where = place[p]
        there = {
            PHONE: np.ones(hours, bool),
            LAPTOP: (where == _HOME) | ((where == _AWAY) & (rng.random(hours) < carries[p])),
            TABLET: where == _HOME,
            OFFICE: where == _WORK,
        }[int(h)]
        chance = np.tile(weight[p], hours // 24) * there
        if chance.sum() == 0:
            continue
        sessions = rng.poisson(use[d] * world.days / 6)
        begin = rng.choice(hours, sessions, p=chance / chance.sum())
        times = np.repeat(begin, rng.geometric(1 / 6, sessions))
        devices.append(np.full(len(times), d))
        when.append(times)
    return np.concatenate(devices), np.concatenate(when)


def _networks(
    rng: np.random.Generator, world: World, device: Ints, person: Ints, hour: Ints, hardware: Ints, household: Ints, city: Ints,
    office: Ints, place: Ints, spot: Ints,
) -> Ints:  # fmt: skip
    """Number of the network of each event; a home's address changes now and then."""
    block = 1_000_000
    leases = 1 + rng.poisson(world.days / 40, world.people)
    home = household[person] * 50 + (hour * leases[household[person]]) // (world.days * 24)
    kind = place[person, hour]
    network = np.select(
        [kind == _HOME, kind == _WORK, kind == _AWAY], [home, block + office[person], 2 * block + spot[person, hour]], -1
    )
    mobile_data = (hardware[device] == PHONE) & (rng.random(len(device)) < world.mobile_data_share)
    carrier = 3 * block + city[person] * world.carrier_addresses + (person * 7 + hour // 5 * 13) % world.carrier_addresses
    return np.where((network < 0) | mobile_data, carrier, network)


def _contents(
    rng: np.random.Generator, world: World, device: Ints, person: Ints, household: Ints, hardware: Ints, devices: int
) -> tuple[Ints, Ints]:
    """Site (or, on telephones and tablets, also app) and page of each event."""
    popularity = 1 / (1.0 + np.arange(world.sites))
    popularity /= popularity.sum()
    favourites = rng.choice(world.sites, (world.people, 40), p=popularity)
    shared = rng.choice(world.sites, (world.people, 40), p=popularity)[household]
    favourites = np.where(rng.random(favourites.shape) < world.household_taste, shared, favourites)
    liking = (
        rng.gamma(world.device_taste, 1.0, (devices, 40))
        * rng.gamma(0.7, 1.0, (world.people, 40))[_owner_of(device, person, devices)]
    )
    cumulative = np.cumsum(liking, axis=1) / liking.sum(1, keepdims=True)
    rank = np.minimum((rng.random(len(device))[:, None] > cumulative[device]).sum(1), 39)
    popular = rng.choice(world.sites, len(device), p=popularity)
    site = np.where(rng.random(len(device)) < world.favourite_share, favourites[person, rank], popular)
    app = (hardware[device] != LAPTOP) & (hardware[device] != OFFICE) & (rng.random(len(device)) < world.app_share)
    item = np.where(app, world.sites + site % 300, site)
    kept = rng.random(len(device))
    page = np.select(
        [kept < 0.05, kept < 0.3],
        [
            item * 10_000_000 + person * 10 + rng.integers(0, 3, len(device)),
            item * 10_000_000 + 9_000_000 + rng.integers(0, 5, len(device)),
        ],
        item * 10_000_000 + rng.integers(1_000_000, 9_000_000, len(device)),
    )  # pages that a person comes back to, front pages, others
    return item, page


def _owner_of(device: Ints, person: Ints, devices: int) -> Ints:
    owner = np.zeros(devices, np.int64)
    owner[device] = person
    return owner

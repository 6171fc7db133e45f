"""Devices: the browsers, apps and television sets of people, their churn, and the devices that are nobody's.

A person owns hardware (phone, laptop, …); each piece runs one or more streams (a browser, an app). A stream has one device id
after another: clearing cookies starts a new one, and so does a new phone, for all its streams at once. The apps of one phone
share its advertising id. Family tablets and kiosks are used by several people, bots by none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graph.synth.agents import MODELS, STEPS, families, family
from graph.synth.draw import Bools, Floats, Ints, generator, weighted
from graph.synth.parameters import Population
from graph.synth.people import People

__all__ = ["BOT", "FAMILY", "KIOSK", "OWNED", "PHONE", "WORK", "Devices", "Streams", "make_devices", "make_streams"]

OWNED, FAMILY, KIOSK, BOT = range(4)
PHONE, LAPTOP, TABLET, WORK, TELEVISION = range(5)
_USE = np.array([1.6, 1.0, 0.5, 0.7, 0.3])  # relative use of the hardware
_DAY = 86_400.0


@dataclass(frozen=True)
class Streams:
    """Browsers and apps, ordered by person."""

    person: Ints
    hardware: Ints  # PHONE … TELEVISION
    family: Ints
    use: Floats  # relative number of sessions
    first: Ints  # person → first stream
    last: Ints  # person → one past the last


@dataclass(frozen=True)
class Devices:
    """One row a device id: those of people first, then family tablets, kiosks, bots."""

    role: Ints  # OWNED, FAMILY, KIOSK, BOT
    person: Ints  # owner, -1 where there is none
    household: Ints  # -1 where there is none
    start: Floats  # seconds after the period's beginning from which the id is in use; often before it
    machine: Ints  # the physical device: apps of one machine share an advertising id
    family: Ints
    step: Ints  # version step of the user agent at the start
    model: Ints

    def __len__(self) -> int:
        return len(self.role)


def make_streams(parameters: Population, people: People) -> Streams:
    """Draw what everybody owns and runs."""
    rng, n = generator(parameters.seed, "streams"), len(people)
    apple = rng.random(n) < np.where(people.chinese, 0.38, 0.52)
    names: list[tuple[Bools, int, np.ndarray[tuple[int], np.dtype[np.int64]], float]] = []

    def add(owns: Bools, hardware: int, families: Ints, use: float) -> None:
        names.append((owns, hardware, families, use))

    def split(share: float, yes: str, no: str) -> Ints:
        return np.where(rng.random(n) < share, family(yes), family(no)).astype(np.int64)

    phone_web = np.where(apple, family("ios_safari"), split(0.72, "android_chrome", "android_samsung"))
    add(np.ones(n, dtype=bool), PHONE, phone_web, 1.0)
    add(rng.random(n) < 0.50, PHONE, np.where(apple, family("ios_app"), family("android_app")), 1.2)
    shop = np.where(apple, family("ios_shop"), np.where(people.chinese, family("wechat"), family("android_shop")))
    add(rng.random(n) < np.where(people.chinese, 0.5, 0.2), PHONE, shop, 0.7)
    laptop = rng.random(n) < 0.6
    mac = rng.random(n) < np.where(apple, 0.45, 0.12)
    windows = np.where(rng.random(n) < 0.7, family("windows_chrome"), split(0.65, "windows_edge", "windows_firefox"))
    add(laptop, LAPTOP, np.where(mac, split(0.55, "mac_safari", "mac_chrome"), windows), 1.0)
    second = np.where(mac, family("mac_chrome"), split(0.85, "windows_firefox", "linux_firefox"))
    add(laptop & (rng.random(n) < 0.15), LAPTOP, second, 0.4)
    add(rng.random(n) < 0.2, TABLET, split(0.7, "ipad_safari", "android_tablet"), 1.0)
    add((people.office >= 0) & (rng.random(n) < 0.6), WORK, split(0.75, "windows_chrome", "windows_edge"), 1.0)
    add(rng.random(n) < 0.12, TELEVISION, np.full(n, family("tv")), 1.0)

    person = np.concatenate([np.flatnonzero(owns) for owns, *_ in names])
    hardware = np.concatenate([np.full(int(owns.sum()), h) for owns, h, *_ in names])
    chosen = np.concatenate([f[owns] for owns, _, f, _ in names])
    use = np.concatenate([np.full(int(owns.sum()), u * _USE[h]) for owns, h, _, u in names])
    use = use * rng.lognormal(0, 0.5, len(use))
    order = np.lexsort((hardware, person))
    person, hardware, chosen, use = person[order], hardware[order], chosen[order], use[order]
    first, last = np.searchsorted(person, np.arange(n)), np.searchsorted(person, np.arange(n), side="right")
    return Streams(person, hardware, chosen, use, first.astype(np.int64), last.astype(np.int64))


def make_devices(parameters: Population, people: People, streams: Streams, stream: Ints, start: Floats) -> tuple[Devices, Ints]:
    """Give every session, by its `stream` and `start`, a device id, so that there are exactly `parameters.devices` ids with the
    shared ones, the bots, and a few that are installed and never used. Returns the devices and the one of each session.
    """
    rng = generator(parameters.seed, "devices")
    members = np.bincount(people.household, minlength=people.households)
    tablets = np.flatnonzero((members >= 2) & (rng.random(people.households) < 0.08))[: parameters.devices // 50]
    kiosks = max(1, len(people) // 6_000)
    bots = max(3, int(parameters.events * parameters.bot_event_share / 250))
    owned = parameters.devices - len(tablets) - kiosks - bots
    unused = owned // 50
    stream = _fewer_streams(rng, streams, stream, owned - unused)

    order = np.lexsort((start, stream))
    stream, at = stream[order], start[order]
    fresh = np.r_[True, stream[1:] != stream[:-1]]
    # A new phone: all its streams begin anew. Then cleared cookies, the likelier the longer the pause, until the number is right.
    renewal = np.where(rng.random(len(people)) < 0.2 * parameters.days / 90, rng.uniform(0.1, 0.9, len(people)), 9.0)
    renewed = (streams.hardware[stream] == PHONE) & (at > renewal[streams.person[stream]] * parameters.days * _DAY)
    cut = np.flatnonzero(~fresh & renewed & ~np.r_[False, renewed[:-1]])
    fresh[cut[: max(0, owned - unused - int(fresh.sum()))]] = True
    pause = np.diff(at, prepend=0.0)
    eligible = np.flatnonzero(~fresh)
    weight = np.array([f.resets for f in families()])[streams.family[stream[eligible]]] * (pause[eligible] + _DAY / 4)
    wanted = min(owned - unused - int(fresh.sum()), len(eligible))
    fresh[eligible[np.argsort(rng.exponential(1, len(eligible)) / weight)[:wanted]]] = True
    number = np.cumsum(fresh) - 1
    device = np.empty(len(stream), dtype=np.int64)
    device[order] = number

    used = int(number[-1]) + 1
    idle = weighted(rng, streams.use, owned - used)
    row = np.flatnonzero(fresh)
    begins = at[row] - np.where(np.r_[True, stream[row][1:] != stream[row][:-1]], rng.exponential(120 * _DAY, used), 0.0)
    of = np.concatenate([stream[row], idle])
    generation = np.concatenate([renewed[row], np.zeros(len(idle), dtype=bool)])
    machine = (streams.person[of] * 5 + streams.hardware[of]) * 2 + generation

    alone = len(tablets) + kiosks + bots
    none = np.full(alone, -1)
    tablet_family = np.where(rng.random(len(tablets)) < 0.7, family("ipad_safari"), family("android_tablet"))
    public = np.full(kiosks + bots, family("windows_chrome"))
    devices = Devices(
        role=np.concatenate([np.full(len(of), OWNED), np.repeat([FAMILY, KIOSK, BOT], [len(tablets), kiosks, bots])]),
        person=np.concatenate([streams.person[of], none]),
        household=np.concatenate([people.household[streams.person[of]], tablets, np.full(kiosks + bots, -1)]),
        start=np.concatenate([begins, -rng.exponential(90 * _DAY, len(idle)), -rng.exponential(200 * _DAY, alone)]),
        machine=np.concatenate([machine, len(people) * 10 + np.arange(alone)]),
        family=np.concatenate([streams.family[of], tablet_family, public]),
        step=rng.integers(0, STEPS - 2, parameters.devices),
        model=rng.integers(0, MODELS, parameters.devices),
    )
    return devices, device


def _fewer_streams(rng: np.random.Generator, streams: Streams, stream: Ints, most: int) -> Ints:
    """The stream of each session, with at most `most` in use: sessions of the others move to a stream that their person has."""
    used = np.unique(stream)
    if len(used) <= most:
        return stream
    owner = streams.person[used]
    main = used[np.searchsorted(owner, np.arange(int(streams.person[-1]) + 1))]
    spare = np.setdiff1d(used, main)
    dropped = rng.permutation(spare)[: len(used) - most]
    return np.where(np.isin(stream, dropped), main[streams.person[stream]], stream)

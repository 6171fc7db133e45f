"""Devices: the browsers, apps and television sets of people, their churn, and the devices that are nobody's.

A person owns hardware (phone, laptop, …); each piece runs one or more streams (a browser, an app). A stream has one device id
after another: clearing cookies starts a new one (the oftener the more it is used), and so does a new phone, for all its streams at once. The apps of one phone
share its advertising id. Family tablets and kiosks are used by several people, bots by none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graph.synth.agents import FAMILIES, MODELS, STEPS, family
from graph.synth.draw import Bools, Floats, Ints, generator, weighted
from graph.synth.parameters import Population
from graph.synth.people import People

__all__ = ["BOT", "FAMILY", "KIOSK", "OWNED", "PHONE", "WORK", "Devices", "Streams", "make_devices"]

OWNED, FAMILY, KIOSK, BOT = range(4)
PHONE, LAPTOP, TABLET, WORK, TELEVISION = range(5)
_SESSIONS = np.array([1.6, 1.0, 0.5, 0.7, 0.3])  # relative use of the hardware
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
    """One row a device id: those of people by (stream, start), then family tablets, kiosks, bots."""

    role: Ints  # OWNED, FAMILY, KIOSK, BOT
    person: Ints  # owner, -1 where there is none
    household: Ints  # -1 where there is none
    stream: Ints  # -1 where there is none
    start: Floats  # seconds after the period's beginning from which the id is in use; before it for the first of a stream
    machine: Ints  # the physical device: apps of one machine share an advertising id
    family: Ints
    step: Ints  # version step of the user agent at the start
    model: Ints
    streams: Streams

    def __len__(self) -> int:
        return len(self.role)

    def at(self, stream: Ints, seconds: Floats, length: float) -> Ints:
        """The device id that a stream has at a time; `length` is the period's, in seconds."""
        owned = self.stream >= 0
        key = self.stream[owned] * (2 * length) + np.clip(self.start[owned], 0, length)
        return (np.searchsorted(key, stream * (2 * length) + seconds, side="right") - 1).astype(np.int64)


def _streams(rng: np.random.Generator, people: People) -> Streams:
    n = len(people)
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
    use = np.concatenate([np.full(int(owns.sum()), u * _SESSIONS[h]) for owns, h, _, u in names])
    use = use * rng.lognormal(0, 0.5, len(use))
    order = np.lexsort((hardware, person))
    return _indexed(person[order], hardware[order], chosen[order], use[order], n)


def _indexed(person: Ints, hardware: Ints, chosen: Ints, use: Floats, people: int) -> Streams:
    ids = np.arange(people)
    first, last = np.searchsorted(person, ids), np.searchsorted(person, ids, side="right")
    return Streams(person, hardware, chosen, use, first.astype(np.int64), last.astype(np.int64))


def make_devices(parameters: Population, people: People) -> Devices:
    """Draw hardware, streams and ids so that there are exactly `parameters.devices` ids."""
    rng = generator(parameters.seed, "devices")
    length = parameters.days * _DAY
    members = np.bincount(people.household, minlength=people.households)
    tablets = np.flatnonzero((members >= 2) & (rng.random(people.households) < 0.08))
    tablets = tablets[: parameters.devices // 50]
    kiosks = max(1, len(people) // 6_000)
    bots = max(3, int(parameters.events * parameters.bot_event_share / 250))
    owned = parameters.devices - len(tablets) - kiosks - bots

    streams = _streams(rng, people)
    surplus = len(streams.person) - owned
    if surplus > 0:  # fewer ids are asked for than there are streams: drop some, never a person's last
        spare = np.flatnonzero(np.arange(len(streams.person)) != streams.first[streams.person])
        keep = np.ones(len(streams.person), dtype=bool)
        keep[rng.permutation(spare)[:surplus]] = False
        streams = _indexed(streams.person[keep], streams.hardware[keep], streams.family[keep], streams.use[keep], len(people))
    count = len(streams.person)

    # A new phone cuts all streams of the phone at once.
    renewed = rng.random(len(people)) < 0.2 * parameters.days / 90
    renewed_at = rng.uniform(0.1, 0.9, len(people)) * length
    cut = np.flatnonzero((streams.hardware == PHONE) & renewed[streams.person])[: max(0, owned - count)]
    resets = np.array([f.resets for f in FAMILIES])[streams.family]
    share = streams.use / np.bincount(streams.person, streams.use, len(people))[streams.person]
    extra = weighted(rng, resets * share * people.engagement[streams.person], owned - count - len(cut))
    stream = np.concatenate([np.arange(count), cut, extra])
    start = np.concatenate(
        [-rng.exponential(120 * _DAY, count), renewed_at[streams.person[cut]], rng.uniform(0.02, 0.98, len(extra)) * length]
    )
    fresh = np.concatenate([np.zeros(count), np.ones(len(cut)), np.zeros(len(extra))])
    order = np.lexsort((start, stream))
    stream, start, fresh = stream[order], start[order], fresh[order]
    generation = np.cumsum(fresh)
    generation -= generation[np.searchsorted(stream, stream)]
    machine = (streams.person[stream] * 5 + streams.hardware[stream]) * 2 + generation.astype(np.int64)

    alone = len(tablets) + kiosks + bots
    none = np.full(alone, -1)
    tablet_family = np.where(rng.random(len(tablets)) < 0.7, family("ipad_safari"), family("android_tablet"))
    public = np.full(kiosks + bots, family("windows_chrome"))
    return Devices(
        role=np.concatenate([np.full(len(stream), OWNED), np.repeat([FAMILY, KIOSK, BOT], [len(tablets), kiosks, bots])]),
        person=np.concatenate([streams.person[stream], none]),
        household=np.concatenate([people.household[streams.person[stream]], tablets, np.full(kiosks + bots, -1)]),
        stream=np.concatenate([stream, none]),
        start=np.concatenate([start, -rng.exponential(200 * _DAY, alone)]),
        machine=np.concatenate([machine, len(people) * 10 + np.arange(alone)]),
        family=np.concatenate([streams.family[stream], tablet_family, public]),
        step=rng.integers(0, STEPS - 2, parameters.devices),
        model=rng.integers(0, MODELS, parameters.devices),
        streams=streams,
    )

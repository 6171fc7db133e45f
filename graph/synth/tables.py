"""The smaller input tables: devices as a tag manager lists them, friendships, labels, consents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from graph.synth.accounts import Accounts
from graph.synth.agents import CRAWLERS, FAMILIES, MODELS, STEPS, agent_pool
from graph.synth.consent_strings import encode_tcf
from graph.synth.devices import BOT, Devices
from graph.synth.draw import Bools, Ints, column, generator, hex_ids, instants, pick_in_groups
from graph.synth.events import Events
from graph.synth.parameters import Population
from graph.synth.people import People

__all__ = ["LabelSplit", "consent_table", "device_table", "label_tables", "relation_table"]


def _start(parameters: Population) -> float:
    return (parameters.start.toordinal() - 719_163) * 86_400.0


def device_table(
    parameters: Population, people: People, devices: Devices, events: Events, ids: pa.Array, places: list[dict[str, Any]]
) -> pa.Table:
    """Devices in no order. Three in a hundred of those with events are listed nowhere else."""
    rng = generator(parameters.seed, "device table")
    n = len(devices)
    seen = np.bincount(events.device[events.device >= 0], minlength=n) > 0
    listed = ~(seen & (rng.random(n) < 0.03))
    names = [f.name for f in FAMILIES]
    apple = np.isin(devices.family, [names.index(x) for x in ("ios_app", "ios_shop")])
    app = np.isin(devices.family, [i for i, f in enumerate(FAMILIES) if f.kind in ("app", "tv")])
    machines = int(devices.machine.max()) + 1
    advertising = _uuids(rng, machines)
    # Apple asks: six in ten refuse, and send zeros. Elsewhere one in ten does.
    refused = rng.random(machines) < np.where(np.bincount(devices.machine, apple, machines) > 0, 0.6, 0.1)
    given = np.where(refused[devices.machine], machines, devices.machine)
    given = np.where(app & (rng.random(n) < 0.92), given, -1)
    agent = (devices.family * STEPS + devices.step) * MODELS + devices.model
    bot = devices.role == BOT
    agent = np.where(bot, len(FAMILIES) * STEPS * MODELS + rng.integers(0, len(CRAWLERS), n), agent)
    agent = np.where(bot & (rng.random(n) < 0.6), -1, agent)
    owner = np.maximum(devices.person, 0)
    zone = np.where(devices.person >= 0, people.place[owner], -1)
    described = ~bot & (rng.random(n) < 0.6)
    table = pa.table(
        {
            "device_id": ids,
            "kind": column([f.kind for f in FAMILIES], np.where(~bot & (rng.random(n) < 0.9), devices.family, -1)),
            "os": column([f.os for f in FAMILIES], np.where(described, devices.family, -1)),
            "browser": column([f.browser or None for f in FAMILIES], np.where(described, devices.family, -1)),
            "user_agent": column(agent_pool(), np.where(rng.random(n) < 0.05, -1, agent)),
            "advertising_id": column(pa.concat_arrays([advertising, pa.array(["00000000-0000-0000-0000-000000000000"])]), given),
            "language": column(("en-US", "zh-CN"), np.where(devices.person >= 0, people.chinese[owner].astype(np.int64), -1)),
            "timezone": column([p["zone"] for p in places], np.where(rng.random(n) < 0.7, zone, -1)),
            "first_seen": instants(_start(parameters) + devices.start, rng.random(n) < 0.6),
            "screen": column([f.screen for f in FAMILIES], np.where(bot, -1, devices.family)),
        }
    )
    return table.take(pa.array(rng.permutation(np.flatnonzero(listed))))


def _uuids(rng: np.random.Generator, count: int) -> pa.Array:
    text = hex_ids(rng, "", count, 32).to_numpy(zero_copy_only=False)
    return pa.array([f"{x[:8]}-{x[8:12]}-4{x[13:16]}-a{x[17:20]}-{x[20:]}" for x in text], pa.string())


def relation_table(parameters: Population, people: People, accounts: Accounts) -> pa.Table:
    """Friends and followers between accounts: half share an interest, a tenth an office or home, the others by chance."""
    rng = generator(parameters.seed, "relations")
    holders = np.flatnonzero(accounts.last > accounts.first)
    n = int(2.5 * len(holders))
    left = holders[rng.integers(0, len(holders), n)] if n else holders
    by_topic = holders[np.argsort(people.topics[holders, 0], kind="stable")]
    topics = people.topics[by_topic, 0]
    bounds = np.arange(int(people.topics.max()) + 1)
    first, last = np.searchsorted(topics, bounds), np.searchsorted(topics, bounds, side="right")
    liked = people.topics[left, rng.integers(0, 2, n)]
    alike = pick_in_groups(rng, first.astype(np.int64), last.astype(np.int64), np.ones(len(by_topic)), liked)
    right = by_topic[np.maximum(alike, 0)]
    by_home = holders[np.minimum(np.searchsorted(holders, left) + 1, len(holders) - 1)]  # often of the same household
    kind = rng.random(n)
    right = np.where((kind < 0.5) & (alike >= 0), right, np.where(kind < 0.6, by_home, holders[rng.integers(0, len(holders), n)] if n else right))
    one = np.ones(len(accounts))
    a = pick_in_groups(rng, accounts.first, accounts.last, one, left)
    b = pick_in_groups(rng, accounts.first, accounts.last, one, right)
    follows = rng.random(n) < 0.25
    _, unique = np.unique(np.stack([np.minimum(a, b), np.maximum(a, b)]), axis=1, return_index=True)
    keep = np.sort(unique[(left != right)[unique]])
    a, b, follows = a[keep], b[keep], follows[keep]
    at = _start(parameters) - rng.exponential(200 * 86_400, len(keep))
    account = pa.array(["account"] * len(keep), pa.string())
    return pa.table(
        {
            "from_kind": account,
            "from_id": column(accounts.ids, a),
            "to_kind": account,
            "to_id": column(accounts.ids, b),
            "type": column(("friend", "follows"), follows.astype(np.int64)),
            "weight": pa.array(np.ones(len(keep)), pa.float64(), mask=rng.random(len(keep)) < 0.5),
            "at": instants(at, rng.random(len(keep)) < 0.8),
        }
    )


@dataclass(frozen=True)
class LabelSplit:
    """Labels of the input, and those of other people for the truth."""

    given: pa.Table
    hidden: pa.Table


def label_tables(parameters: Population, people: People, accounts: Accounts, tags: Bools, topics: list[dict[str, Any]]) -> LabelSplit:
    """`tags` is people × topics. A given label is right nine times in ten; hidden ones are the truth. One account a person."""
    rng = generator(parameters.seed, "labels")
    subject = pick_in_groups(rng, accounts.first, accounts.last, np.ones(len(accounts)), np.arange(len(people)))
    chance = rng.random(len(people))
    holds = (subject >= 0) & tags.any(1)
    given = holds & (chance < parameters.labelled_share)
    hidden = holds & (chance >= parameters.labelled_share) & (chance < parameters.labelled_share + parameters.hidden_share)
    noisy = tags & (rng.random(tags.shape) < 0.9)
    noisy |= rng.random(tags.shape) < 0.1 * tags.sum() / tags.size
    noisy[:, 0] |= ~noisy.any(1) & tags[:, 0]
    return LabelSplit(
        _labels(rng, parameters, accounts, subject, noisy & given[:, None], topics, dated=True),
        _labels(rng, parameters, accounts, subject, tags & hidden[:, None], topics, dated=False),
    )


def _labels(
    rng: np.random.Generator, parameters: Population, accounts: Accounts, subject: Ints, tags: Bools, topics: list[dict[str, Any]], *, dated: bool
) -> pa.Table:
    person, topic = np.nonzero(tags)
    order = rng.permutation(len(person))
    person, topic = person[order], topic[order]
    columns = {
        "subject_kind": pa.array(["account"] * len(person), pa.string()),
        "subject_id": column(accounts.ids, subject[person]),
        "tag": column([t["tag"] for t in topics], topic),
        "value": pa.array(np.ones(len(person)), pa.float64()),
    }
    if dated:
        at = _start(parameters) + rng.uniform(0.5, 1.0, len(person)) * parameters.days * 86_400.0
        columns["at"] = instants(at)
    return pa.table(columns)


_ALL, _SOME = [str(i) for i in range(1, 12)], ["1", "7", "10"]


def consent_table(parameters: Population, people: People, accounts: Accounts, devices: Devices, device_ids: pa.Array) -> pa.Table:
    """Consents by person: all purposes (0.72), some (0.1), refused (0.06), withdrawn later (0.04), never asked (0.08). Given on
    each account, or on a device where there is none; a fifth as a TCF string."""
    rng = generator(parameters.seed, "consents")
    start, length = _start(parameters), parameters.days * 86_400.0
    answer = rng.choice(5, len(people), p=(0.72, 0.10, 0.06, 0.04, 0.08))
    first_device = np.searchsorted(devices.person[devices.person >= 0], np.arange(len(people)))
    without = np.flatnonzero(accounts.last == accounts.first)
    subject = np.concatenate([np.arange(len(accounts)), first_device[without]])
    person = np.concatenate([accounts.person, without])
    is_device = np.arange(len(subject)) >= len(accounts)
    asked = answer[person] < 4
    subject, person, is_device = subject[asked], person[asked], is_device[asked]
    at = np.where(is_device, start, np.r_[accounts.created, np.zeros(len(without))][asked]) + 60
    withdrawn = answer[person] == 3
    choice = np.r_[np.where(withdrawn, 0, answer[person]), np.full(int(withdrawn.sum()), 2)]
    subject, is_device = np.r_[subject, subject[withdrawn]], np.r_[is_device, is_device[withdrawn]]
    at = np.r_[at, start + rng.uniform(0.3, 0.95, int(withdrawn.sum())) * length]
    n = len(subject)
    as_string = rng.random(n) < 0.2
    purposes = [_ALL, _SOME, []]
    kinds = is_device.astype(np.int64)
    table = pa.table(
        {
            "subject_kind": column(("account", "device"), kinds),
            "subject_id": column(
                pa.concat_arrays([accounts.ids, device_ids]), np.where(is_device, subject + len(accounts), subject)
            ),
            "purposes": pa.array([None if s else purposes[c] for s, c in zip(as_string, choice, strict=True)], pa.list_(pa.string())),
            "tc_string": pa.array(
                [encode_tcf(purposes[c], t) if s else None for s, c, t in zip(as_string, choice, at, strict=True)], pa.string()
            ),
            "gpc": pa.array(choice == 2, pa.bool_(), mask=rng.random(n) < 0.7),
            "at": instants(at),
        }
    )
    return table.take(pa.array(rng.permutation(n)))

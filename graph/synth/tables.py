"""Two of the smaller input tables: devices as a tag manager lists them, and friendships between accounts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from graph.synth.accounts import Accounts
from graph.synth.agents import MODELS, STEPS, agent_pool, crawlers, families
from graph.synth.devices import BOT, Devices
from graph.synth.draw import column, generator, hex_ids, instants, pick_in_groups
from graph.synth.events import Events
from graph.synth.parameters import Population
from graph.synth.people import People

__all__ = ["device_table", "relation_table"]


def device_table(
    parameters: Population, people: People, devices: Devices, events: Events, ids: pa.Array, places: list[dict[str, Any]]
) -> pa.Table:
    """Devices in no order. Three in a hundred of those with events are listed nowhere else."""
    rng = generator(parameters.seed, "device table")
    n = len(devices)
    seen = np.bincount(events.device[events.device >= 0], minlength=n) > 0
    listed = ~(seen & (rng.random(n) < 0.03))
    kinds = families()
    names = [f.name for f in kinds]
    apple = np.isin(devices.family, [names.index(x) for x in ("ios_app", "ios_shop")])
    app = np.isin(devices.family, [i for i, f in enumerate(kinds) if f.kind in ("app", "tv")])
    machines = int(devices.machine.max()) + 1
    advertising = _uuids(rng, machines)
    # Apple asks: six in ten refuse, and send zeros. Elsewhere one in ten does.
    refused = rng.random(machines) < np.where(np.bincount(devices.machine, apple, machines) > 0, 0.6, 0.1)
    given = np.where(refused[devices.machine], machines, devices.machine)
    given = np.where(app & (rng.random(n) < 0.92), given, -1)
    agent = (devices.family * STEPS + devices.step) * MODELS + devices.model
    bot = devices.role == BOT
    agent = np.where(bot, len(kinds) * STEPS * MODELS + rng.integers(0, len(crawlers()), n), agent)
    agent = np.where(bot & (rng.random(n) < 0.6), -1, agent)
    owner = np.maximum(devices.person, 0)
    zone = np.where(devices.person >= 0, people.place[owner], -1)
    described = ~bot & (rng.random(n) < 0.6)
    table = pa.table(
        {
            "device_id": ids,
            "kind": column([f.kind for f in kinds], np.where(~bot & (rng.random(n) < 0.9), devices.family, -1)),
            "os": column([f.os for f in kinds], np.where(described, devices.family, -1)),
            "browser": column([f.browser or None for f in kinds], np.where(described, devices.family, -1)),
            "user_agent": column(agent_pool(), np.where(rng.random(n) < 0.05, -1, agent)),
            "advertising_id": column(pa.concat_arrays([advertising, pa.array(["00000000-0000-0000-0000-000000000000"])]), given),
            "language": column(("en-US", "zh-CN"), np.where(devices.person >= 0, people.chinese[owner].astype(np.int64), -1)),
            "timezone": column([p["zone"] for p in places], np.where(rng.random(n) < 0.7, zone, -1)),
            "first_seen": instants(parameters.start_seconds + devices.start, rng.random(n) < 0.6),
            "screen": column([f.screen for f in kinds], np.where(bot, -1, devices.family)),
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
    anybody = holders[rng.integers(0, len(holders), n)] if n else right
    right = np.where((kind < 0.5) & (alike >= 0), right, np.where(kind < 0.6, by_home, anybody))
    one = np.ones(len(accounts))
    a = pick_in_groups(rng, accounts.first, accounts.last, one, left)
    b = pick_in_groups(rng, accounts.first, accounts.last, one, right)
    follows = rng.random(n) < 0.25
    _, unique = np.unique(np.stack([np.minimum(a, b), np.maximum(a, b)]), axis=1, return_index=True)
    keep = np.sort(unique[(left != right)[unique]])
    a, b, follows = a[keep], b[keep], follows[keep]
    at = parameters.start_seconds - rng.exponential(200 * 86_400, len(keep))
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

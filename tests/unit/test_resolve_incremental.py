"""Updates step by step against full runs: the same partition, tables and graph, whatever the order, repetition and chunks."""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lake_tables import KEY, connect, lake_table, minutes, partition, sign_ins

from graph import project
from graph.home import Home
from graph.resolve import IdentityLog, ResolveSettings, load, resolve
from graph.resolve.assertions import assert_never, assert_same, revoke
from graph.resolve.decay import Decay
from graph.resolve.fitted import load_fitted
from graph.resolve.guards import Limits
from graph.resolve.incremental import Follower, NeedsFullRun, open_follower, set_published
from graph.resolve.incremental.changes import Changes
from graph.schema import NODES, RELATIONSHIPS, Label, Type
from graph.snapshot import Delta, Snapshot

# One period of decay, so that the as-of time of a part is that of the whole; behaviour is left to full runs by design.
SETTINGS = ResolveSettings(behaviour=False, decay=Decay(period_days=36_500))
Rows = list[tuple[str, dict[str, Any]]]


def population(seed: int) -> tuple[Rows, random.Random]:
    """Sign-ins, shared addresses, aliases, bots and conflicting records among a few ids, so that everything meets everything."""
    draw = random.Random(seed)
    devices = [f"d{i}" for i in range(draw.randint(2, 14))]
    accounts = [f"a{i}" for i in range(draw.randint(2, 14))]
    rows: Rows = []
    for i in range(draw.randint(1, 60)):
        event: dict[str, Any] = {"event_id": f"e{i}", "at": minutes(draw.randint(0, 20_000)), "bot": draw.random() < 0.05}
        if draw.random() < 0.85:
            event["device_id"] = draw.choice(devices)
        if draw.random() < 0.6 or "device_id" not in event:
            event["account_id"] = draw.choice(accounts)
        if draw.random() < 0.5:
            event["ip"] = f"10.0.0.{draw.randint(0, 5)}"
        rows.append(("events", event))
    for account in accounts:
        if draw.random() < 0.8:
            record = {
                "account_id": account,
                "email": draw.choice([None, "x@example.com", "y@example.com", f"{account}@example.com"]),
                "phone": draw.choice([None, None, "+4912345678"]),
                "given_name": draw.choice([None, "ann", "bob", "eve"]),
                "family_name": draw.choice([None, "smith", "jones"]),
                "birth_date": draw.choice([None, "1980-01-01", "1990-05-05"]),
                "_source": draw.choice(["s1", "s2"]),
            }
            rows.append(("accounts", record))
    for device in devices:
        if draw.random() < 0.5:
            advertising_id = draw.choice([None, None, "ad1", "ad2"])
            rows.append(("devices", {"device_id": device, "kind": "mobile", "advertising_id": advertising_id}))
    aliases = {
        (draw.choice(["device", "account", "unknown"]), draw.choice(devices + accounts)) for _ in range(draw.randint(0, 3))
    }
    for kind, id_ in sorted(aliases):
        other = {"to_kind": draw.choice(["account", "unknown"]), "to_id": draw.choice(accounts)}
        rows.append(("relations", {"from_kind": kind, "from_id": id_, **other, "type": "alias", "at": minutes(5)}))
    draw.shuffle(rows)
    return rows, draw


def tables(rows: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for table, row in rows:
        found[table].append(row)
    return found


def arrow(rows: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, pa.Table]:
    return {name: lake_table(name, found) for name, found in tables(rows).items()}


def fitted_home(folder: Path, rows: Rows, settings: ResolveSettings = SETTINGS) -> Home:
    """A home without data that has the parameters of a run over these rows."""
    other = Home.open(folder / "fitted")
    resolve(connect(**tables(rows)), other, key=KEY, settings=settings)
    home = Home.open(folder / "home")
    shutil.copytree(other.identity / "parameters", home.identity / "parameters")
    with IdentityLog(other.identity) as log, IdentityLog(home.identity) as mine, mine.transaction():
        mine.change("UPDATE state SET parameters = ?", log.parameters())
    return home


def follower_of(log: IdentityLog, home: Home, settings: ResolveSettings = SETTINGS) -> Follower:
    name = log.parameters()
    assert name is not None
    return Follower(log, KEY, load_fitted(home.identity / "parameters", name).records, settings)


def persons(log: IdentityLog) -> set[frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for kind, id_, person in zip(*log.members(), strict=True):
        found[person].add(f"{kind}:{id_}")
    return {frozenset(p) for p in found.values()}


def follow(home: Home, chunks: list[Rows], settings: ResolveSettings = SETTINGS, again: random.Random | None = None) -> int:
    """The first chunk by a full run, the others step by step, some rows delivered again; gives the number of full runs that were
    needed after all."""
    done, full = list(chunks[0]), 0
    resolve(connect(**tables(done)), home, key=KEY, settings=settings, index_batch=1)
    for chunk in chunks[1:]:
        done += chunk
        repeated = [] if again is None else [r for r in again.sample(done, min(3, len(done))) if r not in chunk]
        with IdentityLog(home.identity) as log:
            try:
                with log.transaction():
                    follower_of(log, home, settings).take(arrow(chunk + repeated))
            except NeedsFullRun:
                full += 1
            else:
                continue
        resolve(connect(**tables(done)), home, key=KEY, settings=settings, index_batch=1)
    return full


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), parts=st.integers(2, 6))
def test_chunks_in_any_order_with_repetitions_end_in_the_partition_of_one_run(
    seed: int, parts: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows, draw = population(seed)
    folder = tmp_path_factory.mktemp("incremental")
    home = fitted_home(folder, rows)
    follow(home, [rows[i::parts] for i in range(parts)], again=draw)
    with IdentityLog(home.identity) as log, IdentityLog(folder / "fitted" / "identity") as whole:
        assert persons(log) == persons(whole), f"seed {seed}, {parts} parts"
    shutil.rmtree(folder)


def test_fifty_chunks_end_in_the_partition_of_one_run(tmp_path: Path) -> None:
    draw = random.Random(3)
    rows: Rows = []
    for person in range(60):
        accounts = [f"a{person}{suffix}" for suffix in "xyz"[: draw.randint(1, 3)]]
        rows += [("accounts", {"account_id": a, "email": f"p{person}@example.com"}) for a in accounts]
        for device in range(draw.randint(1, 3)):
            rows += [("events", e) for e in sign_ins(f"d{person}{device}", draw.choice(accounts), draw.randint(1, 4))]
    rows += [("events", e) for person in range(40) for e in sign_ins("kiosk", f"a{person}x", 2, start=person)]
    draw.shuffle(rows)
    home = fitted_home(tmp_path, rows)
    assert follow(home, [rows[i::50] for i in range(50)], again=draw) == 0
    with IdentityLog(home.identity) as log, IdentityLog(tmp_path / "fitted" / "identity") as whole:
        assert persons(log) == persons(whole)


def applied(state: tuple[dict[Any, Any], dict[Any, Any]], delta: Delta) -> None:
    """What a store does with a delta."""
    nodes, links = state
    for label, keys in delta.deleted_nodes.items():
        for key in keys.to_pylist():
            nodes[label].pop(key)
            for edge, found in links.items():
                for end in [k for k in found if (edge.source, k[0]) == (label, key) or (edge.target, k[1]) == (label, key)]:
                    del found[end]
    for edge, table in delta.deleted_relationships.items():
        for row in table.to_pylist():
            del links[edge][tuple(row.values())]
    for label, table in delta.nodes.items():
        nodes[label] |= {row[NODES[label].key]: row for row in table.to_pylist()}
    for edge, table in delta.relationships.items():
        keys = ["source", "target", *RELATIONSHIPS[edge.type].discriminators]
        for row in table.to_pylist():
            assert row["source"] in nodes[edge.source]
            assert row["target"] in nodes[edge.target]
            links[edge][tuple(row[k] for k in keys)] = row


def held(whole: Snapshot) -> tuple[dict[Any, Any], dict[Any, Any]]:
    nodes = {label: {row[NODES[label].key]: row for row in t.to_pylist()} for label, t in whole.nodes.items()}
    links = {
        edge: {
            tuple(row[k] for k in ("source", "target", *RELATIONSHIPS[edge.type].discriminators)): row for row in t.to_pylist()
        }
        for edge, t in whole.relationships.items()
    }
    return nodes, links


@pytest.mark.parametrize("seed", range(8))
def test_the_changes_of_the_graph_add_up_to_the_graph_of_a_full_run(seed: int, tmp_path: Path) -> None:
    rows, draw = population(seed)
    rows = [row for row in rows if row[0] != "relations"]
    parts = draw.randint(2, 5)
    chunks = [rows[i::parts] for i in range(parts)]
    home = fitted_home(tmp_path, rows)
    connection = connect(**tables(chunks[0]))
    first = resolve(connection, home, key=KEY, settings=SETTINGS, index_batch=1)
    state = held(project.snapshot(connection, first, home_id="h", key=KEY))
    with IdentityLog(home.identity) as log, IdentityLog(home.identity, create=False) as before:
        follower = follower_of(log, home)
        for chunk in chunks[1:]:
            with log.transaction():
                change = follower.change(follower.take(arrow(chunk)), before)
            applied(state, project.change("h", change))
    everything = connect(**tables(rows))
    now = load(home)
    wanted = held(project.snapshot(everything, now, home_id="h", key=KEY))
    for label in set(Label) - {Label.HOUSEHOLD, Label.CONTENT}:
        assert state[0][label] == wanted[0][label]
    for edge in state[1]:
        if edge.type not in (Type.ENGAGED, Type.ABOUT, Type.LIVES_IN):
            assert state[1][edge] == wanted[1][edge]
    full = resolve(everything, home, key=KEY, settings=SETTINGS)
    assert partition(full.members) == partition(now.members)
    for name in ("persons", "signed_in", "has_identifier", "identifiers", "seen_on", "networks", "guarded"):
        assert getattr(now, name).to_pylist() == getattr(full, name).to_pylist()
    columns = ["kind", "id", "person_id", "class", "since", "last_seen"]
    assert now.members.select(columns).to_pylist() == full.members.select(columns).to_pylist()
    assert now.members["confidence"].to_pylist() == pytest.approx(full.members["confidence"].to_pylist(), abs=1e-9)


def small_home(folder: Path) -> Home:
    rows: Rows = [("events", e) for e in (*sign_ins("d1", "a1", 3), *sign_ins("d2", "a2", 3))]
    home = Home.open(folder / "home")
    resolve(connect(**tables(rows)), home, key=KEY, settings=SETTINGS, index_batch=1)
    return home


def test_a_repeated_event_changes_nothing(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    again = arrow([("events", e) for e in sign_ins("d1", "a1", 3)])
    with IdentityLog(home.identity) as log:
        before = log.rows("SELECT * FROM k_signed_in"), log.rows("SELECT * FROM k_evidence"), log.entries()
        with log.transaction():
            assert follower_of(log, home).take(again) == frozenset()
        assert (log.rows("SELECT * FROM k_signed_in"), log.rows("SELECT * FROM k_evidence"), log.entries()) == before


def test_operators_assertions_are_followed(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    left, right, when = ("account", "a1"), ("account", "a2"), minutes(0)

    def renewed(log: IdentityLog) -> set[frozenset[str]]:
        with log.transaction():
            follower_of(log, home).follow(Changes())
        return persons(log)

    with IdentityLog(home.identity) as log:
        apart = persons(log)
        same = assert_same(log, left, right, at=when, by="test")
        assert renewed(log) == {frozenset({"account:a1", "account:a2", "device:d1", "device:d2"})}
        never = assert_never(log, left, right, at=when, by="test")
        assert renewed(log) == apart
        revoke(log, same.number, at=when, by="test")
        revoke(log, never.number, at=when, by="test")
        assert renewed(log) == apart


def test_a_replaced_event_and_an_alias_that_meant_a_device_ask_for_a_full_run_and_change_nothing(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    alias = {"from_kind": "unknown", "from_id": "x", "to_kind": "account", "to_id": "a1", "type": "alias", "at": minutes(1)}
    with IdentityLog(home.identity) as log:
        follower = follower_of(log, home)
        with log.transaction():
            follower.take(arrow([("relations", alias)]))
        before = log.rows("SELECT * FROM k_subject"), persons(log)
        late = arrow([("events", {"event_id": "new", "at": minutes(2), "device_id": "x"})])
        with pytest.raises(NeedsFullRun, match="alias"), log.transaction():
            follower.take(late)
        with pytest.raises(NeedsFullRun, match="replaces"), log.transaction():
            follower.take(late, frozenset({"events"}))
        assert (log.rows("SELECT * FROM k_subject"), persons(log)) == before


def test_an_index_is_wanted_and_a_store_that_may_lack_something_is_not_trusted(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    resolve(connect(events=sign_ins("d1", "a1", 2)), home, key=KEY)
    with IdentityLog(home.identity) as log, pytest.raises(NeedsFullRun, match="no key index"):
        open_follower(log, home, KEY)
    resolve(connect(events=sign_ins("d1", "a1", 2)), home, key=KEY, index_batch=1)
    with IdentityLog(home.identity) as log:
        with pytest.raises(NeedsFullRun, match="may lack"):
            open_follower(log, home, KEY)
        set_published(log, published=True)
        assert open_follower(log, home, KEY).model is not None


def test_a_kiosk_with_a_thousand_accounts_is_not_looked_through(tmp_path: Path) -> None:
    accounts = [e for i in range(1_000) for e in sign_ins("kiosk", f"a{i}", 1, start=i)]
    home = Home.open(tmp_path / "home")
    resolve(connect(events=accounts), home, key=KEY, settings=SETTINGS, index_batch=1)
    with IdentityLog(home.identity) as log:
        with log.transaction():
            changed = follower_of(log, home).take(arrow([("events", e) for e in sign_ins("kiosk", "a5", 1, start=9_000)]))
        assert len(changed) <= 2
        assert log.person_of("device", "kiosk") != log.person_of("account", "a5")
        assert log.rows("SELECT class FROM k_class JOIN k_subject USING (s) WHERE id = 'kiosk'") == [("shared",)]


def test_limits_that_a_step_crosses_take_their_evidence_away(tmp_path: Path) -> None:
    """The seventh account of a device makes it a hub by this limit; a full run agrees."""
    limits = ResolveSettings(behaviour=False, limits=Limits(accounts_per_device=6))
    rows: Rows = [("events", e) for i in range(6) for e in sign_ins("d", f"a{i}", 3 if i == 0 else 1, start=i)]
    more: Rows = [("events", e) for e in sign_ins("d", "a6", 1, start=50)]
    home = fitted_home(tmp_path, rows + more, limits)
    follow(home, [rows, more], limits)
    with IdentityLog(home.identity) as log, IdentityLog(tmp_path / "fitted" / "identity") as whole:
        assert persons(log) == persons(whole)
        assert log.rows("SELECT reason FROM k_class JOIN k_subject USING (s) WHERE id = 'd'") == [
            ("sign-ins of more than 6 accounts",)
        ]


def take_and_break(log: IdentityLog, home: Home, rows: dict[str, pa.Table]) -> None:
    with log.transaction():
        assert follower_of(log, home).take(rows)
        raise RuntimeError("broken")


def test_a_broken_step_leaves_everything_as_it_was(tmp_path: Path) -> None:
    home = small_home(tmp_path)
    with IdentityLog(home.identity) as log:
        before = log.rows("SELECT * FROM k_event ORDER BY h"), log.rows("SELECT * FROM members"), log.entries()
        late = arrow([("events", e) for e in sign_ins("d1", "a2", 2, start=700)])
        with pytest.raises(RuntimeError, match="broken"):
            take_and_break(log, home, late)
        assert (log.rows("SELECT * FROM k_event ORDER BY h"), log.rows("SELECT * FROM members"), log.entries()) == before

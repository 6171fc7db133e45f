"""Random graphs and changes, against plain dicts: a store holds what the tables say, on both stores alike."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from graphs import Rows, changed, delta, expected, held, snapshot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.schema import NODES, RELATIONSHIPS, Edge, Label, Property, edges
from graph.snapshot import Delta, Snapshot
from graph.store import GraphStore, LadybugStore
from graph.store.conform import relationship_keys
from graph.store.neo4j_rows import encode

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES: dict[Property, st.SearchStrategy[Any]] = {
    Property.STRING: TEXT,
    Property.INT64: st.integers(-(2**63), 2**63 - 1),
    Property.DOUBLE: st.floats(allow_nan=False),
    Property.BOOL: st.booleans(),
    Property.TIMESTAMP: st.datetimes(timezones=st.just(UTC)),
}
LABELS = [Label.PERSON, Label.DEVICE, Label.ACCOUNT, Label.TAG, Label.CONTENT]
EDGES = [e for e in edges() if {e.source, e.target} <= set(LABELS)]
SMALL = {"suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture], "deadline": None}


@st.composite
def properties(draw: st.DrawFn, of: dict[str, Property], required: tuple[str, ...] = ()) -> dict[str, Any]:
    return {name: draw(VALUES[kind] if name in required else st.none() | VALUES[kind]) for name, kind in of.items()}


@st.composite
def graph(draw: st.DrawFn, keys: list[str]) -> tuple[dict[Label, Rows], dict[Edge, Rows]]:
    """Nodes with some of `keys`, and relationships between them; every relationship once."""
    nodes: dict[Label, Rows] = {}
    for label in LABELS:
        chosen = draw(st.lists(st.sampled_from(keys), unique=True))
        nodes[label] = [{NODES[label].key: key} | draw(properties(NODES[label].properties)) for key in chosen]
    return nodes, draw(relationships({label: [row[NODES[label].key] for row in rows] for label, rows in nodes.items()}))


@st.composite
def relationships(draw: st.DrawFn, ends: dict[Label, list[str]]) -> dict[Edge, Rows]:
    found: dict[Edge, Rows] = {}
    for e in draw(st.lists(st.sampled_from(EDGES), unique=True, max_size=6)):
        if ends[e.source] and ends[e.target]:
            kind = RELATIONSHIPS[e.type]
            row = st.builds(
                lambda a, b, p: {"source": a, "target": b} | p,
                st.sampled_from(ends[e.source]),
                st.sampled_from(ends[e.target]),
                properties(kind.properties, kind.discriminators),
            )
            unique = lambda r, e=e: tuple(r[key] for key in relationship_keys(e))  # noqa: E731
            found[e] = draw(st.lists(row, unique_by=unique, max_size=4))
    return found


@st.composite
def histories(draw: st.DrawFn) -> tuple[Snapshot, list[Delta]]:
    """A graph, and changes whose new relationships find their ends."""
    keys = draw(st.lists(TEXT, min_size=1, max_size=5, unique=True))
    first = snapshot(*draw(graph(keys)))
    state, changes = expected(first), []
    for _ in range(draw(st.integers(1, 2))):
        nodes, _unused = draw(graph(keys))
        gone = {label: draw(st.lists(st.sampled_from(keys), unique=True, max_size=2)) for label in LABELS}
        gone_relationships = draw(relationships(dict.fromkeys(LABELS, keys)))
        cleared = frozenset(draw(st.lists(st.sampled_from(EDGES), max_size=3)))
        before = changed(state, delta(nodes, {}, gone, gone_relationships, cleared))
        added = draw(relationships({label: list(before[label]) for label in LABELS}))
        change = delta(nodes, added, gone, gone_relationships, cleared)
        changes.append(change)
        state = changed(state, change)
    return first, changes


def follow(store: GraphStore, history: tuple[Snapshot, list[Delta]]) -> None:
    first, changes = history
    store.replace(first)
    state = expected(first)
    assert held(store) == state
    for change in changes:
        store.apply(change)
        state = changed(state, change)
        assert held(store) == state
        store.apply(change)
        assert held(store) == state


@pytest.mark.parametrize(("live", "tables"), [(False, False), (False, True), (True, False), (True, True)])
def test_ladybug_holds_what_the_tables_say(live: bool, tables: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `tables`, more than a few rows go the way of large tables, and of large changes where the store is live."""
    if tables:
        monkeypatch.setattr("graph.store.ladybug_write._POINT_NODES", 0)
        monkeypatch.setattr("graph.store.ladybug_write._POINT_RELATIONSHIPS", 1)
        monkeypatch.setattr("graph.store.ladybug._LIVE_ROWS", 6)
    store = LadybugStore(tmp_path / "graph", live=live)

    @settings(max_examples=6, **SMALL)
    @given(history=histories())
    def check(history: tuple[Snapshot, list[Delta]]) -> None:
        follow(store, history)
        final = held(store)
        store.flush()
        reader = LadybugStore(tmp_path / "graph", read_only=True)
        assert held(reader) == final
        reader.close()

    check()
    store.close()


@pytest.mark.neo4j
def test_neo4j_holds_what_the_tables_say(stores: tuple[GraphStore, GraphStore]) -> None:
    @settings(max_examples=4, **SMALL)
    @given(history=histories())
    def check(history: tuple[Snapshot, list[Delta]]) -> None:
        follow(stores[1], history)

    check()


@given(st.lists(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999), min_size=1))
def test_times_split_into_seconds_and_nanoseconds(microseconds: list[int]) -> None:
    table = pa.table({"at": pa.array(microseconds, pa.timestamp("us", "UTC"))})
    [batch] = encode([], table, ["at"], sparse=True).batches(10_000)
    assert [s * 1_000_000 + n // 1000 for s, n in batch] == microseconds
    assert all(0 <= n < 10**9 for _, n in batch)


def test_the_oracle_itself_deletes_a_node_with_its_relationships() -> None:
    e = next(e for e in EDGES if e.type == "BELONGS_TO")
    first = snapshot({e.source: [{"device_id": "d"}], e.target: [{"person_id": "p"}]}, {e: [{"source": "d", "target": "p"}]})
    after = changed(expected(first), delta(deleted_nodes={e.target: ["p"]}))
    assert (after[e.source].keys(), after[e.target], after[e]) == ({"d": None}.keys(), {}, {})

"""What every graph store does, on every store: value for value what was put in."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from graphs import (
    BELONGS_D,
    DAY,
    ENGAGED_D,
    HOME,
    INTERESTED,
    MEMBER,
    SAME_DA,
    SAME_DD,
    D,
    P,
    changed,
    delta,
    edge,
    expected,
    held,
    snapshot,
    town,
)

from graph.errors import ForeignGraph, QueryError, StoreError, UnknownQuery
from graph.home import Home
from graph.schema import NODES, RELATIONSHIPS, Label, Type
from graph.snapshot import Delta, Snapshot
from graph.store import GraphStore, LadybugStore, Neo4jStore, open_store

TEXTS = [
    "",
    " ",
    "a'b",
    'a"b',
    "back\\slash",
    "two\nlines\r\n",
    "tab\t",
    "nul\0inside",
    "体育新闻 😀 é é",
    "x" * 300_000,
    "null",
    "}) DETACH",
]
TIMES = [
    datetime.min.replace(tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1900, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
    None,
]
INTEGERS = [0, 1, -1, 2**63 - 1, -(2**63), 127, 128, 2**31, None]
REALS = [0.0, -0.0, 1e-310, 1.7976931348623157e308, 0.1, -2.5, 1 / 3, float("inf"), None]
BOOLS = [True, False, None]


def test_an_empty_store_holds_nothing(store: GraphStore) -> None:
    assert store.home_id() is None
    assert set(store.counts().values()) == {0}
    assert set(store.counts()) == {label.value for label in Label} | {kind.value for kind in Type}
    assert store.query("person", {"person_id": "p1"}) == []


def test_every_value_comes_back_as_it_was(store: GraphStore) -> None:
    tags = [{"tag_id": f"t{i}", "name": text, "sensitive": BOOLS[i % 3]} for i, text in enumerate(TEXTS)]
    people = [{"person_id": f"p{i}", "devices": n, "created_at": TIMES[i % len(TIMES)]} for i, n in enumerate(INTEGERS)]
    interests = [
        {"source": f"p{i}", "target": "t0", "probability": x, "model": TEXTS[i], "at": TIMES[i % len(TIMES)]}
        for i, x in enumerate(REALS)
    ]
    whole = snapshot({Label.TAG: tags, P: people}, {INTERESTED: interests})
    store.replace(whole)
    assert held(store) == expected(whole)
    assert str(next(r for r in held(store)[INTERESTED].values() if r["source"] == "p1")["probability"]) == "-0.0"
    assert store.home_id() == HOME


def test_keys_may_be_any_text(store: GraphStore) -> None:
    whole = snapshot({Label.CONTENT: [{"content_id": text} for text in TEXTS if len(text) < 1000]}, {})
    store.replace(whole)
    assert held(store) == expected(whole)


def test_every_label_and_type_is_held(store: GraphStore) -> None:
    nodes = {label: [{node.key: "x"}, {node.key: "y"}] for label, node in NODES.items()}
    relationships = {
        edge(kind, *ends): [{"source": "x", "target": "y"} | dict.fromkeys(kind_of.discriminators, "k")]
        for kind, kind_of in RELATIONSHIPS.items()
        for ends in kind_of.ends
    }
    whole = snapshot(nodes, relationships)
    store.replace(whole)
    assert held(store) == expected(whole)
    assert store.counts() == whole.counts()


def test_a_second_replacement_leaves_nothing_of_the_first(store: GraphStore) -> None:
    store.replace(town())
    assert held(store) == expected(town())
    second = snapshot({P: [{"person_id": "p1"}, {"person_id": "new"}], D: []}, {MEMBER: []})
    store.replace(second)
    assert held(store) == expected(second)
    store.replace(second)
    assert held(store) == expected(second)


def test_progress_reaches_the_total(store: GraphStore) -> None:
    seen: list[tuple[str, int, int]] = []
    store.replace(town(), progress=lambda *step: seen.append(step))
    total = sum(t.num_rows for t in (*town().nodes.values(), *town().relationships.values()))
    assert seen[-1] == ("load graph", total, total)


def test_columns_may_come_in_any_order_and_number(store: GraphStore) -> None:
    times = pa.array([DAY.replace(tzinfo=None)], pa.timestamp("ms"))
    table = pa.table({"last_seen": times.cast(pa.timestamp("ms", "UTC")), "device_id": pa.array(["d"], pa.large_string())})
    store.replace(Snapshot(HOME, {D: table}, {}))
    assert held(store)[D]["d"] == dict.fromkeys(NODES[D].properties) | {"last_seen": DAY}


CHANGES: dict[str, Delta] = {
    "new and changed nodes": delta(
        {P: [{"person_id": "p1", "class": "shared"}, {"person_id": "p9", "devices": 7, "created_at": DAY}]}
    ),
    "nodes without properties": delta({Label.HOUSEHOLD: [{"household_id": "h1"}, {"household_id": "h2"}]}),
    "new and changed relationships": delta(
        {D: [{"device_id": "new"}]},
        {
            SAME_DD: [
                {"source": "d2", "target": "d1", "method": "content", "weight": 2.0},
                {"source": "d2", "target": "d1", "method": "rhythm", "probability": 0.5, "last_seen": DAY},
                {"source": "new", "target": "d1", "method": "content"},
            ],
            MEMBER: [{"source": "p1", "target": "u1"}, {"source": "p3", "target": "u1"}],
            BELONGS_D: [{"source": "new", "target": "p1", "confidence": 0.25}],
            ENGAGED_D: [{"source": "d1", "target": "c1", "type": "view", "day": "2026-03-02", "count": 9}],
        },
    ),
    "deleted nodes": delta(deleted_nodes={D: ["d1", "no such device"], Label.AUDIENCE: ["u1"]}),
    "deleted relationships": delta(
        deleted_relationships={
            SAME_DD: [{"source": s, "target": t, "method": "content"} for s, t in [("d2", "d1"), ("d1", "d2")]],
            MEMBER: [{"source": "p2", "target": "u1"}],
        }
    ),
    "one pair of labels cleared": delta(cleared=frozenset({SAME_DD})),
    "a whole type cleared and filled": delta(
        {}, {INTERESTED: [{"source": "p3", "target": "t3", "probability": 0.5}]}, cleared=frozenset({INTERESTED, MEMBER})
    ),
    "all at once": delta(
        {P: [{"person_id": "p1", "accounts": 5}]},
        {SAME_DA: [{"source": "d2", "target": "a1", "method": "sign_in"}]},
        {P: ["p1"]},
        {BELONGS_D: [{"source": "d3", "target": "p2"}]},
        frozenset({SAME_DA}),
    ),
    "nothing": delta({P: []}, {MEMBER: []}, {D: []}, {MEMBER: []}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_delta_does_what_it_says_and_again_changes_nothing(store: GraphStore, name: str) -> None:
    store.replace(town())
    should = changed(expected(town()), CHANGES[name])
    store.apply(CHANGES[name])
    assert held(store) == should
    store.apply(CHANGES[name])
    assert held(store) == should


def test_a_delta_fills_an_empty_store(store: GraphStore) -> None:
    whole = town()
    store.apply(Delta(HOME, whole.nodes, whole.relationships))
    assert held(store) == expected(whole)
    assert store.home_id() == HOME
    store.replace(whole)
    assert held(store) == expected(whole)


def test_another_homes_graph_is_refused(store: GraphStore) -> None:
    store.replace(town())
    other = snapshot({P: [{"person_id": "q"}]}, {}, "fedcba9876543210")
    for attempt in (lambda: store.replace(other), lambda: store.apply(Delta(other.home_id, other.nodes))):
        with pytest.raises(ForeignGraph, match="holds the graph of another home"):
            attempt()
    assert held(store) == expected(town())
    store.replace(other, replace_foreign=True)
    assert (store.home_id(), store.counts()["Person"], store.counts()["Device"]) == (other.home_id, 1, 0)


def test_relationships_without_an_end_are_refused(store: GraphStore) -> None:
    store.replace(town())
    dangling = {BELONGS_D: [{"source": "d1", "target": "nobody"}]}
    with pytest.raises(StoreError, match="is no node"):
        store.apply(delta({D: [{"device_id": "half"}], P: [{"person_id": "p1", "class": "half"}]}, dangling, {P: ["p2"]}))
    assert held(store) == expected(town())
    with pytest.raises(StoreError, match="is no node"):
        store.replace(snapshot({D: [{"device_id": "d1"}]}, dangling))
    store.replace(town())
    assert held(store) == expected(town())


def test_a_repeated_key_is_refused(store: GraphStore) -> None:
    twice = {D: [{"device_id": "secret-device"}, {"device_id": "secret-device"}]}
    with pytest.raises(StoreError) as caught:
        store.replace(snapshot(twice, {}))
    assert "secret-device" not in str(caught.value)
    with pytest.raises(StoreError, match="repeat another's device_id"):
        store.apply(delta(twice))
    with pytest.raises(StoreError, match="repeat another's source, target, method"):
        store.apply(delta({}, {SAME_DD: [{"source": "d1", "target": "d1", "method": "m"}] * 2}))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"device_id": pa.array([None], pa.string())}), "1 rows without device_id"),
        (pa.table({"kind": ["tv"]}), "1 rows without device_id"),
        (pa.table({"device_id": ["d"], "colour": ["red"]}), "no properties colour"),
        (pa.table({"device_id": ["d"], "first_seen": ["yesterday"]}), "cannot be stored as timestamp"),
        (pa.table({"device_id": ["d"], "first_seen": pa.array([2**62], pa.timestamp("us", "UTC"))}), "years 1 to 9999"),
    ],
)
def test_rows_that_no_store_could_hold_are_refused(store: GraphStore, table: pa.Table, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        store.replace(Snapshot(HOME, {D: table}, {}))
    assert store.home_id() is None


def test_reading_cannot_write(store: GraphStore) -> None:
    for statement in (
        "CREATE (:Household {household_id: 'h'})",
        "MATCH (p:Person) SET p.class = 'x'",
        "MATCH (p) DETACH DELETE p",
    ):
        store.replace(town())
        with pytest.raises(QueryError, match="read only"):
            store.execute(statement, {})
    assert held(store) == expected(town())


def test_an_operator_may_write(store: GraphStore) -> None:
    store.replace(town())
    store.execute("MATCH (p:Person {person_id: $id}) SET p.class = $class", {"id": "p1", "class": "shared"}, mode="write")
    assert store.query("person", {"person_id": "p1"})[0]["class"] == "shared"


def test_free_cypher_gives_plain_values(store: GraphStore) -> None:
    store.replace(town())
    [row] = store.execute(
        "MATCH q = (d:Device {device_id: 'd2'})-[b:BELONGS_TO]->(p:Person) "
        "RETURN d, b, q, [d.first_seen] AS l, p.accounts > 0 AS some",
        {},
    )
    first_seen = held(store)[D]["d2"]["first_seen"]
    assert row["d"] == {k: v for k, v in {"device_id": "d2", **held(store)[D]["d2"]}.items() if v is not None}
    assert row["b"] == {"confidence": 0.5, "since": held(store)[BELONGS_D]["d2", "p1"]["since"]}
    assert (row["l"][0], row["some"]) == (first_seen, True)
    assert [set(row["q"]), row["q"]["nodes"][0], row["q"]["relationships"]] == [{"nodes", "relationships"}, row["d"], [row["b"]]]


def test_times_go_in_by_their_instant(store: GraphStore) -> None:
    store.replace(town())
    statement = "MATCH (d:Device) WHERE d.first_seen = $at RETURN d.device_id AS id"
    assert store.execute(statement, {"at": datetime.fromisoformat("2026-03-01T12:30:00+02:00")}) == [{"id": "d1"}]


@pytest.mark.parametrize("statement", ["MATCH (n", "RETURN nothing_of_that_name", "RETURN $missing AS x"])
def test_a_wrong_statement_is_a_query_error_of_one_line(store: GraphStore, statement: str) -> None:
    store.replace(town())
    with pytest.raises(QueryError) as caught:
        store.execute(statement, {})
    assert "\n" not in str(caught.value)


def test_an_unknown_query_is_named_with_those_known(store: GraphStore) -> None:
    with pytest.raises(UnknownQuery, match="no query named 'nonsense'; known: audience, "):
        store.query("nonsense", {})
    for internal in ("delete_nodes", "count_nodes", "../read/person"):
        with pytest.raises(UnknownQuery):
            store.query(internal, {})


def test_a_read_only_store_refuses_to_write(neo4j_url: str, tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    for url in ("ladybug", neo4j_url):
        store = open_store(url, home, read_only=True)
        attempts: list[Any] = [
            lambda s=store: s.replace(town()),
            lambda s=store: s.apply(delta()),
            lambda s=store: s.execute("MATCH (p:Person) DETACH DELETE p", {}, mode="write"),
        ]
        for attempt in attempts:
            with pytest.raises(StoreError, match="read only"):
                attempt()
        store.close()
        store.close()


def test_a_foreign_database_without_marker_is_refused(empty_neo4j: str) -> None:
    store = Neo4jStore(empty_neo4j)
    store.execute("CREATE (:Device {device_id: 'd'}), (:Device {device_id: 'd'}), (:Film)", {}, mode="write")
    assert store.home_id() is None
    with pytest.raises(ForeignGraph, match="nodes without Tessera's marker"):
        store.replace(town())
    store.replace(town(), replace_foreign=True)
    assert held(store) == expected(town())
    assert store.execute("MATCH (f:Film) RETURN count(f) AS films", {}) == [{"films": 0}]
    store.close()


def test_keys_are_unique_in_neo4j_before_the_first_write(empty_neo4j: str) -> None:
    store = Neo4jStore(empty_neo4j)
    store.apply(delta({P: [{"person_id": "p"}]}))
    with pytest.raises(StoreError, match="refused the change"):
        store.execute("CREATE (:Person {person_id: 'p'})", {}, mode="write")
    found = store.execute("SHOW CONSTRAINTS YIELD labelsOrTypes, properties, type RETURN *", {})
    assert {(row["labelsOrTypes"][0], row["properties"][0]) for row in found} >= {(n.label.value, n.key) for n in NODES.values()}
    store.close()


def test_the_schema_lists_discriminators_first(tmp_path: Path) -> None:
    """Ladybug's updates number their columns by it."""
    for kind in RELATIONSHIPS.values():
        assert tuple(kind.properties)[: len(kind.discriminators)] == kind.discriminators
    assert isinstance(open_store("ladybug", Home.open(tmp_path)), LadybugStore)

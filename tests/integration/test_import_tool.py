"""The import tool's way into Neo4j: every label, every edge, every kind of value, compared value for value with the snapshot
and with what the running-server path makes of it; refused and interrupted loads."""

from __future__ import annotations

import multiprocessing
import random
import shlex
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import neo4j
import pyarrow as pa
import pytest

from graph.errors import ForeignGraph
from graph.home import Home
from graph.schema import NODES, RELATIONSHIPS, Label, Property, edges
from graph.snapshot import Snapshot, node_schema, relationship_schema
from graph.store import open_store, server
from graph.store.neo4j_import import finish_command, import_command, import_into_local, write_import_files

SEED = 20261124
TEXTS = [
    "",
    " leading and trailing ",
    'a "quoted" word',
    '"',
    "two\nlines",
    "carriage\rreturn",
    "both\r\nof them",
    "comma, semicolon; bar|",
    "back\\slash at the end\\",
    "体育新闻 और émoji 🧩",
    "'apostrophe'",
    "null",
    "tab\there",
    "x" * 3_000_000,
]
NUMBERS = [0, -1, 2**53 + 1, 2**63 - 1, -(2**63)]
REALS = [0.0, 0.1, -1e300, 5e-324, 1 / 3, float("inf"), float("-inf")]
START = datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC)

Rows = Counter[tuple[Any, ...]]


def value(kind: Property, choice: random.Random) -> Any:
    """A value of the kind, null one time in five."""
    if choice.random() < 0.2:
        return None
    match kind:
        case Property.STRING:
            return choice.choice(TEXTS[:-1])
        case Property.INT64:
            return choice.choice(NUMBERS)
        case Property.DOUBLE:
            return choice.choice(REALS)
        case Property.BOOL:
            return choice.random() < 0.5
        case Property.TIMESTAMP:
            return START + timedelta(microseconds=choice.randrange(2_000_000_000_000_000))


def everything(home_id: str) -> Snapshot:
    """A graph with every label and every edge of the schema, and every text above."""
    choice = random.Random(SEED)
    nodes, relationships = {}, {}
    for label, node in NODES.items():
        keys = [f'{label.value} {i} "é",\n{i}' for i in range(len(TEXTS))]
        columns = {name: [value(kind, choice) for _ in keys] for name, kind in node.properties.items()}
        if label is Label.CONTENT:
            columns["title"] = list(TEXTS)
        nodes[label] = pa.table({node.key: keys, **columns}, schema=node_schema(label))
    for edge in edges():
        kind = RELATIONSHIPS[edge.type]
        ends = [nodes[label][NODES[label].key].to_pylist() for label in (edge.source, edge.target)]
        pairs = [(a, b) for a in ends[0][:4] for b in ends[1][:3] if a != b]
        columns = {name: [value(t, choice) for _ in pairs] for name, t in kind.properties.items()}
        columns |= {name: [f"{i}\n" for i, _ in enumerate(pairs)] for name in kind.discriminators}
        relationships[edge] = pa.table(
            {"source": [a for a, _ in pairs], "target": [b for _, b in pairs], **columns}, schema=relationship_schema(edge)
        )
    return Snapshot(home_id, nodes, relationships)


def said_by(snapshot: Snapshot) -> Rows:
    """Every node and relationship of a snapshot, as `held_by` gives those of a database."""
    rows: Rows = Counter()
    for label, table in snapshot.nodes.items():
        for row in table.to_pylist():
            rows[(label.value, properties(row))] += 1
    for edge, table in snapshot.relationships.items():
        for row in table.to_pylist():
            ends = (edge.source.value, row.pop("source"), edge.target.value, row.pop("target"))
            rows[(edge.type.value, *ends, properties(row))] += 1
    return rows


def held_by(url: str) -> Rows:
    """Every node and relationship of the database, beside its marker."""
    keys = {label.value: node.key for label, node in NODES.items()}
    rows: Rows = Counter()
    with driver(url) as connection:
        for n in connection.execute_query(
            "MATCH (n) WHERE NOT n:_Tessera RETURN labels(n) AS labels, properties(n) AS p"
        ).records:
            rows[(*n["labels"], properties(n["p"]))] += 1
        found = connection.execute_query("MATCH (a)-[r]->(b) RETURN a, type(r) AS type, properties(r) AS p, b").records
        for r in found:
            ends = [part for end in (r["a"], r["b"]) for label in end.labels for part in (label, end[keys[label]])]
            rows[(r["type"], *ends, properties(r["p"]))] += 1
    return rows


def properties(row: dict[str, Any]) -> frozenset[tuple[str, Any]]:
    """A row without its nulls; times as native ones, in UTC, and types told apart (1 is not true)."""
    native = {k: v.to_native() if isinstance(v, neo4j.time.DateTime) else v for k, v in row.items() if v is not None}
    assert all(v.utcoffset() == timedelta(0) for v in native.values() if isinstance(v, datetime))
    return frozenset((k, type(v).__name__, v.astimezone(UTC) if isinstance(v, datetime) else v) for k, v in native.items())


def driver(url: str) -> neo4j.Driver:
    parts = urlsplit(url)
    return neo4j.GraphDatabase.driver(f"{parts.scheme}://{parts.hostname}:{parts.port}", auth=(parts.username, parts.password))


def schema_of(url: str) -> set[tuple[str, ...]]:
    with driver(url) as connection:
        rows = connection.execute_query("SHOW CONSTRAINTS YIELD type, labelsOrTypes, properties").records
        return {(r["type"], *r["labelsOrTypes"], *r["properties"]) for r in rows}


def differences(left: Rows, right: Rows) -> list[str]:
    """A few rows of which one side has more, cut short: what a person reads when the two differ."""
    return [str(row)[:300] for row in [*(left - right), *(right - left)]][:6]


def load(path: Path) -> None:
    home = Home.open(path)
    import_into_local(home, everything(home.home_id), short_lived=True)


def test_the_import_holds_what_the_snapshot_says_and_what_the_running_path_writes(
    neo4j_server: server.ServerStatus, neo4j_home: Home, empty_neo4j: str
) -> None:
    """First through the running server; then an import that is killed while the tool is at work; then one that is not."""
    snapshot = everything(neo4j_home.home_id)
    expected = said_by(snapshot)
    store = open_store(empty_neo4j, neo4j_home)
    store.replace(snapshot)
    counts = store.counts()
    store.close()
    by_store, schema = held_by(empty_neo4j), schema_of(empty_neo4j)
    assert not differences(by_store, expected)

    killed = multiprocessing.get_context("spawn").Process(target=load, args=(neo4j_home.path,))
    killed.start()
    while not (neo4j_home.neo4j / "import-unfinished").exists():
        assert killed.is_alive()
        time.sleep(0.02)
    killed.kill()
    killed.join()
    assert not server.status(neo4j_home).running

    seen: list[tuple[str, int, int]] = []
    status = import_into_local(neo4j_home, snapshot, short_lived=True, progress=lambda *step: seen.append(step))
    assert status.running
    assert status.url == empty_neo4j
    by_import = held_by(empty_neo4j)
    assert not differences(by_import, expected)
    assert not differences(by_import, by_store)
    assert schema_of(empty_neo4j) == schema
    assert len(schema) >= len(NODES)

    store = open_store(empty_neo4j, neo4j_home)
    assert store.counts() == counts
    assert store.home_id() == snapshot.home_id
    store.close()
    assert any("import" in what and 0 < done < total for what, done, total in seen)
    assert not (neo4j_home.neo4j / "import-unfinished").exists()
    assert list((neo4j_home.neo4j / "import").iterdir()) == []


def test_another_homes_graph_is_refused_before_anything_is_stopped(
    neo4j_server: server.ServerStatus, neo4j_home: Home, empty_neo4j: str
) -> None:
    snapshot = everything(neo4j_home.home_id)
    before = server.status(neo4j_home).pid
    with driver(empty_neo4j) as connection:
        connection.execute_query("CREATE (:Thing)")
        with pytest.raises(ForeignGraph, match=r"\(nodes without Tessera's marker, this one is "):
            import_into_local(neo4j_home, snapshot)
        connection.execute_query("CREATE (:_Tessera {name: 'home', home_id: 'other', complete: true})")
        with pytest.raises(ForeignGraph, match=r"\(other, this one is ") as caught:
            import_into_local(neo4j_home, snapshot)
        assert connection.execute_query("MATCH (n:Thing) RETURN count(n) AS n").records[0]["n"] == 1
    assert server.status(neo4j_home).pid == before
    assert str(urlsplit(empty_neo4j).password) not in str(caught.value)


def test_a_server_elsewhere_gets_files_a_command_and_what_to_run_after_it(empty_neo4j: str, tmp_path: Path) -> None:
    snapshot = everything("0123456789abcdef")
    files = write_import_files(snapshot, tmp_path / "load")
    words = shlex.split(import_command(files))
    assert words[:5] == ["neo4j-admin", "database", "import", "full", "neo4j"]
    named = {word.rpartition("=")[2] for word in words if word.startswith(("--nodes=", "--relationships="))}
    assert named | {"finish.cypher"} == {p.name for p in (tmp_path / "load").iterdir()}
    assert len([word for word in words if word.startswith("--relationships=")]) == len(edges())

    assert finish_command(files).endswith(" finish.cypher")
    first, rest = (tmp_path / "load" / "finish.cypher").read_text().split("\n", 1)
    assert first == ":param {home_id: '0123456789abcdef', complete: true}"  # what only cypher-shell understands
    with driver(empty_neo4j) as connection:
        for statement in rest.split(";\n")[:-1]:
            connection.execute_query(statement, {"home_id": snapshot.home_id, "complete": True})
        found = connection.execute_query("MATCH (t:_Tessera) RETURN t.home_id AS home, t.complete AS complete").records
    assert [r.data() for r in found] == [{"home": snapshot.home_id, "complete": True}]
    assert {(kind[1], kind[2]) for kind in schema_of(empty_neo4j)} >= {(n.label.value, n.key) for n in NODES.values()}


def test_empty_tables_give_no_files(tmp_path: Path) -> None:
    devices = pa.table({"device_id": []}, schema=pa.schema([("device_id", pa.string())]))
    files = write_import_files(Snapshot("home", {Label.DEVICE: devices}, {}), tmp_path)
    assert files.nodes == (("_Tessera", "_Tessera.csv"),)
    assert files.relationships == ()
    assert files.multiline == ()

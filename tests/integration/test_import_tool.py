"""The import tool's way into Neo4j: every label, every edge, every kind of value, compared value for value with the snapshot
and with what the running-server path makes of it; refused and interrupted loads."""

from __future__ import annotations

import random
import subprocess
import sys
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
from graph.schema import ARROW_TYPES, NODES, RELATIONSHIPS, Edge, Label, Property, edges
from graph.snapshot import Snapshot, node_schema, relationship_schema
from graph.store import open_store, server
from graph.store.neo4j_import import import_command, import_into_local, write_import_files

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
        for n in connection.execute_query("MATCH (n) WHERE NOT n:_Tessera RETURN labels(n) AS labels, properties(n) AS p").records:
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

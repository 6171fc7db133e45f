"""Writes a snapshot or a delta into a Ladybug database that nobody else writes. Large tables go in as Arrow, without Python rows.

In: a connection in a transaction, and conformed tables. Out: nothing. Rows that are there are updated, the others appended with
COPY. Without a transaction around them, each small COPY would wait for the disk on its own. Few rows go in one by one, by key
(see `ladybug_points`): a statement over a table of rows scans the whole relationship table, 0.3 to 0.6 s on three million.
"""

from __future__ import annotations

import sys
from typing import Any

import ladybug
import pyarrow as pa

import cypher
from graph.progress import Progress, ignore_progress
from graph.schema import ARROW_TYPES, NODES, RELATIONSHIPS, Edge, Property, Type
from graph.snapshot import Delta, Snapshot
from graph.store.ladybug_points import delete_nodes, delete_relationships, put_nodes, put_relationships

__all__ = ["create_schema", "write_delta", "write_snapshot"]

_POINT_NODES = 50
_POINT_RELATIONSHIPS = 500
"""Up to so many rows of a table single statements are the faster way, measured on a million devices and three million
relationships: 0.4 ms a row, against 25 ms for a table of nodes and 200 to 1,000 ms for one of relationships."""

_UTC = ARROW_TYPES[Property.TIMESTAMP]
_NAIVE = pa.timestamp("us")  # Ladybug's TIMESTAMP has no zone; everything in it is UTC


def create_schema(connection: ladybug.Connection) -> None:
    """Make every node and relationship table of `graph.schema`."""
    for node in NODES.values():
        _run(connection, "create_node_table", label=node.label, key=node.key, properties=_typed(node.properties))
    for kind in RELATIONSHIPS:
        _create_relationship_table(connection, kind)


def write_snapshot(connection: ladybug.Connection, snapshot: Snapshot, progress: Progress = ignore_progress) -> None:
    """Append all tables to a database with empty ones."""
    total = sum(t.num_rows for t in (*snapshot.nodes.values(), *snapshot.relationships.values()))
    done = 0
    for label, table in snapshot.nodes.items():
        progress("load graph", done, total)
        _run(connection, "copy_nodes", table, label=label)
        done += table.num_rows
    for edge, table in snapshot.relationships.items():
        progress("load graph", done, total)
        _run(connection, "copy_relationships", table, **_names(edge, keys=False))
        done += table.num_rows
    progress("load graph", done, total)


def write_delta(connection: ladybug.Connection, delta: Delta, *, points_only: bool = False) -> None:
    """Apply a change, in the order that `graph.snapshot.Delta` gives. With `points_only` every table goes in row by row, else
    only small ones. Raises StoreError where a relationship lacks an end.
    """
    point_nodes, point_relationships = (sys.maxsize,) * 2 if points_only else (_POINT_NODES, _POINT_RELATIONSHIPS)
    _clear(connection, delta.cleared)
    for label, keys in delta.deleted_nodes.items():
        if len(keys) <= point_nodes:
            delete_nodes(connection, label, keys)
            continue
        _run(connection, "delete_nodes", pa.table({"c0": keys}), label=label, key=NODES[label].key)
    for edge, table in delta.deleted_relationships.items():
        if table.num_rows <= point_relationships:
            delete_relationships(connection, edge, table)
            continue
        _run(connection, "delete_relationships", _numbered(table), **_names(edge), discriminators=_matching(edge))
    for label, table in delta.nodes.items():
        if table.num_rows <= point_nodes:
            put_nodes(connection, label, table)
            continue
        names = {"label": label, "key": NODES[label].key}
        if NODES[label].properties:
            names["assignments"] = _assignments("n", table.column_names[1:], 1)
        new = _others(connection, "update_nodes" if NODES[label].properties else "find_nodes", table, names)
        if new.num_rows:
            _run(connection, "copy_nodes", new, label=label)
    for edge, table in delta.relationships.items():
        if table.num_rows <= point_relationships:
            put_relationships(connection, edge, table)
            continue
        names = {**_names(edge), "discriminators": _matching(edge)}
        if RELATIONSHIPS[edge.type].properties:
            names["assignments"] = _assignments("r", table.column_names[2:], 2)
        statement = "update_relationships" if RELATIONSHIPS[edge.type].properties else "find_relationships"
        new = _others(connection, statement, table, names)
        if new.num_rows:
            _run(connection, "copy_relationships", new, **_names(edge, keys=False))


def _clear(connection: ladybug.Connection, cleared: frozenset[Edge]) -> None:
    for kind in sorted({edge.type for edge in cleared}):
        edges = sorted(edge for edge in cleared if edge.type == kind)
        if len(edges) == len(RELATIONSHIPS[kind].ends):  # all of the type: dropping the table takes no time
            _run(connection, "drop_relationship_table", type=kind)
            _create_relationship_table(connection, kind)
            continue
        for edge in edges:
            _run(connection, "clear_relationships", **_names(edge, keys=False))


def _create_relationship_table(connection: ladybug.Connection, kind: Type) -> None:
    relationship = RELATIONSHIPS[kind]
    ends = ", ".join(f"FROM {source} TO {target}" for source, target in relationship.ends)
    _run(connection, "create_relationship_table", type=kind, ends=ends, properties=_typed(relationship.properties))


def _others(connection: ladybug.Connection, statement: str, table: pa.Table, names: dict[str, str]) -> pa.Table:
    """Run a statement that tells which rows are in the database, and give those that are not."""
    new = [True] * table.num_rows
    for i in _run(connection, statement, _numbered(table), **names).get_as_arrow()["i"].to_pylist():
        new[i] = False
    return table.filter(pa.array(new))


def _run(connection: ladybug.Connection, statement: str, rows: pa.Table | None = None, /, **slots: str) -> Any:
    text = cypher.load(statement, "ladybug").fill(**slots)
    return connection.execute(text, None if rows is None else {"rows": _naive(rows)})


def _naive(table: pa.Table) -> pa.Table:
    schema = pa.schema([f.with_type(_NAIVE) if f.type == _UTC else f for f in table.schema])
    return table.cast(schema)


def _numbered(table: pa.Table) -> pa.Table:
    """Columns c0, c1, …, so that no property's name can be mistaken for a keyword, and the row number i."""
    return table.rename_columns([f"c{i}" for i in range(table.num_columns)]).append_column("i", pa.array(range(table.num_rows)))


def _names(edge: Edge, *, keys: bool = True) -> dict[str, str]:
    names: dict[str, str] = {"type": edge.type, "source": edge.source, "target": edge.target}
    if keys:
        names |= {"source_key": NODES[edge.source].key, "target_key": NODES[edge.target].key}
    return names


def _typed(properties: dict[str, Property]) -> str:
    return "".join(f", {name} {kind}" for name, kind in properties.items())


def _assignments(variable: str, names: list[str], first: int) -> str:
    return ", ".join(f"{variable}.{name} = c{i}" for i, name in enumerate(names, first))


def _matching(edge: Edge) -> str:
    """WHERE over the discriminators, which are the columns c2, c3, … of a deletion or look-up, and of an update's too only
    because they come first among the properties: see `graph.store.conform.relationship_keys`."""
    discriminators = RELATIONSHIPS[edge.type].discriminators
    conditions = [f"r.{name} = c{i}" for i, name in enumerate(discriminators, 2)]
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""

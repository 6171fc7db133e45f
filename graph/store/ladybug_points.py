"""Writes rows into a Ladybug database one by one, each by key: 0.2 to 0.5 ms a row on a graph of any size, and at its hubs.

In: a connection in a transaction, and conformed tables. Out: nothing. A row that is there is updated, another made; MERGE, which
would do both, takes longer than the two together. The connection keeps each text prepared, and a text with a null among its
parameters is planned anew at each use (8 ms), so a null stands in the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ladybug
import pyarrow as pa

import cypher
from graph.errors import StoreError
from graph.schema import NODES, RELATIONSHIPS, Edge, Label
from graph.store.ladybug_values import to_ladybug

__all__ = ["delete_nodes", "delete_relationships", "put_nodes", "put_relationships"]


def delete_nodes(connection: ladybug.Connection, label: Label, keys: pa.Array) -> None:
    """Delete nodes with their relationships; keys that are not there are passed over."""
    text = _text("delete_node", label=label, key=NODES[label].key)
    for key in keys.to_pylist():
        _found(connection, text, {"c0": key})


def delete_relationships(connection: ladybug.Connection, edge: Edge, table: pa.Table) -> None:
    """Delete the relationships of a table of ends and discriminators; what is not there is passed over."""
    text = _text("delete_relationship", **_ends(edge), discriminators=_discriminators(edge))
    for row in _rows(table):
        _found(connection, text, row)


def put_nodes(connection: ladybug.Connection, label: Label, table: pa.Table) -> None:
    """Make the nodes of a table, key first, or set all their properties."""
    key = NODES[label].key
    for row in _rows(table):
        update = _text("update_node", label=label, key=key, assignments=_set("n", table.column_names, row, 1))
        if not _found(connection, update, row):
            create = _text("create_node", label=label, properties=_map(table.column_names, row, 0))
            _found(connection, create, row)


def put_relationships(connection: ladybug.Connection, edge: Edge, table: pa.Table) -> None:
    """Make the relationships of a table, ends first, or set all their properties. Raises StoreError where an end is no node."""
    ends, matching = _ends(edge), _discriminators(edge)
    for row in _rows(table):
        assignments = _set("r", table.column_names, row, 2)
        if _found(connection, _text("update_relationship", **ends, discriminators=matching, assignments=assignments), row):
            continue
        create = _text("create_relationship", **ends, properties=_map(table.column_names, row, 2))
        if not _found(connection, create, row):
            raise StoreError("a relationship has an end that is no node; load the node first")


def _text(statement: str, **slots: str) -> str:
    return cypher.load(statement, "ladybug").fill(**slots)


def _rows(table: pa.Table) -> Iterable[dict[str, Any]]:
    """Parameters c0, c1, …, so that no property's name can be mistaken for a keyword; those of nulls are left out."""
    names = [f"c{i}" for i in range(table.num_columns)]
    for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
        yield {name: to_ladybug(value) for name, value in zip(names, row, strict=True) if value is not None}


def _found(connection: ladybug.Connection, text: str, parameters: Mapping[str, Any]) -> bool:
    """Run the statement to its end; whether it gave a row."""
    result = connection.execute(text, dict(parameters))
    if isinstance(result, list):
        raise TypeError("one statement gave several results")
    try:
        return bool(result.has_next())
    finally:
        result.close()


def _ends(edge: Edge) -> dict[str, str]:
    ends = {"source": edge.source, "target": edge.target}
    return {"type": edge.type, **ends, "source_key": NODES[edge.source].key, "target_key": NODES[edge.target].key}


def _discriminators(edge: Edge) -> str:
    """WHERE over the discriminators, which come first among the properties: see `graph.store.conform.relationship_keys`."""
    conditions = [f"r.{name} = $c{i}" for i, name in enumerate(RELATIONSHIPS[edge.type].discriminators, 2)]
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _set(variable: str, names: list[str], row: Mapping[str, Any], first: int) -> str:
    values = [f"{variable}.{names[i]} = {f'$c{i}' if f'c{i}' in row else 'NULL'}" for i in range(first, len(names))]
    return f"SET {', '.join(values)}" if values else ""


def _map(names: list[str], row: Mapping[str, Any], first: int) -> str:
    return ", ".join(f"{names[i]}: $c{i}" for i in range(first, len(names)) if f"c{i}" in row)

"""Brings tables to the columns and types of `graph.schema` before a store takes them, and refuses what no store could hold.

In: a node or relationship table with any of its properties. Out: the same rows with every column, in order, missing ones null.
What must hold: keys, ends and discriminators are not null; times lie in the years 1 to 9999, which is what Python has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from graph.errors import StoreError
from graph.schema import ARROW_TYPES, NODES, RELATIONSHIPS, Edge, Label, Property
from graph.snapshot import Delta, Snapshot, node_schema, relationship_schema

__all__ = ["conform_delta", "conform_snapshot", "delta_rows", "relationship_keys"]

_TIME = ARROW_TYPES[Property.TIMESTAMP]
_FEW_ROWS = 1_000
_EPOCH = datetime(1970, 1, 1)
_EARLIEST, _LATEST = ((time - _EPOCH) // timedelta(microseconds=1) for time in (datetime.min, datetime.max))


def relationship_keys(edge: Edge) -> tuple[str, ...]:
    """Columns that tell two relationships of an edge apart."""
    return ("source", "target", *RELATIONSHIPS[edge.type].discriminators)


def conform_snapshot(snapshot: Snapshot) -> Snapshot:
    """The snapshot with conformed tables, empty ones left out. Raises StoreError."""
    return Snapshot(snapshot.home_id, _nodes(snapshot.nodes), _relationships(snapshot.relationships))


def conform_delta(delta: Delta) -> Delta:
    """The delta with conformed tables, empty ones left out, every row once. Raises StoreError."""
    nodes, relationships = _nodes(delta.nodes), _relationships(delta.relationships)
    for label, table in nodes.items():
        _check_unique(table, (NODES[label].key,), label.value)
    for edge, table in relationships.items():
        _check_unique(table, relationship_keys(edge), edge.type.value)
    return Delta(
        home_id=delta.home_id,
        nodes=nodes,
        relationships=relationships,
        deleted_nodes={label: keys.cast(pa.string()) for label, keys in delta.deleted_nodes.items() if len(keys)},
        deleted_relationships={
            edge: _deleted(edge, table) for edge, table in delta.deleted_relationships.items() if table.num_rows
        },
        cleared=delta.cleared,
    )


def delta_rows(delta: Delta) -> int:
    """Rows of all tables of a change."""
    tables = (*delta.nodes.values(), *delta.relationships.values(), *delta.deleted_relationships.values())
    return sum(map(len, tables)) + sum(map(len, delta.deleted_nodes.values()))


def _nodes(tables: Mapping[Label, pa.Table]) -> dict[Label, pa.Table]:
    return {
        label: _conform(table, node_schema(label), label.value, (NODES[label].key,))
        for label, table in tables.items()
        if table.num_rows
    }


def _relationships(tables: Mapping[Edge, pa.Table]) -> dict[Edge, pa.Table]:
    return {
        edge: _conform(table, relationship_schema(edge), edge.type.value, relationship_keys(edge))
        for edge, table in tables.items()
        if table.num_rows
    }


def _deleted(edge: Edge, table: pa.Table) -> pa.Table:
    schema, keys = relationship_schema(edge), relationship_keys(edge)
    return _conform(table, pa.schema([schema.field(key) for key in keys]), edge.type.value, keys)


def _conform(table: pa.Table, schema: pa.Schema, what: str, keys: Iterable[str]) -> pa.Table:
    unknown = set(table.column_names) - set(schema.names)
    if unknown:
        raise StoreError(f"{what} has no properties {', '.join(sorted(unknown))}; its columns are {', '.join(schema.names)}")
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        try:
            columns.append(table[field.name].cast(field.type))
        except pa.ArrowInvalid as error:
            raise StoreError(f"{what}.{field.name} cannot be stored as {field.type}; convert the column first") from error
    conformed = pa.Table.from_arrays(columns, schema=schema)
    for key in keys:
        if conformed[key].null_count:
            raise StoreError(f"{what} has {conformed[key].null_count} rows without {key}; every row needs one")
    for field in schema:
        if field.type == _TIME:
            _check_times(conformed[field.name], f"{what}.{field.name}")
    return conformed


def _check_times(column: pa.ChunkedArray, what: str) -> None:
    span = pc.min_max(column.cast(pa.int64())).as_py()  # microseconds since 1970
    if span["min"] is not None and not _EARLIEST <= span["min"] <= span["max"] <= _LATEST:
        raise StoreError(f"{what} holds times outside the years 1 to 9999; make them null")


def _check_unique(table: pa.Table, keys: tuple[str, ...], what: str) -> None:
    if table.num_rows <= _FEW_ROWS:  # for few rows Arrow's grouping takes a millisecond, and a set no time
        distinct = len(set(zip(*(table[key].to_pylist() for key in keys), strict=True)))
    else:
        distinct = table.select(keys).group_by(list(keys)).aggregate([]).num_rows
    if distinct != table.num_rows:
        raise StoreError(f"{what} has {table.num_rows - distinct} rows that repeat another's {', '.join(keys)}; keep one of each")

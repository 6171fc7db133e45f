"""Loads a whole snapshot into a running Neo4j that holds no graph: the fastest way that goes over Bolt.

In: a connection, conformed tables. Out: nothing; the counts are those of the tables, or StoreError.

Nodes are created, not merged: the constraints stand, so a repeated key is an error. Relationships find their ends by the internal
ids which the creation told, sorted by them, so that a batch touches few pages. Two transactions are under way at once: while the
server works on one, the next is encoded. Times travel as numbers (see `neo4j_rows`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

import cypher
from graph.errors import StoreError
from graph.progress import Progress
from graph.schema import NODES, RELATIONSHIPS, Edge, Label
from graph.snapshot import Snapshot
from graph.store.neo4j_connection import Neo4jConnection
from graph.store.neo4j_rows import encode

__all__ = ["load"]

_BATCH_ROWS = 2_500
_AT_ONCE = 2

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def load(connection: Neo4jConnection, snapshot: Snapshot, progress: Progress) -> None:
    """Create all nodes, then all relationships. Raises StoreError, StoreUnavailable."""
    total = sum(t.num_rows for t in (*snapshot.nodes.values(), *snapshot.relationships.values()))
    done = 0
    ids: dict[Label, tuple[pa.Array, pa.Array]] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for label, table in snapshot.nodes.items():
            progress("load graph", done, total)
            ids[label] = (table[NODES[label].key].combine_chunks(), _create_nodes(connection, pool, label, table))
            done += table.num_rows
        for edge, table in snapshot.relationships.items():
            progress("load graph", done, total)
            ends = [_ids(ids, edge, side, table) for side in ("source", "target")]
            for created in _create_relationships(connection, pool, edge, table, ends):
                done += created
                progress("load graph", done, total)
    progress("load graph", done, total)


def _create_nodes(connection: Neo4jConnection, pool: ThreadPoolExecutor, label: Label, table: pa.Table) -> pa.Array:
    """Internal ids, in the order of the table."""
    key = NODES[label].key
    rows = encode([table[key]], table, list(NODES[label].properties), sparse=True)
    text = cypher.load("create_nodes", "neo4j").fill(label=label, key=key, properties=_map({key: "r[0]", **rows.expressions}))

    def create(batch: list[tuple[Any, ...]]) -> list[int]:
        created = connection.write([(text, batch)])[0]
        if [row[0] for row in batch] != [key for key, _ in created]:
            raise StoreError(f"the graph store answered {len(batch)} new {label} nodes with others")
        return [node_id for _, node_id in created]

    return pa.array([i for ids in _in_order(pool, create, rows.batches(_BATCH_ROWS)) for i in ids], pa.int64())


def _create_relationships(
    connection: Neo4jConnection, pool: ThreadPoolExecutor, edge: Edge, table: pa.Table, ends: list[pa.ChunkedArray]
) -> Iterable[int]:
    """Rows of each batch, as they are done."""
    order = pc.sort_indices(pa.table({"source": ends[0], "target": ends[1]}), [("source", "ascending"), ("target", "ascending")])
    ends = [end.take(order) for end in ends]
    rows = encode(ends, table.take(order), list(RELATIONSHIPS[edge.type].properties), sparse=True)
    text = cypher.load("create_relationships", "neo4j").fill(type=edge.type, properties=_map(rows.expressions))

    def create(batch: list[tuple[Any, ...]]) -> int:
        connection.write([(text, batch)])
        return len(batch)

    return _in_order(pool, create, rows.batches(_BATCH_ROWS))


def _ids(ids: dict[Label, tuple[pa.Array, pa.Array]], edge: Edge, side: str, table: pa.Table) -> pa.ChunkedArray:
    keys, node_ids = ids.get(
        edge.source if side == "source" else edge.target, (pa.array([], pa.string()), pa.array([], pa.int64()))
    )
    found = pc.index_in(table[side], value_set=keys)
    if found.null_count:
        raise StoreError(f"{found.null_count} {edge.type} relationships have a {side} that is no node; load the nodes first")
    return pa.chunked_array([node_ids]).take(found)


def _map(expressions: dict[str, str]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in expressions.items())


def _in_order(pool: ThreadPoolExecutor, work: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterable[_Result]:
    """Results in order, with few items made and worked on at a time: `pool.map` would make them all first."""
    waiting: deque[Future[_Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > _AT_ONCE:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()

"""Applies a delta to a running Neo4j.

In: a connection, a conformed delta. Out: nothing. Every step can be repeated, so a delta that broke off is applied again. A delta
of up to 10,000 rows that clears nothing is one transaction, which looks whose graph it is first; what is cleared goes first, in
transactions of its own. The statements' texts depend on the tables' kinds alone: the server compiles each once (50 to 100 ms).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cypher
from graph.errors import StoreError
from graph.schema import NODES, RELATIONSHIPS, Edge
from graph.snapshot import Delta
from graph.store.conform import delta_rows, relationship_keys
from graph.store.neo4j_connection import Answer, Neo4jConnection, Step
from graph.store.neo4j_rows import encode
from graph.store.protocol import Row

__all__ = ["apply_at_once", "apply_delta"]

_TRANSACTION_ROWS = 10_000


def apply_at_once(connection: Neo4jConnection, delta: Delta, ours: Callable[[Row], bool]) -> bool:
    """Apply a change that needs one transaction, if `ours` says yes to the row of `read_marker`; whether it was applied.

    Raises StoreError where a relationship lacks an end, and what `ours` raises: then nothing has changed.
    """
    if delta.cleared or delta_rows(delta) > _TRANSACTION_ROWS:
        return False
    marker = cypher.load("read_marker", "neo4j").text
    return connection.write_if(marker, ours, list(_steps(delta)), check=_check)


def apply_delta(connection: Neo4jConnection, delta: Delta) -> None:
    """Apply the change, in the order that `graph.snapshot.Delta` gives. Raises StoreError where a relationship lacks an end."""
    for edge in sorted(delta.cleared):
        text = cypher.load("clear_relationships", "neo4j").fill(type=edge.type, source=edge.source, target=edge.target)
        connection.run_alone(text)
    together: list[Step] = []
    for step in _steps(delta):
        if together and sum(len(rows) for _, rows in (*together, step)) > _TRANSACTION_ROWS:
            connection.write(together, check=_check)
            together = []
        together.append(step)
    if together:
        connection.write(together, check=_check)


def _check(step: Step, answer: Answer) -> None:
    if answer and answer[0][0] != len(step[1]):  # only the merging of relationships answers
        raise StoreError("a relationship has an end that is no node; load the node first")


def _steps(delta: Delta) -> Iterator[Step]:
    for label, keys in delta.deleted_nodes.items():
        text = cypher.load("delete_nodes", "neo4j").fill(label=label, key=NODES[label].key)
        values = [(key,) for key in keys.to_pylist()]
        yield from ((text, values[i : i + _TRANSACTION_ROWS]) for i in range(0, len(values), _TRANSACTION_ROWS))
    for edge, table in delta.deleted_relationships.items():
        rows = encode([table[name] for name in relationship_keys(edge)], table, [], sparse=False)
        text = cypher.load("delete_relationships", "neo4j").fill(**_names(edge), discriminators=_discriminators(edge))
        yield from ((text, batch) for batch in rows.batches(_TRANSACTION_ROWS))
    for label, table in delta.nodes.items():
        node = NODES[label]
        rows = encode([table[node.key]], table, list(node.properties), sparse=False)
        text = cypher.load("merge_nodes", "neo4j").fill(label=label, key=node.key, assignments=_set("n", rows.expressions))
        yield from ((text, batch) for batch in rows.batches(_TRANSACTION_ROWS))
    for edge, table in delta.relationships.items():
        keys = relationship_keys(edge)
        others = [name for name in RELATIONSHIPS[edge.type].properties if name not in keys]
        rows = encode([table[name] for name in keys], table, others, sparse=False)
        text = cypher.load("merge_relationships", "neo4j").fill(
            **_names(edge), discriminators=_discriminators(edge), assignments=_set("e", rows.expressions)
        )
        yield from ((text, batch) for batch in rows.batches(_TRANSACTION_ROWS))


def _names(edge: Edge) -> dict[str, str]:
    ends = {"source": edge.source, "target": edge.target}
    return {"type": edge.type, **ends, "source_key": NODES[edge.source].key, "target_key": NODES[edge.target].key}


def _discriminators(edge: Edge) -> str:
    return ", ".join(f"{name}: r[{i}]" for i, name in enumerate(RELATIONSHIPS[edge.type].discriminators, 2))


def _set(variable: str, expressions: dict[str, str]) -> str:
    return "SET " + ", ".join(f"{variable}.{name} = {value}" for name, value in expressions.items()) if expressions else ""

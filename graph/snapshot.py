"""What a graph store is given: a whole graph (`Snapshot`) or a change to one (`Delta`), as Arrow tables.

A node table has the label's key and any of its properties as columns. A relationship table has `source` and `target`
(keys of the two ends) and any of the type's properties. Missing properties are null. Types are those of `graph.schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from graph.schema import ARROW_TYPES, NODES, RELATIONSHIPS, Edge, Label

__all__ = ["Delta", "Snapshot", "node_schema", "relationship_schema"]


def node_schema(label: Label) -> pa.Schema:
    """Arrow schema of a node table: key first."""
    node = NODES[label]
    return pa.schema(
        [
            (node.key, pa.string()),
            *((n, ARROW_TYPES[t]) for n, t in node.properties.items()),
        ]
    )


def relationship_schema(edge: Edge) -> pa.Schema:
    """Arrow schema of a relationship table: source, target, properties."""
    properties = RELATIONSHIPS[edge.type].properties
    return pa.schema(
        [
            ("source", pa.string()),
            ("target", pa.string()),
            *((n, ARROW_TYPES[t]) for n, t in properties.items()),
        ]
    )


@dataclass(frozen=True)
class Snapshot:
    """A whole graph of one home. Every relationship's ends are among the nodes; keys and discriminated pairs are unique."""

    home_id: str
    nodes: Mapping[Label, pa.Table]
    relationships: Mapping[Edge, pa.Table]

    def counts(self) -> dict[str, int]:
        """Rows by label and by relationship type."""
        total: dict[str, int] = {label.value: t.num_rows for label, t in self.nodes.items()}
        for edge, t in self.relationships.items():
            total[edge.type.value] = total.get(edge.type.value, 0) + t.num_rows
        return total


@dataclass(frozen=True)
class Delta:
    """A change to a graph, applied in this order, idempotent:
    `cleared` edges lose all their relationships, `deleted_nodes` go with their relationships (keys), `deleted_relationships`
    go (source, target and discriminators), `nodes` and `relationships` are inserted or get all their properties set."""

    home_id: str
    nodes: Mapping[Label, pa.Table] = field(default_factory=dict)
    relationships: Mapping[Edge, pa.Table] = field(default_factory=dict)
    deleted_nodes: Mapping[Label, pa.Array] = field(default_factory=dict)
    deleted_relationships: Mapping[Edge, pa.Table] = field(default_factory=dict)
    cleared: frozenset[Edge] = frozenset()

"""A released subgraph as a Cypher script for Neo4j 5 and Ladybug: UNWIND … CREATE for nodes, then for relationships, a statement
to a line.

Labels, types and property names are checked against what a Cypher name may be; values are literals. A backslash is never
followed by `u` in one literal: Neo4j resolves `\\u0027` before it parses, which would end the text from inside.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from graph.export.model import clean_text
from graph.privacy.payloads import Subgraph, Value

__all__ = ["cypher_script", "literal"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
_BATCH = 500
"""Rows in a statement: some 50 KB of text."""

_Row = Mapping[str, Value]


def cypher_script(subgraph: Subgraph) -> Iterator[str]:
    """The script's lines: comments, then one statement each, which ends with a semicolon. Raises ValueError for a label, type
    or property that is no Cypher name."""
    yield f"// A subgraph released by Tessera: a node is one {subgraph.level.value}; k = {subgraph.k}"
    yield "// Neo4j: make a constraint on node_id for each label, then cypher-shell -f FILE. Ladybug: make the tables first."
    labels = {node.node_id: node.label for node in subgraph.nodes}
    nodes: dict[tuple[str, ...], list[_Row]] = defaultdict(list)
    for node in subgraph.nodes:
        nodes[node.label, *node.properties].append({"node_id": node.node_id, **node.properties})
    for (label, *properties), rows in nodes.items():
        created = f"(:{_name(label)} {_fields(['node_id', *properties])})"
        yield from _statements(rows, f"CREATE {created}")
    edges: dict[tuple[str, ...], list[_Row]] = defaultdict(list)
    for edge in subgraph.edges:
        kind = (labels[edge.source], edge.type, labels[edge.target], *edge.properties)
        edges[kind].append({"source": edge.source, "target": edge.target, **edge.properties})
    for (source, relationship, target, *properties), rows in edges.items():
        matched = f"MATCH (a:{_name(source)} {{node_id: row.source}}), (b:{_name(target)} {{node_id: row.target}})"
        told = f" {_fields(properties)}" if properties else ""
        yield from _statements(rows, f"{matched} CREATE (a)-[:{_name(relationship)}{told}]->(b)")


def literal(value: Value) -> str:
    """A value as Cypher text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    parts = re.split(r"(?<=\\)(?=[uU])", clean_text(value))
    return " + ".join("'" + "".join(_ESCAPES.get(c, c) for c in part) + "'" for part in parts)


def _statements(rows: list[_Row], action: str) -> Iterator[str]:
    for start in range(0, len(rows), _BATCH):
        listed = ", ".join(
            "{" + ", ".join(f"{_name(n)}: {literal(v)}" for n, v in row.items()) + "}" for row in rows[start : start + _BATCH]
        )
        yield f"UNWIND [{listed}] AS row {action};"


def _fields(names: Iterable[str]) -> str:
    return "{" + ", ".join(f"{_name(n)}: row.{n}" for n in names) + "}"


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("a label, type or property of a subgraph is no Cypher name")
    return name

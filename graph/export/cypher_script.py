"""A released subgraph as a Cypher script: one CREATE per node, one MATCH … CREATE per relationship, for Neo4j 5 and Ladybug.

Labels, types and property names are checked against what a Cypher name may be; values are literals. A backslash is never
followed by `u` in one literal: Neo4j resolves `\\u0027` before it parses, which would end the text from inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from graph.export.model import clean_text
from graph.privacy.payloads import Subgraph, Value

__all__ = ["cypher_script", "literal"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def cypher_script(subgraph: Subgraph) -> Iterator[str]:
    """The script's lines: comments, then one statement each, which ends with a semicolon."""
    yield f"// A subgraph released by Tessera: a node is one {subgraph.level.value}; k = {subgraph.k}"
    yield "// Neo4j: cypher-shell -f FILE. Ladybug: make the node and relationship tables first."
    labels = {node.node_id: _name(node.label) for node in subgraph.nodes}
    for node in subgraph.nodes:
        yield f"CREATE (:{labels[node.node_id]} {_map({'node_id': node.node_id, **node.properties})});"
    for edge in subgraph.edges:
        source, target = (f"{labels[end]} {_map({'node_id': end})}" for end in (edge.source, edge.target))
        properties = f" {_map(edge.properties)}" if edge.properties else ""
        yield f"MATCH (a:{source}), (b:{target}) CREATE (a)-[:{_name(edge.type)}{properties}]->(b);"


def literal(value: Value) -> str:
    """A value as Cypher text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    parts = re.split(r"(?<=\\)(?=[uU])", clean_text(value))
    return " + ".join("'" + "".join(_ESCAPES.get(c, c) for c in part) + "'" for part in parts)


def _map(properties: Mapping[str, Value]) -> str:
    return "{" + ", ".join(f"{_name(n)}: {literal(v)}" for n, v in properties.items()) + "}"


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("a label, type or property of a subgraph is no Cypher name")
    return name

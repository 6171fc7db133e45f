"""A released subgraph as a networkx graph, from which its GraphML, GEXF and JSON are written.

Texts lose the characters that XML 1.0 cannot hold, in every format, so that all formats say the same.
"""

from __future__ import annotations

import re

import networkx as nx

from graph.privacy.payloads import Subgraph, Value

__all__ = ["clean_text", "to_networkx"]

# Everything outside the production `Char` of XML 1.0, section 2.2.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean_text(text: str) -> str:
    """The text with U+FFFD for what XML cannot hold, and line feeds for the line ends that XML readers would change."""
    return _NOT_XML.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n")


def to_networkx(subgraph: Subgraph) -> nx.DiGraph[str]:
    """Nodes carry `label` and their properties, edges `relationship` (GEXF has its own use for `type`) and theirs."""
    network: nx.DiGraph[str] = nx.DiGraph(level=subgraph.level.value, k=subgraph.k)
    for node in subgraph.nodes:
        network.add_node(node.node_id, label=node.label, **{n: _clean(v) for n, v in node.properties.items()})
    for edge in subgraph.edges:
        properties = {n: _clean(v) for n, v in edge.properties.items()}
        network.add_edge(edge.source, edge.target, relationship=edge.type, **properties)
    return network


def _clean(value: Value) -> Value:
    return clean_text(value) if isinstance(value, str) else value

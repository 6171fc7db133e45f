"""Writers of what the privacy gate has released."""

from graph.export.manifest import Manifest
from graph.export.subgraph import SUBGRAPH_SUFFIXES, subgraph_bytes, write_subgraph
from graph.export.tables import audience_bytes, write_audience, write_operator

__all__ = [
    "SUBGRAPH_SUFFIXES",
    "Manifest",
    "audience_bytes",
    "subgraph_bytes",
    "write_audience",
    "write_operator",
    "write_subgraph",
]

"""Writers of what the privacy gate has released."""

from graph.export.manifest import Manifest
from graph.export.openrtb import openrtb_chunks, write_openrtb
from graph.export.subgraph import SUBGRAPH_SUFFIXES, subgraph_bytes, write_subgraph
from graph.export.tables import audience_bytes, write_audience, write_operator
from graph.export.uploads import upload_chunks, write_upload

__all__ = [
    "SUBGRAPH_SUFFIXES",
    "Manifest",
    "audience_bytes",
    "openrtb_chunks",
    "subgraph_bytes",
    "upload_chunks",
    "write_audience",
    "write_openrtb",
    "write_operator",
    "write_subgraph",
    "write_upload",
]

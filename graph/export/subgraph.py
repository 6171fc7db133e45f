"""Subgraph files: GraphML, GEXF, JSON (node-link) and a Cypher script, by suffix. In: a released subgraph, nothing else.

The same subgraph gives the same bytes: no time of writing, no order but that of the pseudonyms.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
from networkx.readwrite.gexf import GEXFWriter

from graph.errors import HomeNotWritable, InputError
from graph.export.cypher_script import cypher_script
from graph.export.manifest import Manifest, write_manifest
from graph.export.model import to_networkx
from graph.export.opening import opened
from graph.files import replace_file
from graph.privacy.payloads import Subgraph
from graph.privacy.released import Released

__all__ = ["SUBGRAPH_SUFFIXES", "subgraph_bytes", "write_subgraph"]


def _graphml(subgraph: Subgraph) -> bytes:
    out = io.BytesIO()
    nx.write_graphml_xml(to_networkx(subgraph), out, named_key_ids=True)
    return out.getvalue()


def _gexf(subgraph: Subgraph) -> bytes:
    writer: Any = GEXFWriter(encoding="utf-8", prettyprint=True, version="1.2draft")
    writer.add_graph(to_networkx(subgraph))
    for meta in writer.xml.findall("meta"):  # says when and by which release it was written
        writer.xml.remove(meta)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _json(subgraph: Subgraph) -> bytes:
    return json.dumps(nx.node_link_data(to_networkx(subgraph), edges="edges"), ensure_ascii=False, indent=1).encode() + b"\n"


def _cypher(subgraph: Subgraph) -> bytes:
    return "".join(f"{line}\n" for line in cypher_script(subgraph)).encode()


_FORMATS: dict[str, Callable[[Subgraph], bytes]] = {".graphml": _graphml, ".gexf": _gexf, ".json": _json, ".cypher": _cypher}
SUBGRAPH_SUFFIXES = tuple(_FORMATS)


def subgraph_bytes(released: Released[Subgraph], suffix: str) -> bytes:
    """The file's content, for a response. Raises InputError for a suffix that is none of `SUBGRAPH_SUFFIXES`."""
    subgraph = opened(released, Subgraph)
    if suffix not in _FORMATS:
        raise InputError(f"cannot write a subgraph as {suffix or 'a file without suffix'}; use one of {', '.join(_FORMATS)}")
    return _FORMATS[suffix](subgraph)


def write_subgraph(released: Released[Subgraph], path: Path) -> Manifest:
    """Write a subgraph and its manifest. Raises InputError for an unknown suffix, HomeNotWritable when it cannot be written."""
    subgraph = opened(released, Subgraph)
    content = subgraph_bytes(released, path.suffix)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content)
    except OSError as error:
        raise HomeNotWritable(path.parent, error.strerror or str(error)) from error
    counts = {"nodes": len(subgraph.nodes), "edges": len(subgraph.edges)}
    return write_manifest(path, counts, {"level": subgraph.level.value, "k": str(subgraph.k)})

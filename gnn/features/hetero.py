"""The interest graph as PyG `HeteroData`: a `Population` and text vectors in, typed nodes and weighted edges out.

Nodes: person (position), content (position, text where readable), tag (one per content category). Edges: person–engaged–
content (log1p weight × idf), person–related–person, content–about–tag; every edge has its reverse. No label and no tagging
event is in it: those travel through `gnn.features.channels` alone, so message passing cannot leak.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch

from gnn.features.matrices import idf, normalised, positions
from gnn.features.population import Population
from gnn.models.layers import EdgeType
from gnn.models.pyg import HeteroData

__all__ = ["edge_types", "feature_widths", "interest_graph"]

Floats = npt.NDArray[np.float32]


def interest_graph(data: Population, text: Floats | None, *, dimensions: int, seed: int) -> HeteroData:
    """Build it on the CPU. `text` (m, e) are the contents' vectors, zero where unreadable."""
    weighted = sp.csr_matrix(data.engagement @ sp.diags(idf(data.engagement)))
    person_position, content_position = positions(normalised(weighted, "l2"), dimensions, seed=seed)
    built = HeteroData()
    built["person"].num_nodes = data.persons
    built["content"].num_nodes = data.contents
    if person_position.shape[1]:
        built["person"].position = torch.from_numpy(_scaled(person_position))
        built["content"].position = torch.from_numpy(_scaled(content_position))
    if text is not None and text.any():
        built["content"].text = torch.from_numpy(text * np.float32(np.sqrt(text.shape[1])))
    if data.categories:
        built["tag"].num_nodes = len(data.categories)
    _edge(built, ("person", "engaged", "content"), weighted)
    _edge(built, ("person", "related", "person"), data.relations)
    if data.categories:
        _edge(built, ("content", "about", "tag"), data.content_category)
    return built


def feature_widths(built: HeteroData) -> dict[str, dict[str, int]]:
    """Node type to feature name to width."""
    return {
        t: {f: int(built[t][f].shape[1]) for f in ("position", "text") if f in built[t]} for t in sorted(built.node_types)
    }


def edge_types(built: HeteroData) -> list[EdgeType]:
    """Edge types in a fixed order."""
    return sorted(built.edge_types)


def _edge(built: HeteroData, edge_type: EdgeType, matrix: sp.csr_matrix) -> None:
    """Add a relation with its reverse; a symmetric relation within one type is its own. Empty ones stay out."""
    if matrix.nnz == 0:
        return
    entries = matrix.tocoo()
    index = torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64))
    weight = torch.from_numpy(entries.data.astype(np.float32))
    source, name, target = edge_type
    ways = [(edge_type, index, matrix.shape[1])]
    if source != target:
        ways.append(((target, f"rev_{name}", source), index.flip(0), matrix.shape[0]))
    for way, ends, receivers in ways:
        order = torch.argsort(ends[1], stable=True)
        built[way].edge_index = ends[:, order].contiguous()
        built[way].edge_weight = weight[order].contiguous()
        built[way].normaliser = torch.zeros(receivers).index_add_(0, ends[1], weight)


def _scaled(matrix: Floats) -> Floats:
    """Columns keep their proportions; the whole has unit mean square."""
    return (matrix / max(float(np.sqrt((matrix.astype(np.float64) ** 2).mean())), 1e-12)).astype(np.float32)

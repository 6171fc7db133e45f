"""The interest graph as PyG `HeteroData`: a `Population` and text vectors in, typed nodes and weighted edges out.

Nodes: person (position, mean text of the contents), content (position, text) where at least two persons share it, tag (one
per content category). Edges: person–engaged–content (log1p weight × idf), person–related–person, content–about–tag; every
edge has its reverse. No label and no tagging event is in it: those travel through `gnn.features.channels` alone, so message
passing cannot leak.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import torch

from gnn.features.matrices import idf, normalised, positions, scaled_columns
from gnn.features.network_positions import network_positions
from gnn.features.population import Population
from gnn.features.products import product
from gnn.features.surroundings import Surroundings
from gnn.models.layers import EdgeType
from gnn.models.pyg import HeteroData
from graph.side_by_side import parts

__all__ = ["edge_types", "feature_widths", "interest_graph"]

Floats = npt.NDArray[np.float32]


def interest_graph(
    data: Population,
    text: Floats | None,
    *,
    dimensions: int,
    seed: int,
    network: bool = False,
    around: Surroundings | None = None,
) -> HeteroData:
    """Build it on the CPU. `text` (m, e) are the contents' vectors, zero where unreadable. With `network` persons also have their
    positions in the network of relations and engagements, which message passing does not read. Positions in engagement are those
    of `around`, surroundings of the same dimensions and seed, where it is given."""
    weighted = scaled_columns(data.engagement, idf(data.engagement))
    if around is None:
        unit = normalised(weighted, "l2")
        content_position = positions(unit, dimensions, seed=seed)[1]
        person_position = product(unit, content_position)
    else:
        person_position, content_position = around.positions, around.fixed.axes
    shared = np.flatnonzero(np.asarray(data.engagement.getnnz(axis=0)) > 1)
    built = HeteroData()
    built["person"].num_nodes = data.persons
    built["content"].num_nodes = len(shared)
    if person_position.shape[1]:
        built["person"].position = torch.from_numpy(_scaled(person_position))
        built["content"].position = torch.from_numpy(_scaled(content_position)[shared])
    if network:
        found = network_positions(weighted, data.relations, dimensions, seed=seed)
        built["person"].network = torch.from_numpy(found * np.float32(np.sqrt(max(found.shape[1], 1))))
    if text is not None and text.any():
        reduced = reduce_text(text, dimensions)
        built["person"].text = torch.from_numpy(_scaled(np.asarray(normalised(weighted, "l1") @ reduced, np.float32)))
        built["content"].text = torch.from_numpy(_scaled(reduced)[shared])
    _edge(built, ("person", "engaged", "content"), sp.csr_matrix(weighted[:, shared]))
    _edge(built, ("person", "related", "person"), data.relations)
    if data.categories:
        built["tag"].num_nodes = len(data.categories)
        _edge(built, ("content", "about", "tag"), sp.csr_matrix(data.content_category[shared]))
    return built


def reduce_text(text: Floats, dimensions: int) -> Floats:
    """(m, d): principal components of the readable contents' vectors; zero rows stay zero."""
    readable = text.any(axis=1)
    centred = text[readable] - text[readable].mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T.astype(np.float64) @ centred.astype(np.float64))
    axes = vectors[:, ::-1][:, : min(dimensions, text.shape[1])]
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    out = np.zeros((len(text), axes.shape[1]), np.float32)
    out[readable] = centred @ (axes * signs).astype(np.float32)
    return out


def feature_widths(built: HeteroData) -> dict[str, dict[str, int]]:
    """Node type to feature name to width."""
    return {t: {f: int(built[t][f].shape[1]) for f in ("position", "text") if f in built[t]} for t in sorted(built.node_types)}


def edge_types(built: HeteroData) -> list[EdgeType]:
    """Edge types in a fixed order."""
    return sorted(built.edge_types)


def _edge(built: HeteroData, edge_type: EdgeType, matrix: sp.csr_matrix) -> None:
    """Add a relation with its reverse; a symmetric relation within one type is its own. Empty ones stay out."""
    if matrix.nnz == 0:
        return
    source, name, target = edge_type
    _store(built[edge_type], matrix)
    if source != target:
        _store(built[target, f"rev_{name}", source], sp.csr_matrix(matrix.T))


def _store(edges: Any, matrix: sp.csr_matrix) -> None:
    """`matrix` (sources, targets): edge list with weights that sum to one per target, and CSR arrays of it both ways."""
    by_target = normalised(sp.csr_matrix(matrix.T), "l1")
    by_source = sp.csr_matrix(by_target.T)
    entries = by_target.tocoo()
    edges.edge_index = torch.from_numpy(np.stack([entries.col, entries.row]).astype(np.int64))
    edges.edge_weight = torch.from_numpy(entries.data.astype(np.float32))
    for suffix, stored in (("", by_target), ("_t", by_source)):
        edges[f"pointers{suffix}"] = torch.from_numpy(stored.indptr.astype(np.int64))
        edges[f"columns{suffix}"] = torch.from_numpy(stored.indices.astype(np.int64))
        edges[f"shares{suffix}"] = torch.from_numpy(stored.data.astype(np.float32))


def _scaled(matrix: Floats) -> Floats:
    """Columns keep their proportions; the whole has unit mean square."""
    total = sum(float(np.square(matrix[part], dtype=np.float64).sum()) for part in parts(len(matrix)))
    return matrix / np.float32(max((total / max(matrix.size, 1)) ** 0.5, 1e-12))

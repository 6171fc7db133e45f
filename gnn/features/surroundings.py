"""Label-free surroundings of persons: a population in, sparse matrices and positions out that every view of the labels shares.

Rows of persons over contents, w_pc: `by_presence` idf, `by_weight` idf·log1p weights, both summing to one; `strong` is
(log1p weight / the person's mean)², which makes the contents that a person spends most on count most.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.features.matrices import idf, normalised, positions, presence, row_sums, scaled_columns, scaled_rows, with_values
from gnn.features.population import Population

__all__ = ["Surroundings"]

Floats = npt.NDArray[np.float32]


class Surroundings:
    """Built once for a population; holds neither labels nor tagging events."""

    def __init__(self, data: Population, *, dimensions: int, seed: int) -> None:
        """`dimensions` of the SVD positions."""
        weights = idf(data.engagement)
        binary = presence(data.engagement)
        weighted = scaled_columns(data.engagement, weights)
        count = np.asarray(binary.getnnz(axis=1), np.float32)
        self.binary = binary
        self.by_presence = normalised(scaled_columns(binary, weights), "l1")
        self.by_weight = normalised(weighted, "l1")
        self.strong = _strong(data.engagement, count)
        self.similarity = normalised(weighted, "l2")
        self.related = presence(data.relations)
        self.to_related = normalised(self.related, "l1")
        self.to_related_engaged = _to_engaged(self.related, count)
        left, right = positions(self.similarity, dimensions, seed=seed)
        left *= np.float32(np.sqrt(dimensions))
        self.positions, self.content_positions = left, right
        self.content_places = {"coarse": _places(right[:, : max(dimensions // 4, 1)]), "fine": _places(right)}
        self.structure = _structure(self.related, dimensions // 2, seed=seed) * np.float32(np.sqrt(dimensions))
        self.activity = np.log1p(count)
        self.friends = np.log1p(np.asarray(self.related.getnnz(axis=1), np.float32))
        volume = np.log1p(row_sums(data.engagement))
        rarity = np.asarray(self.by_presence @ weights, np.float32)
        self.scalars = np.stack([self.activity, self.friends, volume, rarity], axis=1)
        """(n, 4): log contents, log relations, log of the summed weights, mean idf of the contents."""


def _to_engaged(related: sp.csr_matrix, count: Floats) -> sp.csr_matrix:
    """Those of the related persons who engage with anything, each row summing to one: with `by_presence`, the contents of a
    person's related ones in shares."""
    engaged = with_values(related, (count > 0).astype(np.float32)[related.indices])
    return normalised(engaged, "l1")


def _structure(related: sp.csr_matrix, dimensions: int, *, seed: int) -> Floats:
    """(n, d): positions in the graph of relations with loops, symmetrically normalised; zero-wide without relations."""
    n = related.shape[0]
    if not related.nnz:
        return np.zeros((n, 0), np.float32)
    together = sp.csr_matrix(related + sp.identity(n, dtype=np.float32, format="csr"))
    scale = (1 / np.sqrt(row_sums(together))).astype(np.float32)
    near = scaled_rows(scaled_columns(together, scale), scale)
    return positions(near, dimensions, seed=seed)[0]


def _strong(engagement: sp.csr_matrix, count: Floats) -> sp.csr_matrix:
    mean = row_sums(engagement) / np.maximum(count, 1)
    against = scaled_rows(engagement, (1 / np.maximum(mean, 1e-6)).astype(np.float32))
    return with_values(against, against.data**2)


def _places(right: Floats) -> Floats:
    """(m, d + 1): unit rows of the contents' positions times 8, and a constant."""
    length = np.linalg.norm(right, axis=1, keepdims=True)
    unit = np.divide(right, length, out=np.zeros_like(right), where=length > 1e-9)
    return np.hstack([8 * unit, np.ones((len(unit), 1), np.float32)]).astype(np.float32)

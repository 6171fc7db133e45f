"""Label-free surroundings of persons: a population in, sparse matrices and positions out that every view of the labels shares.

Rows of persons over contents, w_pc: `by_presence` idf, `by_weight` idf·log1p weights, both summing to one; `strong` is
(log1p weight / the person's mean)², which makes the contents that a person spends most on count most.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.features.matrices import idf, normalised, positions, presence
from gnn.features.population import Population

__all__ = ["Surroundings"]

Floats = npt.NDArray[np.float32]


class Surroundings:
    """Built once for a population; holds neither labels nor tagging events."""

    def __init__(self, data: Population, *, dimensions: int, seed: int) -> None:
        """`dimensions` of the SVD positions."""
        weights = idf(data.engagement)
        binary = presence(data.engagement)
        weighted = sp.csr_matrix(data.engagement @ sp.diags(weights))
        count = np.asarray(binary.getnnz(axis=1), np.float32)
        self.binary = binary
        self.by_presence = normalised(sp.csr_matrix(binary @ sp.diags(weights)), "l1")
        self.by_weight = normalised(weighted, "l1")
        self.strong = _strong(data.engagement, count)
        self.similarity = normalised(weighted, "l2")
        self.related = presence(data.relations)
        to_related = normalised(self.related, "l1")
        self.of_related = normalised(sp.csr_matrix(to_related @ self.by_presence), "l1")
        self.strong_of_related = sp.csr_matrix(to_related @ binary)
        left, right = positions(self.similarity, dimensions, seed=seed)
        self.positions = left * np.float32(np.sqrt(dimensions))
        self.content_places = {"coarse": _places(right[:, : max(dimensions // 4, 1)]), "fine": _places(right)}
        together = sp.csr_matrix(self.related + sp.identity(data.persons, dtype=np.float32, format="csr"))
        scale = sp.diags((1 / np.sqrt(np.asarray(together.sum(axis=1)).ravel())).astype(np.float32))
        near = sp.csr_matrix(scale @ together @ scale)
        structure = (
            positions(near, dimensions // 2, seed=seed)[0] if self.related.nnz else np.zeros((data.persons, 0), np.float32)
        )
        self.structure = structure * np.float32(np.sqrt(dimensions))
        self.activity = np.log1p(count)
        self.friends = np.log1p(np.asarray(self.related.getnnz(axis=1), np.float32))
        volume = np.log1p(np.asarray(data.engagement.sum(axis=1), np.float32).ravel())
        rarity = np.asarray(self.by_presence @ weights, np.float32).ravel()
        self.scalars = np.stack([self.activity, self.friends, volume, rarity], axis=1)
        """(n, 4): log contents, log relations, log of the summed weights, mean idf of the contents."""


def _strong(engagement: sp.csr_matrix, count: Floats) -> sp.csr_matrix:
    mean = np.asarray(engagement.sum(axis=1)).ravel() / np.maximum(count, 1)
    against = sp.csr_matrix(sp.diags((1 / np.maximum(mean, 1e-6)).astype(np.float32)) @ engagement)
    against.data = against.data**2
    return against


def _places(right: Floats) -> Floats:
    """(m, d + 1): unit rows of the contents' positions times 8, and a constant."""
    length = np.linalg.norm(right, axis=1, keepdims=True)
    unit = np.divide(right, length, out=np.zeros_like(right), where=length > 1e-9)
    return np.hstack([8 * unit, np.ones((len(unit), 1), np.float32)]).astype(np.float32)

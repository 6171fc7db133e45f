"""Label-free surroundings of persons: a population in, sparse matrices and positions out that every view of the labels shares.

Rows of persons over contents, w_pc: `by_presence` idf, `by_weight` idf·log1p weights, both summing to one; `strong` is
(log1p weight / the person's mean)², which makes the contents that a person spends most on count most. A person's position is
their row of `similarity` times the right singular vectors V, and so is that in the graph of relations: with the `Fixed` of a
population, persons that it does not hold, or as they are by now, get rows that stand beside its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.features.matrices import idf, normalised, positions, presence, row_sums, scaled_columns, scaled_rows, with_values
from gnn.features.population import Population
from gnn.features.products import product

__all__ = ["Fixed", "Surroundings", "places"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Fixed:
    """What the surroundings of single persons depend on and only a whole population can say."""

    idf: Floats
    """(m,)"""
    usual_contents: float
    """How many contents a person engages with, in the mean."""
    axes: Floats
    """(m, d): V of `similarity`."""
    relation_axes: Floats
    """(n, d'): V of the normalised relations."""
    degrees: Floats
    """(n,): how many relations each person has."""


class Surroundings:
    """Built once for a population; holds neither labels nor tagging events."""

    def __init__(self, data: Population, *, dimensions: int, seed: int, fixed: Fixed | None = None) -> None:
        """`dimensions` of the SVD positions. `fixed`: that of another population with the same contents, whose relations' axes
        and degrees are those of the persons in `data`; None where this population decides."""
        weights = idf(data.engagement) if fixed is None else fixed.idf
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
        right = positions(self.similarity, dimensions, seed=seed)[1] if fixed is None else fixed.axes
        self.positions = product(self.similarity, right)
        self.positions *= np.float32(np.sqrt(dimensions))
        self._dimensions = dimensions
        degrees = np.asarray(self.related.getnnz(axis=1), np.float32) if fixed is None else fixed.degrees
        near = _near(self.related, degrees)
        if fixed is not None:
            relation_axes = fixed.relation_axes
        elif self.related.nnz:
            relation_axes = positions(near, dimensions // 2, seed=seed)[1]
        else:
            relation_axes = np.zeros((data.persons, 0), np.float32)
        self.structure = product(near, relation_axes)
        self.structure *= np.float32(np.sqrt(dimensions))
        self.fixed = fixed or Fixed(weights, float(binary.getnnz()) / max(data.persons, 1), right, relation_axes, degrees)
        self.activity = np.log1p(count)
        self.friends = np.log1p(np.asarray(self.related.getnnz(axis=1), np.float32))
        volume = np.log1p(row_sums(data.engagement))
        rarity = np.asarray(self.by_presence @ weights, np.float32)
        self.scalars = np.stack([self.activity, self.friends, volume, rarity], axis=1)
        """(n, 4): log contents, log relations, log of the summed weights, mean idf of the contents."""

    @cached_property
    def content_places(self) -> dict[str, Floats]:
        """`places` of the contents."""
        return places(self.fixed.axes, self._dimensions)


def places(axes: Floats, dimensions: int) -> dict[str, Floats]:
    """Where contents are, by resolution (`gnn.features.evidence`): the first quarter of `axes` (m, d) or all of them, as unit
    rows times 8, and a constant."""
    return {"coarse": _places(axes[:, : max(dimensions // 4, 1)]), "fine": _places(axes)}


def _to_engaged(related: sp.csr_matrix, count: Floats) -> sp.csr_matrix:
    """Those of the related persons who engage with anything, each row summing to one: with `by_presence`, the contents of a
    person's related ones in shares."""
    engaged = with_values(related, (count > 0).astype(np.float32)[related.indices])
    return normalised(engaged, "l1")


def _near(related: sp.csr_matrix, degrees: Floats) -> sp.csr_matrix:
    """(n, n): D^-½ (R + I) D^-½ with D the degrees of R + I."""
    together = sp.csr_matrix(related + sp.identity(related.shape[0], dtype=np.float32, format="csr"))
    scale = (1 / np.sqrt(degrees + 1)).astype(np.float32)
    return scaled_rows(scaled_columns(together, scale), scale)


def _strong(engagement: sp.csr_matrix, count: Floats) -> sp.csr_matrix:
    mean = row_sums(engagement) / np.maximum(count, 1)
    against = scaled_rows(engagement, (1 / np.maximum(mean, 1e-6)).astype(np.float32))
    return with_values(against, against.data**2)


def _places(right: Floats) -> Floats:
    length = np.linalg.norm(right, axis=1, keepdims=True)
    unit = np.divide(right, length, out=np.zeros_like(right), where=length > 1e-9)
    return np.hstack([8 * unit, np.ones((len(unit), 1), np.float32)]).astype(np.float32)

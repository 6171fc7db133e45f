"""What tells seeds from others: x of seeds and of sampled others in (`gnn.lookalike.positions`), a way of scoring everybody out.

Most parts are one direction in x, so that everybody is scored by one pass over the matrix. S is the number of seeds, Σ the
covariance of the others.
centroid      the seeds' mean less the others'
discriminant  (Σ + 4 tr(Σ)/S · I)⁻¹ (mean of seeds − mean of others): Fisher's, shrunk as ridge regression is
logistic      logistic regression of seeds against others (`gnn.lookalike.logistic`)
attention     a discriminant for each cluster of the seeds (spherical k-means), pooled where a person is nearest:
              log Σ_j s_j exp(z_j/τ) with s_j the share of seeds; after the local attention of Liu et al.,
              "Real-time Attention Based Look-alike Model" (KDD 2019). For seeds who have little in common but their audience
proximity     personalised PageRank from the seeds on the graph of persons and contents (`gnn.lookalike.walk`)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve

from graph.side_by_side import each, parts

__all__ = ["Usual", "attended", "attention", "centroid", "discriminant", "usual"]

Floats = npt.NDArray[np.float32]
_SHRINKAGE = 4.0
_ROWS = 2_000
_TEMPERATURE, _FAR = 3.0, 80.0
_ALIKE = np.float32(0.3)
_SEEDS_OF_CLUSTER, _CLUSTERS, _ROUNDS_OF_CLUSTERING = 20, 8, 10


def centroid(seeds: Floats, about: Usual) -> Floats:
    """(width,) unit difference of the means of x."""
    direction = seeds.mean(axis=0) - about.mean
    return np.asarray(direction / max(float(np.linalg.norm(direction)), 1e-12), np.float32)


@dataclass(frozen=True)
class Usual:
    """What others are like: `mean` (width,) and `covariance` (width, width)."""

    mean: Floats
    covariance: npt.NDArray[np.float64]


def usual(others: Floats) -> Usual:
    """From x of sampled others (b, width)."""
    mean = others.mean(axis=0)

    def part(which: slice) -> Floats:
        centred = others[which] - mean
        return np.asarray(centred.T @ centred, np.float32)

    total = sum(each(part, parts(len(others), _ROWS)), np.zeros((len(mean), len(mean))))
    return Usual(mean, total / max(len(others), 1))


def discriminant(seeds: Floats, about: Usual, alike: Floats | None = None) -> Floats:
    """(width,) shrunk linear discriminant. The mean of people who are `alike` (b, width) counts 0.3 of the seeds'."""
    mean = seeds.mean(axis=0, keepdims=True)
    if alike is not None and len(alike):
        mean = (mean + _ALIKE * alike.mean(axis=0, keepdims=True)) / (1 + _ALIKE)
    return _discriminants(mean, about, len(seeds))[:, 0]


def _discriminants(means: Floats, about: Usual, count: int) -> Floats:
    """(width, j) of the means (j, width) of groups of `count` seeds together; each has variance one over the others."""
    ridge = max(_SHRINKAGE * float(np.trace(about.covariance)) / count, 1e-9)
    found = solve(about.covariance + ridge * np.eye(len(about.mean)), (means - about.mean).T, assume_a="pos")
    deviation = np.sqrt(np.einsum("ij,ij->j", found, about.covariance @ found).clip(0))
    return np.asarray(found / np.maximum(deviation, 1e-12), np.float32)


def attention(seeds: Floats, about: Usual, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """(width, j) a direction for each cluster of the seeds, and (2, j) their shares of the seeds and the others' mean
    score. One cluster for twenty seeds, eight at most; spherical k-means (Dhillon & Modha, 2001) starts at drawn seeds."""
    rows = seeds - about.mean
    rows /= np.maximum(_lengths(rows), 1e-12)
    count = int(np.clip(len(seeds) // _SEEDS_OF_CLUSTER, 1, _CLUSTERS))
    centres = rows[generator.choice(len(rows), count, replace=False)]
    before = None
    for _ in range(_ROUNDS_OF_CLUSTERING):
        nearest = np.argmax(rows @ centres.T, axis=1)
        if before is not None and np.array_equal(nearest, before):
            break
        before, member = nearest, np.eye(count, dtype=np.float32)[nearest]
        moved = member.T @ rows
        length = _lengths(moved)
        centres = np.where(length > 1e-12, moved / np.maximum(length, 1e-12), centres)
    size = member.sum(axis=0)
    kept = size > 0
    means = (member.T @ seeds)[kept] / size[kept, None]
    directions = _discriminants(means, about, len(seeds))
    return directions, np.stack([size[kept] / len(seeds), about.mean @ directions]).astype(np.float32)


def _lengths(rows: Floats) -> Floats:
    """(b, 1)"""
    return np.asarray(np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None], np.float32)


def attended(found: Floats, pooling: Floats) -> Floats:
    """(n,) from the products (n, j) with the directions; `pooling` (2, j) as `attention` gives it."""
    share, offset = pooling
    z = (found - offset) * np.float32(1 / _TEMPERATURE)
    np.clip(z, -_FAR, _FAR, out=z)  # what exp holds in float32; scores have a standard deviation of about one
    return np.asarray(np.log(np.exp(z, out=z) @ share), np.float32)

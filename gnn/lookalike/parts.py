"""What tells seeds from others: positions of seeds and of sampled others in, one way of scoring everybody out.

Positions are person embeddings v (d,) at two scales, x = [v, κ c/|c|] with c the first quarter of v: embeddings begin with SVD
positions in the order of their singular values, so that c is where a person is on the whole. Most parts are one direction in
them, so that everybody is scored by one pass over the matrix. S is the number of seeds, Σ the covariance of the others.
centroid      the seeds' mean less the others'
discriminant  (Σ + 4 tr(Σ)/S · I)⁻¹ (mean of seeds − mean of others): Fisher's, shrunk as ridge regression is
logistic      logistic regression of seeds against others
attention     a discriminant for each cluster of the seeds (spherical k-means), pooled where a person is nearest:
              log Σ_j s_j exp(z_j/τ) with s_j the share of seeds; after the local attention of Liu et al.,
              "Real-time Attention Based Look-alike Model" (KDD 2019). For seeds who have little in common but their audience
proximity     personalised PageRank from the seeds on the graph of persons and contents; see `proximity`
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

__all__ = ["Positions", "Usual", "attended", "attention", "centroid", "discriminant", "logistic", "proximity", "usual"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_COARSE = 0.7
_SHRINKAGE = 4.0
_TEMPERATURE = 3.0
_SEEDS_OF_CLUSTER, _CLUSTERS, _ROUNDS_OF_CLUSTERING = 20, 8, 10
_RESTART, _ROUNDS = 0.5, 3
_CHUNK = 65_536


@dataclass(frozen=True)
class Positions:
    """Where persons are: `vectors` (n, d) unit rows, which may be memory-mapped, and `engaged` (n, m), whatever is stored in it
    meaning that the person engaged with the content; None where it is not known."""

    vectors: Floats
    engaged: sp.csr_matrix | None = None

    @property
    def persons(self) -> int:
        """n."""
        return len(self.vectors)

    @property
    def width(self) -> int:
        """Of x."""
        return int(self.vectors.shape[1]) + self._quarter

    @property
    def _quarter(self) -> int:
        return int(self.vectors.shape[1]) // 4

    def only(self, kept: Bools) -> Positions:
        """Those of the persons in `kept` (n,)."""
        if kept.all():
            return self
        return Positions(self.vectors[kept], None if self.engaged is None else self.engaged[kept])

    def at(self, persons: Indices) -> Floats:
        """x of these persons, (b, d + d/4)."""
        fine = np.asarray(self.vectors[persons], np.float32)
        coarse = fine[:, : self._quarter]
        return np.hstack([fine, coarse * _scale(coarse)[:, None]])

    def along(self, directions: Floats) -> Floats:
        """(n, p): xᵀw of everybody for `directions` (width, p), by one pass in chunks; memory is bounded by the result."""
        d, q, p = self.vectors.shape[1], self._quarter, directions.shape[1]
        both = np.zeros((d, 2 * p), np.float32)
        both[:, :p] = directions[:d]
        both[:q, p:] = directions[d:]
        out = np.empty((self.persons, p), np.float32)
        for start in range(0, self.persons, _CHUNK):
            fine = np.asarray(self.vectors[start : start + _CHUNK], np.float32)
            found = fine @ both
            out[start : start + _CHUNK] = found[:, :p] + found[:, p:] * _scale(fine[:, :q])[:, None]
        return out


def _scale(coarse: Floats) -> Floats:
    """(b,): κ/|c|, zero where c is."""
    length = np.sqrt(np.einsum("ij,ij->i", coarse, coarse))
    return np.asarray(np.divide(_COARSE, length, out=np.zeros_like(length), where=length > 1e-9), np.float32)


def centroid(seeds: Floats, about: Usual) -> Floats:
    """(width,) unit difference of the means of x."""
    direction = seeds.mean(axis=0) - about.mean
    return np.asarray(direction / max(float(np.linalg.norm(direction)), 1e-12), np.float32)


@dataclass(frozen=True)
class Usual:
    """What others are like: `mean` (width,), and the covariance as `values` (width,) and `axes` (width, width)."""

    mean: Floats
    values: npt.NDArray[np.float64]
    axes: npt.NDArray[np.float64]


def usual(others: Floats) -> Usual:
    """From x of sampled others (b, width)."""
    mean = others.mean(axis=0)
    centred = others - mean
    values, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64) / max(len(others), 1))
    return Usual(mean, np.maximum(values, 0.0), axes)


def discriminant(seeds: Floats, about: Usual) -> Floats:
    """(width,) shrunk linear discriminant."""
    return _discriminants(seeds.mean(axis=0, keepdims=True), about, len(seeds))[:, 0]


def _discriminants(means: Floats, about: Usual, count: int) -> Floats:
    """(width, j) of the means (j, width) of groups of `count` seeds together; each has variance one over the others."""
    shrunk = about.values + max(_SHRINKAGE * float(about.values.sum()) / count, 1e-9)
    found = (about.axes.T @ (means - about.mean).T) / shrunk[:, None]
    deviation = np.sqrt(about.values @ found**2)
    return np.asarray(about.axes @ (found / np.maximum(deviation, 1e-12)), np.float32)


def logistic(seeds: Floats, others: Floats, *, penalty: float = 10.0) -> Floats:
    """(width,) weights of an L2-regularised logistic regression of seed against other, classes weighted to equal mass.

    min_w,b  (N/2) [ mean_seeds log(1+e^−z) + mean_others log(1+e^z) ] + λ/2 |w|², z = wᵀx + b, N = number of seeds × 2.
    The offset b changes no rank and is not given back.
    """
    x = np.vstack([seeds, others]).astype(np.float64)
    sign = np.r_[np.ones(len(seeds)), -np.ones(len(others))]
    weight = np.r_[np.ones(len(seeds)), np.full(len(others), len(seeds) / max(len(others), 1))]

    def objective(parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        w, offset = parameters[:-1], parameters[-1]
        margin = sign * (x @ w + offset)
        pull = -weight * sign * expit(-margin)
        value = float((weight * np.logaddexp(0, -margin)).sum() + penalty / 2 * (w @ w))
        return value, np.r_[x.T @ pull + penalty * w, pull.sum()]

    fitted = minimize(objective, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 100}).x
    return np.asarray(fitted[:-1], np.float32)


def attention(seeds: Floats, about: Usual, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """(width, j) a direction for each cluster of the seeds, and (2, j) their shares of the seeds and the others' mean
    score. One cluster for twenty seeds, eight at most; spherical k-means (Dhillon & Modha, 2001) starts at drawn seeds."""
    rows = seeds - about.mean
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    count = int(np.clip(len(seeds) // _SEEDS_OF_CLUSTER, 1, _CLUSTERS))
    centres = rows[generator.choice(len(rows), count, replace=False)]
    for _ in range(_ROUNDS_OF_CLUSTERING):
        member = np.eye(count, dtype=np.float32)[np.argmax(rows @ centres.T, axis=1)]
        moved = member.T @ rows
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        centres = np.where(length > 1e-12, moved / np.maximum(length, 1e-12), centres)
    size = member.sum(axis=0)
    kept = size > 0
    means = (member.T @ seeds)[kept] / size[kept, None]
    directions = _discriminants(means, about, len(seeds))
    return directions, np.stack([size[kept] / len(seeds), about.mean @ directions]).astype(np.float32)


def attended(found: Floats, pooling: Floats) -> Floats:
    """(n,) from the products (n, j) with the directions; `pooling` (2, j) as `attention` gives it."""
    share, offset = pooling
    return np.asarray(logsumexp((found - offset) / _TEMPERATURE, b=share, axis=1), np.float32)


def proximity(engaged: sp.csr_matrix, seeds: Indices) -> Floats:
    """(n,) log of the personalised PageRank from `seeds` on the bipartite graph of persons and contents, per person.

        r ← ρ s + (1 − ρ) W r,   W = B D_c⁻¹ Bᵀ D_p⁻¹
    with s uniform on the seeds, B the engagements without weights, ρ = ½ and three rounds: further ones change no rank that
    matters, since what is left of the walk is ⅛ (Page et al., 1999; Haveliwala, 2002). Never below what one round in a million
    of uniform mass would give.
    """
    n, m = engaged.shape
    pattern = sp.csr_matrix((np.ones(engaged.nnz, np.float32), engaged.indices, engaged.indptr), shape=(n, m))
    of_person = np.maximum(np.diff(pattern.indptr), 1).astype(np.float32)
    of_content = np.maximum(np.bincount(pattern.indices, minlength=m), 1).astype(np.float32)
    start = np.zeros(n, np.float32)
    start[seeds] = 1 / len(seeds)
    mass, back = start, pattern.T
    for _ in range(_ROUNDS):
        mass = _RESTART * start + (1 - _RESTART) * (pattern @ ((back @ (mass / of_person)) / of_content))
    return np.asarray(np.log(mass + 1e-6 / n), np.float32)

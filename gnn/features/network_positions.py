"""Where persons stand in the network of relations and engagements: sparse matrices in, one vector per person out, without labels.

ProNE (Zhang et al., "ProNE: fast and scalable network representation learning", IJCAI 2019). With A the adjacency of persons and
contents together, p_ij = A_ij / d_i and context c with P(j) ∝ (Σ_i p_ij)^0.75:
    M_ij = log p_ij − log(λ P(j)) on the edges, λ = 1;  M ≈ U S Vᵀ;  R = U √S
    R ← L̃-filtered R: a band-pass of the normalised Laplacian, exp(−½((λ−μ)²−1)θ), by its Chebyshev expansion of order q
and the result re-orthogonalised by SVD. Few sparse products in all: seconds where walks take minutes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.special import iv

from gnn.features.matrices import normalised, positions

__all__ = ["network_positions"]

Floats = npt.NDArray[np.float32]
_ORDER, _MU, _THETA = 10, 0.2, 0.5


def network_positions(engagement: sp.csr_matrix, relations: sp.csr_matrix, dimensions: int, *, seed: int) -> Floats:
    """(n, d) float32, unit rows, zero for persons without any edge; d = min(dimensions, rank). Zero-wide without edges.

    `engagement` (n, m) and `relations` (n, n), weights ≥ 0. Deterministic for one seed."""
    n, m = engagement.shape
    adjacency = sp.csr_matrix(
        sp.bmat(
            [[relations, engagement], [engagement.T, sp.csr_matrix((m, m), dtype=np.float32)]], format="csr", dtype=np.float32
        )
    )
    adjacency.eliminate_zeros()
    if adjacency.nnz == 0:
        return np.zeros((n, 0), np.float32)
    transition = normalised(adjacency, "l1")
    context = np.asarray(transition.sum(axis=0)).ravel() ** 0.75
    context /= context.sum()
    shifted = transition.tocoo()
    values = np.log(np.maximum(shifted.data, 1e-12)) - np.log(np.maximum(context[shifted.col], 1e-12))
    proximity = sp.csr_matrix((values.astype(np.float32), (shifted.row, shifted.col)), shape=adjacency.shape)
    left, _ = positions(proximity, dimensions, seed=seed)
    smooth = _propagated(adjacency, _rooted(left))
    people = _rooted(positions(sp.csr_matrix(smooth), dimensions, seed=seed)[0])[:n]
    length = np.linalg.norm(people, axis=1, keepdims=True)
    alone = (np.diff(adjacency.indptr)[:n] == 0)[:, None]
    return np.where(alone, 0, people / np.maximum(length, 1e-12)).astype(np.float32)


def _rooted(left: Floats) -> Floats:
    """U √S of U S."""
    return np.asarray(left / np.sqrt(np.maximum(np.linalg.norm(left, axis=0), 1e-12)), np.float32)


def _propagated(adjacency: sp.csr_matrix, start: Floats) -> Floats:
    """The Chebyshev expansion of the Gaussian band-pass, applied to `start` (N, d)."""
    total = adjacency.shape[0]
    looped = sp.csr_matrix(adjacency + sp.identity(total, dtype=np.float32, format="csr"))
    walk = normalised(looped, "l1")
    modulated = sp.csr_matrix(sp.identity(total, dtype=np.float32, format="csr") * np.float32(1 - _MU) - walk)
    before = start
    now = 0.5 * (modulated @ (modulated @ start)) - start
    filtered = iv(0, _THETA) * before - 2 * iv(1, _THETA) * now
    for i in range(2, _ORDER):
        after = (modulated @ (modulated @ now)) - 2 * now - before
        filtered = filtered + (2 if i % 2 == 0 else -2) * iv(i, _THETA) * after
        before, now = now, after
    return np.asarray(looped @ (start - filtered), np.float32)

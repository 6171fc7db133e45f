"""Weighted matrices and positions: the engagement matrix in, its idf-weighted forms and truncated SVD out.

idf_c = max(log(n / (1 + persons of c)), 0), so that what everybody engages with says little. Positions are the left singular
vectors of the L2-normalised idf-weighted matrix, by the randomised method of Halko, Martinsson & Tropp (SIAM Review 2011),
seeded, with signs fixed so that the same input gives the same output.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

__all__ = ["idf", "normalised", "positions", "presence"]

Floats = npt.NDArray[np.float32]
_OVERSAMPLING = 10
_SMALL = 300_000  # rows and columns up to which the oversampling is as wide as the result: flat spectra need it, and it is cheap
_POWER_ITERATIONS = 4


def idf(engagement: sp.csr_matrix) -> Floats:
    """(m,): inverse document frequency of each content over persons; never negative."""
    persons = engagement.shape[0]
    degree = np.asarray(engagement.getnnz(axis=0), np.float64)
    weights: Floats = np.maximum(np.log(max(persons, 1) / (1.0 + degree)), 0.05).astype(np.float32)
    return weights


def normalised(matrix: sp.csr_matrix, norm: str) -> sp.csr_matrix:
    """Rows scaled to length one in `l1` or `l2`; empty rows stay empty."""
    if norm == "l1":
        length = np.asarray(abs(matrix).sum(axis=1)).ravel()
    else:
        length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    scale = np.divide(1.0, length, out=np.zeros_like(length, dtype=np.float64), where=length > 0)
    return sp.csr_matrix(sp.diags(scale.astype(np.float32)) @ matrix)


def presence(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """1 where there is an entry."""
    return sp.csr_matrix((np.ones_like(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)


def positions(matrix: sp.csr_matrix, dimensions: int, *, seed: int) -> tuple[Floats, Floats]:
    """Truncated SVD of `matrix` (n, m): U·S (n, d) and V (m, d), d = min(dimensions, rank bound). Zero-wide where empty."""
    n, m = matrix.shape
    d = min(dimensions, n, m)
    if d == 0 or matrix.nnz == 0:
        return np.zeros((n, 0), np.float32), np.zeros((m, 0), np.float32)
    generator = np.random.default_rng(seed)
    width = min(d + max(_OVERSAMPLING, d if n + m <= _SMALL else 0), n, m)
    basis = matrix @ generator.standard_normal((m, width), dtype=np.float32)
    transposed = matrix.T.tocsr()
    for _ in range(_POWER_ITERATIONS):
        basis = matrix @ _orthonormal(transposed @ _orthonormal(basis))
    basis = _orthonormal(basis)
    projected = transposed @ basis  # (m, w) = V S Uᵀ of the small problem
    squares, small = np.linalg.eigh(projected.T.astype(np.float64) @ projected.astype(np.float64))
    order = np.argsort(-squares)[:d]
    kept = order[squares[order] > max(float(squares.max()), 0.0) * 1e-10]
    singular, small = np.sqrt(squares[kept]), small[:, kept]
    right = projected @ small / singular
    signs = np.sign(right[np.abs(right).argmax(axis=0), np.arange(len(kept))])
    signs[signs == 0] = 1
    return (basis @ small * (singular * signs)).astype(np.float32), (right * signs).astype(np.float32)


def _orthonormal(basis: Floats) -> Floats:
    """Orthonormal columns that span those of `basis`, through its Gram matrix: for a tall one much cheaper than QR, and
    directions that are only rounding are dropped."""
    wide = basis.astype(np.float64)
    squares, vectors = np.linalg.eigh(wide.T @ wide)
    kept = squares > max(float(squares.max()), 0.0) * 1e-12
    return np.asarray(wide @ (vectors[:, kept] / np.sqrt(squares[kept])), np.float32)

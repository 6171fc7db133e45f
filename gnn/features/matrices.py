"""Weighted matrices and positions: the engagement matrix in, its idf-weighted forms and truncated SVD out.

idf_c = max(log(n / (1 + persons of c)), 0), so that what everybody engages with says little. Positions are the left singular
vectors of the L2-normalised idf-weighted matrix, by the randomised method of Halko, Martinsson & Tropp (SIAM Review 2011),
seeded, with signs fixed so that the same input gives the same output.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.features.products import gram, product, turned

__all__ = ["idf", "normalised", "positions", "presence", "row_sums", "scaled_columns", "scaled_rows", "with_values"]

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
    length = row_sums(with_values(matrix, np.abs(matrix.data) if norm == "l1" else matrix.data * matrix.data))
    if norm != "l1":
        length = np.sqrt(length)
    scale = np.divide(1.0, length, out=np.zeros(len(length)), where=length > 0)
    return scaled_rows(matrix, scale.astype(np.float32))


def presence(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """1 where there is an entry."""
    return with_values(matrix, np.ones_like(matrix.data))


def with_values(matrix: sp.csr_matrix, values: Floats) -> sp.csr_matrix:
    """Other values at the same entries; the entries' places are shared, not copied."""
    return sp.csr_matrix((values, matrix.indices, matrix.indptr), shape=matrix.shape)


def scaled_rows(matrix: sp.csr_matrix, scale: Floats) -> sp.csr_matrix:
    """Each row times its `scale` (n,)."""
    return with_values(matrix, matrix.data * np.repeat(scale, np.diff(matrix.indptr)))


def scaled_columns(matrix: sp.csr_matrix, scale: Floats) -> sp.csr_matrix:
    """Each column times its `scale` (m,)."""
    return with_values(matrix, matrix.data * scale[matrix.indices])


def row_sums(matrix: sp.csr_matrix) -> Floats:
    """(n,) float32."""
    sums: Floats = np.asarray(matrix.sum(axis=1), np.float32).ravel()
    return sums


def positions(matrix: sp.csr_matrix, dimensions: int, *, seed: int) -> tuple[Floats, Floats]:
    """Truncated SVD of `matrix` (n, m): U·S (n, d) and V (m, d), d = min(dimensions, rank bound). Zero-wide where empty."""
    n, m = matrix.shape
    d = min(dimensions, n, m)
    if d == 0 or matrix.nnz == 0:
        return np.zeros((n, 0), np.float32), np.zeros((m, 0), np.float32)
    generator = np.random.default_rng(seed)
    width = min(d + max(_OVERSAMPLING, d if n + m <= _SMALL else 0), n, m)
    across = generator.standard_normal((m, width), dtype=np.float32)
    transposed = matrix.T.tocsr()
    for _ in range(_POWER_ITERATIONS):  # on the side of the contents alone: there are fewer of them, and the span is the same
        across = _orthonormal(product(transposed, product(matrix, across)))
    basis = _orthonormal(product(matrix, across))
    projected = product(transposed, basis)  # (m, w) = V S Uᵀ of the small problem
    squares, small = np.linalg.eigh(gram(projected))
    order = np.argsort(-squares)[:d]
    kept = order[squares[order] > max(float(squares.max()), 0.0) * 1e-10]
    singular, small = np.sqrt(squares[kept]), small[:, kept]
    right = turned(projected, small / singular)
    signs = np.sign(right[np.abs(right).argmax(axis=0), np.arange(len(kept))])
    signs[signs == 0] = 1
    return turned(basis, small * (singular * signs)), right * signs


def _orthonormal(basis: Floats) -> Floats:
    """Orthonormal columns that span those of `basis`, through its Gram matrix: for a tall one much cheaper than QR, and
    directions that are only rounding are dropped."""
    squares, vectors = np.linalg.eigh(gram(basis))
    kept = squares > max(float(squares.max()), 0.0) * 1e-12
    return turned(basis, vectors[:, kept] / np.sqrt(squares[kept]))

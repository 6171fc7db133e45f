"""Embeddings of persons as they are now: positions then and now in, the trained embedding moved with them out.

An embedding is the unit position x and the unit state h of the encoder side by side (`gnn.training.link`). x folds in exactly, as
a row times V. What a change of x does to h is taken from the ridge regression of the trained states on positions, h ≈ x W:
    h' = h + (x' − x) W,  and x' W for whom the training did not know
so that who did not change keeps their embedding, and nobody's neighbourhood has to be encoded again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["fit_states", "moved"]

Floats = npt.NDArray[np.float32]
_RIDGE = 1.0


def fit_states(embeddings: Floats, positions: Floats) -> Floats:
    """W (d, w) from embeddings (n, d + w) and positions (n, d)."""
    d = positions.shape[1]
    x, h = unit(positions).astype(np.float64), unit(embeddings[:, d:]).astype(np.float64)
    return np.linalg.solve(x.T @ x + _RIDGE * np.eye(d), x.T @ h).astype(np.float32)


def moved(before: Floats, then: Floats, now: Floats, states: Floats) -> Floats:
    """Embeddings (b, d + w), unit rows. `before` (b, d + w): the trained ones, zero for whom the training did not know; `then`
    and `now` (b, d): positions; `states`: W."""
    known = before.any(axis=1, keepdims=True)
    change = unit(now) - np.where(known, unit(then), 0)
    h = unit(before[:, then.shape[1] :]) + change @ states
    return unit(np.hstack([unit(now), unit(h)]))


def unit(matrix: Floats) -> Floats:
    """Rows of length one; zero rows stay zero."""
    length = np.linalg.norm(matrix, axis=1, keepdims=True)
    found: Floats = np.divide(matrix, length, out=np.zeros_like(matrix), where=length > 1e-12)
    return found

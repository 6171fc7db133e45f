"""Multi-label logistic regression: features and labels in, one weight vector per label out.

Per label t: min_w Σ_p BCE(σ(xᵀ w_t + b_t), y_pt) + ½ λ |w_t|², all labels together by L-BFGS (Liu & Nocedal, 1989) in float64,
started at the base rates. Convex, hence the same from everywhere; labels may lie anywhere in 0..1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.optimize import minimize
from scipy.special import logit

__all__ = ["LogisticRegression", "fit_logistic"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
_ITERATIONS = 100


class LogisticRegression:
    """`weights` (d, k) and `offsets` (k,), float32."""

    def __init__(self, weights: Floats, offsets: Floats) -> None:
        self.weights, self.offsets = weights, offsets

    def logits(self, x: Floats) -> Floats:
        """(b, k) of features (b, d)."""
        found: Floats = x @ self.weights + self.offsets
        return found


def fit_logistic(x: Floats, y: Floats, prior: Floats, *, penalty: float) -> LogisticRegression:
    """Fit on `x` (n, d) and `y` (n, k) in 0..1; `prior` (k,) in (0, 1) is where the offsets start."""
    n, d = x.shape
    k = y.shape[1]
    wide, target = np.hstack([x, np.ones((n, 1), np.float32)]).astype(np.float64), y.astype(np.float64)
    start = np.zeros((d + 1, k))
    start[-1] = logit(np.clip(prior, 1e-4, 1 - 1e-4))

    def objective(flat: Doubles) -> tuple[float, Doubles]:
        weights = flat.reshape(d + 1, k)
        residual = wide @ weights
        loss = _cross_entropy(residual.ravel(), target.ravel())
        shrunk = weights.copy()
        shrunk[-1] = 0
        return loss + penalty / 2 * float((shrunk**2).sum()), (wide.T @ residual + penalty * shrunk).ravel()

    found = minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}).x
    weights = found.reshape(d + 1, k).astype(np.float32)
    return LogisticRegression(weights[:-1], weights[-1])


@njit(cache=True, nogil=True)
def _cross_entropy(mapped: Doubles, target: Doubles) -> float:
    """Σ log(1 + e^z) − z y; z is replaced by σ(z) − y."""
    total = 0.0
    for i in range(len(mapped)):
        z, y = mapped[i], target[i]
        small = np.exp(-abs(z))
        total += max(z, 0.0) + np.log1p(small) - z * y
        mapped[i] = (1.0 if z >= 0 else small) / (1.0 + small) - y
    return total

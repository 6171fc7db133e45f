"""How much each kind of member counts: logits of held-out persons by kind and their labels in, a weight per kind out.

Stacked generalisation (Wolpert 1992) with weights that are not negative (Breiman, "Stacked regressions", 1996), on logits:
    minimise  Σ_p Σ_t BCE(σ(b + Σ_j v_j z_j,pt), y_pt) + λ/2 Σ_j (v_j − mean v)²,  v ≥ 0
over one weight per kind and one offset b, so that a few hundred persons are enough, and drawn towards equal weights where they
say little. A kind below `LEAST` of the sum is left out, and the others are weighted anew.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

__all__ = ["LEAST", "fit_weights"]

Floats = npt.NDArray[np.float32]
LEAST = 0.05
_SHRINKAGE = 30.0


def fit_weights(logits: Mapping[str, Floats], labels: Floats, *, shrinkage: float = _SHRINKAGE) -> dict[str, float]:
    """Weights of the kinds that stay, summing to one; `logits` of each kind (N, k), `labels` (N, k) in 0..1. Equal weights where
    nothing is held out."""
    kinds = list(logits)
    while True:
        weights = _solved(np.stack([logits[kind].ravel() for kind in kinds]), labels.ravel(), shrinkage)
        worst = int(np.argmin(weights))
        if len(kinds) == 1 or weights[worst] >= LEAST:
            return dict(zip(kinds, weights.tolist(), strict=True))
        del kinds[worst]


def _solved(logits: Floats, labels: Floats, shrinkage: float) -> npt.NDArray[np.float64]:
    """(K,) of `logits` (K, N)."""
    count = len(logits)
    equal = np.full(count, 1.0 / count)
    if count == 1 or labels.size == 0:
        return equal
    z, y = logits.astype(np.float64), labels.astype(np.float64)

    def objective(parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        offset, weights = parameters[0], parameters[1:]
        mapped = offset + weights @ z
        residual = expit(mapped) - y
        apart = weights - weights.mean()
        value = np.logaddexp(0, mapped).sum() - (mapped * y).sum() + shrinkage / 2 * (apart**2).sum()
        gradient = np.r_[residual.sum(), z @ residual + shrinkage * apart]
        return float(value / y.size), gradient / y.size

    bounds = [(None, None)] + [(0.0, None)] * count
    found = minimize(objective, np.r_[0.0, equal], jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200}).x[1:]
    total = float(found.sum())
    return found / total if total > 0 else equal

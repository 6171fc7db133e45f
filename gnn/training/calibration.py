"""Per-tag calibration: logits of persons a model has not seen and their labels in, a monotone map of logits out.

Platt scaling (Platt 1999) with partial pooling: p_pt = σ(a z_pt + b + b_t), one slope for all tags, and offsets b_t drawn
towards zero by a Gaussian prior, so that a tag with few examples keeps the common map. Fitted by L-BFGS in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

__all__ = ["Calibration", "fit_calibration"]

Floats = npt.NDArray[np.float32]
_OFFSET_PRECISION = 30.0


@dataclass(frozen=True)
class Calibration:
    """`slope` and (k,) `offsets`, b included."""

    slope: float
    offsets: tuple[float, ...]

    def apply(self, logits: Floats) -> Floats:
        """Probabilities of `logits` (n, k), float32."""
        probabilities: Floats = expit(self.slope * logits + np.asarray(self.offsets, np.float32)).astype(np.float32)
        return probabilities


def fit_calibration(logits: Floats, labels: Floats) -> Calibration:
    """Fit on (n, k) held-out logits and labels in 0..1; the identity where nothing is held out."""
    n, k = logits.shape
    if n == 0 or k == 0:
        return Calibration(1.0, tuple([0.0] * k))
    z, y = logits.astype(np.float64), labels.astype(np.float64)

    def objective(parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        slope, common, offsets = np.exp(parameters[0]), parameters[1], parameters[2:]
        mapped = slope * z + common + offsets
        residual = expit(mapped) - y
        value = np.logaddexp(0, mapped).sum() - (mapped * y).sum() + _OFFSET_PRECISION / 2 * (offsets**2).sum()
        gradient = np.r_[slope * (residual * z).sum(), residual.sum(), residual.sum(0) + _OFFSET_PRECISION * offsets]
        return float(value / n), gradient / n

    fitted = minimize(objective, np.zeros(k + 2), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    return Calibration(float(np.exp(fitted[0])), tuple(float(x) for x in fitted[1] + fitted[2:]))

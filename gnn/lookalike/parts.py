"""Directions in embedding space that tell seeds from others: vectors of seeds and of sampled others in, one direction out.

A person's score is the dot product of their vector and the direction, so that everybody is scored by one pass over the matrix.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

__all__ = ["centroid", "logistic"]

Floats = npt.NDArray[np.float32]


def centroid(seeds: Floats, others: Floats) -> Floats:
    """(d,) unit mean of the seeds, after the mean of the others is taken off: cosine to it is similarity beyond the usual."""
    direction = seeds.mean(axis=0) - others.mean(axis=0)
    return np.asarray(direction / max(float(np.linalg.norm(direction)), 1e-12), np.float32)


def logistic(seeds: Floats, others: Floats, *, penalty: float = 1.0) -> Floats:
    """(d,) weights of an L2-regularised logistic regression of seed against other, classes weighted to equal mass.

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

"""Logistic regression of seeds against others, by Newton's method with a curvature that is kept while it serves.

    min_w,b  (N/2) [ mean_seeds log(1+e^−z) + mean_others log(1+e^z) ] + λ/2 |w|², z = wᵀx + b, N = number of seeds × 2

The sum is strictly convex in w, so that where the search starts decides its time and not its end. A fit on most of the same
seeds needs no curvature of its own: that of the whole, which is nearly the same, leads there in a few cheap steps (the chord
method); it is taken anew only where a step does not shorten the gradient enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

__all__ = ["Fitted", "logistic"]

Floats = npt.NDArray[np.float32]
Reals = npt.NDArray[np.float64]
_STEPS, _ENOUGH, _SHORTER = 100, 1e-4, 0.5


@dataclass(frozen=True)
class Fitted:
    """Weights (width,), the offset, which changes no rank, and the curvature of the data term there (width + 1, width + 1) for
    each of so many `seeds`."""

    weights: Floats
    offset: float
    curvature: Reals
    seeds: int


def logistic(seeds: Floats, others: Floats, *, penalty: float = 10.0, near: Fitted | None = None) -> Fitted:
    """From x of the seeds (S, width) and of others (b, width), classes weighted to equal mass; `near` is a fit on nearly the same
    rows. Ends where the gradient is under 10⁻⁴ of the number of seeds."""
    x = np.vstack([seeds, others])
    x = np.hstack([x, np.ones((len(x), 1), np.float32)])
    sign = np.r_[np.ones(len(seeds)), -np.ones(len(others))]
    weight = np.r_[np.ones(len(seeds)), np.full(len(others), len(seeds) / max(len(others), 1))]
    ridge = np.r_[np.full(x.shape[1] - 1, penalty), 1e-6]
    w = np.zeros(x.shape[1]) if near is None else np.r_[near.weights, near.offset].astype(np.float64)
    curvature = None if near is None else near.curvature * (len(seeds) / near.seeds)
    factor = None if curvature is None else cho_factor(curvature + np.diag(ridge))
    value, gradient, pull = _at(x, sign, weight, ridge, w)
    before = np.inf
    for _ in range(_STEPS):
        length = float(np.linalg.norm(gradient))
        if length < _ENOUGH * len(seeds):
            break
        if factor is None or length > _SHORTER * before:
            curvature = _curvature(x, pull, weight)
            factor = cho_factor(curvature + np.diag(ridge))
        before, step, share = length, cho_solve(factor, gradient), 1.0
        descent = float(gradient @ step)
        while True:
            moved = w - share * step
            found, *rest = _at(x, sign, weight, ridge, moved)
            if found <= value - 1e-4 * share * descent or share < 1e-6:
                break
            share /= 2
        w, value, (gradient, pull) = moved, found, (rest[0], rest[1])
    if curvature is None:
        curvature = _curvature(x, pull, weight)
    return Fitted(w[:-1].astype(np.float32), float(w[-1]), curvature, len(seeds))


def _at(x: Floats, sign: Reals, weight: Reals, ridge: Reals, w: Reals) -> tuple[float, Reals, Reals]:
    """Value, gradient, and the probability of the wrong class (S + b,)."""
    margin = sign * (x @ w.astype(np.float32))
    wrong = expit(-margin)
    value = float((weight * np.logaddexp(0, -margin)).sum() + (ridge * w * w).sum() / 2)
    return value, x.T @ (-weight * sign * wrong).astype(np.float32) + ridge * w, wrong


def _curvature(x: Floats, wrong: Reals, weight: Reals) -> Reals:
    scaled = x * np.sqrt(weight * wrong * (1 - wrong)).astype(np.float32)[:, None]
    return np.asarray(scaled.T @ scaled, np.float64)

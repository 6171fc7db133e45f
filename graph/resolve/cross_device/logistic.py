"""Logistic regression with a Gaussian prior around given coefficients (maximum a posteriori, by Newton's method), and beta
calibration of its scores.

In: features, targets in 0..1 (soft labels allowed), the coefficients that hold where data say little, and how firmly. Natural
units (log odds), not log2. Beta calibration: Kull, Silva Filho and Flach (AISTATS 2017), here with its parameters kept from
being negative, so that the map is monotone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["beta_calibration", "fit_logistic", "logit", "sigmoid"]

Reals = npt.NDArray[np.float64]

_STEPS = 100
_LARGEST_STEP = 2.0


def sigmoid(log_odds: Reals) -> Reals:
    """Probability of log odds."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(log_odds, -500.0, 500.0))))


def logit(probability: float) -> float:
    """Log odds of a probability within 0..1, the ends excluded."""
    return float(np.log(probability) - np.log1p(-probability))


def fit_logistic(values: Reals, targets: Reals, around: Reals, precision: Reals, weights: Reals | None = None) -> Reals:
    """Intercept and coefficients. `around`: 1 + features; `precision`: inverse variances of the prior, 1 + features, the first
    of the intercept; `weights`: of the rows, 1 each by default."""
    weights = np.ones(len(values)) if weights is None else weights
    design = np.column_stack([np.ones(len(values)), values])
    fitted = around.astype(np.float64).copy()
    loss = _loss(design, targets, weights, fitted, around, precision)
    for _ in range(_STEPS):
        p = sigmoid(design @ fitted)
        gradient = design.T @ (weights * (targets - p)) - precision * (fitted - around)
        curvature = design.T @ (design * (weights * p * (1 - p))[:, None]) + np.diag(precision + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        step *= min(1.0, _LARGEST_STEP / max(float(np.abs(step).max()), 1e-12))
        while True:
            tried = _loss(design, targets, weights, fitted + step, around, precision)
            if tried <= loss or float(np.abs(step).max()) < 1e-10:
                break
            step *= 0.5
        fitted, loss = fitted + step, min(loss, tried)
        if float(np.abs(step).max()) < 1e-9:
            break
    return fitted


def _loss(design: Reals, targets: Reals, weights: Reals, fitted: Reals, around: Reals, precision: Reals) -> float:
    score = design @ fitted
    misfit = (weights * (np.logaddexp(0.0, score) - targets * score)).sum()
    return float(misfit + 0.5 * (precision * (fitted - around) ** 2).sum())


def beta_calibration(score: Reals, targets: Reals) -> tuple[float, float, float]:
    """(a, b, c) of calibrated log odds = a log p - b log(1 - p) + c, p = sigmoid(score), a and b not negative; near (1, 1, 0),
    which changes nothing, where data are few."""
    parts = np.column_stack([-np.logaddexp(0.0, -score), np.logaddexp(0.0, score)])
    around, precision = np.array([0.0, 1.0, 1.0]), np.array([0.1, 10.0, 10.0])
    c, a, b = fit_logistic(parts, targets, around, precision)
    if a < 0:
        c, b = fit_logistic(parts[:, 1:], targets, around[[0, 2]], precision[[0, 2]])
        a = 0.0
    elif b < 0:
        c, a = fit_logistic(parts[:, :1], targets, around[:2], precision[:2])
        b = 0.0
    return float(a), float(b), float(c)

"""Scores for contents that nobody has engaged with yet: a fitted model and features of all contents in, thin matrices out.

How a known content j is scored is its column of the model: v_j = M_·j (or, in a thin model, the vector R_·j). A ridge regression
on the centred features f_j foretells it, v̂ = v̄ + A (f − f̄), so that a new content has a score on the same scale: what its like
would have (attribute-to-feature maps, Gantner et al., ICDM 2010). Of a few ridges the one that foretells a hidden fifth best.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["new_content_factors"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
_RIDGES = (0.3, 3.0, 30.0, 300.0)
_LEAST_KNOWN = 10


def new_content_factors(
    factors: tuple[Floats, ...], known: Floats, new: Floats, weights: Floats, seed: int
) -> tuple[Floats, Floats] | None:
    """(m, d + 1) and (d + 1, f): scores of queries over the m known contents for f new ones; None where too little is known.

    `factors` is (M,) or (L, R) of the known contents; `known` (m, d) and `new` (f, d) their features; `weights` (m,) how far a
    content counts in the regression, its number of persons (a column learned from few says little).
    """
    usable = known.any(axis=1)
    if usable.sum() < _LEAST_KNOWN or not len(new):
        return None
    targets = factors[-1].T[usable].astype(np.float64)  # (u, m) or (u, d')
    features, weight = known[usable].astype(np.float64), np.sqrt(weights[usable].astype(np.float64))
    order = np.random.default_rng([seed, 13]).permutation(len(features))
    hidden, kept = order[: len(order) // 5], order[len(order) // 5 :]

    def error(ridge: float) -> float:
        mean, center, slope = _fitted(features[kept], targets[kept], weight[kept], ridge)
        missed = targets[hidden] - (mean + (features[hidden] - center) @ slope)
        return float((weight[hidden, None] * missed**2).sum())

    mean, center, slope = _fitted(features, targets, weight, min(_RIDGES, key=error))
    first = np.vstack([mean, slope]).T.astype(np.float32)  # (m or d', d + 1)
    second = np.vstack([np.ones(len(new)), (new.astype(np.float64) - center).T]).astype(np.float32)
    return (factors[0] @ first if len(factors) == 2 else first), second


def _fitted(features: Doubles, targets: Doubles, weight: Doubles, ridge: float) -> tuple[Doubles, Doubles, Doubles]:
    share = weight / weight.sum()
    mean, center = share @ targets, share @ features
    around = features - center
    gram = (around * weight[:, None]).T @ around
    gram[np.diag_indices_from(gram)] += ridge * weight.mean()
    return mean, center, np.linalg.solve(gram, (around * weight[:, None]).T @ (targets - mean))

"""Several classifiers' probabilities to one: out-of-fold probabilities and true classes in, weights out.

Logarithmic opinion pool (Genest & Zidek, Statistical Science 1986): p_c ∝ Π_m p_mc^w_m for exclusive classes,
logit p_c = b + Σ_m w_m logit p_mc for others, with w_m ≥ 0. The weights minimise the log-loss of texts that no member was
fitted on; their sum is free and so calibrates: members that are too sure of themselves together get less than one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

from gnn.text.classify.corpus import Bools, Floats

__all__ = ["Pool", "fit_pool"]

_LEAST = 1e-5
_TEXTS_OF_PRIOR = 2.0  # pull towards equal weights, worth that many texts: it decides only where there are few


@dataclass(frozen=True)
class Pool:
    """`weights` of the members, in their order, and the common `offset` of classes that are not exclusive."""

    weights: tuple[float, ...]
    offset: float
    exclusive: bool

    def apply(self, members: list[Floats]) -> Floats:
        """(n, c) probabilities of the members' (n, c)."""
        weighted = self.offset + sum(w * _evidence(p, self.exclusive) for w, p in zip(self.weights, members, strict=True))
        return np.asarray(softmax(weighted, axis=1) if self.exclusive else expit(weighted), np.float32)


def fit_pool(members: list[Floats], targets: Bools, *, exclusive: bool) -> Pool:
    """Weights for out-of-fold (n, c) probabilities of one or more members."""
    evidence = np.stack([_evidence(p, exclusive) for p in members])
    even = 1 / len(members)

    def objective(parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        mixed = np.tensordot(parameters[:-1], evidence, axes=1)
        if exclusive:
            logs = log_softmax(mixed, axis=1)
            loss, residual = -logs[targets].sum(), np.exp(logs) - targets
        else:
            mixed = mixed + parameters[-1]
            loss, residual = np.logaddexp(0, mixed).sum() - mixed[targets].sum(), expit(mixed) - targets
        away = parameters[:-1] - even
        loss += _TEXTS_OF_PRIOR * (away**2).sum() + parameters[-1] ** 2
        gradient = np.tensordot(evidence, residual, axes=([1, 2], [0, 1])) + 2 * _TEXTS_OF_PRIOR * away
        offset = (0.0 if exclusive else residual.sum()) + 2 * parameters[-1]
        return float(loss / len(targets)), np.r_[gradient, offset] / len(targets)

    start = np.r_[np.full(len(members), even), 0.0]
    bounds = [(0.0, 5.0)] * len(members) + [(-5.0, 5.0)]
    fitted = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return Pool(tuple(float(w) for w in fitted[:-1]), 0.0 if exclusive else float(fitted[-1]), exclusive)


def _evidence(probabilities: Floats, exclusive: bool) -> npt.NDArray[np.float64]:
    clipped = np.clip(probabilities.astype(np.float64), _LEAST, 1 - _LEAST)
    return np.asarray(np.log(clipped) if exclusive else np.log(clipped) - np.log1p(-clipped))

"""How much each kind of member counts: logits of held-out persons by kind and their labels in, a weight per kind out.

First, which kinds: those of `base` always do, as equals; each further one joins only where the mean with it is better on the
held-out persons than the mean without it, by more than `SURE` standard errors of the paired difference of their log loss. Then
how much: stacked generalisation (Wolpert 1992), weights not negative (Breiman, "Stacked regressions", 1996), on logits,
    minimise  Σ_p Σ_t BCE(σ(b + Σ_j v_j z_j,pt), y_pt) + λ/2 Σ_j (v_j − mean v)²,  v ≥ 0
over one weight per kind and one offset b. λ keeps a few hundred persons near equal weights: they are scored by single members,
and a mean of members gains more where single ones differ more, which they cannot tell. A kind below `LEAST` of the sum is left
out, and the others are weighted anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from gnn.training.calibration import fit_calibration

__all__ = ["LEAST", "SURE", "fit_weights"]

Floats = npt.NDArray[np.float32]
Reals = npt.NDArray[np.float64]
LEAST = 0.05
SURE = 2.0
_SHRINKAGE = 5000.0


def fit_weights(
    logits: Mapping[str, Floats], labels: Floats, *, base: Collection[str] = (), shrinkage: float = _SHRINKAGE
) -> dict[str, float]:
    """Weights of the kinds that stay, summing to one; `logits` of each kind (N, k), `labels` (N, k) in 0..1. Without any kind of
    `base` the first one is the base. Equal weights where nothing is held out."""
    kinds = _joining(logits, labels, base)
    while True:
        weights = _solved(np.stack([logits[kind].ravel() for kind in kinds]), labels.ravel(), shrinkage)
        worst = int(np.argmin(weights))
        if len(kinds) == 1 or weights[worst] >= LEAST:
            return dict(zip(kinds, weights.tolist(), strict=True))
        del kinds[worst]


def _joining(logits: Mapping[str, Floats], labels: Floats, base: Collection[str]) -> list[str]:
    kinds = [kind for kind in logits if kind in base] or list(logits)[:1]
    for kind in logits:
        if kind in kinds:
            continue
        gain = _losses([logits[k] for k in kinds], labels) - _losses([logits[k] for k in (*kinds, kind)], labels)
        if len(gain) < 2 or gain.mean() > SURE * gain.std(ddof=1) / np.sqrt(len(gain)):
            kinds.append(kind)
    return kinds


def _losses(logits: list[Floats], labels: Floats) -> Reals:
    """(N,): log loss of each person by the kinds' mean, calibrated."""
    mean = np.asarray(np.mean(logits, axis=0), np.float32)
    p = np.clip(fit_calibration(mean, labels).apply(mean).astype(np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(-(labels * np.log(p) + (1 - labels) * np.log1p(-p)).sum(axis=1), np.float64)


def _solved(logits: Floats, labels: Floats, shrinkage: float) -> Reals:
    """(K,) of `logits` (K, N)."""
    count = len(logits)
    equal = np.full(count, 1.0 / count)
    if count == 1 or labels.size == 0:
        return equal
    z, y = logits.astype(np.float64), labels.astype(np.float64)

    def objective(parameters: Reals) -> tuple[float, Reals]:
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
    return np.asarray(found / total, np.float64) if total > 0 else equal

"""The weight from which joining device pairs is expected to give the best F1, found without truth.

In: weights and calibrated probabilities of the candidate pairs. Out: a threshold in log2 odds. Of the k most probable pairs the
expected F1 is about 2 * (sum of their p) / (k + sum of all p); the k that maximises it is taken (the optimum lies where p is half
of the F1 reached: Lipton, Elkan and Naryanaswamy, ECML 2014). Joining at a higher weight errs on the side of too few joins.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["expected_f1", "expected_f1_threshold"]

Reals = npt.NDArray[np.float64]


def expected_f1(probability: Reals, chosen: npt.NDArray[np.bool_]) -> float:
    """Expected F1 of joining the chosen pairs; zero where nothing is expected or chosen."""
    total = float(probability.sum()) + int(chosen.sum())
    return 2 * float(probability[chosen].sum()) / total if total > 0 else 0.0


def expected_f1_threshold(weight: Reals, probability: Reals) -> float:
    """The lowest weight to be joined; infinite where there are no pairs. Pairs of one weight go together."""
    if len(weight) == 0:
        return float("inf")
    order = np.lexsort((-weight,))
    ranked, hits = weight[order], np.cumsum(probability[order])
    last = np.append(ranked[1:] != ranked[:-1], True)
    value = np.where(last, 2 * hits / (np.arange(1, len(order) + 1) + hits[-1]), -1.0)
    return float(ranked[int(np.argmax(value))])

"""Shapley values of few groups, exactly: the value of every set of groups in, what each group adds out.

φ_i = Σ_{S ∌ i} |S|! (g − |S| − 1)! / g! · (v(S ∪ {i}) − v(S)); Σ_i φ_i = v(all) − v(∅) (Shapley, "A value for n-person games",
1953; for predictions Lundberg & Lee, NeurIPS 2017). 2^g values are asked for, so g is small.
"""

from __future__ import annotations

from math import factorial

import numpy as np
import numpy.typing as npt

__all__ = ["coalitions", "shapley"]

Doubles = npt.NDArray[np.float64]


def coalitions(groups: int) -> npt.NDArray[np.bool_]:
    """(2^g, g): every set of groups; the set in row r holds group i where bit i of r is set."""
    return np.asarray((np.arange(1 << groups)[:, None] >> np.arange(groups)[None, :]) & 1 == 1, np.bool_)


def shapley(values: Doubles, groups: int) -> Doubles:
    """(g,) from `values` (2^g,), in the order of `coalitions`."""
    sets = np.arange(1 << groups)
    size = coalitions(groups).sum(axis=1)
    share = np.array([factorial(s) * factorial(groups - s - 1) / factorial(groups) for s in range(groups)])
    found = np.zeros(groups)
    for i in range(groups):
        without = sets[(sets >> i) & 1 == 0]
        found[i] = (share[size[without]] * (values[without | (1 << i)] - values[without])).sum()
    return found

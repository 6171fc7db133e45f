"""Which contents one person engaged with together, and in which order: a history in, two content × content matrices out.

Together: G_ij = Σ_persons Σ_(a of i, b of j) exp(−κ |r_a − r_b|). With κ = 0 it is XᵀX of the binary matrix X; the kernel is
positive definite, and so is G plus any ridge. After: D_ij = the same over pairs where a is older than b; pairs of equal time
count half in each direction. Pairs that are NEWEST or more engagements apart, or count less than 1 %, are left out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gnn.recommend.history import NEWEST, History, distances

__all__ = ["together_and_after"]

Doubles = npt.NDArray[np.float64]
_LEAST = 0.01


def together_and_after(history: History, locality: float) -> tuple[Doubles, Doubles]:
    """G (m, m), symmetric, diagonal the contents' numbers of persons; D (m, m), zero diagonal. Memory 16 m² bytes, time by the
    number of pairs."""
    m = history.contents
    together, after = np.zeros(m * m), np.zeros(m * m)
    content, person, distance = history.content, history.person, distances(history).astype(np.float64)
    older = np.arange(len(content))
    for lag in range(1, NEWEST):
        older = older[older + lag < len(content)]
        older = older[person[older + lag] == person[older]]  # whoever has no partner at this lag has none further on
        gap = distance[older] - distance[older + lag]
        value = np.exp(-locality * gap)
        near = value >= _LEAST
        if not near.any():
            break
        older, value = older[near], value[near]  # pairs further apart count less still
        a, b = content[older], content[older + lag]
        equal = history.at[older] == history.at[older + lag]
        np.add.at(together, a * m + b, value)
        np.add.at(after, a * m + b, np.where(equal, value / 2, value))
        np.add.at(after, (b * m + a)[equal], value[equal] / 2)
    one_way = together.reshape(m, m)
    symmetric = one_way + one_way.T
    symmetric[np.diag_indices(m)] = np.bincount(content, minlength=m)
    return symmetric, after.reshape(m, m)

"""Ideal low-pass filter of the person–content graph, for catalogues too large to invert: a history in, two thin matrices out.

Shen et al., "How Powerful is Graph Convolution for Recommendation?" (GF-CF, CIKM 2021): with R = D_p^-½ X D_c^-½ and V its d
leading right singular vectors, scores are q D_c^-e V Vᵀ D_c^e, e = ½ there. A smaller e favours frequent contents less.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.features.matrices import positions
from gnn.recommend.history import History

__all__ = ["filter_factors"]

Floats = npt.NDArray[np.float32]
_DEGREE_POWER = 0.3
_FITTED_PERSONS = 200_000


def filter_factors(history: History, dimensions: int, seed: int) -> tuple[Floats, Floats]:
    """(m, d) and (d, m): scores of queries (b, m) are queries @ first @ second. Fitted on at most 200,000 persons."""
    if history.persons > _FITTED_PERSONS:
        drawn = np.random.default_rng([seed, 12]).choice(history.persons, _FITTED_PERSONS, replace=False)
        history = history.of_persons(np.sort(drawn))
    seen = history.presence()
    per_person = np.maximum(np.asarray(seen.sum(axis=1)).ravel(), 1)
    per_content = np.maximum(np.asarray(seen.sum(axis=0)).ravel(), 1)
    normal = sp.csr_matrix(sp.diags(per_person**-0.5) @ seen @ sp.diags(per_content**-0.5)).astype(np.float32)
    _, right = positions(normal, dimensions, seed=seed)
    scale = (per_content**_DEGREE_POWER).astype(np.float32)
    return (right / scale[:, None]).astype(np.float32), (right.T * scale).astype(np.float32)

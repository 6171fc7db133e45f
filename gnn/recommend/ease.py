"""EASE, looking at time: a history in, one content × content matrix out; scores are a person's query times it.

Steck, "Embarrassingly Shallow Autoencoders for Sparse Data" (WWW 2019), with P = (G + λI)⁻¹:
    B_ij = −P_ij / P_jj, B_jj = 0
G = XᵀX there; here `pairs.together_and_after` gives G with a kernel over time, so that contents of one evening weigh more than
contents of one life. What follows is the ridge regression of what comes after on what there is, W = P D (as in Choi et al.,
"Session-aware Linear Item-Item Models", WWW 2021), and the matrix is B + β W. No kernel and β = 0 is plain EASE.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from gnn.recommend.history import History
from gnn.recommend.options import TimeView
from gnn.recommend.pairs import together_and_after

__all__ = ["Solution", "content_weights"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


class Solution:
    """The matrices of one G, D and λ, for any β."""

    def __init__(self, together: Doubles, after: Doubles, ridge: float) -> None:
        """G and D stay as they are."""
        self._inverse = _inverse(together, ridge)
        self._after = after

    def weights(self, direction: float) -> Floats:
        """(m, m) B + β W."""
        same = self._inverse / -np.diag(self._inverse)
        same[np.diag_indices_from(same)] = 0
        if direction:
            same += direction * self._follows
        both: Floats = same.astype(np.float32)
        return both

    @cached_property
    def _follows(self) -> Doubles:
        return np.asarray(self._inverse @ self._after)


def content_weights(history: History, ridge: float, view: TimeView) -> Floats:
    """(m, m) B + β W. Every content of the history should have an engagement."""
    return Solution(*together_and_after(history, view.locality), ridge).weights(view.direction)


def _inverse(together: Doubles, ridge: float) -> Doubles:
    """(G + λI)⁻¹ by Cholesky: half the time of a general inversion."""
    lifted = np.array(together, order="F")
    lifted[np.diag_indices_from(lifted)] += ridge
    lower, failed = lapack.dpotrf(lifted, lower=1, overwrite_a=1, clean=0)
    if not failed:
        lower, failed = lapack.dpotri(lower, lower=1, overwrite_c=1)
    if failed:  # G is positive semidefinite and λ > 0
        raise ArithmeticError("the ridge is too small for a Cholesky factor")
    inverse: Doubles = np.tril(lower)
    return inverse + np.tril(inverse, -1).T

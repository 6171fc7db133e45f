"""Where persons are, as lookalikes see them: vectors at two scales, engagements, and who may be looked at.

Person embeddings v (d,), x = [v, κ c/|c|] with c the first quarter of v: embeddings begin with SVD positions in the order of
their singular values, so that c is where a person is on the whole. x is made for some; everybody is asked for products alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gnn.lookalike.scan import products
from gnn.lookalike.walk import Engagements

__all__ = ["Positions"]

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]
Indices = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_COARSE = 0.7


@dataclass(frozen=True)
class Positions:
    """`vectors` (n, d) unit rows, float32 or float16, which may be memory-mapped, the last of them apart in `later`, so that what
    is mapped need not be copied for a few new rows; `engaged` who engaged with what, None where it is not known; `allowed` (n,)
    who may be looked at: nobody else is ranked, compared with or walked over. None: everybody."""

    vectors: Floats | Halves
    engaged: Engagements | None = None
    allowed: Bools | None = None
    later: Floats | None = None

    @property
    def persons(self) -> int:
        """n."""
        return len(self.vectors) + (0 if self.later is None else len(self.later))

    @property
    def allowed_persons(self) -> int:
        """How many may be looked at."""
        return self.persons if self.allowed is None else int(self.allowed.sum())

    @property
    def width(self) -> int:
        """Of x."""
        return int(self.vectors.shape[1]) + self._quarter

    @property
    def _quarter(self) -> int:
        return int(self.vectors.shape[1]) // 4

    def only(self, kept: Bools) -> Positions:
        """The same with those of the allowed in `kept` (n,) allowed; nothing is copied, places stay."""
        both = kept if self.allowed is None else kept & self.allowed
        return replace(self, allowed=None if both.all() else both)

    def among(self, persons: Indices) -> Indices:
        """Those of these persons who may be looked at."""
        return persons if self.allowed is None else persons[self.allowed[persons]]

    def at(self, persons: Indices) -> Floats:
        """x of these persons, (b, d + d/4)."""
        before = len(self.vectors)
        if self.later is None:
            fine = np.asarray(self.vectors[persons], np.float32)
        else:
            fine = np.empty((len(persons), self.vectors.shape[1]), np.float32)
            fine[persons < before] = self.vectors[persons[persons < before]]
            fine[persons >= before] = self.later[persons[persons >= before] - before]
        coarse = fine[:, : self._quarter]
        length = np.sqrt(np.einsum("ij,ij->i", coarse, coarse))
        scale = np.divide(_COARSE, length, out=np.zeros_like(length), where=length > 1e-9)
        return np.hstack([fine, coarse * scale[:, None]])

    def along(self, directions: Floats, then: Callable[[Floats], Floats] | None = None) -> Floats:
        """(n, p): xᵀw of everybody for `directions` (width, p), by one pass; or (n,), what `then` makes of some rows of it."""
        d = self.vectors.shape[1]
        found = products(self.vectors, directions[:d], directions[d:], _COARSE, then)
        if self.later is None:
            return found
        return np.concatenate([found, products(self.later, directions[:d], directions[d:], _COARSE, then)])

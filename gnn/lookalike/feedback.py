"""The blend with feedback: whoever it puts first counts as alike too, with less weight, and everybody is ranked once more.

Pseudo-relevance feedback, as in the retrieval of texts (Rocchio, 1971; Croft and Harper, 1979): seeds are few, and those whom
they find first say more of what they have in common. Near the top nothing says more than the seeds themselves, so that the order
of the first ranking is kept there:

    score = second + 2 max(0, first − q),   q what 2.5 % of the others reach in the first
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gnn.lookalike.parts import Usual
from gnn.lookalike.positions import Positions
from gnn.lookalike.ranking import BLENDED, People, Ranking, Walked

__all__ = ["Feedback", "alike_among", "with_feedback"]

Floats = npt.NDArray[np.float32]
_SHARE = 0.025  # of the others who are taken for alike at most, half as many as there are seeds
_KEPT = np.float32(2)


@dataclass(frozen=True)
class Feedback:
    """Two blends, and the score `cut` in the first from which on its order is kept."""

    first: Ranking
    second: Ranking
    cut: np.float32

    def of(self, people: People) -> Floats:
        """(b,) scores."""
        return self._together(self.first.total(people), self.second.total(people))

    def everybody(self, positions: Positions) -> Floats:
        """(n,) scores; memory is bounded by the result."""
        return self._together(self.first.everybody(positions), self.second.everybody(positions))

    def _together(self, first: Floats, second: Floats) -> Floats:
        first -= self.cut
        np.maximum(first, 0, out=first)
        first *= _KEPT
        first += second
        return first


def alike_among(others: People, first: Ranking, seeds: int) -> People:
    """Whom a ranking puts first among the others, best first; at most half as many as there are seeds."""
    count = min(seeds // 2, math.ceil(_SHARE * len(others.places)))
    return others.at(np.argsort(-first.total(others), kind="stable")[:count])


def with_feedback(
    first: Ranking,
    alike: People,
    seeds: People,
    others: People,
    about: Usual,
    generator: np.random.Generator,
    walked: Walked | None,
) -> Feedback:
    """`first` is the blend by the seeds alone, `alike` whom it found, `walked` the walk for the second."""
    second = Ranking(BLENDED, seeds, others, about, generator, walked=walked, alike=alike.x)
    return Feedback(first, second, np.float32(np.quantile(first.total(others), 1 - _SHARE)))

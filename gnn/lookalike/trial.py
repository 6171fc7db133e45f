"""How well each way of ranking finds seeds that it has not seen, by cross-validation on the seeds, and which way to use.

A fold's seeds are hidden; what is fitted on the other folds scores them among sampled others that were not trained on either.
All that is told comes from one number for each hidden seed: the share of those others whom it is above. Their mean is the AUC;
the share of them that are at least 1 − r is the share of hidden seeds in the best r of everybody, and that by r is the lift.
The blend is tried without feedback to its walk, which would be a walk for each fold: it does a little better than is told.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gnn.lookalike.feedback import alike_among, with_feedback
from gnn.lookalike.logistic import logistic
from gnn.lookalike.parts import Usual
from gnn.lookalike.ranking import BLENDED, PARTS, People, Ranking, Walked
from gnn.lookalike.walk import Walk
from graph.side_by_side import each

__all__ = ["FOLDS", "Estimate", "Trial", "folds_of", "trial"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
FOLDS = 5
_JUDGED = 1_000  # seeds that the ways are compared on
_TAUGHT_OTHERS = 1_000
_Z = 1.96


@dataclass(frozen=True)
class Estimate:
    """A value with the bounds of its 95 % interval, which is about the seeds: others like them could have been given."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Trial:
    """By way of ranking, of each hidden seed (J,): the share of others whom it is above, half of those it ties with."""

    above: dict[str, Floats]

    @property
    def aucs(self) -> dict[str, float]:
        """Mean of each."""
        return {method: float(shares.mean()) for method, shares in self.above.items()}

    @property
    def method(self) -> str:
        """The blend, or the discriminant where there is none, unless another is better by two standard errors of the paired
        difference: the best of many by a few seeds is mostly luck."""
        usual = "blend" if "blend" in self.above else "discriminant"
        better = {}
        for method, shares in self.above.items():
            gain = shares - self.above[usual]
            if gain.mean() > 2 * float(gain.std()) / len(gain) ** 0.5:
                better[method] = float(gain.mean())
        return max(better, key=better.__getitem__) if better else usual

    def auc(self, method: str) -> Estimate:
        """With a normal interval."""
        shares = self.above[method]
        mean, error = float(shares.mean()), _Z * float(shares.std()) / len(shares) ** 0.5
        return Estimate(mean, max(mean - error, 0.0), min(mean + error, 1.0))

    def lift(self, method: str, ratio: float) -> Estimate:
        """Of the best `ratio` (0 to 1) of everybody over chance, with Wilson's interval."""
        shares = self.above[method]
        n, found = len(shares), float((shares >= 1 - ratio).mean())
        middle = (found + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z / (1 + _Z**2 / n) * (found * (1 - found) / n + _Z**2 / (4 * n**2)) ** 0.5
        return Estimate(found / ratio, max(middle - half, 0.0) / ratio, min(middle + half, 1.0) / ratio)

    def similarity(self, method: str, ratio: float) -> float:
        """Of whoever comes last in the best `ratio` of everybody: the share of hidden seeds that come after."""
        return float((self.above[method] < 1 - ratio).mean())

    def ratio(self, method: str, similarity: float) -> float:
        """The share of everybody who are at least so similar."""
        shares = np.sort(self.above[method])
        return 1 - float(shares[min(int(np.ceil(similarity * len(shares))), len(shares) - 1)])


def folds_of(count: int, generator: np.random.Generator) -> Indices:
    """(S,) the fold of each seed; those beyond a thousand, which nothing is judged by, are in one more."""
    folds = np.full(count, FOLDS, np.int64)
    order = generator.permutation(count)[:_JUDGED]
    folds[order] = np.arange(len(order)) % FOLDS
    return folds


def trial(
    seeds: People, folds: Indices, others: People, about: Usual, walk: Walk | None, generator: np.random.Generator
) -> Trial:
    """`folds` as `folds_of` gives them, which are the groups of the walk."""
    names = PARTS if walk is not None else PARTS[:-1]
    mixed = generator.permutation(len(others.places))
    half = max(1, min(_TAUGHT_OTHERS, len(mixed) // 2))
    known, apart = others.at(mixed[:half]), others.at(mixed[half : 3 * half] if len(mixed) > half else mixed)
    near = logistic(seeds.x[folds < FOLDS], known.x)
    drawing = generator.spawn(FOLDS)

    def fold(hide: int) -> dict[str, Floats]:
        hidden, taught = seeds.at(np.flatnonzero(folds == hide)), seeds.at(np.flatnonzero((folds != hide) & (folds < FOLDS)))
        walked = None if walk is None else Walked(walk, [f for f in range(FOLDS) if f != hide])
        ranking = Ranking(names, taught, known, about, drawing[hide], walked=walked, near=near)
        tested = People(np.r_[hidden.places, apart.places], np.vstack([hidden.x, apart.x]))
        scores = ranking.of(tested)
        if walk is not None:
            first = Ranking(BLENDED, taught, known, about, drawing[hide], walked=walked)
            alike = alike_among(known, first, len(taught.places))
            scores["blend"] = with_feedback(first, alike, taught, known, about, drawing[hide], walked).of(tested)
        return {method: _above(score[: len(hidden.places)], score[len(hidden.places) :]) for method, score in scores.items()}

    told = each(fold, range(FOLDS))
    return Trial({method: np.concatenate([shares[method] for shares in told]) for method in told[0]})


def _above(hidden: Floats, others: Floats) -> Floats:
    rest = np.sort(others)
    below = np.searchsorted(rest, hidden, "left") + np.searchsorted(rest, hidden, "right")
    return np.asarray(below / (2 * max(len(rest), 1)), np.float32)

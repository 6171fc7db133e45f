"""Two taggings of the same persons: truth and two score matrices in, the difference of their mAP with an interval out.

Persons are drawn with replacement, the same draw for both (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993), so what
makes a draw easy or hard makes it so for both and falls out of the difference. A draw is a weight w_i per person; the average
precision of a tag under weights, with P(i) the weighted precision at the end of the tie that i is in, is
    AP = Σ_i w_i y_i P(i) / Σ_i w_i y_i.
With equal weights this is `gnn.evaluate.average_precision`. The mean goes over the tags that have positives in the draw.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["PairedDifference", "mean_average_precision", "paired_difference", "weighted_average_precision"]

Array = npt.NDArray[np.floating[Any]]
_CELLS = 4_000_000  # persons × tags above which persons are sampled: the interval is then a little too wide


@dataclass(frozen=True)
class PairedDifference:
    """mAP of both, second minus first, and its interval; `persons` and `tags` that took part."""

    persons: int
    tags: int
    first: float
    second: float
    difference: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Plain numbers, fit for JSON."""
        return asdict(self)


def paired_difference(
    truth: Array,
    first: Array,
    second: Array,
    *,
    minimum_positives: int = 10,
    draws: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> PairedDifference:
    """All (n, t); a truth of at least ½ is positive. Over the tags with at least `minimum_positives` positives, or over those
    with any when none has so many. NaN without any."""
    generator = np.random.default_rng(seed)
    binary = truth >= 0.5
    if binary.size > _CELLS:
        rows = np.sort(generator.choice(len(binary), max(1, _CELLS // binary.shape[1]), replace=False))
        binary, first, second = binary[rows], first[rows], second[rows]
    kept = _measured(binary, minimum_positives)
    n, t = len(binary), int(kept.sum())
    nothing = float("nan")
    if n == 0 or t == 0:
        return PairedDifference(n, t, nothing, nothing, nothing, nothing, nothing)
    ranked = [_Ranked(binary[:, kept], np.asarray(s)[:, kept]) for s in (first, second)]
    a, b = (r.mean_average_precision(np.ones(n)) for r in ranked)
    drawn = []
    for _ in range(draws):
        weights = np.bincount(generator.integers(n, size=n), minlength=n).astype(np.float64)
        drawn.append(ranked[1].mean_average_precision(weights) - ranked[0].mean_average_precision(weights))
    low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return PairedDifference(n, t, a, b, b - a, float(low), float(high))


def mean_average_precision(truth: Array, score: Array, *, minimum_positives: int = 10) -> float:
    """mAP over the tags that `paired_difference` takes, without an interval. NaN without positives."""
    binary = truth >= 0.5
    kept = _measured(binary, minimum_positives)
    if not kept.any():
        return float("nan")
    return _Ranked(binary[:, kept], np.asarray(score)[:, kept]).mean_average_precision(np.ones(len(binary)))


def _measured(binary: npt.NDArray[np.bool_], minimum_positives: int) -> npt.NDArray[np.bool_]:
    counts = binary.sum(0)
    kept: npt.NDArray[np.bool_] = counts >= minimum_positives if (counts >= minimum_positives).any() else counts > 0
    return kept


def weighted_average_precision(truth: Array, score: Array, weights: Array) -> Array:
    """(t,): average precision of each tag, persons weighted by `weights` (n,); NaN without positives."""
    return _Ranked(truth >= 0.5, score).average_precision(weights)


class _Ranked:
    """Scores sorted once, for many weightings."""

    def __init__(self, truth: npt.NDArray[np.bool_], score: Array) -> None:
        n, t = truth.shape
        self._order = np.argsort(-score, axis=0, kind="stable")
        self._truth = np.take_along_axis(truth, self._order, axis=0)
        ordered = np.take_along_axis(score, self._order, axis=0)
        last = np.vstack([ordered[1:] != ordered[:-1], np.ones((1, t), np.bool_)])
        place = np.where(last, np.arange(n)[:, None], n)
        self._end = np.minimum.accumulate(place[::-1], axis=0)[::-1]  # of the tie that each is in

    def average_precision(self, weights: Array) -> Array:
        w = np.asarray(weights, np.float64)[self._order]
        hit = w * self._truth
        hits, seen = np.cumsum(hit, axis=0), np.cumsum(w, axis=0)
        precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
        total = hits[-1]
        found: Array = np.divide(
            (hit * np.take_along_axis(precision, self._end, axis=0)).sum(0),
            total,
            out=np.full(len(total), np.nan),
            where=total > 0,
        )
        return found

    def mean_average_precision(self, weights: Array) -> float:
        found = self.average_precision(weights)
        return float(np.nanmean(found)) if not np.isnan(found).all() else float("nan")

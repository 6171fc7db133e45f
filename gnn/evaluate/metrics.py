"""Metrics of multi-label tagging and of rankings: truth and scores in, numbers out. NumPy and SciPy only.

Ties are never decided by position: average precision takes them together, AUC counts them half.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

__all__ = [
    "TagMetrics",
    "average_precision",
    "bootstrap_interval",
    "brier_skill",
    "calibration_error",
    "precision_at",
    "roc_auc",
    "tag_metrics",
]

Array = npt.NDArray[np.floating]
_CLAIM = 0.1  # below this probability everything is rare, and predicting the base rate would look calibrated
_BINS = 15
_MINIMUM_POSITIVES = 10


def average_precision(truth: Array, score: Array) -> float:
    """Area under the precision-recall curve, Σ_i (R_i − R_{i−1}) P_i over distinct scores. NaN without positives."""
    positives = float(truth.sum())
    if positives == 0:
        return float("nan")
    order = np.argsort(-score, kind="stable")
    hits, sorted_score = np.cumsum(truth[order]), score[order]
    ends = np.r_[np.flatnonzero(np.diff(sorted_score)), len(sorted_score) - 1]
    gained = np.diff(np.r_[0.0, hits[ends]])
    return float((gained * hits[ends] / (ends + 1)).sum() / positives)


def roc_auc(truth: Array, score: Array) -> float:
    """P(score of a positive > score of a negative), ties half (Mann–Whitney U). NaN when a class is missing."""
    positives = float(truth.sum())
    negatives = len(truth) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[truth > 0].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def precision_at(truth: Array, score: Array, k: int) -> float:
    """Mean share of true tags among each row's k best. Both (n, t)."""
    k = min(k, score.shape[1])
    if k == 0 or len(truth) == 0:
        return float("nan")
    top = np.argsort(-score, axis=1, kind="stable")[:, :k]
    return float(np.take_along_axis(truth, top, axis=1).mean())


def calibration_error(truth: Array, probability: Array, *, claim: float = _CLAIM, bins: int = _BINS) -> float:
    """Expected calibration error over the claims of at least `claim`, in bins of equal mass: Σ_b |b|/N |p̄_b − ȳ_b|."""
    claimed = probability.ravel() >= claim
    p, y = probability.ravel()[claimed], truth.ravel()[claimed]
    if len(p) == 0:
        return float("nan")
    parts = np.array_split(np.argsort(p, kind="stable"), bins)
    return float(sum(len(b) * abs(p[b].mean() - y[b].mean()) for b in parts if len(b)) / len(p))


def brier_skill(truth: Array, probability: Array) -> float:
    """1 − Brier(probability) / Brier(true base rate of each tag): predicting popularity has none. NaN where all is constant."""
    reference = float(((truth.mean(0) - truth) ** 2).mean())
    if reference == 0:
        return float("nan")
    return float(1 - ((probability - truth) ** 2).mean() / reference)


def bootstrap_interval(
    values: Array, *, seed: int, draws: int = 1000, level: float = 0.95, statistic: Callable[[Array], float] | None = None
) -> tuple[float, float]:
    """Percentile interval of the mean (or another statistic) of `values` (n,), resampled with replacement."""
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return (float("nan"), float("nan"))
    generator = np.random.default_rng(seed)
    of = statistic or (lambda v: float(v.mean()))
    drawn = np.array([of(generator.choice(values, len(values))) for _ in range(draws)])
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class TagMetrics:
    """How good a person × tag matrix is. Means go over tags with enough positives; `map_low` and `map_high` are the 95 %
    bootstrap interval of mAP over tags."""

    persons: int
    tags: int
    map: float
    map_low: float
    map_high: float
    auc: float
    p_at_5: float
    calibration_error: float
    brier_skill: float

    def as_dict(self) -> dict[str, float]:
        """Plain numbers, fit for JSON."""
        return asdict(self)


def tag_metrics(truth: Array, probability: Array, *, minimum_positives: int = _MINIMUM_POSITIVES, seed: int = 0) -> TagMetrics:
    """All metrics of `probability` (n, t) against `truth` (n, t; a value of at least ½ is positive), over the tags with at
    least `minimum_positives` positives, or over those with any when none has so many."""
    binary = (truth >= 0.5).astype(np.float64)
    counts = binary.sum(0)
    kept = counts >= minimum_positives if (counts >= minimum_positives).any() else counts > 0
    y, p = binary[:, kept], probability[:, kept].astype(np.float64)
    precision = np.array([average_precision(y[:, j], p[:, j]) for j in range(y.shape[1])])
    aucs = np.array([roc_auc(y[:, j], p[:, j]) for j in range(y.shape[1])])
    low, high = bootstrap_interval(precision, seed=seed)
    defined = aucs[~np.isnan(aucs)]
    return TagMetrics(
        persons=len(y),
        tags=int(kept.sum()),
        map=float(precision.mean()) if len(precision) else float("nan"),
        map_low=low,
        map_high=high,
        auc=float(defined.mean()) if len(defined) else float("nan"),
        p_at_5=precision_at(y, p, 5),
        calibration_error=calibration_error(y, p) if y.size else float("nan"),
        brier_skill=brier_skill(y, p) if y.size else float("nan"),
    )

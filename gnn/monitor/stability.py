"""Population stability index: a sample at training and a sample of today in, how different they are out.

With e_b and a_b the shares of the expected and the actual sample in bin b of B,
    PSI = Σ_b (a_b − e_b) ln(a_b / e_b),
the symmetrised Kullback–Leibler divergence (Jeffreys 1946). Bins are the deciles of the expected sample; a value that a
twentieth of it shares has a bin of its own, so that "nearly everybody has 0" is seen to change. Shares are
(count + ½) / (n + B/2), since an empty bin would make the index infinite.

Values that are estimates (scores, channels) lie in clusters which a change of no importance moves across an edge all together.
They are counted softly: with blur h, a quarter of the expected standard deviation, and Φ the normal distribution function, a
value v counts Φ((u − v)/h) − Φ((l − v)/h) in the bin from l to u.

Below .1 there is no significant change, from .1 to .25 some, above .25 a major one (Siddiqi, "Credit Risk Scorecards", 2006,
after Lewis, "An Introduction to Credit Scoring", 1994). Two samples of n and m from one distribution have a PSI about
(1/n + 1/m) χ²_{B−1} (Yurdakul & Naranjo, "Statistical properties of the population stability index", Journal of Risk Model
Validation 14(4), 2020): in small populations .1 is nothing but chance, and is called stable.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, ndtr

__all__ = ["MAJOR", "MODERATE", "Histogram", "chance_index", "histogram", "stability_index", "state_of"]

Array = npt.NDArray[Any]
MODERATE = 0.1
MAJOR = 0.25
_BINS = 10
_ATOM = 0.05
_BLUR = 0.25
_LEAST_SPREAD = 1e-9


@dataclass(frozen=True)
class Histogram:
    """`edges` (B − 1,) ascending: bin i holds the values v with edges[i−1] ≤ v < edges[i]. `counts` (B,), no whole numbers where
    `blur` is over 0. `total`: how many values were counted."""

    edges: tuple[float, ...]
    counts: tuple[float, ...]
    total: int
    blur: float = 0.0

    def of(self, values: Array) -> Histogram:
        """Other values in the same bins."""
        numbers, edges = np.asarray(values, np.float64), np.asarray(self.edges)
        if self.blur > 0:
            under = np.array([ndtr((edge - numbers) / self.blur).sum() for edge in edges])
            counts = np.diff(np.r_[0.0, under, float(len(numbers))])
        else:
            counts = np.bincount(np.searchsorted(edges, numbers, side="right"), minlength=len(edges) + 1)
        return Histogram(self.edges, tuple(float(c) for c in counts), len(numbers), self.blur)

    def as_dict(self) -> dict[str, Any]:
        """Fit for JSON, which keeps every bit of a float64."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: Any) -> Histogram:
        """What `as_dict` gave. Raises KeyError, TypeError, ValueError."""
        edges, counts = (tuple(float(x) for x in told[name]) for name in ("edges", "counts"))
        return cls(edges, counts, int(told["total"]), float(told["blur"]))


def histogram(values: Array, bins: int = _BINS, *, soft: bool = False) -> Histogram:
    """Bins from `values` (n,) and their counts; without values one bin, empty. `soft`: blurred, where the values differ."""
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return Histogram((), (0.0,), 0)
    inner = np.quantile(finite, np.arange(1, bins) / bins, method="inverted_cdf")
    blur = _BLUR * float(finite.std()) if soft else 0.0
    if blur > _LEAST_SPREAD * float(np.abs(finite).max()):
        edges = np.unique(inner)
        return Histogram(tuple(edges.tolist()), (0.0,) * (len(edges) + 1), 0, blur).of(finite)
    distinct, often = np.unique(finite, return_counts=True)
    atoms = distinct[often >= max(_ATOM * len(finite), 2)]
    edges = np.unique(np.r_[inner, atoms, np.nextafter(atoms, np.inf)])
    return Histogram(tuple(edges.tolist()), (0.0,) * (len(edges) + 1), 0).of(finite)


def stability_index(expected: Histogram, actual: Histogram) -> float:
    """PSI of two histograms with the same bins; NaN where either is empty."""
    if expected.edges != actual.edges or expected.blur != actual.blur:
        raise ValueError("the two histograms have different bins")
    if not expected.total or not actual.total:
        return float("nan")
    b = len(expected.counts)
    e, a = ((np.asarray(h.counts) + 0.5) / (h.total + b / 2) for h in (expected, actual))
    return float(((a - e) * np.log(a / e)).sum())


def chance_index(expected: Histogram, actual: Histogram, *, level: float = 0.95) -> float:
    """PSI that two samples of one distribution stay under with this probability; only bins that either fills count."""
    filled = int((np.asarray(expected.counts) + np.asarray(actual.counts) >= 0.5).sum())
    if filled < 2 or not expected.total or not actual.total:
        return 0.0
    return float((1 / expected.total + 1 / actual.total) * chdtri(filled - 1, 1 - level))


def state_of(index: float, chance: float) -> str:
    """unknown, stable, moderate or major."""
    if np.isnan(index):
        return "unknown"
    if index < MODERATE or index <= chance:
        return "stable"
    return "moderate" if index < MAJOR else "major"

"""A fitted cross-device model: from features of a pair to a match weight, its pieces, and a probability.

In: `PairFeatures`. Out: `PairScores`. The weight is prior + sum of pieces, in log2 odds, exactly: pieces are whole multiples of
2^-20, whose sums have no rounding error in any order. What is not known about a pair (NaN) has a piece of zero. The probability
is a fixed monotone map of the weight. A model is a plain JSON file; saved and loaded, it is equal bit for bit.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.errors import ModelError
from graph.files import replace_file
from graph.resolve.cross_device.features import FEATURES, GROUPS, CandidateLimits, FeatureParameters
from graph.resolve.cross_device.logistic import sigmoid

__all__ = ["CrossDeviceModel", "PairScores", "load_model", "save_model", "whole"]

Reals = npt.NDArray[np.float64]

_GRAIN = 2.0**20
_VERSION = 1


@dataclass(frozen=True)
class PairScores:
    """Per pair: `weight` (log2 odds), `probability`, `pieces` (pairs × GROUPS, log2 odds)."""

    weight: Reals
    probability: Reals
    pieces: Reals


@dataclass(frozen=True)
class CrossDeviceModel:
    """Coefficients are log2 odds per unit of the feature, around its reference value; in the order of FEATURES."""

    parameters: FeatureParameters
    prior: float
    """Log2 odds of a pair all of whose features are at their references, or unknown."""
    coefficients: tuple[float, ...]
    references: tuple[float, ...]
    calibration: tuple[float, float, float]
    """Beta calibration (`logistic.beta_calibration`) from weight to probability."""
    method: str
    """How it was fitted: `sign_ins` or `views`."""
    pairs: int
    """Candidate pairs it was fitted on."""
    expected_matches: float
    """Of these, how many are one person's: known, or expected."""

    def score(self, values: Reals) -> PairScores:
        """`values`: pairs × FEATURES, as in `PairFeatures`."""
        known = np.nan_to_num((values - np.array(self.references)) * np.array(self.coefficients))
        pieces = np.column_stack([_whole(known[:, columns].sum(1)) for columns in _columns()])
        weight = self.prior + pieces.sum(1)
        a, b, c = self.calibration
        log_odds = weight * np.log(2.0)
        calibrated = -a * np.logaddexp(0.0, -log_odds) + b * np.logaddexp(0.0, log_odds) + c
        return PairScores(weight, sigmoid(calibrated), pieces)


def save_model(model: CrossDeviceModel, path: Path) -> None:
    """Write it as JSON. Raises HomeNotWritable."""
    text = json.dumps({"version": _VERSION, "features": FEATURES, **asdict(model)}, indent=1, allow_nan=False)
    replace_file(path, (text + "\n").encode())


def load_model(path: Path) -> CrossDeviceModel:
    """Raises ModelError for a file that is none, or of another version."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if (stored.pop("version"), tuple(stored.pop("features"))) != (_VERSION, FEATURES):
            raise ModelError(f"{path} is a cross-device model of another version; fit it again")
        parameters: dict[str, Any] = _tuples(stored.pop("parameters"))
        limits = CandidateLimits(**parameters.pop("limits"))
        rest: dict[str, Any] = _tuples(stored)
        return CrossDeviceModel(FeatureParameters(limits=limits, **parameters), **rest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is no cross-device model ({type(error).__name__}); fit it again") from error


def whole(value: float) -> float:
    """The nearest multiple of 2^-20."""
    return float(np.rint(value * _GRAIN) / _GRAIN)


def _tuples(stored: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}


def _whole(values: Reals) -> Reals:
    return np.asarray(np.rint(values * _GRAIN) / _GRAIN)


def _columns() -> list[list[int]]:
    """Columns of each group."""
    return [[FEATURES.index(name) for name in names] for _, names in GROUPS]

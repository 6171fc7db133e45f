"""Fits a cross-device model: on pairs that sign-ins decide where there are enough, else by what kind of lake the pairs come from.

In: `PairFeatures`, and for the first way what sign-ins say of each pair. Out: a `CrossDeviceModel`, or None where the data cannot
support one; then nothing is to be said.

From sign-ins: logistic regression with a Gaussian prior around `base.JOINT`, and scores of five-fold cross-fitting to calibrate
on: an affine map of them (Platt 1999) goes into prior and coefficients, so that weights are calibrated log2 odds; what is left
goes into the map to probabilities. A device's pairs with devices after it in the order of ids are one fold.

Without sign-ins: what a shared home or shared contents are worth differs between lakes, by how many people share a home, how many
of them are observed, and what everybody looks at. Traits of the lake that need no truth (`lake`) tell such lakes apart; prior and
coefficients are those which simulated worlds of these traits have (`base`). A trait counts up to two deviations from the usual,
and no coefficient leaves the bounds of sense: likeness never speaks against, and doubling the devices behind a network costs at
least one bit, since each pair's share of the network halves. Pairs that never met are candidates because of the contents they
share, and where everybody shares contents these tell little: no more matches are expected among them than a set share of those
among pairs that met.

Weights of a fit without sign-ins are log2 odds plus a margin, a part of the prior, so that clustering, which joins from 2 log2
odds on, joins what gives the best expected F1 (`threshold`), yet nothing that is likelier apart than together. Probabilities
are free of the margin.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graph.resolve.cross_device.base import JOINT, JOINT_PRIOR, LAKE, LAKE_PRIOR, MOVED, REFERENCES, TRAITS
from graph.resolve.cross_device.features import FEATURES, FeatureParameters, PairFeatures
from graph.resolve.cross_device.lake import lake_references, lake_traits
from graph.resolve.cross_device.logistic import beta_calibration, fit_logistic, sigmoid
from graph.resolve.cross_device.model import CrossDeviceModel, whole
from graph.resolve.cross_device.threshold import expected_f1_threshold

__all__ = ["FitRules", "fit_sign_ins", "fit_views", "known_pairs"]

Reals = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_LOG_2 = float(np.log(2.0))
_NO_NETWORK, _CONTENTS, _CROWD = FEATURES.index("no_network"), FEATURES.index("contents"), FEATURES.index("crowd")
_MOVED = [FEATURES.index(name) for name in MOVED]
_LIKENESS = [FEATURES.index(name) for name in ("overlap", "contents", "rare_items", "kinds_differ")]
_LARGEST_TRAIT = 2.0  # deviations


@dataclass(frozen=True)
class FitRules:
    """When there is enough to fit on, and how firmly the base holds."""

    least_known: int = 50
    """Known pairs of one person, and known pairs of two people, that a fit from sign-ins needs."""
    least_pairs: int = 20
    """Candidate pairs with a network in common, and of these pairs with contents on both sides, that a fit from views needs."""
    least_matches: float = 3.0
    """Pairs of one person that a fit from views must lead one to expect among those that met."""
    sign_in_precision: float = 1.0
    """Inverse variance of a coefficient around the base (natural log odds per unit of the feature), fits from sign-ins."""
    largest_unmet: float = 0.1
    """Expected matches among pairs that never met, per expected match among those that met: in simulated worlds .07 at the
    median, .12 at the upper quartile."""
    join_log2_odds: float = 2.0
    """Weight from which clustering joins two single devices (`ClusterRules`)."""
    folds: int = 5


_KNOWN = """
WITH owners AS (
    SELECT device_id, owner FROM usage WHERE share >= $share AND device_id NOT IN (SELECT id FROM classes WHERE kind = 'device')
)
SELECT CASE WHEN a.owner IS NULL OR b.owner IS NULL THEN -1 ELSE (a.owner = b.owner)::INTEGER END AS known
FROM fitted_pairs LEFT JOIN owners a ON a.device_id = left_id LEFT JOIN owners b ON b.device_id = right_id ORDER BY place
"""


def known_pairs(connection: duckdb.DuckDBPyConnection, features: PairFeatures, least_share: float = 0.8) -> Integers:
    """Per pair 1 where sign-ins show one person, 0 where two, -1 where they say nothing. Reads the temporary table `usage` of
    `guards` (device_id, owner, share: an owner is an account, or a group of accounts known to be one person); a device counts
    as the owner's who makes up `least_share` of its sign-ins."""
    pairs = pa.table({"left_id": features.left_id, "right_id": features.right_id, "place": np.arange(len(features.left_id))})
    connection.register("fitted_pairs", pairs)
    try:
        known = connection.sql(_KNOWN, params={"share": least_share}).to_arrow_table()["known"].to_numpy()
    finally:
        connection.unregister("fitted_pairs")
    return np.asarray(known, np.int64)


def fit_sign_ins(
    features: PairFeatures, known: Integers, parameters: FeatureParameters, rules: FitRules | None = None
) -> CrossDeviceModel | None:
    """Fit on the pairs with `known` 0 or 1; None where there are too few."""
    rules = rules or FitRules()
    chosen = np.flatnonzero(known >= 0)
    target = known[chosen].astype(np.float64)
    if min(target.sum(), (1 - target).sum()) < rules.least_known:
        return None
    values = _around_references(features.values[chosen])
    around = np.array([JOINT_PRIOR, *JOINT]) * _LOG_2
    precision = np.array([1e-3, *[rules.sign_in_precision] * len(FEATURES)])
    left = features.left_id.take(pa.array(chosen)).dictionary_encode().indices.to_numpy()
    fold = left % rules.folds  # pairs are in order of left_id, so that this is the rank of the device
    crossed = np.zeros(len(chosen))
    for k in range(rules.folds):
        inside = fold == k
        if inside.any():
            fitted = fit_logistic(values[~inside], target[~inside], around, precision)
            crossed[inside] = fitted[0] + values[inside] @ fitted[1:]
    fitted = fit_logistic(values, target, around, precision)
    shift, slope = fit_logistic(crossed[:, None], target, np.array([0.0, 1.0]), np.array([1.0, 10.0]))
    slope = max(float(slope), 0.0)
    calibration = beta_calibration(shift + slope * crossed, target)
    return _model(
        parameters,
        slope * fitted[0] + shift,
        slope * fitted[1:],
        np.array(REFERENCES),
        calibration,
        "sign_ins",
        len(chosen),
        float(target.sum()),
    )


def fit_views(features: PairFeatures, parameters: FeatureParameters, rules: FitRules | None = None) -> CrossDeviceModel | None:
    """Fit without sign-ins; None where views are missing, or lead one to expect hardly any match."""
    rules = rules or FitRules()
    met = features.values[:, _NO_NETWORK] == 0
    if (met & ~np.isnan(features.values[:, _CONTENTS])).sum() < rules.least_pairs:
        return None
    prior, slopes = LAKE_PRIOR, np.array(LAKE)
    for trait, value in zip(TRAITS, lake_traits(features, parameters), strict=True):
        deviations = float(np.clip((value - trait.mean) / trait.deviation, -_LARGEST_TRAIT, _LARGEST_TRAIT))
        prior += deviations * trait.prior
        slopes[_MOVED] += deviations * np.array(trait.slopes)
    slopes[_LIKENESS] = np.maximum(slopes[_LIKENESS], 0.0)
    slopes[_CROWD] = min(slopes[_CROWD], -1.0)
    references = np.round(lake_references(features), 9)
    known = np.nan_to_num(features.values - references)
    weight = prior + known @ slopes
    expected = float(_probability(weight[met]).sum())
    if expected < rules.least_matches:
        return None
    level = _level(weight[~met], rules.largest_unmet * expected)
    slopes[_NO_NETWORK] += level
    prior += level * references[_NO_NETWORK]
    weight = prior + known @ slopes
    probability = _probability(weight)
    threshold = expected_f1_threshold(weight, probability) - 1e-4  # so that rounding loses nobody
    margin = rules.join_log2_odds - min(max(threshold, 0.0), rules.join_log2_odds)
    return _model(
        parameters,
        (prior + margin) * _LOG_2,
        slopes * _LOG_2,
        references,
        (1.0, 1.0, -margin * _LOG_2),
        "views",
        len(met),
        float(probability.sum()),
    )


def _probability(weight: Reals) -> Reals:
    """Of log2 odds."""
    return sigmoid(weight * _LOG_2)


def _level(weight: Reals, expected: float) -> float:
    """What must be added to the weights for no more matches than expected; zero where there are none more."""
    if _probability(weight).sum() <= expected:
        return 0.0
    low, high = -60.0, 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if _probability(weight + middle).sum() > expected else (middle, high)
    return low


def _around_references(values: Reals) -> Reals:
    return np.asarray(np.nan_to_num(values - np.array(REFERENCES)), np.float64)


def _model(
    parameters: FeatureParameters,
    prior: float,
    coefficients: Reals,
    references: Reals,
    calibration: tuple[float, float, float],
    method: str,
    pairs: int,
    matches: float,
) -> CrossDeviceModel:
    """From natural log odds to a model in log2 odds."""
    slopes = tuple((coefficients / _LOG_2).tolist())
    return CrossDeviceModel(
        parameters, whole(float(prior) / _LOG_2), slopes, tuple(references.tolist()), calibration, method, pairs, matches
    )

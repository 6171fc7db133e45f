"""Fits a cross-device model: on pairs that sign-ins decide where there are enough, else on what independent views agree on.

In: `PairFeatures`, and for the first way what sign-ins say of each pair. Out: a `CrossDeviceModel`, or None where the data cannot
support one; then nothing is to be said.

From sign-ins: logistic regression with a Gaussian prior around `base.JOINT`, and scores of five-fold cross-fitting to calibrate
on: an affine map of them (Platt 1999) goes into prior and coefficients, so that weights are calibrated log2 odds; what is left
goes into the map to probabilities. A device's pairs with devices after it in the order of ids are one fold.

From views: where a device was (networks, together, place, kind) weighs as in `base.PLACES`. What it was used for, and its week,
are views of their own; how much they tell differs between lakes, and is learned from their agreement with the first. With the
first view's probabilities as each pair's prior, and views independent of each other given the truth, the density ratio of a view
is an exponential tilt, exp(alpha + beta x), found by expectation-maximisation (co-training, Blum and Mitchell 1998; the tilt's
step is a logistic regression, Qin 1998), with beta held near `base.JOINT`. A view that knows nothing of a pair says nothing.
Pairs that never met are candidates because of the contents they share; their contents count against that.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graph.resolve.cross_device.base import BEHAVIOUR, JOINT, JOINT_PRIOR, PLACES, PLACES_PRIOR, REFERENCES
from graph.resolve.cross_device.features import FEATURES, FeatureParameters, PairFeatures
from graph.resolve.cross_device.logistic import beta_calibration, fit_logistic, logit, sigmoid
from graph.resolve.cross_device.model import CrossDeviceModel, whole

__all__ = ["FitRules", "fit_sign_ins", "fit_views", "known_pairs"]

Reals = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_LOG_2 = float(np.log(2.0))
_VIEWS = [[FEATURES.index(name) for name in names] for names in BEHAVIOUR]
_NO_NETWORK = FEATURES.index("no_network")


@dataclass(frozen=True)
class FitRules:
    """When there is enough to fit on, and how firmly the base holds."""

    least_known: int = 50
    """Known pairs of one person, and known pairs of two people, that a fit from sign-ins needs."""
    least_pairs: int = 20
    """Candidate pairs with a network in common, and of these pairs with contents on both sides, that a fit from views needs."""
    least_matches: float = 3.0
    """Pairs of one person that the views must lead one to expect."""
    sign_in_precision: float = 1.0
    """Inverse variance of a coefficient around the base (natural log odds per unit of the feature), fits from sign-ins."""
    view_precision: float = 100.0
    """The same for the second view: between worlds its coefficients vary by a tenth around the base or little more."""
    folds: int = 5
    rounds: int = 200


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
    if (met & ~np.isnan(features.values[:, _VIEWS[0][0]])).sum() < rules.least_pairs:
        return None
    places = (PLACES_PRIOR + _around_references(features.values) @ np.array(PLACES)) * _LOG_2
    views = [_Tilt(features.values[:, columns] - np.array(REFERENCES)[columns], columns, met) for columns in _VIEWS]
    probability = sigmoid(places)
    for view in views:
        view.start(probability)
    for _ in range(rules.rounds):
        following = sigmoid(places + _together(views))
        change, probability = float(np.abs(following - probability).max()), following
        if change < 1e-6:
            break
        for view in views:
            view.fit(probability, rules.view_precision)
    if probability[met].sum() < rules.least_matches:
        return None
    coefficients, references, prior = np.array(PLACES) * _LOG_2, np.array(REFERENCES), PLACES_PRIOR * _LOG_2
    for view in views:
        coefficients[view.columns] = view.beta
        steepest = int(np.argmax(np.abs(view.beta)))
        references[view.columns[steepest]] -= view.alpha / view.beta[steepest]  # where the view says nothing either way
    if (~met).any():
        ratio = np.exp(_together(views)[~met])
        level = -float(np.log(np.average(ratio, weights=1 - sigmoid(places[~met]))))
        coefficients[_NO_NETWORK] += level
        prior += level * references[_NO_NETWORK]
    expected = float(sigmoid(prior + np.nan_to_num(features.values - references) @ coefficients).sum())
    return _model(parameters, prior, coefficients, references, (1.0, 1.0, 0.0), "views", len(met), expected)


class _Tilt:
    """A view's density ratio between pairs of one person and of two, exp(alpha + beta x), over pairs that met; one where the view
    knows nothing."""

    def __init__(self, values: Reals, columns: list[int], met: npt.NDArray[np.bool_]) -> None:
        self.columns = columns
        self.known = ~np.isnan(values).any(1)
        self.values = np.nan_to_num(values)
        self.fitted_on = met & self.known
        self.beta = np.array(JOINT)[columns] * _LOG_2
        self.alpha = 0.0

    def start(self, probability: Reals) -> None:
        """Let the ratio have mean one over pairs of two people."""
        if self.fitted_on.any():
            ratio = np.exp(np.clip(self.values[self.fitted_on] @ self.beta, -50.0, 50.0))
            self.alpha = -float(np.log(np.average(ratio, weights=1 - probability[self.fitted_on])))

    def fit(self, probability: Reals, precision: float) -> None:
        """One step of expectation-maximisation."""
        target = probability[self.fitted_on]
        if len(target) == 0:
            return
        around = np.concatenate([[0.0], np.array(JOINT)[self.columns] * _LOG_2])
        held = np.array([1e-6, *[precision] * len(self.columns)])
        intercept, *beta = fit_logistic(self.values[self.fitted_on], target, around, held)
        share = (target.sum() + 0.5) / (len(target) + 1)
        self.alpha, self.beta = float(intercept) - logit(float(share)), np.array(beta)

    def log_ratio(self) -> Reals:
        """Natural log of the ratio, per pair."""
        return np.where(self.known, self.alpha + self.values @ self.beta, 0.0)


def _together(views: list[_Tilt]) -> Reals:
    """Natural log ratio of all views."""
    return np.asarray(np.sum([view.log_ratio() for view in views], axis=0), np.float64)


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

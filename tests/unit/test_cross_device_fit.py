"""Fitting cross-device models: a planted mixture is found, weights are calibrated, nothing is said without data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from graph.errors import ModelError
from graph.resolve.cross_device import (
    FEATURES,
    GROUPS,
    CandidateLimits,
    CrossDeviceModel,
    FeatureParameters,
    PairFeatures,
    fit_sign_ins,
    fit_views,
    load_model,
    measure_parameters,
    pair_features,
    save_model,
)
from graph.resolve.cross_device.base import PLACES, PLACES_PRIOR, REFERENCES
from graph.resolve.cross_device.logistic import beta_calibration, fit_logistic, sigmoid
from tests.unit.cross_device_world import Simulated, World, prepare, simulate

PARAMETERS = FeatureParameters(100, (1 / 48,) * 48, (0.01, 0.01), (0.01, 0.01), CandidateLimits())
COLUMN = {name: i for i, name in enumerate(FEATURES)}


def world_features(world: World) -> tuple[Simulated, FeatureParameters, PairFeatures, npt.NDArray[np.int64]]:
    simulated = simulate(world)
    prepare(simulated.connection)
    parameters = measure_parameters(simulated.connection)
    features = pair_features(simulated.connection, parameters)
    owner = simulated.owner
    same = [int(owner[a] == owner[b]) for a, b in zip(features.left_id.to_pylist(), features.right_id.to_pylist(), strict=True)]
    return simulated, parameters, features, np.array(same)


def planted(pairs: int, strength: float, seed: int) -> tuple[PairFeatures, npt.NDArray[np.bool_]]:
    """A mixture of two classes whose views are independent given the class: the first view's weights are those of the base, the
    contents of pairs of one person lie `strength` standard deviations higher."""
    rng = np.random.default_rng(seed)
    values = np.full((pairs, len(FEATURES)), np.nan)
    values[:, COLUMN["overlap"]] = rng.uniform(0, 1, pairs)
    values[:, COLUMN["no_network"]] = 0
    values[:, COLUMN["crowd"]] = rng.integers(0, 3, pairs)
    match = rng.random(pairs) < sigmoid(first_view(values))
    values[:, COLUMN["contents"]] = rng.normal(0.9 + strength * match, 1.0)
    values[:, COLUMN["rare_items"]] = rng.normal(0.6 + strength * match, 1.0)
    ids = [f"d{i:06d}" for i in range(2 * pairs)]
    return PairFeatures(pa.array(ids[:pairs]), pa.array(ids[pairs:]), values), match


def first_view(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Natural log odds of the first view."""
    known = np.nan_to_num(values - np.array(REFERENCES)) @ np.array(PLACES)
    return np.asarray((PLACES_PRIOR + known) * np.log(2.0))


def brier(probability: npt.NDArray[np.float64], match: npt.NDArray[np.bool_]) -> float:
    return float(((probability - match) ** 2).mean())


def equal_mass_error(probability: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_], bins: int = 10) -> float:
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, bins)
    return float(sum(len(p) / len(order) * abs(probability[p].mean() - truth[p].mean()) for p in parts))


def test_a_planted_mixture_is_found_without_labels() -> None:
    """Of what the second view can add to the first, known densities given, nine tenths are found."""
    features, match = planted(6_000, 1.0, 0)
    model = fit_views(features, PARAMETERS)
    assert model is not None
    assert model.method == "views"
    contents = features.values[:, [COLUMN["contents"], COLUMN["rare_items"]]] - np.array([0.9, 0.6])
    known = sigmoid(first_view(features.values) + (contents - 0.5).sum(1))  # the ratio of N(1, 1) to N(0, 1) is exp(x - 1/2)
    first, best = brier(sigmoid(first_view(features.values)), match), brier(known, match)
    found = brier(model.score(features.values).probability, match)
    assert first - best > 0.01
    assert first - found > 0.9 * (first - best)


def test_the_second_view_weighs_what_it_agrees_with_the_first() -> None:
    """Where contents say nothing of who is who, they weigh less than where they do."""
    coefficients = []
    for strength in (0.0, 1.5):
        features, _ = planted(4_000, strength, 1)
        model = fit_views(features, PARAMETERS)
        assert model is not None
        coefficients.append(model.coefficients[COLUMN["contents"]] + model.coefficients[COLUMN["rare_items"]])
    assert coefficients[0] < 0.75 * coefficients[1]


def test_weights_are_the_sum_of_their_pieces_and_probabilities_follow_them() -> None:
    features, _ = planted(500, 1.0, 2)
    model = fit_views(features, PARAMETERS)
    assert model is not None
    scores = model.score(features.values)
    assert scores.pieces.shape == (500, len(GROUPS))
    for row in range(500):
        backwards = sum(scores.pieces[row, ::-1].tolist(), 0.0) + model.prior
        assert backwards == scores.weight[row]
    order = np.argsort(scores.weight)
    assert (np.diff(scores.probability[order]) >= 0).all()
    assert (scores.pieces[:, [n for n, _ in GROUPS].index("place")] == 0).all()  # nothing known, nothing said


@pytest.mark.parametrize("pairs", [0, 10])
def test_without_data_there_is_no_model(pairs: int) -> None:
    features, match = planted(pairs, 1.0, 3)
    assert fit_views(features, PARAMETERS) is None
    assert fit_sign_ins(features, match.astype(np.int64), PARAMETERS) is None


def test_without_networks_there_is_no_model() -> None:
    features, _ = planted(500, 1.0, 4)
    features.values[:, : COLUMN["contents"]] = np.nan
    assert fit_views(features, PARAMETERS) is None


def test_without_matches_there_is_no_model() -> None:
    features, match = planted(500, 1.0, 5)
    apart = np.flatnonzero(~match)
    few = PairFeatures(features.left_id.take(pa.array(apart)), features.right_id.take(pa.array(apart)), features.values[apart])
    few.values[:, COLUMN["overlap"]] = 0.05
    assert fit_views(few, PARAMETERS) is None


def test_sign_ins_teach_calibrated_weights() -> None:
    """Fitted on the pairs of one world, tested on another of the same kind. The error of ten equal-mass bins: 0.03 is three
    times what chance leaves of perfect probabilities with bins of a hundred pairs or more (mean sqrt(p(1-p)/n) < 0.01)."""
    _, parameters, features, same = world_features(World(people=150, days=15, seed=1))
    _, _, held_out, truth = world_features(World(people=150, days=15, seed=2))
    model = fit_sign_ins(features, same, parameters)
    assert model is not None
    assert model.method == "sign_ins"
    scores = model.score(held_out.values)
    assert equal_mass_error(scores.probability, truth == 1) < 0.03
    base_rate = truth.mean()
    skill = 1 - ((scores.probability - truth) ** 2).mean() / (base_rate * (1 - base_rate))
    assert skill > 0.5


def test_a_household_stays_apart_where_contents_differ() -> None:
    """Two people of one household, each with a telephone and a laptop, amid others."""
    world = World(people=120, days=20, seed=5, household_sizes=(0.0, 1.0), household_taste=0.0, second_id_share=0.0)
    simulated, parameters, features, same = world_features(world)
    model = fit_sign_ins(features, same, parameters)
    assert model is not None
    weight = model.score(features.values).weight
    home = simulated.household
    together = np.array(
        [home[a] == home[b] for a, b in zip(features.left_id.to_pylist(), features.right_id.to_pylist(), strict=True)]
    )
    between = together & (same == 0)
    assert between.sum() > 50
    assert (weight[between] >= 2).mean() < 0.05
    assert (weight[same == 1] >= 2).mean() > 0.5


def test_a_model_is_stored_bit_for_bit(tmp_path: Path) -> None:
    features, _ = planted(500, 1.0, 6)
    model = fit_views(features, PARAMETERS)
    assert model is not None
    path = tmp_path / "model.json"
    save_model(model, path)
    assert load_model(path) == model
    assert load_model(path).score(features.values).weight.tobytes() == model.score(features.values).weight.tobytes()
    path.write_text("{}")
    with pytest.raises(ModelError):
        load_model(path)
    with pytest.raises(ModelError):
        load_model(tmp_path / "none.json")


def test_logistic_regression_finds_the_optimum() -> None:
    """At the optimum no coefficient can be moved to a lower loss, whatever the prior holds."""
    rng = np.random.default_rng(7)
    values, target = rng.normal(size=(200, 3)), rng.random(200)
    around, precision = rng.normal(size=4), np.array([0.1, 1.0, 2.0, 3.0])
    fitted = fit_logistic(values, target, around, precision)
    residual = target - sigmoid(fitted[0] + values @ fitted[1:])
    gradient = np.concatenate([[residual.sum()], values.T @ residual]) - precision * (fitted - around)
    assert np.abs(gradient).max() < 1e-6


def test_beta_calibration_mends_overconfidence_and_is_monotone() -> None:
    rng = np.random.default_rng(8)
    truth = rng.normal(size=20_000)
    target = (rng.random(20_000) < sigmoid(truth)).astype(float)
    a, b, c = beta_calibration(3 * truth + 1, target)
    assert a >= 0
    assert b >= 0
    score = np.linspace(-5, 5, 41)
    calibrated = -a * np.logaddexp(0, -(3 * score + 1)) + b * np.logaddexp(0, 3 * score + 1) + c
    assert (np.diff(calibrated) >= 0).all()
    assert np.abs(sigmoid(calibrated) - sigmoid(score)).max() < 0.05


def test_scoring_does_not_depend_on_the_other_pairs() -> None:
    features, _ = planted(300, 1.0, 9)
    model = fit_views(features, PARAMETERS)
    assert isinstance(model, CrossDeviceModel)
    whole = model.score(features.values)
    for k in (0, 17, 299):
        alone = model.score(features.values[k : k + 1])
        assert alone.weight[0] == whole.weight[k]
        assert (alone.pieces[0] == whole.pieces[k]).all()

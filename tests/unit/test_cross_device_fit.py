"""Fitting cross-device models: lakes of other kinds are told apart, weights are calibrated, nothing is said without data."""

from __future__ import annotations

from dataclasses import replace
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
from graph.resolve.cross_device.base import LAKE, LAKE_PRIOR, REFERENCES, TRAITS
from graph.resolve.cross_device.lake import lake_references, lake_traits
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
    """Pairs that met, with overlaps of any size; those of one person are likelier by the base's weight of networks, and their
    contents lie `strength` higher."""
    rng = np.random.default_rng(seed)
    values = np.full((pairs, len(FEATURES)), np.nan)
    values[:, COLUMN["overlap"]] = rng.uniform(0, 1, pairs)
    values[:, COLUMN["no_network"]] = 0
    values[:, COLUMN["crowd"]] = rng.integers(0, 3, pairs)
    known = np.nan_to_num(values - np.array(REFERENCES)) @ np.array(LAKE)
    match = rng.random(pairs) < sigmoid((LAKE_PRIOR + known) * np.log(2.0))
    values[:, COLUMN["contents"]] = rng.normal(0.9 + strength * match, 1.0)
    values[:, COLUMN["rare_items"]] = rng.normal(0.6 + strength * match, 1.0)
    ids = [f"d{i:06d}" for i in range(2 * pairs)]
    return PairFeatures(pa.array(ids[:pairs]), pa.array(ids[pairs:]), values), match


def with_kinds(features: PairFeatures, home_pairs_differ: npt.NDArray[np.bool_]) -> PairFeatures:
    """The pairs, with kinds that differ as given at homes, and half of the time elsewhere."""
    values = features.values.copy()
    home = values[:, COLUMN["overlap"]] > 0.4
    values[:, COLUMN["kinds_differ"]] = np.where(home, home_pairs_differ, np.arange(len(values)) % 2)
    return PairFeatures(features.left_id, features.right_id, values)


def equal_mass_error(probability: npt.NDArray[np.float64], truth: npt.NDArray[np.bool_], bins: int = 10) -> float:
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, bins)
    return float(sum(len(p) / len(order) * abs(probability[p].mean() - truth[p].mean()) for p in parts))


def trait(features: PairFeatures, name: str, parameters: FeatureParameters = PARAMETERS) -> float:
    return float(lake_traits(features, parameters)[[t.name for t in TRAITS].index(name)])


def test_traits_by_hand() -> None:
    """Four devices: a telephone and a desktop at home, another telephone met once, a tablet with contents in common only."""
    rows = [
        # overlap, no_network, kinds_differ, contents
        ("a", "b", 0.9, 0.0, 1.0, 3.0),
        ("a", "c", 0.1, 0.0, 0.0, 1.0),
        ("b", "c", 0.1, 0.0, 1.0, 2.0),
        ("a", "d", 0.0, 1.0, 1.0, 7.0),
    ]
    values = np.full((4, len(FEATURES)), np.nan)
    for k, (_, _, overlap, no_network, differ, contents) in enumerate(rows):
        for name, value in (("overlap", overlap), ("no_network", no_network), ("kinds_differ", differ), ("contents", contents)):
            values[k, COLUMN[name]] = value
        values[k, COLUMN["rare_items"]] = 1.0
    features = PairFeatures(pa.array([r[0] for r in rows]), pa.array([r[1] for r in rows]), values)
    parameters = replace(PARAMETERS, devices=4, kinds_differ=0.5)
    assert trait(features, "kind_excess", parameters) == pytest.approx(np.log(2))  # (1 + 1) to (0 + 1), against 1 to 1
    assert trait(features, "home_pairs", parameters) == pytest.approx(np.log2(2 / 5))
    assert trait(features, "partners", parameters) == pytest.approx(0)
    assert trait(features, "same_kind_pairs", parameters) == pytest.approx(np.log2(1 / 5))
    assert trait(features, "met_pairs", parameters) == pytest.approx(np.log2(4 / 5))
    assert trait(features, "contents_home", parameters) == pytest.approx((3 + 5 * 1.5) / 6)
    assert trait(features, "contents_gain", parameters) == pytest.approx((3 + 5 * 1.5) / 6 - (3 + 5 * 1.0) / 7)
    one_kind = replace(parameters, kinds_differ=0.0)
    assert trait(features, "kind_excess", one_kind) == 0  # where all are of a kind, it tells nothing


def test_a_lake_without_pairs_has_traits() -> None:
    empty = PairFeatures(pa.array([], pa.string()), pa.array([], pa.string()), np.empty((0, len(FEATURES))))
    assert np.isfinite(lake_traits(empty, PARAMETERS)).all()
    np.testing.assert_allclose(lake_references(empty), REFERENCES)


def test_homes_of_unlike_kinds_are_of_one_person_rather_than_homes_of_like_kinds() -> None:
    """One person rarely has two telephones in use at home; so a shared home means more where such pairs are rare."""
    features, _ = planted(2_000, 1.0, 1)
    unlike, mixed = with_kinds(features, np.ones(2_000, bool)), with_kinds(features, np.arange(2_000) % 4 < 2)
    assert trait(unlike, "kind_excess") > trait(mixed, "kind_excess") + 2
    expected = []
    for lake in (unlike, mixed):
        model = fit_views(lake, PARAMETERS)
        assert model is not None
        home = np.array([[0.8, 0, 0, 0, 0, 0, 0.9, 0.6, np.nan, np.nan, np.nan, 1.0, np.nan]])
        expected.append(float(model.score(home).probability[0]))
    assert expected[0] > expected[1]


def test_probabilities_of_lakes_without_sign_ins_hold_on_other_worlds() -> None:
    """Towns of households and of singles: as many matches as the probabilities say, within a third, and skill."""
    expected = found = error = spread = 0.0
    for seed, sizes in ((11, (1.0,)), (12, (0.3, 0.3, 0.2, 0.2)), (13, (0.1, 0.4, 0.25, 0.25))):
        _, parameters, features, same = world_features(World(people=120, days=15, seed=seed, household_sizes=sizes))
        model = fit_views(features, parameters)
        assert model is not None
        probability = model.score(features.values).probability
        expected, found = expected + probability.sum(), found + same.sum()
        error, spread = error + ((probability - same) ** 2).sum(), spread + same.mean() * (1 - same.mean()) * len(same)
    assert 2 / 3 < expected / found < 3 / 2
    assert 1 - error / spread > 0.5


def test_what_is_joined_is_likelier_together_than_apart_and_nothing_surer_is_left() -> None:
    """Weight 2, from which clustering joins, lies between even odds and 4 to 1."""
    features, _ = planted(2_000, 1.0, 10)
    model = fit_views(features, PARAMETERS)
    assert model is not None
    scores = model.score(features.values)
    joined = scores.weight >= 2
    assert 0 < joined.sum() < len(joined)
    assert (scores.probability[joined] >= 0.499).all()
    assert (scores.probability[~joined] <= 0.801).all()


def test_contents_alone_are_not_expected_to_match_wholesale() -> None:
    """Where everybody shares contents, pairs that never met are expected to hold few matches, whatever their contents."""
    met, _ = planted(1_000, 1.0, 12)
    values = np.concatenate([met.values, met.values])
    values[1_000:, COLUMN["overlap"]], values[1_000:, COLUMN["no_network"]] = 0.0, 1.0
    values[1_000:, COLUMN["crowd"]] = 0.0
    values[1_000:, COLUMN["contents"]] += 12.0
    ids = [f"e{i:06d}" for i in range(2_000)]
    left, right = [*met.left_id.to_pylist(), *ids[:1_000]], [*met.right_id.to_pylist(), *ids[1_000:]]
    model = fit_views(PairFeatures(pa.array(left), pa.array(right), values), PARAMETERS)
    assert model is not None
    probability = model.score(values).probability
    assert probability[1_000:].sum() <= 0.101 * probability[:1_000].sum()


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

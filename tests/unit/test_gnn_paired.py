"""Paired differences of mAP: the vectorised average precision against the plain one, and intervals that cover."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn.evaluate import average_precision, tag_metrics
from gnn.evaluate.paired import mean_average_precision, paired_difference, weighted_average_precision


@given(seed=st.integers(0, 10_000), n=st.integers(1, 40), levels=st.integers(1, 12))
@settings(deadline=None)
def test_with_equal_weights_it_is_average_precision_ties_and_all(seed: int, n: int, levels: int) -> None:
    generator = np.random.default_rng(seed)
    truth = (generator.random((n, 3)) < 0.4).astype(float)
    score = generator.integers(0, levels, (n, 3)) / levels
    found = weighted_average_precision(truth, score, np.ones(n))
    expected = [average_precision(truth[:, j], score[:, j]) for j in range(3)]
    assert found == pytest.approx(expected, nan_ok=True)


@given(seed=st.integers(0, 10_000), n=st.integers(1, 30))
@settings(deadline=None)
def test_a_whole_weight_is_so_many_copies(seed: int, n: int) -> None:
    generator = np.random.default_rng(seed)
    truth = (generator.random((n, 2)) < 0.5).astype(float)
    score = generator.integers(0, 5, (n, 2)).astype(float)
    weights = generator.integers(0, 4, n)
    repeated = np.repeat(np.arange(n), weights)
    expected = [average_precision(truth[repeated, j], score[repeated, j]) if len(repeated) else np.nan for j in range(2)]
    assert weighted_average_precision(truth, score, weights.astype(float)) == pytest.approx(expected, nan_ok=True)


def test_the_same_scores_differ_by_nothing_and_better_ones_clearly() -> None:
    generator = np.random.default_rng(3)
    truth = (generator.random((300, 5)) < 0.3).astype(np.float64)
    weak, strong = truth + generator.normal(0, 3, truth.shape), truth + generator.normal(0, 0.5, truth.shape)
    assert mean_average_precision(truth, weak) == pytest.approx(tag_metrics(truth, weak).map)
    same = paired_difference(truth, weak, weak)
    assert (same.difference, same.low, same.high) == (0, 0, 0)
    gain = paired_difference(truth, weak, strong)
    assert 0 < gain.low < gain.difference < gain.high
    assert gain.second - gain.first == pytest.approx(gain.difference)
    back = paired_difference(truth, strong, weak)
    assert (back.low, back.high) == pytest.approx((-gain.high, -gain.low))


def test_the_interval_covers_no_difference_about_nineteen_times_in_twenty() -> None:
    covered = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        truth = (generator.random((120, 3)) < 0.4).astype(np.float64)
        one, other = (truth + generator.normal(0, 1.5, truth.shape) for _ in range(2))
        found = paired_difference(truth, one, other, draws=150, seed=seed)
        covered += found.low <= 0 <= found.high
    assert covered >= 50  # 57 expected; fewer than 50 has a probability under 1e-3


def test_tags_without_positives_and_nobody_are_no_error() -> None:
    nothing = paired_difference(np.zeros((5, 2)), np.zeros((5, 2)), np.ones((5, 2)))
    assert np.isnan(nothing.difference)
    assert paired_difference(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((0, 2))).persons == 0

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from gnn.evaluate import (
    average_precision,
    bootstrap_interval,
    brier_skill,
    calibration_error,
    precision_at,
    roc_auc,
    tag_metrics,
)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("levels", [3, 1000])
def test_ranking_metrics_agree_with_scikit_learn_ties_included(seed: int, levels: int) -> None:
    generator = np.random.default_rng(seed)
    truth = (generator.random(200) < 0.2).astype(float)
    score = generator.integers(0, levels, 200) / levels
    assert average_precision(truth, score) == pytest.approx(average_precision_score(truth, score)), f"seed {seed}"
    assert roc_auc(truth, score) == pytest.approx(roc_auc_score(truth, score)), f"seed {seed}"


def test_metrics_of_one_class_are_not_numbers() -> None:
    assert math.isnan(average_precision(np.zeros(4), np.arange(4.0)))
    assert math.isnan(roc_auc(np.ones(4), np.arange(4.0)))


def test_brier_skill_is_against_the_base_rate_of_each_tag() -> None:
    generator = np.random.default_rng(1)
    truth = (generator.random((300, 4)) < [0.1, 0.3, 0.5, 0.9]).astype(float)
    assert brier_skill(truth, np.tile(truth.mean(0), (300, 1))) == pytest.approx(0)
    assert brier_skill(truth, truth) == pytest.approx(1)
    probability = generator.random((300, 4))
    reference = np.mean([brier_score_loss(truth[:, j], np.full(300, truth[:, j].mean())) for j in range(4)])
    ours = np.mean([brier_score_loss(truth[:, j], probability[:, j]) for j in range(4)])
    assert brier_skill(truth, probability) == pytest.approx(1 - ours / reference)


def test_calibration_error_is_small_where_probabilities_are_true_and_large_where_they_are_not() -> None:
    generator = np.random.default_rng(2)
    probability = generator.random((4000, 5))
    truth = (generator.random((4000, 5)) < probability).astype(float)
    assert calibration_error(truth, probability) < 0.02
    assert calibration_error(truth, np.sqrt(probability)) > 0.1
    assert math.isnan(calibration_error(truth, probability * 0.05))


def test_precision_at_counts_true_tags_among_the_best() -> None:
    truth = np.array([[1.0, 0, 1, 0], [0, 0, 0, 1]])
    score = np.array([[0.9, 0.8, 0.1, 0], [0.1, 0.2, 0.3, 0.4]])
    assert precision_at(truth, score, 2) == pytest.approx(0.5)


def test_bootstrap_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(3)
    covered = 0
    for seed in range(100):
        low, high = bootstrap_interval(generator.normal(1.0, 2.0, 60), seed=seed, draws=300)
        covered += low <= 1.0 <= high
    assert 85 <= covered <= 100


def test_tag_metrics_leave_out_rare_tags_but_not_when_all_are_rare() -> None:
    truth = np.zeros((30, 2))
    truth[:12, 0], truth[0, 1] = 1, 1
    score = np.random.default_rng(0).random((30, 2))
    assert tag_metrics(truth, score).tags == 1
    assert tag_metrics(truth[:, 1:], score[:, 1:]).tags == 1

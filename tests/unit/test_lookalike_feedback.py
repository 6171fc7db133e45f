"""The blend ranks twice: what it finds with few seeds, and what the second ranking may change."""

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from gnn.evaluate import roc_auc
from gnn.lookalike import Engagements, Positions
from gnn.lookalike.feedback import Feedback, alike_among
from gnn.lookalike.seeds import Prepared, prepare

PERSONS = 900


def asked(draw: int) -> tuple[Prepared, Positions, np.ndarray]:
    """Ten seeds of a sixth of the people, who share a faint direction and go to some contents a little more than others do."""
    generator = np.random.default_rng(draw)
    alike = np.arange(PERSONS) < PERSONS // 6
    vectors = generator.standard_normal((PERSONS, 24)).astype(np.float32)
    vectors[alike, :2] += 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    chance = np.full((PERSONS, 60), 0.05)
    chance[alike, :20] += 0.05
    positions = Positions(vectors, Engagements(sp.csr_matrix(generator.random(chance.shape) < chance, dtype=np.float32)))
    ids = pa.array([f"p{i}" for i in range(PERSONS)])
    return prepare(positions, ids, ids.slice(0, 10), seed=draw), positions, alike[10:]


def test_few_seeds_find_more_with_feedback_than_without() -> None:
    gains = []
    for draw in range(12):
        prepared, positions, alike = asked(draw)
        ranking = prepared.ranking("blend")
        assert isinstance(ranking, Feedback)
        first, both = (scores.everybody(positions)[10:] for scores in (ranking.first, ranking))
        gains.append(roc_auc(alike, both) - roc_auc(alike, first))
    assert np.mean(gains) > 2 * np.std(gains) / len(gains) ** 0.5


def test_at_the_top_the_first_ranking_counts_and_below_it_the_second_alone() -> None:
    prepared, positions, _ = asked(0)
    ranking = prepared.ranking("blend")
    assert isinstance(ranking, Feedback)
    first, second, both = (s.everybody(positions) for s in (ranking.first, ranking.second, ranking))
    over = first > ranking.cut
    assert 0.02 < over[10:].mean() < 0.03
    assert both[~over] == pytest.approx(second[~over], abs=1e-5)
    assert both[over] == pytest.approx(second[over] + 2 * (first[over] - ranking.cut), abs=1e-4)
    assert ranking.of(prepared.others) == pytest.approx(both[prepared.others.places], abs=1e-3)


def test_who_is_taken_for_alike_is_no_seed_and_there_are_at_most_half_as_many() -> None:
    prepared, _, _ = asked(0)
    ranking = prepared.ranking("blend")
    assert isinstance(ranking, Feedback)
    alike = alike_among(prepared.others, ranking.first, 10)
    assert len(alike.places) == 5
    assert not np.isin(alike.places, prepared.places).any()
    scores = ranking.first.total(prepared.others)
    assert scores[np.isin(prepared.others.places, alike.places)].min() == np.sort(scores)[-5]
    assert len(alike_among(prepared.others, ranking.first, 10_000).places) == 23

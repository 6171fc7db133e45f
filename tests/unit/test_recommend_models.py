"""The recommenders' arithmetic against oracles that do it the slow way, on random histories."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn.recommend.ease import Solution, content_weights
from gnn.recommend.graph_filter import filter_factors
from gnn.recommend.history import History, distances, hide_latest, query_weights
from gnn.recommend.new_contents import new_content_factors
from gnn.recommend.options import TimeView
from gnn.recommend.pairs import together_and_after
from gnn.recommend.popular import chosen_half_life, popularity
from gnn.recommend.ranking import best_first, mask_seen, quality

DAY = 86_400_000_000


def made_up(seed: int, *, persons: int = 30, contents: int = 8, times: int = 4) -> History:
    """Everybody engages once with each of some contents, at one of a few times."""
    generator = np.random.default_rng(seed)
    content, at, counts = [], [], []
    for _ in range(persons):
        chosen = generator.choice(contents, generator.integers(0, contents + 1), replace=False)
        when = np.sort(generator.integers(0, times, len(chosen)))
        content.append(chosen)
        at.append(when)
        counts.append(len(chosen))
    pointers = np.concatenate([[0], np.cumsum(counts)])
    whole = np.concatenate(content).astype(np.int64)
    return History(pointers, whole, np.concatenate(at), generator.random(len(whole)).astype(np.float32) + 0.1, contents)


def per_person(history: History) -> list[list[tuple[int, int, float]]]:
    """(content, time, distance) of each person's engagements; the distance counted one by one."""
    found = []
    for p in range(history.persons):
        own = slice(history.pointers[p], history.pointers[p + 1])
        rows = list(zip(history.content[own].tolist(), history.at[own].tolist(), strict=True))
        found.append([(c, t, sum(other > t for _, other in rows) / len(rows)) for c, t in rows])
    return found


@pytest.mark.parametrize("seed", range(5))
def test_a_distance_is_the_share_of_newer_engagements(seed: int) -> None:
    history = made_up(seed)
    expected = [r for rows in per_person(history) for *_, r in rows]
    assert distances(history) == pytest.approx(expected)


@pytest.mark.parametrize("locality", [0.0, 2.0])
def test_pairs_are_counted_as_by_hand(locality: float) -> None:
    history = made_up(1)
    together, after = np.zeros((8, 8)), np.zeros((8, 8))
    for rows in per_person(history):
        for a, s, r in rows:
            for b, t, q in rows:
                near = np.exp(-locality * abs(r - q))
                together[a, b] += near
                if a != b:
                    after[a, b] += near * (0.5 if s == t else float(s < t))
    found = together_and_after(history, locality)
    assert found[0] == pytest.approx(together)
    assert found[1] == pytest.approx(after)
    assert np.linalg.eigvalsh(found[0]).min() > -1e-9  # positive semidefinite: a ridge makes it invertible


def test_without_time_it_is_ease_the_constrained_least_squares_solution() -> None:
    """B minimises |X − XB|² + λ|B|² with a zero diagonal: each column against all others, solved on its own."""
    history = made_up(2)
    x = history.presence().toarray().astype(np.float64)
    weights = content_weights(history, 5.0, TimeView())
    for j in range(8):
        others = np.delete(np.arange(8), j)
        a = x[:, others]
        assert weights[others, j] == pytest.approx(np.linalg.solve(a.T @ a + 5 * np.eye(7), a.T @ x[:, j]), abs=1e-5)
        assert weights[j, j] == 0


def test_what_follows_is_a_ridge_regression() -> None:
    together, after = together_and_after(made_up(3), 1.0)
    solution = Solution(together, after, 4.0)
    expected = np.linalg.solve(together + 4 * np.eye(8), after)
    assert solution.weights(2.0) - solution.weights(0.0) == pytest.approx(2 * expected, abs=1e-5)


def test_contents_that_follow_each_other_are_offered_in_that_direction() -> None:
    """Content 1 always comes after 0, and never the other way round."""
    persons = 200
    generator = np.random.default_rng(0)
    noise = generator.integers(2, 10, persons)
    content = np.stack([noise, np.zeros(persons), np.ones(persons)], axis=1).astype(np.int64).ravel()
    at = np.tile(np.arange(3), persons)
    history = History(np.arange(0, 3 * persons + 1, 3), content, at, np.ones(3 * persons, np.float32), 10)
    view = TimeView(direction=2.0)
    plain, directed = content_weights(history, 10, TimeView()), content_weights(history, 10, view)
    assert plain[0, 1] == pytest.approx(plain[1, 0], rel=0.01)
    assert directed[0, 1] > 1.5 * directed[1, 0]


def test_newer_and_stronger_engagements_stand_for_a_person() -> None:
    history = History(np.array([0, 3]), np.array([2, 0, 1]), np.array([1, 2, 2]), np.array([1, 2, 3], np.float32), 3)
    plain = query_weights(history, TimeView()).toarray()[0]
    newer = query_weights(history, TimeView(recency=3.0)).toarray()[0]
    stronger = query_weights(history, TimeView(by_weight=True)).toarray()[0]
    assert plain == pytest.approx([1, 1, 1])
    assert newer == pytest.approx([1, 1, np.exp(-3 * 2 / 3)])
    assert stronger == pytest.approx([1, 1.5, 0.5])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.1, 0.2, 0.5]))
def test_what_is_hidden_is_never_older_than_what_is_kept(seed: int, share: float) -> None:
    history = made_up(seed, persons=10, contents=12, times=6)
    kept, hidden = hide_latest(history, share, seed)
    assert kept.presence().nnz + hidden.nnz == len(history.content)
    assert (kept.presence() + hidden != history.presence()).nnz == 0
    for p in range(history.persons):
        own = slice(history.pointers[p], history.pointers[p + 1])
        when = dict(zip(history.content[own].tolist(), history.at[own].tolist(), strict=True))
        left = kept.content[kept.pointers[p] : kept.pointers[p + 1]].tolist()
        if len(when) < 5:
            assert len(left) == len(when)
            continue
        gone = hidden[p].indices.tolist()
        assert len(gone) == len(when) - int(np.ceil(len(when) * (1 - share)))
        assert max(when[c] for c in left) <= min((when[c] for c in gone), default=10**9)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), m=st.integers(1, 4000), k=st.integers(1, 40), dead=st.sampled_from([0.0, 0.5, 0.999]))
def test_the_best_are_those_of_a_full_sort(seed: int, m: int, k: int, dead: float) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.permutation(np.tile(np.arange(m, dtype=np.float32), (3, 1)), axis=1)
    scores[generator.random((3, m)) < dead] = -np.inf
    found = best_first(scores, k)
    assert found.shape == (3, min(k, m))
    assert [len(set(row)) for row in found.tolist()] == [min(k, m)] * 3
    assert np.array_equal(np.take_along_axis(scores, found, axis=1), -np.sort(-scores, axis=1)[:, :k])


def test_quality_is_that_of_the_definition() -> None:
    scores = np.array([[9, 8, 7, 6, 5]], np.float32)
    seen, hidden = sp.csr_matrix([[1.0, 0, 0, 0, 0]]), sp.csr_matrix([[0.0, 0, 1, 0, 1]])
    found = quality(scores, seen, hidden, k=2)  # offered: 1, 2; hit at rank 2 of two wanted
    assert found["recall"] == 0.5
    assert found["ndcg"] == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))
    nobody = quality(np.array([[1.0, 2.0]], np.float32), sp.csr_matrix((1, 2)), sp.csr_matrix((1, 2)))
    assert nobody == {"recall": 0, "ndcg": 0, "persons": 0}
    some = np.zeros((2, 3), np.float32)
    mask_seen(some, sp.csr_matrix([[0, 1.0, 0], [0, 0, 0]]))
    assert np.isneginf(some).tolist() == [[False, True, False], [False] * 3]


def test_the_filter_is_a_projection_on_the_leading_directions() -> None:
    history = made_up(4, persons=60)
    first, second = filter_factors(history, 3, 0)
    x = history.presence().toarray()
    per_person, per_content = np.maximum(x.sum(1), 1), np.maximum(x.sum(0), 1)
    right = np.linalg.svd(x / np.sqrt(per_person)[:, None] / np.sqrt(per_content))[2][:3].T
    expected = np.diag(per_content**-0.3) @ right @ right.T @ np.diag(per_content**0.3)
    assert first @ second == pytest.approx(expected, abs=1e-3)


def test_popularity_forgets_where_fashions_pass() -> None:
    """Every week has contents of its own; who comes next week wants next week's beginning, which only recent ones foresee."""
    generator = np.random.default_rng(0)
    day = np.sort(generator.integers(0, 200, 4000))
    passing = (day // 3 + generator.integers(0, 30, 4000)) % 400
    lasting = generator.integers(0, 30, 4000)
    one_each, ones = np.arange(4001), np.ones(4000, np.float32)
    fashions = History(one_each, passing, day * DAY, ones, 400)
    classics = History(one_each, lasting, day * DAY, ones, 400)
    half_life = chosen_half_life(fashions)
    assert half_life is not None
    assert half_life < 60 * DAY
    assert chosen_half_life(classics) is None
    assert popularity(classics, None) == pytest.approx(np.bincount(lasting, minlength=400))
    newest = popularity(fashions, half_life).argmax()
    assert abs(int(newest) - 200 // 3) < 40
    undated = History(one_each, passing, np.zeros(4000, np.int64), ones, 400)
    assert chosen_half_life(undated) is None


def test_a_new_content_is_scored_as_its_like() -> None:
    """The columns of a known model are a linear function of features: those of new contents follow from theirs."""
    generator = np.random.default_rng(0)
    features, new = generator.normal(size=(80, 3)), generator.normal(size=(5, 3))
    slope, mean = generator.normal(size=(80, 3)), generator.normal(size=80)
    square = (mean[:, None] + slope @ features.T).astype(np.float32)
    expected = mean[:, None] + slope @ new.T
    for factors in ((square,), (np.eye(80, dtype=np.float32), square)):
        found = new_content_factors(factors, features.astype(np.float32), new.astype(np.float32), np.ones(80, np.float32), 0)
        assert found is not None
        assert found[0] @ found[1] == pytest.approx(expected, abs=0.05)
    assert (
        new_content_factors((square,), np.zeros((80, 3), np.float32), new.astype(np.float32), np.ones(80, np.float32), 0) is None
    )

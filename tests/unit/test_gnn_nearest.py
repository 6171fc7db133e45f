import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn.features.nearest import nearest, vote


def world(seed: int, *, equal: bool) -> tuple[sp.csr_matrix, np.ndarray, np.ndarray, np.ndarray]:
    """Rows of persons, references among them, who may be chosen, and a reference that each person never chooses."""
    generator = np.random.default_rng(seed)
    matrix = sp.random(int(generator.integers(1, 40)), 12, density=0.3, format="csr", dtype=np.float32, random_state=seed)
    if equal:
        matrix.data[:] = 0.5
    references = np.flatnonzero(generator.random(matrix.shape[0]) < 0.6)
    own = np.full(matrix.shape[0], -1, np.int64)
    own[references] = np.arange(len(references))
    return matrix, references, generator.random(len(references)) < 0.8, own


@settings(deadline=None)
@given(st.integers(0, 2**16), st.integers(0, 9), st.booleans())
def test_it_is_the_sorted_table_of_persons_and_references(seed: int, count: int, equal: bool) -> None:
    matrix, references, allowed, own = world(seed, equal=equal)
    persons = np.arange(matrix.shape[0])[::-1].copy()
    number, weight = nearest(matrix, persons, matrix[references].T.tocsr(), allowed, own[persons], count)
    table = (matrix[persons] @ matrix[references].T).toarray()
    table[:, ~allowed] = 0
    table[persons[:, None] == references[None, :]] = 0
    for row, similar in enumerate(table):
        best = np.lexsort([np.arange(len(similar)), -similar])[:count]
        best = best[similar[best] > 0]
        if equal:  # then of equals the first
            assert number[row, : len(best)].tolist() == best.tolist()
        assert weight[row, : len(best)] == pytest.approx(similar[best], abs=1e-6)
        assert (number[row, len(best) :] == -1).all()
        assert not weight[row, len(best) :].any()


def test_entries_too_small_for_a_product_harm_nothing() -> None:
    tiny = sp.csr_matrix(np.full((3, 500), 1e-30, np.float32))
    number, weight = nearest(tiny, np.arange(3), tiny.T.tocsr(), np.ones(3, np.bool_), np.full(3, -1), 2)
    assert (number == -1).all()
    assert not weight.any()


def test_votes_are_labels_weighted_by_similarity() -> None:
    labels = sp.csr_matrix(np.array([[1, 0, 0.5], [0, 1, 0], [0, 0, 0]], np.float32))
    number = np.array([[0, 1], [2, -1], [-1, -1]], np.int32)
    weight = np.array([[0.5, 0.25], [0.9, 0], [0, 0]], np.float32)
    assert vote(number, weight, labels) == pytest.approx(np.array([[0.5, 0.25, 0.25], [0, 0, 0], [0, 0, 0]]))

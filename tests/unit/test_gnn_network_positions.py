from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn.features.network_positions import network_positions


def communities(seed: int, persons: int = 60, contents: int = 30) -> tuple[sp.csr_matrix, sp.csr_matrix, np.ndarray]:
    """Engagement and relations within two communities, with some noise."""
    generator = np.random.default_rng(seed)
    side = np.arange(persons) % 2
    of_content = np.arange(contents) % 2
    likes = np.where(side[:, None] == of_content[None, :], 0.4, 0.04)
    engagement = sp.csr_matrix((generator.random((persons, contents)) < likes).astype(np.float32))
    knows = np.triu(generator.random((persons, persons)) < np.where(side[:, None] == side[None, :], 0.15, 0.01), 1)
    return engagement, sp.csr_matrix((knows | knows.T).astype(np.float32)), side


def test_members_of_a_community_lie_together() -> None:
    engagement, relations, side = communities(0)
    found = network_positions(engagement, relations, 8, seed=0)
    near = found @ found.T
    same = side[:, None] == side[None, :]
    assert near[same].mean() > near[~same].mean() + 0.3


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_renumbering_persons_changes_nothing_but_their_order(seed: int) -> None:
    engagement, relations, _ = communities(seed, 30, 16)
    order = np.random.default_rng(seed).permutation(30)
    before = network_positions(engagement, relations, 46, seed=0)
    after = network_positions(engagement[order], relations[order][:, order], 46, seed=0)
    # The least singular directions are known to float32 alone: the most over all seeds is .034.
    assert before[order] @ before[order].T == pytest.approx(after @ after.T, abs=5e-2)


def test_the_same_seed_gives_the_same_and_nobody_without_edges_has_a_place() -> None:
    engagement, relations, _ = communities(3)
    others = sp.diags((np.arange(60) != 5).astype(np.float32))
    engagement, relations = sp.csr_matrix(others @ engagement), sp.csr_matrix(others @ relations @ others)
    first, second = (network_positions(engagement, relations, 8, seed=4) for _ in range(2))
    assert np.array_equal(first, second)
    assert not first[5].any()
    assert np.linalg.norm(np.delete(first, 5, axis=0), axis=1) == pytest.approx(1, abs=1e-4)
    empty = sp.csr_matrix((4, 0), dtype=np.float32)
    assert network_positions(empty, sp.csr_matrix((4, 4), dtype=np.float32), 8, seed=0).shape == (4, 0)

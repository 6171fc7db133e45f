"""Shapley values against their definition by orders, and their axioms."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn.explain.shapley import coalitions, shapley


@st.composite
def games(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    groups = draw(st.integers(1, 5))
    values = draw(st.lists(st.floats(-20, 20), min_size=1 << groups, max_size=1 << groups))
    return np.array(values), groups


@settings(deadline=None)
@given(games())
def test_parts_add_up_and_are_the_mean_over_all_orders(game: tuple[np.ndarray, int]) -> None:
    values, groups = game
    found = shapley(values, groups)
    assert found.sum() == pytest.approx(values[-1] - values[0], abs=1e-9)
    expected, orders = np.zeros(groups), list(permutations(range(groups)))
    for order in orders:
        held = 0
        for group in order:
            expected[group] += values[held | (1 << group)] - values[held]
            held |= 1 << group
    assert found == pytest.approx(expected / len(orders), abs=1e-9)


def test_of_a_sum_each_group_gets_its_own_and_one_that_does_nothing_gets_nothing() -> None:
    weights = np.array([2.0, -1.0, 0.0, 0.5])
    assert shapley(coalitions(4) @ weights + 7, 4) == pytest.approx(weights)


def test_sets_are_listed_by_their_bits() -> None:
    assert coalitions(2).tolist() == [[False, False], [True, False], [False, True], [True, True]]

"""The threshold of the best expected F1 against every threshold there is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graph.resolve.cross_device.threshold import expected_f1, expected_f1_threshold


@given(st.lists(st.integers(-40, 40), min_size=1, max_size=30))
def test_no_other_threshold_is_expected_to_do_better(quarters: list[int]) -> None:
    weight = np.array(quarters) / 4
    probability = 1 / (1 + 2.0**-weight)
    best = expected_f1(probability, weight >= expected_f1_threshold(weight, probability))
    assert all(best >= expected_f1(probability, weight >= t) - 1e-12 for t in weight)


def test_the_optimum_lies_where_the_probability_is_half_of_the_f1() -> None:
    weight = np.linspace(-8, 8, 4_001)
    probability = 1 / (1 + 2.0**-weight)
    threshold = expected_f1_threshold(weight, probability)
    f1 = expected_f1(probability, weight >= threshold)
    assert abs(1 / (1 + 2.0**-threshold) - f1 / 2) < 0.001


def test_without_pairs_nothing_is_joined() -> None:
    none = np.empty(0)
    assert expected_f1_threshold(none, none) == float("inf")
    assert expected_f1(none, none > 0) == 0

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from gnn.training.stacking import fit_weights


def drawn(seed: int, persons: int, noise: tuple[float, ...], tags: int = 20) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Labels drawn from true logits, and kinds that see those with noise."""
    generator = np.random.default_rng(seed)
    true = generator.normal(-1, 2, (persons, tags))
    labels = (generator.random(true.shape) < expit(true)).astype(np.float32)
    kinds = {f"kind{i}": (true + generator.normal(0, s, true.shape)).astype(np.float32) for i, s in enumerate(noise)}
    return kinds, labels


def test_a_kind_that_says_nothing_is_dropped_and_equal_ones_count_the_same() -> None:
    kinds, labels = drawn(0, 400, (1.0, 1.0))
    kinds["noise"] = np.random.default_rng(1).normal(0, 3, labels.shape).astype(np.float32)
    weights = fit_weights(kinds, labels)
    assert set(weights) == {"kind0", "kind1"}
    assert weights["kind0"] == pytest.approx(0.5, abs=0.05)
    among_the_base = fit_weights(kinds, labels, base=tuple(kinds), shrinkage=30)
    assert set(among_the_base) == {"kind0", "kind1"}  # by its weight


@pytest.mark.parametrize(("persons", "noise", "joins"), [(400, 1.0, True), (400, 6.0, False), (4, 2.0, False)])
def test_a_further_kind_joins_only_where_held_out_persons_clearly_gain(persons: int, noise: float, joins: bool) -> None:
    kinds, labels = drawn(0, persons, (1.0, noise))
    assert ("kind1" in fit_weights(kinds, labels, base=("kind0",))) == joins


def test_the_better_kind_counts_more() -> None:
    kinds, labels = drawn(0, 400, (0.5, 2.0))
    weights = fit_weights(kinds, labels, base=tuple(kinds), shrinkage=30)
    assert weights["kind0"] > 0.75


def test_few_persons_are_drawn_towards_equal_weights() -> None:
    kinds, labels = drawn(0, 6, (0.5, 2.0), tags=3)
    few, shrunk = (fit_weights(kinds, labels, base=tuple(kinds), shrinkage=s) for s in (0.01, 1e4))
    assert abs(shrunk["kind0"] - 0.5) < 0.01 < abs(few.get("kind0", 0.0) - 0.5)


def test_without_held_out_persons_all_count_the_same() -> None:
    nothing = np.zeros((0, 4), np.float32)
    assert fit_weights({"a": nothing, "b": nothing, "c": nothing}, nothing) == pytest.approx(dict.fromkeys("abc", 1 / 3))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), kinds=st.integers(1, 4), persons=st.integers(1, 30))
def test_weights_sum_to_one_and_none_is_negative_or_tiny(seed: int, kinds: int, persons: int) -> None:
    generator = np.random.default_rng(seed)
    labels = (generator.random((persons, 3)) < 0.3).astype(np.float32)
    weights = fit_weights({str(i): generator.normal(0, 2, labels.shape).astype(np.float32) for i in range(kinds)}, labels)
    assert sum(weights.values()) == pytest.approx(1)
    assert all(w >= 0.05 for w in weights.values())

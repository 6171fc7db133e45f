from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from gnn.models.trees import Trees, flattened, read_trees, write_trees

CHANNELS, SCALARS = 4, 3


def pairs(generator: np.random.Generator, persons: int, tags: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Channels, log prior, scalars, and the same as rows of pairs. Values are coarse, so that many lie on a threshold."""
    channels = np.round(generator.normal(size=(persons, tags, CHANNELS)), 1).astype(np.float32)
    scalars = np.round(generator.normal(size=(persons, SCALARS)), 1).astype(np.float32)
    log_prior = np.log(generator.uniform(0.01, 0.5, tags)).astype(np.float32)
    rows = [np.r_[channels[p, t], log_prior[t], scalars[p]] for p in range(persons) for t in range(tags)]
    return channels, log_prior, scalars, np.array(rows, np.float32)


def fitted(seed: int, leaves: int) -> tuple[Trees, HistGradientBoostingClassifier, np.random.Generator, int]:
    generator = np.random.default_rng(seed)
    tags = int(generator.integers(1, 6))
    _, log_prior, _, x = pairs(generator, 60, tags)
    y = (x[:, 0] * x[:, CHANNELS + 1] + x[:, CHANNELS] + generator.normal(size=len(x)) > 0).astype(int)
    y[:2] = 0, 1
    model = HistGradientBoostingClassifier(max_iter=12, max_leaf_nodes=leaves, min_samples_leaf=3, early_stopping=False).fit(x, y)
    trees = flattened([p.nodes for (p,) in model._predictors], float(model._baseline_prediction.ravel()[0]), log_prior)
    return trees, model, generator, tags


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), leaves=st.sampled_from([2, 7, 31]))
def test_flat_trees_give_what_scikit_learn_gives(seed: int, leaves: int) -> None:
    trees, model, generator, tags = fitted(seed, leaves)
    channels, _, scalars, _ = pairs(generator, 17, tags)
    rows = [np.r_[channels[p, t], trees.log_prior[t], scalars[p]] for p in range(17) for t in range(tags)]
    assert trees.logits(channels, scalars).ravel() == pytest.approx(model.decision_function(np.array(rows)), abs=1e-5)


def test_trees_are_read_back_from_plain_arrays(tmp_path: Path) -> None:
    members = [fitted(seed, 7)[0] for seed in (1, 2)]
    write_trees(members, tmp_path / "trees.npz")
    with np.load(tmp_path / "trees.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "if" for name in arrays.files)
    for before, after in zip(members, read_trees(tmp_path / "trees.npz"), strict=True):
        channels, _, scalars, _ = pairs(np.random.default_rng(0), 5, len(before.log_prior))
        assert np.array_equal(before.logits(channels, scalars), after.logits(channels, scalars))


def test_arrays_that_are_no_trees_are_refused() -> None:
    trees = fitted(3, 7)[0]
    inner = int(np.flatnonzero(trees.feature >= 0)[-1])
    for place in (inner, len(trees.feature), -1):  # round for ever, beyond the end, before the beginning
        left = trees.left.copy()
        left[inner] = place
        with pytest.raises(ValueError, match="leads nowhere, or back"):
            replace(trees, left=left)
    with pytest.raises(ValueError, match="leads nowhere"):
        replace(trees, roots=trees.roots + np.int32(len(trees.feature)))
    two = fitted(4, 7)[0]
    first = int(np.flatnonzero(two.feature >= 0)[0])
    left = two.left.copy()
    left[first] = two.roots[1]  # into the next tree
    with pytest.raises(ValueError, match="leads nowhere"):
        replace(two, left=left)
    with pytest.raises(ValueError, match="cannot read channels"):
        trees.logits(np.zeros((2, len(trees.log_prior), 1), np.float32), np.zeros((2, SCALARS), np.float32))


def test_no_trees_at_all_say_the_offset() -> None:
    nothing = flattened([], -1.5, np.zeros(2, np.float32))
    assert nothing.logits(np.ones((3, 2, 1), np.float32), np.ones((3, 0), np.float32)) == pytest.approx(-1.5)
    assert torch.allclose(
        torch.from_numpy(nothing.logits(np.zeros((0, 2, 1), np.float32), np.zeros((0, 0), np.float32))), torch.zeros(0, 2)
    )

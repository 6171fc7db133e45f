"""Boosted trees over (person, tag) pairs as a member: what they split on in, one logit per pair out.

A pair's features are those of the taggers' evidence: the label channels C_pt, log prior_t and the person's scalars s_p, in this
order. The logit is b + Σ_i v_i(leaf of tree i), all trees in flat arrays, so that nothing but numbers is ever written or read.
A node sends x_f ≤ threshold to the left, everything else to the right (as in scikit-learn; features are finite).
After Friedman, "Greedy function approximation: a gradient boosting machine" (Annals of Statistics 2001).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from numba import njit
from torch import Tensor

from gnn.models.members import Rows
from gnn.models.pyg import HeteroData

__all__ = ["Trees", "flattened", "read_trees", "write_trees"]

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int32]
Reals = npt.NDArray[np.float64]
_LEAF = -1
_PAIRS = 128  # a tree's nodes for so many pairs stay in the first-level cache
_ARRAYS = ("roots", "feature", "threshold", "left", "right", "value", "log_prior")


@dataclass(frozen=True)
class Trees:
    """T trees of N nodes together."""

    offset: float
    """b."""
    roots: Places
    """(T,): the node that each tree begins with."""
    feature: Places
    """(N,): which feature a node asks for; −1 for a leaf."""
    threshold: Reals
    left: Places
    right: Places
    """(N,): where to go on, as places in these arrays."""
    value: Reals
    """(N,): what a leaf adds."""
    log_prior: Floats
    """(k,): a tag's feature."""

    def __post_init__(self) -> None:
        """Raises ValueError for arrays that a walk could leave or never end in: they may come from a file."""
        inner = np.flatnonzero(self.feature >= 0)
        n = len(self.feature)
        same = all(len(array) == n for array in (self.threshold, self.left, self.right, self.value))
        end = np.append(self.roots, n)[np.searchsorted(self.roots, inner, side="right")]  # of the tree that a node is of
        within = same and all(((array[inner] > inner) & (array[inner] < end)).all() for array in (self.left, self.right))
        if not within or not ((self.roots >= 0) & (self.roots < n)).all() or (np.diff(self.roots) <= 0).any():
            raise ValueError("these are no trees: a node leads nowhere, or back")

    @property
    def kind(self) -> str:
        """All trees are of one kind."""
        return "trees"

    def encode(self, data: HeteroData) -> Tensor:
        """(n, 0): trees see no graph."""
        return torch.zeros(data["person"].num_nodes, 0)

    def predict(self, rows: Rows) -> Floats:
        """Logits (b, k), float32."""
        return self.logits(rows.channels.float().cpu().numpy(), rows.scalars.float().cpu().numpy())

    def logits(self, channels: Floats, scalars: Floats) -> Floats:
        """(b, k) of `channels` (b, k, C) and `scalars` (b, S). Raises ValueError where features are missing."""
        known = channels.shape[2] + 1 + scalars.shape[1]
        if channels.shape[1] != len(self.log_prior) or self.feature.max(initial=_LEAF) >= known:
            raise ValueError(
                f"trees of {len(self.log_prior)} tags cannot read channels {channels.shape} and scalars {scalars.shape}"
            )
        return np.asarray(
            _sums(
                np.ascontiguousarray(channels, np.float32),
                self.log_prior,
                np.ascontiguousarray(scalars, np.float32),
                self.offset,
                *(self.roots, self.feature, _not_above(self.threshold)),
                *(self.left, self.right, self.value.astype(np.float32)),
            ),
            np.float32,
        )


def flattened(trees: Sequence[npt.NDArray[Any]], offset: float, log_prior: Floats) -> Trees:
    """Trees from node tables with feature_idx, num_threshold, left, right, value and is_leaf, as scikit-learn keeps them."""
    starts = np.cumsum([0, *(len(nodes) for nodes in trees)])
    roots = starts[:-1].astype(np.int32)
    none = {"feature": np.int32, "threshold": np.float64, "left": np.int32, "right": np.int32, "value": np.float64}
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [np.zeros(0, dtype)] for name, dtype in none.items()}
    for start, nodes in zip(starts, trees, strict=False):
        leaf = nodes["is_leaf"].astype(bool)
        parts["feature"].append(np.where(leaf, _LEAF, nodes["feature_idx"]).astype(np.int32))
        parts["threshold"].append(np.where(leaf, 0, nodes["num_threshold"]).astype(np.float64))
        parts["left"].append(np.where(leaf, 0, nodes["left"] + start).astype(np.int32))
        parts["right"].append(np.where(leaf, 0, nodes["right"] + start).astype(np.int32))
        parts["value"].append(np.where(leaf, nodes["value"], 0).astype(np.float64))
    flat: dict[str, Any] = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    return Trees(offset=offset, roots=roots, log_prior=log_prior, **flat)


def write_trees(members: Sequence[Trees], path: Path) -> None:
    """All members' arrays in one .npz, nothing pickled."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for i, member in enumerate(members):
        arrays |= {f"{i}.{name}": getattr(member, name) for name in _ARRAYS}
        arrays[f"{i}.offset"] = np.array([member.offset])
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_trees(path: Path) -> list[Trees]:
    """What `write_trees` wrote. Raises OSError, and ValueError or KeyError for a file that is no such thing."""
    with np.load(path, allow_pickle=False) as arrays:
        count = len({name.split(".")[0] for name in arrays.files})
        return [
            Trees(offset=float(arrays[f"{i}.offset"][0]), **{name: arrays[f"{i}.{name}"] for name in _ARRAYS})
            for i in range(count)
        ]


def _not_above(threshold: Reals) -> Floats:
    """The largest float32 that is not above each threshold: no feature, a float32, lies between."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


@njit(cache=True, nogil=True)
def _sums(
    channels: Floats,
    log_prior: Floats,
    scalars: Floats,
    offset: float,
    roots: Places,
    feature: Places,
    threshold: Floats,
    left: Places,
    right: Places,
    value: Floats,
) -> Floats:
    """Every node of a tree for some pairs at once, leaves first: comparisons and choices over rows of pairs are vector
    instructions, where one walk after the other would wait for memory at each step."""
    persons, tags, width = channels.shape
    pairs = persons * tags
    out = np.empty((persons, tags), np.float32)
    flat = out.reshape(pairs)
    asked = np.empty((width + 1 + scalars.shape[1], _PAIRS), np.float32)
    total = np.empty(_PAIRS, np.float64)
    most = 0
    for tree in range(len(roots)):
        end = roots[tree + 1] if tree + 1 < len(roots) else len(feature)
        most = max(most, end - roots[tree])
    held = np.empty((most, _PAIRS), np.float32)
    for start in range(0, pairs, _PAIRS):
        for j in range(_PAIRS):
            pair = min(start + j, pairs - 1)  # beyond the last one: the last again
            person, tag = pair // tags, pair % tags
            for f in range(width):
                asked[f, j] = channels[person, tag, f]
            asked[width, j] = log_prior[tag]
            for f in range(scalars.shape[1]):
                asked[width + 1 + f, j] = scalars[person, f]
        total[:] = offset
        for tree in range(len(roots)):
            root = roots[tree]
            end = roots[tree + 1] if tree + 1 < len(roots) else len(feature)
            for node in range(end - 1, root - 1, -1):
                if feature[node] < 0:
                    held[node - root] = value[node]
                else:
                    _choose(
                        held[node - root],
                        held[left[node] - root],
                        held[right[node] - root],
                        asked[feature[node]],
                        threshold[node],
                    )
            total += held[0]
        for j in range(min(_PAIRS, pairs - start)):
            flat[start + j] = total[j]
    return out


@njit(cache=True, nogil=True)
def _choose(out: Floats, left: Floats, right: Floats, asked: Floats, threshold: float) -> None:
    for j in range(len(out)):
        one, other, x = left[j], right[j], asked[j]
        out[j] = one if x <= threshold else other

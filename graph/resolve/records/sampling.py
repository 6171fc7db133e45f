"""Samples of pairs with their levels of agreement, for fitting: random pairs, and pairs with an equal value.

In: `FitData`, what a fit knows of its records. Out: `PairSample`s. Records are taken in the order of `FitData`, which follows
from their content, and all choices come from one generator, so the same records give the same samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.resolve.records.kinds import KINDS, LEVELS, kind_number
from graph.resolve.records.levels import pair_levels
from graph.resolve.records.profile import ColumnSpec
from graph.resolve.records.values import Encoded, Integers, Packed
from graph.side_by_side import each, parts

__all__ = ["FitData", "FitRules", "Levels", "PairSample", "equal_pairs", "random_pairs", "sample", "smooth"]

Levels = npt.NDArray[np.int8]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FitRules:
    """Constants of the estimation."""

    usual_matches: float = 10.0
    """Pairs that the usual m counts as."""
    usual_chances: float = 100.0
    """Pairs that the usual u counts as."""
    conditional: float = 20.0
    """Pairs that the m or u without a parent counts as, given the parent."""
    duplicates: float = 0.1
    """Matching pairs per record before data speaks."""
    duplicates_left: float = 0.01
    """Matching pairs per record that are assumed at least."""
    rounds: int = 30
    tolerance: float = 1e-3
    random_pairs: int = 400_000
    equal_pairs: int = 20_000
    """Pairs with an equal value that are looked at for each column."""
    hopeless_log2_odds: float = -20.0
    """Match weight under the starting parameters, under which a pair takes no part in the fit."""
    parent_gain: float = 1.0
    """log2 by which a parent must raise the probability of equality."""
    parent_pairs: float = 30.0
    """Pairs of two entities with an equal value that must be seen of a parent."""
    close: float = 3.0
    """Records of a record's own entity and of its relatives, about at most, among those that share a value with it."""
    crowd: int = 8
    """Holders of a value from which they are a crowd of strangers."""
    contact_agrees: float = 0.3
    """Probability that two of a household that share one contact share another, before data speaks."""
    relatives: float = 20.0
    """Pairs of relatives that there must be at least."""
    few_records: int = 100
    """Records under which nothing is fitted."""
    usual_relatives: float = 0.6
    """Pairs of relatives for each pair of one entity that are then supposed: an e-mail address alone still joins two persons with
    a device each (4 log2 odds), and does not join two records whose given names differ (2)."""
    own_share: float = 0.25
    """A column is relatives' own, if it agrees among them less than so much of the way from chance to a match."""
    telling_bits: float = 3.0
    """Mean match weight, in bits, from which a column tells entities apart."""
    own_against_shared: float = 0.7
    """What own columns must tell, of what shared columns tell."""


@dataclass(frozen=True)
class FitData:
    """Records to be fitted, in an order that follows from their content; `partner`: per column the one with which it may be
    crosswise, or -1; `made_of` as in `Parameters`."""

    encoded: Encoded
    specs: tuple[ColumnSpec, ...]
    packed: Packed
    partner: Integers
    made_of: Integers
    rules: FitRules

    @property
    def records(self) -> int:
        """How many there are."""
        return len(self.encoded.codes)

    @property
    def all_pairs(self) -> float:
        """Pairs of records, at least one."""
        return max(self.records * (self.records - 1) / 2.0, 1.0)

    @property
    def kinds(self) -> Integers:
        """Number of each column's kind."""
        return np.array([kind_number(spec.kind) for spec in self.specs], np.int64)

    @property
    def top(self) -> Integers:
        """Level of equality of each column."""
        return np.array([len(KINDS[kind].levels) - 1 for kind in self.kinds], np.int64)

    def usual(self, which: str) -> Reals:
        """`usual_match` or `usual_chance` of every column [columns, level]."""
        out = np.zeros((len(self.specs), LEVELS))
        for c, kind in enumerate(self.kinds):
            usual = np.array(getattr(KINDS[kind], which))
            out[c, : len(usual)] = usual / usual.sum()
        return out


@dataclass(frozen=True)
class PairSample:
    """Pairs of records with their levels [pairs, columns]; each stands for `stands_for` pairs."""

    left: Integers
    right: Integers
    levels: Levels
    stands_for: Reals


def smooth(counts: Reals, usual: Reals, weight: float) -> Reals:
    """Shares of the counts (last axis) with `weight` more counts as `usual`."""
    shares: Reals = (counts + weight * usual) / (counts.sum(axis=-1, keepdims=True) + weight)
    return shares


def sample(data: FitData, left: Integers, right: Integers, stands_for: Reals) -> PairSample:
    """Pairs with their levels."""
    levels = np.empty((len(left), len(data.specs)), np.int8)
    columns = np.stack([data.kinds, data.kinds, data.partner, data.partner], axis=1)
    compare: Any = pair_levels

    def some(part: slice) -> None:
        compare(columns, *data.packed, data.encoded.codes, left[part], right[part], levels[part])

    each(some, parts(len(left)))
    return PairSample(left, right, levels, stands_for)


def random_pairs(data: FitData, generator: np.random.Generator) -> PairSample:
    """Random pairs of two records; every pair where there are few."""
    number = data.rules.random_pairs
    if data.all_pairs <= number:
        left, right = np.triu_indices(data.records, 1)
    else:
        left = generator.integers(0, data.records, number)
        right = (left + generator.integers(1, data.records, number)) % data.records
    return sample(data, left.astype(np.int64), right.astype(np.int64), np.ones(len(left)))


def equal_pairs(data: FitData, column: int, generator: np.random.Generator) -> PairSample:
    """Random records, each with a random other that has the same value of the column, a value of many; each pair stands for
    as many as there are holders of its value."""
    codes = data.encoded.codes[:, column]
    held = np.flatnonzero(codes >= 0)
    hashes = data.packed.values["hash"][codes[held]]
    in_order = np.argsort(hashes, kind="stable")
    order, ordered = held[in_order], hashes[in_order]
    begin, end = np.searchsorted(ordered, ordered, "left"), np.searchsorted(ordered, ordered, "right")
    shared = np.flatnonzero(end - begin >= data.rules.crowd)
    if len(shared) > data.rules.equal_pairs:
        shared = np.sort(generator.choice(shared, data.rules.equal_pairs, replace=False))
    size = (end - begin)[shared]
    step = 1 + (generator.random(len(shared)) * (size - 1)).astype(np.int64)
    other = begin[shared] + (shared - begin[shared] + step) % np.maximum(size, 1)
    return sample(data, order[shared], order[other], size.astype(np.float64))

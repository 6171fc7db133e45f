"""Records made ready for a fitted model: their blocking keys, candidate pairs and scores.

In: records and a model. Out: what depends on nothing else: the score of a pair is a function of its two records and the model,
and whether it is a candidate, of these and of how many records hold its blocking keys. So a run over some of the records equals
a run over all of them, if it is told how many hold each key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graph.resolve.records.frequencies import Frequencies
from graph.resolve.records.keys import KeySpec, KeyWriter
from graph.resolve.records.kinds import KINDS, kind_number
from graph.resolve.records.pairs import block_pairs, matching_pairs
from graph.resolve.records.parameters import Parameters, pieces_of, tables_of
from graph.resolve.records.profile import ColumnSpec
from graph.resolve.records.values import Encoded, Integers, pack
from graph.resolve.records.weigh import Scoring
from graph.side_by_side import each

__all__ = ["RELATIVES", "WORD_SHARE", "BlockDegrees", "Matches", "PairScores", "PreparedRecords", "word_cap"]

WORD_SHARE = 0.005
"""Of the texts that may hold a word which blocks."""
RELATIVES = "relatives"
"""Name of the comparison that holds against a match that two relatives would agree as well."""
_CHUNK = 1 << 18


def word_cap(frequencies: Frequencies) -> int:
    """Texts in the fitted data above which a word is too frequent to block by."""
    return max(20, int(WORD_SHARE * max(frequencies.filled, default=0)))


@dataclass(frozen=True)
class BlockDegrees:
    """How many records of everything hold each blocking key: `keys` (int64, as `block_keys` gives them) in ascending order."""

    keys: Integers
    holders: Integers

    @classmethod
    def count(cls, keys: Integers) -> BlockDegrees:
        """Degrees of the keys of some records, each record's keys once each."""
        distinct, holders = np.unique(keys, return_counts=True)
        return cls(distinct, holders.astype(np.int64))

    def of(self, keys: Integers) -> Integers:
        """Holders of each key, 0 of an unknown one."""
        if not len(self.keys):
            return np.zeros(len(keys), np.int64)
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[place] == keys, self.holders[place], 0)


@dataclass(frozen=True)
class PairScores:
    """Scores of pairs. `weight` (log2 odds) is `prior` plus the pair's `pieces`, added as float64; its probability 1 / (1 +
    2^-weight). `levels` [pairs, comparisons] index `level_names`, -1 where a value is missing. Where nothing can be compared,
    prior and weight are 0: the pair says nothing. For a pair that something else brings together, the sum of its pieces is the
    evidence."""

    weight: npt.NDArray[np.float64]
    prior: npt.NDArray[np.float64]
    levels: npt.NDArray[np.int8]
    pieces: npt.NDArray[np.float32]
    names: tuple[str, ...]
    level_names: tuple[tuple[str, ...], ...]
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Matches:
    """Pairs of record positions, left < right, in order, with their match weights (log2 odds)."""

    left: Integers
    right: Integers
    weight: npt.NDArray[np.float64]


class PreparedRecords:
    """Records encoded for one model."""

    def __init__(
        self,
        encoded: Encoded,
        specs: tuple[ColumnSpec, ...],
        parameters: Parameters,
        frequencies: Frequencies,
        keys: Sequence[KeySpec],
    ) -> None:
        self._encoded = encoded
        self._specs = specs
        self._keys = tuple(keys)
        words, holders = frequencies.of_words(encoded)
        packed = pack(encoded.values, words, *frequencies.of_values(encoded))
        self._scoring = Scoring(tables_of(specs, parameters), packed, parameters.prior_log2_odds, parameters.relative_log2_odds)
        self._writer = KeyWriter(encoded, specs, holders, word_cap(frequencies))

    def __len__(self) -> int:
        return len(self._encoded.codes)

    def block_keys(self) -> tuple[Integers, Integers]:
        """(record position, key), int64, for every key that a record has, blocks that are too large included."""
        positions, keys = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for spec in self._keys:
            written = self._writer.keys(spec.parts)
            held = np.flatnonzero(written)
            positions.append(held)
            keys.append(written[held].view(np.int64))
        return np.concatenate(positions), np.concatenate(keys)

    def block_caps(self) -> Integers:
        """For each row of `block_keys` the number of holders above which its block is not used."""
        caps = [np.zeros(0, np.int64)]
        caps += [np.full(int(np.count_nonzero(self._writer.keys(spec.parts))), spec.cap, np.int64) for spec in self._keys]
        return np.concatenate(caps)

    def candidates(self, degrees: BlockDegrees | None = None) -> tuple[Integers, Integers]:
        """Pairs of positions (left < right) that share a block, each once. `degrees`: holders of the keys among all records,
        where these are but some of them."""
        return block_pairs(self._matrix(degrees))

    def matches(self, minimum: float = 0.0, degrees: BlockDegrees | None = None) -> Matches:
        """The candidates whose weight is at least `minimum` (log2 odds), without holding the others in memory."""
        if not self._keys:
            nothing = np.zeros(0, np.int64)
            return Matches(nothing, nothing, np.zeros(0, np.float64))
        return Matches(*matching_pairs(self._matrix(degrees), self._encoded, self._scoring, minimum))

    def score(self, left: Integers, right: Integers) -> PairScores:
        """Scores of any pairs of positions, candidates or not."""
        columns = len(self._specs) + 1
        left, right = np.asarray(left, np.int64), np.asarray(right, np.int64)
        levels, pieces = np.full((len(left), columns), -2, np.int8), np.zeros((len(left), columns), np.float32)
        for begin in range(0, len(left), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            pairs = (left[part], right[part], self._scoring.prior, self._scoring.odds, levels[part], pieces[part])
            compare: Any = pieces_of
            compare(*self._scoring.tables, *self._scoring.packed, self._encoded.codes, *pairs)
        weight = np.zeros(len(left), np.float64)
        for column in range(columns):
            weight += pieces[:, column]
        prior = np.where((levels >= 0).any(axis=1), self._scoring.prior, 0.0)
        return PairScores(
            weight + prior,
            prior,
            levels,
            pieces,
            (*(spec.name for spec in self._specs), RELATIVES),
            (*(KINDS[kind_number(spec.kind)].levels for spec in self._specs), ("one entity", "relatives")),
            (*(spec.kind for spec in self._specs), RELATIVES),
        )

    def _matrix(self, degrees: BlockDegrees | None) -> npt.NDArray[np.uint64]:
        """Keys [records, keys], 0 where the block is too large."""
        matrix = np.zeros((len(self), len(self._keys)), np.uint64)

        def write(place: int) -> None:
            spec = self._keys[place]
            keys = self._writer.keys(spec.parts)
            holders = _holders(keys) if degrees is None else degrees.of(keys.view(np.int64))
            matrix[:, place] = np.where(holders > spec.cap, 0, keys)

        each(write, range(len(self._keys)))
        return matrix


def _holders(keys: npt.NDArray[np.uint64]) -> Integers:
    """How many of the records hold each record's key."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    edges = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1], [True])))
    holders = np.empty(len(keys), np.int64)
    holders[order] = np.repeat(np.diff(edges), np.diff(edges))
    return holders

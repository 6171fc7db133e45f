"""How often values and words occur, frozen in the model.

In: encoded records. Out: `Frequencies`: per column the hashes of the values that more than two records hold, with their counts;
the same for the domains of e-mail addresses and for the words of texts. Looked up for any records, they give log2 frequencies:
a value that the model has not seen is as rare as the rarest. Two holders do not count, since they may be the very pair that is
scored: what counts is how many others hold the value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph.resolve.records.kinds import KINDS, kind_number
from graph.resolve.records.profile import ColumnSpec
from graph.resolve.records.values import Encoded, Hashes, Integers

__all__ = ["Frequencies", "Lookup", "count"]

Single = npt.NDArray[np.float32]
_PAIR = 2
_COMMON = 0.01
_MANY = 10
_MANY_VALUES = 1e5
_MOST_VALUES = 2.0**26
_MOST_EXCLUSIVE = 6.0


@dataclass(frozen=True)
class Lookup:
    """Counts of hashes, in order of the hashes."""

    hashes: Hashes
    counts: Integers

    @classmethod
    def of(cls, hashes: Hashes, counts: Integers, least: int) -> Lookup:
        """Sum the counts of equal hashes; keep those of at least `least`."""
        distinct, position = np.unique(hashes, return_inverse=True)
        summed = np.bincount(position, weights=counts, minlength=len(distinct)).astype(np.int64)
        kept = summed >= least
        return cls(distinct[kept], summed[kept])

    def find(self, hashes: Hashes) -> Integers:
        """Count of each hash, 0 where it is not known."""
        if not len(self.hashes):
            return np.zeros(len(hashes), np.int64)
        place = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return np.where(self.hashes[place] == hashes, self.counts[place], 0)


@dataclass(frozen=True)
class Frequencies:
    """Per column: `filled`, records with a value; `populations`, values that it can take; `exclusive`, log2 of how much rarer
    than one other record in all the records a stranger is who has the same rare value, for values that are given to one
    person only: it halves with each further holder, who may be the same person once more; `values`, `parts` (domains of
    e-mail addresses), `words` (of texts)."""

    filled: tuple[int, ...]
    populations: tuple[float, ...]
    exclusive: tuple[float, ...]
    values: tuple[Lookup, ...]
    parts: tuple[Lookup, ...]
    words: tuple[Lookup, ...]

    def of_values(self, encoded: Encoded) -> tuple[Single, Single]:
        """log2 frequency of every value, and of its part."""
        whole, part = np.zeros(len(encoded.values.hash), np.float32), np.zeros(len(encoded.values.hash), np.float32)
        for c in range(len(self.filled)):
            own = slice(encoded.first[c], encoded.first[c + 1])
            whole[own] = self._log2(c, self.values[c].find(encoded.values.hash[own]), self.populations[c], self.exclusive[c])
            if len(self.parts[c].hashes):
                part[own] = self._log2(c, self.parts[c].find(encoded.values.extra[own]), 1.0, 0.0)
        return whole, part

    def of_words(self, encoded: Encoded) -> tuple[Single, Integers]:
        """Weight of every word of a text, log2(texts / texts with the word) + 1, and the texts with the word."""
        weight, found = np.ones(len(encoded.values.word_hash), np.float32), np.ones(len(encoded.values.word_hash), np.int64)
        for c in range(len(self.filled)):
            own = slice(encoded.values.word_start[encoded.first[c]], encoded.values.word_start[encoded.first[c + 1]])
            found[own] = np.maximum(self.words[c].find(encoded.values.word_hash[own]), 1)
            weight[own] = np.log2(np.maximum(self.filled[c], 2) / np.minimum(found[own], max(self.filled[c], 1))) + 1.0
        return weight, found

    def _log2(self, column: int, counts: Integers, population: float, exclusive: float) -> Single:
        others = np.maximum(counts - _PAIR, 0)
        records = max(self.filled[column], 1)
        strangers = np.minimum(np.exp2(np.minimum(others, 60) - exclusive), 1.0 + others)
        rare = strangers / max(records, population / 2.0**exclusive)
        common = np.where(others >= _MANY, others / records, 0.0)
        frequency: Single = np.log2(np.where(common > _COMMON, np.maximum(common, rare), rare)).astype(np.float32)
        return frequency


def count(encoded: Encoded, specs: tuple[ColumnSpec, ...]) -> Frequencies:
    """Count the values of the records."""
    held = np.bincount(encoded.codes[encoded.codes >= 0], minlength=len(encoded.values.hash))
    filled: list[int] = []
    populations: list[float] = []
    exclusive: list[float] = []
    lookups: list[tuple[Lookup, Lookup, Lookup]] = []
    v = encoded.values
    nothing = Lookup(np.zeros(0, np.uint64), np.zeros(0, np.int64))
    for c, spec in enumerate(specs):
        own = slice(encoded.first[c], encoded.first[c + 1])
        filled.append(int(held[own].sum()))
        population = _population(spec, filled[-1], v.length[own])
        populations.append(population)
        exclusive.append(_exclusive(spec, filled[-1], population))
        parts = words = nothing
        if spec.kind == "email":
            domain = v.extra[own] != 0
            parts = Lookup.of(v.extra[own][domain], held[own][domain], 1)
        if spec.kind == "text":
            among = slice(v.word_start[own.start], v.word_start[own.stop])
            text = np.repeat(np.arange(own.start, own.stop), np.diff(v.word_start[own.start : own.stop + 1]))
            words = Lookup.of(v.word_hash[among], held[text], 2)
        lookups.append((Lookup.of(v.hash[own], held[own], _PAIR + 1), parts, words))
    return Frequencies(tuple(filled), tuple(populations), tuple(exclusive), *(tuple(row[i] for row in lookups) for i in range(3)))


def _population(spec: ColumnSpec, filled: int, lengths: npt.NDArray[np.int32]) -> float:
    """Values that the column can take: of long identifiers of which most occur once or twice, a tenth of all that have their
    length."""
    usual = KINDS[kind_number(spec.kind)].population
    if spec.kind == "identifier" and len(lengths) >= 0.3 * filled and len(lengths):
        return float(max(usual, min(10.0 ** (float(np.median(lengths)) - 1.0), _MOST_VALUES)))
    return usual


def _exclusive(spec: ColumnSpec, filled: int, population: float) -> float:
    """As the kind says; identifiers are given to one person if there are many more of them than records."""
    if spec.kind == "identifier" and population > _MANY_VALUES:
        return float(np.clip(np.log2(population / max(filled, 1)), 0.0, _MOST_EXCLUSIVE))
    return KINDS[kind_number(spec.kind)].exclusive

"""Blocking keys: what two records must share to be compared at all.

In: encoded records. Out: per record and key a 64-bit hash, the same in every process, of the features of which the key is made;
0 where a feature is missing, so that nothing missing ever forms a block. Features are made to survive typing errors: the sound
of a name, its beginning, a half of an identifier, a part of a date, and the least of the hashed words of a text (min-hash, Broder
1997), which two texts share with the probability of their Jaccard similarity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from graph.errors import SettingsError
from graph.resolve.records.profile import ColumnSpec
from graph.resolve.records.values import Encoded, Hashes, Integers, Values, hash_texts, mix

__all__ = ["ALONE_FEATURES", "FEATURES", "JOINT_FEATURES", "KeySpec", "KeyWriter", "possible_keys"]

ALONE_FEATURES: dict[str, tuple[str, ...]] = {
    "category": (),
    "name": ("equal", "sound"),
    "date": ("equal",),
    "identifier": ("equal", "first_half", "last_half"),
    "phone": ("equal", "last_half"),
    "email": ("equal", "name"),
    "text": ("equal", "word_1", "word_2", "word_3", "word_4"),
    "number": (),
}
"""Features of each kind that may be a key by themselves."""
JOINT_FEATURES: dict[str, tuple[str, ...]] = {
    "category": ("equal",),
    "name": ("sound", "start"),
    "date": ("year", "month_day"),
    "identifier": ("first_half", "last_half"),
    "phone": ("first_half", "last_half"),
    "email": ("name", "domain"),
    "text": ("word_1", "word_2"),
    "number": ("equal",),
}
"""Features of each kind that may be joined with one of another column."""
FEATURES = {kind: tuple(dict.fromkeys(("equal", *ALONE_FEATURES[kind], *JOINT_FEATURES[kind]))) for kind in ALONE_FEATURES}
_START = 3
_SLOTS = {"word_1": 1, "word_2": 2, "word_3": 3, "word_4": 4}


@dataclass(frozen=True)
class KeySpec:
    """One blocking key: `parts` are (column number, feature); `cap`: holders above which a block is not used."""

    parts: tuple[tuple[int, str], ...]
    cap: int


def possible_keys(specs: Sequence[ColumnSpec], given: Sequence[Sequence[str]] = ()) -> list[tuple[tuple[int, str], ...]]:
    """Every key there could be; or those `given` as column:feature. Raises SettingsError."""
    if given:
        return [tuple(_part(specs, part) for part in key) for key in given]
    found: list[tuple[tuple[int, str], ...]] = [((c, f),) for c, s in enumerate(specs) for f in ALONE_FEATURES[s.kind]]
    for a in range(len(specs)):
        for b in range(a + 1, len(specs)):
            found += [((a, f), (b, g)) for f in JOINT_FEATURES[specs[a].kind] for g in JOINT_FEATURES[specs[b].kind]]
    return found


def _part(specs: Sequence[ColumnSpec], text: str) -> tuple[int, str]:
    column, _, feature = text.rpartition(":")
    for c, spec in enumerate(specs):
        if spec.name == column:
            if feature in FEATURES[spec.kind]:
                return c, feature
            allowed = ", ".join(FEATURES[spec.kind])
            raise SettingsError(f"records: blocking feature {feature!r} of {column} ({spec.kind}); allowed: {allowed}")
    raise SettingsError(f"records: blocking key names column {column!r}, which is not compared")


class KeyWriter:
    """Keys of some records. `word_holders`: per word of a text, texts with it in the fitted data; words above `word_cap` are
    passed over, as long as there are others."""

    def __init__(self, encoded: Encoded, specs: Sequence[ColumnSpec], word_holders: Integers, word_cap: int) -> None:
        self._encoded = encoded
        self._specs = specs
        self._holders = word_holders
        self._word_cap = word_cap
        self._features: dict[tuple[int, str], Hashes] = {}

    def feature(self, column: int, name: str) -> Hashes:
        """The feature of every record, 0 where it is missing."""
        known = self._features.get((column, name))
        if known is None:
            own = slice(int(self._encoded.first[column]), int(self._encoded.first[column + 1]))
            of_values = np.append(self._of_values(column, name, own), np.uint64(0))
            codes = self._encoded.codes[:, column]
            known = of_values[np.where(codes < 0, own.stop - own.start, codes - own.start)]
            self._features[(column, name)] = known
        return known

    def keys(self, parts: tuple[tuple[int, str], ...]) -> Hashes:
        """The key of every record, 0 where a part of it is missing."""
        label = "+".join(f"{c}:{feature}" for c, feature in parts)
        return _joined(hash_texts([label])[0], np.stack([self.feature(c, feature) for c, feature in parts]))

    def _of_values(self, column: int, name: str, own: slice) -> Hashes:
        v, kind = self._encoded.values, self._specs[column].kind
        if name == "equal":
            return v.hash[own]
        if name == "sound":
            return np.where(v.extra[own] == 0, v.hash[own], v.extra[own])
        if name == "domain":
            return v.extra[own]
        if name in ("year", "month_day"):
            date = v.number[own].astype(np.int64)
            part = date // 10_000 if name == "year" else date % 10_000
            return np.where(date == 0, 0, part + 1).astype(np.uint64)
        if name in _SLOTS:
            return _least_words(v, own.start, own.stop, self._holders, self._word_cap, _SLOTS[name])
        length = v.length[own].astype(np.int64)
        if name == "start":
            return _slices(v, own.start, own.stop, np.zeros_like(length), np.minimum(length, _START))
        if name == "name" and kind == "email":
            return _slices(v, own.start, own.stop, np.zeros_like(length), v.number[own].astype(np.int64))
        half = (length + 1) // 2
        if name == "first_half":
            return _slices(v, own.start, own.stop, np.zeros_like(length), np.where(length < 4, length, half))
        return _slices(v, own.start, own.stop, np.where(length < 4, 0, length - half), np.where(length < 4, length, half))


@njit(cache=True, nogil=True)
def _joined(label: np.uint64, features: npt.NDArray[np.uint64]) -> Hashes:
    out = np.zeros(features.shape[1], np.uint64)
    for i in range(features.shape[1]):
        key = label
        for part in range(features.shape[0]):
            if features[part, i] == 0:
                key = np.uint64(0)
                break
            key = mix(key, features[part, i])
        out[i] = key
    return out


@njit(cache=True, nogil=True)
def _slice_hash(units: npt.NDArray[np.uint16], begin: np.int64, length: np.int64) -> np.uint64:
    x = np.uint64(length)
    for j in range(length):
        x = mix(x, np.uint64(units[begin + j]))
    return x


@njit(cache=True, nogil=True)
def _slices(v: Values, first: int, last: int, begin: Integers, length: Integers) -> Hashes:
    out = np.zeros(last - first, np.uint64)
    for i in range(last - first):
        if length[i] > 0:
            out[i] = _slice_hash(v.units, v.start[first + i] + begin[i], length[i])
    return out


@njit(cache=True, nogil=True)
def _least_words(v: Values, first: int, last: int, holders: Integers, cap: int, slot: int) -> Hashes:
    """Least hash of the words, by a hash function of the slot's own; of all words if every one is too frequent."""
    out = np.zeros(last - first, np.uint64)
    for i in range(last - first):
        least, least_of_all = np.uint64(0), np.uint64(0)
        for w in range(v.word_start[first + i], v.word_start[first + i + 1]):
            hashed = mix(v.word_hash[w], np.uint64(slot))
            if least_of_all == 0 or hashed < least_of_all:
                least_of_all = hashed
            if holders[w] <= cap and (least == 0 or hashed < least):
                least = hashed
        out[i] = least if least != 0 else least_of_all
    return out

"""Likeness of two texts, compiled.

In: texts as slices (start, length) of an array of UTF-16 code units. Out: whether one edit parts them (Damerau 1964: a
substitution, an insertion, a deletion, or two neighbours exchanged), their Jaro-Winkler similarity (Winkler 1990), whether one is
a whole leading part, initial or word of the other. Every function is symmetric as long as its caller orders the two texts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["LONGEST", "bits", "jaro_bound", "jaro_winkler", "one_edit", "part_of"]

LONGEST = 64
"""Code units compared; what follows is cut off. A match is marked by a bit of a 64-bit word."""

Units = npt.NDArray[np.uint16]

_SPACE = 32
_PREFIX_SCALE = 0.1
_PREFIX_LONGEST = 4


@njit(cache=True, nogil=True)
def one_edit(units: Units, a: int, length_a: int, b: int, length_b: int) -> bool:
    """At most one edit apart, two exchanged neighbours being one edit."""
    if length_a > length_b:
        a, length_a, b, length_b = b, length_b, a, length_a
    if length_b - length_a > 1:
        return False
    i = 0
    while i < length_a and units[a + i] == units[b + i]:
        i += 1
    if i == length_a:
        return True
    if length_a == length_b:
        j = i + 1
        if j < length_a and units[a + i] == units[b + j] and units[a + j] == units[b + i]:
            j += 1
        while j < length_a and units[a + j] == units[b + j]:
            j += 1
        if j == length_a:
            return True
        j = i + 1
        while j < length_a and units[a + j] == units[b + j]:
            j += 1
        return j == length_a
    while i < length_a and units[a + i] == units[b + i + 1]:
        i += 1
    return i == length_a


@njit(cache=True, nogil=True)
def bits(word: np.uint64) -> np.int64:
    """Bits set in a 64-bit word."""
    x = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True, nogil=True)
def jaro_bound(letters_a: np.uint64, length_a: int, letters_b: np.uint64, length_b: int) -> float:
    """Upper bound of the Jaro similarity, from the sets of letters alone: letters that the other text lacks cannot match."""
    matched = min(length_a - bits(letters_a & ~letters_b), length_b - bits(letters_b & ~letters_a))
    if matched <= 0:
        return 0.0
    return (matched / length_a + matched / length_b + 1.0) / 3.0


@njit(cache=True, nogil=True)
def jaro_winkler(units: Units, a: int, length_a: int, b: int, length_b: int, least: float) -> float:
    """Jaro-Winkler similarity with a prefix scale of 0.1 over at most four letters, whatever the Jaro similarity; 0 where it is
    under `least`, which mostly shows after a few letters."""
    length_a, length_b = min(length_a, LONGEST), min(length_b, LONGEST)
    if length_a == 0 or length_b == 0:
        return 0.0
    prefix = 0
    while prefix < min(_PREFIX_LONGEST, length_a, length_b) and units[a + prefix] == units[b + prefix]:
        prefix += 1
    bonus = prefix * _PREFIX_SCALE
    # Even with none exchanged, so many letters must match: jaro <= (m / length_a + m / length_b + 1) / 3.
    needed = (3.0 * (least - bonus) / (1.0 - bonus) - 1.0) * length_a * length_b / (length_a + length_b)
    spare = length_a - int(np.ceil(needed - 1e-9))
    window = max(max(length_a, length_b) // 2 - 1, 0)
    taken_a, taken_b = np.uint64(0), np.uint64(0)
    one = np.uint64(1)
    matched = 0
    for i in range(length_a):
        unit = units[a + i]
        for j in range(max(0, i - window), min(length_b, i + window + 1)):
            bit = one << np.uint64(j)
            if units[b + j] == unit and taken_b & bit == 0:
                taken_b |= bit
                taken_a |= one << np.uint64(i)
                matched += 1
                break
        if i + 1 - matched > spare:
            return 0.0
    if matched == 0:
        return 0.0
    exchanged, j = 0, 0
    for i in range(length_a):
        if taken_a & (one << np.uint64(i)) != 0:
            while taken_b & (one << np.uint64(j)) == 0:
                j += 1
            if units[a + i] != units[b + j]:
                exchanged += 1
            j += 1
    jaro = (matched / length_a + matched / length_b + (matched - exchanged // 2) / matched) / 3.0
    similarity = jaro + bonus * (1.0 - jaro)
    return similarity if similarity >= least else 0.0


@njit(cache=True, nogil=True)
def part_of(units: Units, a: int, length_a: int, b: int, length_b: int) -> bool:
    """The shorter is an initial, a leading part of at least three letters, or a word of the longer."""
    if length_a > length_b:
        a, length_a, b, length_b = b, length_b, a, length_a
    if length_a == 0 or length_a == length_b:
        return False
    for begin in range(length_b - length_a + 1):
        if begin > 0 and units[b + begin - 1] != _SPACE:
            continue
        i = 0
        while i < length_a and units[a + i] == units[b + begin + i]:
            i += 1
        if i == length_a:
            ends = begin + length_a == length_b or units[b + begin + length_a] == _SPACE
            if ends or (begin == 0 and (length_a == 1 or length_a >= 3)):
                return True
    return False

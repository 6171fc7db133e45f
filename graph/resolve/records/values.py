"""Distinct values of all columns in one numbered table, ready for compiled comparison.

In: records and the specs of their columns. Out: `Encoded`: per record and column the number of its value (-1: missing), and per
value its UTF-16 code units, a hash that is the same in every process, the set of its letters, and what its kind needs: the code
of its sound (Philips's metaphone), the date as a number, the domain of an e-mail address, the words of a text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jellyfish
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from graph.resolve.records.normalise import normalise
from graph.resolve.records.profile import ColumnSpec
from graph.side_by_side import each

__all__ = ["Encoded", "Packed", "Values", "encode", "hash_texts", "mix", "mixed", "pack"]

Hashes = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]

_OFFSET = np.uint64(14695981039346656037)
_PRIME = np.uint64(1099511628211)
_LETTER = np.uint64(11400714819323198485)
_A = np.uint64(0xBF58476D1CE4E5B9)
_B = np.uint64(0x94D049BB133111EB)
_LONGEST_TEXT = 400
_MOST_WORDS = 40


class Values(NamedTuple):
    """Arrays over the distinct values (`word_*`: over their words), in the order of the columns."""

    units: npt.NDArray[np.uint16]
    start: Integers
    length: npt.NDArray[np.int32]
    hash: Hashes
    letters: Hashes
    """Set of letters, as bits; of an e-mail address, those before the @."""
    extra: Hashes
    """name: hash of its sound, 0 for none; e-mail: hash of its domain."""
    number: npt.NDArray[np.float64]
    """date: YYYYMMDD, 0 for what is none; e-mail: letters before the @; number: itself."""
    word_start: Integers
    """Of each value the place of its first word, and one more place at the end."""
    word_begin: npt.NDArray[np.int32]
    word_length: npt.NDArray[np.int32]
    word_hash: Hashes


class Encoded(NamedTuple):
    """`codes`: int32 [records, columns], the number of each value in `values`; `first`: the first value number of each column,
    and one more at the end."""

    codes: npt.NDArray[np.int32]
    first: Integers
    values: Values


_VALUE = np.dtype(
    [
        ("start", np.int64),
        ("hash", np.uint64),
        ("letters", np.uint64),
        ("extra", np.uint64),
        ("number", np.float64),
        ("length", np.int32),
        ("first_word", np.int32),
        ("words", np.int32),
        ("frequency", np.float32),
        ("part_frequency", np.float32),
        ("unused", np.int32),
    ]
)
_WORD = np.dtype([("hash", np.uint64), ("begin", np.int32), ("length", np.int32), ("weight", np.float32), ("letters", np.uint32)])


class Packed(NamedTuple):
    """The same for the inner loops: all that belongs to a value in one line of the cache, with log2 frequencies of values and of
    their parts, and weights of words."""

    values: npt.NDArray[np.void]
    units: npt.NDArray[np.uint16]
    words: npt.NDArray[np.void]


def pack(
    v: Values, word_weight: npt.NDArray[np.float32], frequency: npt.NDArray[np.float32], part: npt.NDArray[np.float32]
) -> Packed:
    """Values with what is known of their frequencies."""
    values, words = np.zeros(len(v.hash), _VALUE), np.zeros(len(v.word_hash), _WORD)
    for name in ("start", "hash", "letters", "extra", "number", "length"):
        values[name] = getattr(v, name)
    values["first_word"], values["words"] = v.word_start[:-1], np.diff(v.word_start)
    values["frequency"], values["part_frequency"] = frequency, part
    words["hash"], words["begin"], words["length"], words["weight"] = v.word_hash, v.word_begin, v.word_length, word_weight
    letters = _letters(v.units, v.word_begin.astype(np.int64), v.word_length)
    words["letters"] = (letters & np.uint64(0xFFFFFFFF)) | (letters >> np.uint64(32))
    return Packed(values, v.units, words)


@njit(cache=True, nogil=True)
def mix(a: np.uint64, b: np.uint64) -> np.uint64:
    """A 64-bit hash of two (the finaliser of splitmix64)."""
    x = (a ^ (b * _LETTER)) + _OFFSET
    x = (x ^ (x >> np.uint64(30))) * _A
    x = (x ^ (x >> np.uint64(27))) * _B
    return x ^ (x >> np.uint64(31))


@njit(cache=True, nogil=True)
def mixed(a: Hashes, b: Hashes) -> Hashes:
    """`mix` of each two."""
    out = np.empty(len(a), np.uint64)
    for i in range(len(a)):
        out[i] = mix(a[i], b[i])
    return out


@njit(cache=True, nogil=True)
def _hash_slices(units: npt.NDArray[np.uint16], start: Integers, length: npt.NDArray[np.int32]) -> Hashes:
    """FNV-1a of each slice, mixed once more."""
    out = np.empty(len(start), np.uint64)
    for i in range(len(start)):
        x = _OFFSET
        for j in range(length[i]):
            x = (x ^ np.uint64(units[start[i] + j])) * _PRIME
        out[i] = mix(x, np.uint64(length[i]))
    return out


@njit(cache=True, nogil=True)
def _letters(units: npt.NDArray[np.uint16], start: Integers, length: npt.NDArray[np.int32]) -> Hashes:
    out = np.zeros(len(start), np.uint64)
    one, shift = np.uint64(1), np.uint64(58)
    for i in range(len(start)):
        for j in range(min(length[i], 64)):
            out[i] |= one << ((np.uint64(units[start[i] + j]) * _LETTER) >> shift)
    return out


@njit(cache=True, nogil=True)
def _words(
    units: npt.NDArray[np.uint16], start: Integers, length: npt.NDArray[np.int32], most: int
) -> tuple[Integers, npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Words between blanks: of each value the first word's place; of each word its begin within the units, and length."""
    first = np.zeros(len(start) + 1, np.int64)
    for fill in range(2):
        count = 0
        if fill:
            begins, lengths = np.empty(first[-1], np.int64), np.empty(first[-1], np.int32)
        else:
            begins, lengths = np.empty(0, np.int64), np.empty(0, np.int32)
        for i in range(len(start)):
            here, j, end = 0, start[i], start[i] + length[i]
            while j < end and here < most:
                while j < end and units[j] == 32:
                    j += 1
                begin = j
                while j < end and units[j] != 32:
                    j += 1
                if j > begin:
                    if fill:
                        begins[count], lengths[count] = begin, j - begin
                    here, count = here + 1, count + 1
            first[i + 1] = count
    return first, begins.astype(np.int32), lengths


def _units(texts: pa.Array) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int32]]:
    """Code units of all texts, one after the other, and their lengths; letters beyond the basic plane share a unit."""
    length = pc.utf8_length(texts).to_numpy(zero_copy_only=False).astype(np.int32)
    joined = "".join(texts.to_pylist())
    units = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    return (units & np.uint32(0xFFFF)).astype(np.uint16), length


def hash_texts(texts: Sequence[str]) -> Hashes:
    """The hash of each text that equal texts have in every process."""
    units, length = _units(pa.array(texts, pa.string()))
    start = np.cumsum(length, dtype=np.int64) - length
    hashes: Hashes = _hash_slices(units, start, length)
    return hashes


def encode(records: pa.Table, specs: Sequence[ColumnSpec]) -> Encoded:
    """Number the values of every column."""
    codes = np.full((records.num_rows, len(specs)), -1, np.int32)
    first = np.zeros(len(specs) + 1, np.int64)
    texts: list[pa.Array] = []

    def numbered(spec: ColumnSpec) -> pa.DictionaryArray:
        text = normalise(records[spec.name], spec.kind, month_first=spec.month_first)
        return pc.utf8_slice_codeunits(text, 0, _LONGEST_TEXT).dictionary_encode()

    for position, encoded in enumerate(each(numbered, specs)):
        index = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        codes[:, position] = np.where(index < 0, -1, index + first[position])
        texts.append(encoded.dictionary)
        first[position + 1] = first[position] + len(encoded.dictionary)
    return Encoded(codes, first, _values(specs, texts))


def _values(specs: Sequence[ColumnSpec], texts: Sequence[pa.Array]) -> Values:
    everything = pa.concat_arrays([pa.array([], pa.string()), *texts])
    units, length = _units(everything)
    start = np.cumsum(length, dtype=np.int64) - length
    extra, number = np.zeros(len(start), np.uint64), np.zeros(len(start), np.float64)
    worded, lettered = np.zeros(len(start), np.int32), length.copy()
    place = 0
    for spec, text in zip(specs, texts, strict=True):
        part = slice(place, place + len(text))
        place += len(text)
        if spec.kind == "name":
            extra[part] = _sounds(text)
        elif spec.kind == "date":
            whole = pc.if_else(pc.equal(pc.utf8_length(text), 8), text, "0")
            number[part] = whole.cast(pa.float64()).to_numpy(zero_copy_only=False)
        elif spec.kind == "email":
            at = pc.find_substring(text, "@").to_numpy(zero_copy_only=False)
            number[part] = lettered[part] = np.where(at < 0, length[part], at)
            domain = pc.if_else(pc.match_substring(text, "@"), pc.replace_substring_regex(text, r"^.*@", ""), "")
            hashed = hash_texts(domain.to_pylist())
            extra[part] = np.where(pc.equal(domain, "").to_numpy(zero_copy_only=False), 0, hashed)
        elif spec.kind == "number":
            shape = pc.match_substring_regex(text, r"^[+-]?(\d+\.?\d*|\.\d+)$")
            number[part] = pc.if_else(shape, text, "nan").cast(pa.float64()).to_numpy(zero_copy_only=False)
        if spec.kind == "text":
            worded[part] = length[part]
    word_start, word_begin, word_length = _words(units, start, worded, _MOST_WORDS)
    return Values(
        units,
        start,
        length,
        _hash_slices(units, start, length),
        _letters(units, start, lettered),
        extra,
        number,
        word_start,
        word_begin,
        word_length,
        _hash_slices(units, word_begin.astype(np.int64), word_length),
    )


def _sounds(texts: pa.Array) -> Hashes:
    """Hash of each name's sound; 0 where it has none, such as in other alphabets."""
    sounds = [jellyfish.metaphone(text) if text.isascii() else "" for text in texts.to_pylist()]
    hashed = hash_texts(sounds)
    return np.where(np.array([not sound for sound in sounds], bool), np.uint64(0), hashed)

"""Which of many people are among some: two lists of ids in, places out.

Arrow would put everybody's ids, or everybody's hashes, through a table; here a compiled pass first lets go of whoever cannot be
meant, by a bitmap of hashes of the last eight bytes of an id (a Bloom filter with one function), and Arrow compares the rest.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from graph.side_by_side import each, parts

__all__ = ["as_ids", "places_among"]

Indices = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
_BITS_OF_ID, _FEWEST, _MOST = 16, 1 << 16, 1 << 27
_TAIL, _PRIME = 8, 0x9E3779B97F4A7C15


def as_ids(given: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One array of strings, each once, without nulls."""
    whole = given.combine_chunks() if isinstance(given, pa.ChunkedArray) else given
    return pc.unique(pc.drop_null(whole.cast(pa.string())))


def places_among(people: pa.Array, wanted: pa.Array) -> Indices:
    """Ascending places in `people` (strings without nulls) of those who are in `wanted` (distinct strings)."""
    if not len(people) or not len(wanted):
        return np.zeros(0, np.int64)
    bits = 1 << min(max(len(wanted) * _BITS_OF_ID, _FEWEST), _MOST).bit_length()
    bitmap = np.zeros(bits // 8, np.uint8)
    _mark(*_text(wanted), bitmap)
    starts, data = _text(people)

    def part(which: slice) -> Indices:
        return np.asarray(_hopeful(starts[which.start : which.stop + 1], data, bitmap) + which.start, np.int64)

    found = np.concatenate(each(part, parts(len(people))))
    meant = pc.is_in(people.take(pa.array(found)), value_set=wanted).to_numpy(zero_copy_only=False)
    return np.asarray(found[meant], np.int64)


def _text(ids: pa.Array) -> tuple[npt.NDArray[np.int32], Bytes]:
    """Where each text begins and ends (n + 1,), and the bytes."""
    _, starts, data = ids.cast(pa.string()).buffers()
    offsets = np.frombuffer(starts, np.int32, len(ids) + 1, offset=4 * ids.offset)
    return offsets, np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)


@njit(cache=True, nogil=True, inline="always")
def _place(data: Bytes, begin: int, end: int, bits: int) -> np.uint64:
    tail = np.uint64(end - begin)
    for at in range(max(begin, end - _TAIL), end):
        tail = (tail << np.uint64(8)) ^ (tail >> np.uint64(56)) ^ np.uint64(data[at])
    tail *= np.uint64(_PRIME)
    return (tail ^ (tail >> np.uint64(32))) & np.uint64(bits - 1)


@njit(cache=True, nogil=True)
def _mark(starts: npt.NDArray[np.int32], data: Bytes, bitmap: Bytes) -> None:
    bits = len(bitmap) * 8
    for i in range(len(starts) - 1):
        place = _place(data, starts[i], starts[i + 1], bits)
        bitmap[place >> np.uint64(3)] |= np.uint8(1 << (place & np.uint64(7)))


@njit(cache=True, nogil=True)
def _hopeful(starts: npt.NDArray[np.int32], data: Bytes, bitmap: Bytes) -> Indices:
    bits = len(bitmap) * 8
    found = np.empty(len(starts) - 1, np.int64)
    count = 0
    for i in range(len(starts) - 1):
        place = _place(data, starts[i], starts[i + 1], bits)
        found[count] = i
        count += (bitmap[place >> np.uint64(3)] >> np.uint8(place & np.uint64(7))) & 1
    return found[:count].copy()

"""Pairs of records that share a block: listed, or scored on the way and kept where the weight is high enough.

In: a matrix of keys [records, keys], 0 where a record has none or its block is too large. Out: pairs, each once: a pair is made
in the block of the first key that it shares, so nothing has to be remembered. Keys are worked on side by side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from graph.resolve.records.values import Encoded, Hashes, Integers
from graph.resolve.records.weigh import Scoring, bounds_of, weigh
from graph.side_by_side import each

__all__ = ["block_pairs", "blocks", "matching_pairs"]

Reals = npt.NDArray[np.float64]


def blocks(keys: Hashes) -> tuple[Integers, Integers]:
    """Blocks of two or more records with one key other than 0: the records, block by block, and where each block starts (with
    one more place at the end)."""
    held = np.flatnonzero(keys)
    order = held[np.argsort(keys[held], kind="stable")]
    ordered = keys[order]
    begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(order) else np.zeros(0, np.int64)
    sizes = np.diff(np.append(begins, len(order)))
    of_more = np.repeat(sizes >= 2, sizes)
    kept = sizes[sizes >= 2]
    return order[of_more], np.concatenate(([0], np.cumsum(kept))).astype(np.int64)


@njit(cache=True, nogil=True)
def _shares_earlier(matrix: npt.NDArray[np.uint64], a: int, b: int, place: int) -> bool:
    earlier = 0
    while earlier < place and (matrix[a, earlier] == 0 or matrix[a, earlier] != matrix[b, earlier]):
        earlier += 1
    return earlier < place


@njit(cache=True, nogil=True)
def _pairs(order: Integers, start: Integers, matrix: npt.NDArray[np.uint64], place: int) -> tuple[Integers, Integers]:
    left, right = np.empty(0, np.int64), np.empty(0, np.int64)
    for fill in range(2):
        count = 0
        for block in range(len(start) - 1):
            for i in range(start[block], start[block + 1]):
                for j in range(i + 1, start[block + 1]):
                    a, b = min(order[i], order[j]), max(order[i], order[j])
                    if not _shares_earlier(matrix, a, b, place):
                        if fill:
                            left[count], right[count] = a, b
                        count += 1
        if not fill:
            left, right = np.empty(count, np.int64), np.empty(count, np.int64)
    return left, right


def block_pairs(matrix: npt.NDArray[np.uint64]) -> tuple[Integers, Integers]:
    """Every pair that shares a key, smaller record first."""

    def one(place: int) -> tuple[Integers, Integers]:
        order, start = blocks(np.ascontiguousarray(matrix[:, place]))
        left, right = _pairs(order, start, matrix, place)
        return left, right

    found = each(one, range(matrix.shape[1]))
    empty = np.zeros(0, np.int64)
    return (
        np.concatenate([empty, *(left for left, _ in found)]),
        np.concatenate([empty, *(right for _, right in found)]),
    )


@njit(cache=True, nogil=True)
def _matches(
    order: Integers,
    start: Integers,
    matrix: npt.NDArray[np.uint64],
    place: int,
    columns: Integers,
    weights: npt.NDArray[np.float32],
    v: Any,
    u: npt.NDArray[np.uint16],
    w: Any,
    codes: npt.NDArray[np.int32],
    base: Reals,
    slope: Reals,
    floor: Reals,
    prior: float,
    odds: float,
    minimum: float,
) -> tuple[Integers, Reals]:
    """Pairs [kept, 2] and weights of the blocks of the key at `place`."""
    room, count, turn = 1024, 0, np.empty(len(columns), np.int64)
    pairs, found = np.empty((room, 2), np.int64), np.empty(room, np.float64)
    levels, bound = np.empty((1, len(columns)), np.int8), np.empty(len(columns), np.float64)
    for block in range(len(start) - 1):
        for i in range(start[block], start[block + 1]):
            for j in range(i + 1, start[block + 1]):
                a, b = min(order[i], order[j]), max(order[i], order[j])
                if _shares_earlier(matrix, a, b, place):
                    continue
                weight = weigh(
                    columns, weights, v, u, w, codes, a, b, levels, bound, base, slope, floor, turn, prior, odds, minimum
                )
                if weight < minimum:
                    continue
                if count == room:
                    room *= 2
                    more_pairs, more_found = np.empty((room, 2), np.int64), np.empty(room, np.float64)
                    more_pairs[:count], more_found[:count] = pairs, found
                    pairs, found = more_pairs, more_found
                pairs[count, 0], pairs[count, 1], found[count] = a, b, weight
                count += 1
    return pairs[:count].copy(), found[:count].copy()


def matching_pairs(
    matrix: npt.NDArray[np.uint64], encoded: Encoded, scoring: Scoring, minimum: float
) -> tuple[Integers, Integers, Reals]:
    """Pairs that share a key and whose match weight (log2 odds) is at least `minimum`, with it, ordered by left and right."""
    bounds = bounds_of(scoring)

    def one(place: int) -> tuple[Integers, Reals]:
        order, start = blocks(np.ascontiguousarray(matrix[:, place]))
        run: Any = _matches
        found: tuple[Integers, Reals] = run(
            order,
            start,
            matrix,
            place,
            *scoring.tables,
            *scoring.packed,
            encoded.codes,
            *bounds,
            scoring.prior,
            scoring.odds,
            minimum,
        )
        return found

    found = each(one, range(matrix.shape[1]))
    pairs = np.concatenate([np.zeros((0, 2), np.int64), *(f[0] for f in found)])
    weight = np.concatenate([np.zeros(0, np.float64), *(f[1] for f in found)])
    by_pair = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return pairs[by_pair, 0], pairs[by_pair, 1], weight[by_pair]

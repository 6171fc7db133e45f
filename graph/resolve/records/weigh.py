"""The weight of a pair of records, compiled, with an early end where it cannot reach what is wanted.

In: records and a model's tables. Out: weights. The most that each column could still contribute is added up first; columns are
compared one by one, those first that have most to lose where they differ, and as soon as the sum falls under the wanted weight
the rest is left: most pairs cost one or two comparisons.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from graph.resolve.records.levels import CROSSWISE, EMAIL, EQUAL_DOMAIN, highest_level, pair_level, top_level
from graph.resolve.records.parameters import LEAST, REFERENCE, STRENGTH, Tables, pair_piece, relative_excess, relatives_piece
from graph.resolve.records.values import Encoded, Integers, Packed
from graph.side_by_side import each, parts

__all__ = ["Bounds", "Scoring", "bounds_of", "hopeful", "weigh"]

Reals = npt.NDArray[np.float64]
_ROUNDING = 1e-3


class Scoring(NamedTuple):
    """What scoring needs: tables of the parameters, packed values, the weight (log2 odds) of a pair before it is compared, and
    the log2 odds of relatives to matches."""

    tables: Tables
    packed: Packed
    prior: float
    odds: float


class Bounds(NamedTuple):
    """The most that each column can contribute at each level [columns, levels]: `base` less `slope` times the log2 frequency of
    the more frequent value, but `floor` at least."""

    base: Reals
    slope: Reals
    floor: Reals


def bounds_of(scoring: Scoring) -> Bounds:
    """Bounds of the columns."""
    columns, weights = scoring.tables
    slope = weights[:, :, STRENGTH].astype(np.float64)
    most = weights[:, :, :LEAST].max(axis=2).astype(np.float64)
    floor = np.where(slope > 0, weights[:, :, LEAST:STRENGTH].max(axis=2), -np.inf)
    base = most + slope * weights[:, :, REFERENCE]
    paired = columns[:, 3] >= 0
    # Of two columns that are crosswise the second adds nothing, and takes nothing off.
    base[paired, CROSSWISE] = np.maximum(base[paired, CROSSWISE], 0.0)
    return Bounds(base + _ROUNDING, slope, floor + _ROUNDING)


@njit(cache=True, nogil=True)
def _gap(codes: npt.NDArray[np.int32], a: int, b: int, c: int, bound: Reals, base: Reals) -> float:
    """What column `c` loses where the values differ; equal values come after all others."""
    return bound[c] - base[c, 0] if codes[a, c] != codes[b, c] else -np.inf


@njit(cache=True, nogil=True)
def _by_gap(codes: npt.NDArray[np.int32], a: int, b: int, bound: Reals, base: Reals, turn: Integers) -> None:
    """The columns in the order in which they are compared, by insertion."""
    for c in range(len(turn)):
        gap, place = _gap(codes, a, b, c, bound, base), c
        while place > 0 and _gap(codes, a, b, turn[place - 1], bound, base) < gap:
            turn[place] = turn[place - 1]
            place -= 1
        turn[place] = c


@njit(cache=True, nogil=True)
def _bound(
    columns: Integers,
    v: Any,
    u: npt.NDArray[np.uint16],
    codes: npt.NDArray[np.int32],
    a: int,
    b: int,
    c: int,
    base: Reals,
    slope: Reals,
    floor: Reals,
) -> float:
    """The most that column `c` can contribute to a pair; 0 where a value is missing."""
    x, y = codes[a, c], codes[b, c]
    if x < 0 or y < 0:
        return 0.0
    usual = max(v[x].frequency, v[y].frequency)
    if x == y:
        top = top_level(columns[c, 0])
        return float(max(base[c, top] - slope[c, top] * usual, floor[c, top], 0.0))
    most = -np.inf
    for level in range(highest_level(columns, v, u, codes, a, b, c) + 1):
        of_part = columns[c, 0] == EMAIL and level == EQUAL_DOMAIN
        if of_part and v[x].extra != v[y].extra:
            continue
        known = max(v[x].part_frequency, v[y].part_frequency) if of_part else usual
        most = max(most, base[c, level] - slope[c, level] * known, floor[c, level])
    return most


@njit(cache=True, nogil=True)
def weigh(
    columns: Integers,
    weights: npt.NDArray[np.float32],
    v: Any,
    u: npt.NDArray[np.uint16],
    w: Any,
    codes: npt.NDArray[np.int32],
    a: int,
    b: int,
    levels: npt.NDArray[np.int8],
    bound: Reals,
    base: Reals,
    slope: Reals,
    floor: Reals,
    turn: Integers,
    prior: float,
    odds: float,
    minimum: float,
) -> float:
    """Weight of a pair, or minus infinity where it is under `minimum`; `levels`, `bound` and `turn` are used up."""
    total = prior
    for c in range(len(columns)):
        bound[c] = _bound(columns, v, u, codes, a, b, c, base, slope, floor)
        total += bound[c]
    if total < minimum:
        return -np.inf
    _by_gap(codes, a, b, bound, base, turn)
    for c in range(len(columns)):
        levels[0, c] = -2
    for k in range(len(columns)):
        c = turn[k]
        above = columns[c, 2]
        if above >= 0:
            pair_level(columns, v, u, w, codes, a, b, levels, 0, above)
        for other in range(len(columns)):
            if columns[c, 4] >> other & 1:
                pair_level(columns, v, u, w, codes, a, b, levels, 0, other)
        pair_level(columns, v, u, w, codes, a, b, levels, 0, c)
        total += pair_piece(columns, weights, v, codes, a, b, levels, 0, c) - bound[c]
        if total < minimum - 1e-2:
            return -np.inf
    weight: Any = 0.0  # added up once more, in the order in which `PreparedRecords.score` adds
    for c in range(len(columns)):
        weight += pair_piece(columns, weights, v, codes, a, b, levels, 0, c)
    if odds > -np.inf:
        weight += relatives_piece(weight + prior, relative_excess(columns, weights, levels, 0), odds)
    weight += prior
    return weight if weight >= minimum else -np.inf


@njit(cache=True, nogil=True)
def _hopeful(
    left: Integers,
    right: Integers,
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
) -> npt.NDArray[np.bool_]:
    out, turn = np.zeros(len(left), np.bool_), np.empty(len(columns), np.int64)
    levels, bound = np.empty((1, len(columns)), np.int8), np.empty(len(columns), np.float64)
    for i in range(len(left)):
        weight = weigh(
            columns,
            weights,
            v,
            u,
            w,
            codes,
            left[i],
            right[i],
            levels,
            bound,
            base,
            slope,
            floor,
            turn,
            prior,
            odds,
            minimum,
        )
        out[i] = weight >= minimum
    return out


def hopeful(left: Integers, right: Integers, encoded: Encoded, scoring: Scoring, minimum: float) -> npt.NDArray[np.bool_]:
    """Which pairs weigh at least `minimum`."""
    bounds = bounds_of(scoring)

    def some(part: slice) -> npt.NDArray[np.bool_]:
        run: Any = _hopeful
        out: npt.NDArray[np.bool_] = run(
            left[part],
            right[part],
            *scoring.tables,
            *scoring.packed,
            encoded.codes,
            *bounds,
            scoring.prior,
            scoring.odds,
            minimum,
        )
        return out

    return np.concatenate([np.zeros(0, np.bool_), *each(some, parts(len(left)))])

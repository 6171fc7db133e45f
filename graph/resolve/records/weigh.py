"""The weight of a pair of records, compiled, with an early end where it cannot reach what is wanted.

In: records and a model's tables. Out: weights. The most that each column could still contribute is added up first; columns are
compared one by one, and as soon as the sum falls under the wanted weight the rest is left: most pairs cost one or two
comparisons.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from graph.resolve.records.kinds import KINDS
from graph.resolve.records.levels import pair_level
from graph.resolve.records.parameters import LEAST, REFERENCE, STRENGTH, Tables, pair_piece, relative_excess, relatives_piece
from graph.resolve.records.values import Encoded, Integers, Packed

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
    """The most that each column can contribute where its values differ, and where they are equal before `strength` times the log2
    frequency is taken off; and the `turn` in which columns are compared."""

    differing: Reals
    equal: Reals
    strength: Reals
    turn: Integers


def bounds_of(scoring: Scoring, encoded: Encoded) -> Bounds:
    """Bounds of the columns. Those that tell most where they differ are compared first."""
    columns, weights = scoring.tables
    values = scoring.packed.values
    number = len(columns)
    differing, equal, strength, spread = (np.zeros(number) for _ in range(4))
    for c in range(number):
        own = values[int(encoded.first[c]) : int(encoded.first[c + 1])]
        rarest = float(min(own["frequency"].min(initial=0), own["part_frequency"].min(initial=0)))
        top = len(KINDS[columns[c, 0]].levels) - 1
        for level in range(top):
            gain = weights[c, level, STRENGTH] * (weights[c, level, REFERENCE] - rarest)
            differing[c] = max(differing[c], float(weights[c, level, :LEAST].max()) + max(float(gain), 0.0))
        strength[c] = weights[c, top, STRENGTH]
        equal[c] = weights[c, top, :LEAST].max() + strength[c] * weights[c, top, REFERENCE]
        spread[c] = differing[c] - weights[c, 0, 0]
    turn = np.lexsort((-spread, columns[:, 3] < 0))
    return Bounds(differing + _ROUNDING, equal + _ROUNDING, strength, turn.astype(np.int64))


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
    differing: Reals,
    equal: Reals,
    strength: Reals,
    turn: Integers,
    prior: float,
    odds: float,
    minimum: float,
) -> float:
    """Weight of a pair, or minus infinity where it is under `minimum`; of `levels` and `bound` the first row is used up."""
    total = prior
    for c in range(len(columns)):
        x, y = codes[a, c], codes[b, c]
        if x < 0 or y < 0:
            bound[c] = 0.0
        elif x == y:
            bound[c] = max(equal[c] - strength[c] * v[x].frequency, 0.0)
        else:
            bound[c] = differing[c]
        total += bound[c]
    if total < minimum:
        return -np.inf
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
    differing: Reals,
    equal: Reals,
    strength: Reals,
    turn: Integers,
    prior: float,
    odds: float,
    minimum: float,
) -> npt.NDArray[np.bool_]:
    out = np.zeros(len(left), np.bool_)
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
            differing,
            equal,
            strength,
            turn,
            prior,
            odds,
            minimum,
        )
        out[i] = weight >= minimum
    return out


def hopeful(left: Integers, right: Integers, encoded: Encoded, scoring: Scoring, minimum: float) -> npt.NDArray[np.bool_]:
    """Which pairs weigh at least `minimum`."""
    run: Any = _hopeful
    out: npt.NDArray[np.bool_] = run(
        left,
        right,
        *scoring.tables,
        *scoring.packed,
        encoded.codes,
        *bounds_of(scoring, encoded),
        scoring.prior,
        scoring.odds,
        minimum,
    )
    return out

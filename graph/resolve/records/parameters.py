"""Parameters of the match model, and the weight that each column of a pair contributes, compiled.

The model is that of Fellegi and Sunter (1969): the weight of a level is log2(m / u), the probability of it among pairs of one
entity over that among pairs of two. Each column may have a parent, whose agreement or disagreement conditions its m and u
(a tree as in Chow and Liu, 1968), so that city and postcode, or telephone and street, do not count twice. Where values are
equal, u is the frequency of the value (Winkler 1989; of nearly equal values, a power of the more frequent one's).

Pairs of two entities are of two sorts, if the data has both: strangers, and relatives, which share some attributes (a household:
family name, address) as if they were one, and others (given name, birth date) only by chance. Odds are against both sorts:

    weight = log2 P(match) / (P(stranger) + P(relative)) = prior + sum of pieces - log2(1 + odds of relative to stranger)

where the last term is a piece of its own, never above 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from graph.resolve.records.kinds import KINDS, LEVELS, kind_number
from graph.resolve.records.levels import pair_level
from graph.resolve.records.profile import ColumnSpec

__all__ = [
    "AGREES",
    "ALONE",
    "DIFFERS",
    "LEAST",
    "REFERENCE",
    "STRENGTH",
    "Parameters",
    "Tables",
    "pair_piece",
    "parent_state",
    "pieces_of",
    "relative_excess",
    "relatives_piece",
    "tables_of",
]

ALONE, AGREES, DIFFERS = 0, 1, 2
"""State of a column's parent: none or missing, near or equal, anything else."""
_EMAIL = kind_number("email")
_LIKE_NAME, _EQUAL_NAME = (KINDS[_EMAIL].levels.index(level) for level in ("similar name", "equal name"))
_TINY = 1e-9
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Parameters:
    """`match`, `chance`: float64 [columns, state of the parent, level]; `parent`, `partner`: column numbers or -1;
    `reference`: float64 [columns, level], log2 of the frequency to which `chance` belongs; `prior`: probability that two random
    records are of one entity; `relative`: as `match`, among pairs of relatives, whose probability is `relative_prior`, 0 where
    the data shows none."""

    match: Reals
    chance: Reals
    parent: npt.NDArray[np.int64]
    partner: npt.NDArray[np.int64]
    reference: Reals
    prior: float
    relative: Reals
    relative_prior: float
    made_of: npt.NDArray[np.int64]
    """Per column a bit for each column of names that its e-mail addresses are made of (`composed`)."""

    @property
    def prior_log2_odds(self) -> float:
        """Match weight of a pair about which nothing else is known."""
        return float(np.log2(self.prior) - np.log1p(-self.prior) / np.log(2.0))

    @property
    def relative_log2_odds(self) -> float:
        """log2 odds of relatives to matches before anything is compared."""
        return float(np.log2(self.relative_prior / self.prior)) if self.relative_prior > 0 else -np.inf


class Tables(NamedTuple):
    """What compiled code needs of the parameters. `columns`: int64 [columns, 5]: kind, near level, parent, partner, made of.
    `weights`: float32 [columns, level, 11]: log2(m / u) for the three states of the parent, the least that a frequent value may
    leave of each, how much the frequency counts, log2 of the frequency that u belongs to, and for the three states what relatives
    have more than matches, log2."""

    columns: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]


LEAST, STRENGTH, REFERENCE, RELATIVE = 3, 6, 7, 8
"""Places in `Tables.weights` after the three states."""


def tables_of(specs: tuple[ColumnSpec, ...], parameters: Parameters) -> Tables:
    """Weights in single precision."""
    numbers = [kind_number(spec.kind) for spec in specs]
    columns = np.zeros((len(specs), 5), np.int64)
    weights = np.zeros((len(specs), LEVELS, 11), np.float32)
    match, chance = np.maximum(parameters.match, _TINY), np.maximum(parameters.chance, _TINY)
    weight = np.log2(match) - np.log2(chance)
    relative = np.log2(np.maximum(parameters.relative, _TINY)) - np.log2(match)
    for c, number in enumerate(numbers):
        kind = KINDS[number]
        columns[c] = number, kind.near, parameters.parent[c], parameters.partner[c], parameters.made_of[c]
        levels = len(kind.levels)
        weights[c, :levels, :LEAST] = weight[c, :, :levels].T
        weights[c, :levels, LEAST:STRENGTH] = np.minimum(np.log2(match[c]), weight[c])[:, :levels].T
        weights[c, :levels, STRENGTH] = kind.frequency
        weights[c, :levels, REFERENCE] = parameters.reference[c, :levels]
        weights[c, :levels, RELATIVE:] = relative[c, :, :levels].T
    return Tables(columns, weights)


@njit(cache=True, nogil=True)
def parent_state(columns: npt.NDArray[np.int64], levels: npt.NDArray[np.int8], row: int, parent: int) -> int:
    """Whether the parent is missing (0), agrees (1) or differs (2)."""
    if parent < 0:
        return 0
    above = levels[row, parent]
    if above < 0:
        return 0
    return 1 if above >= columns[parent, 1] else 2


@njit(cache=True, nogil=True)
def relative_excess(
    columns: npt.NDArray[np.int64], weights: npt.NDArray[np.float32], levels: npt.NDArray[np.int8], row: int
) -> float:
    """log2 of the likelihood of the levels among relatives over that among matches."""
    total = 0.0
    for c in range(len(columns)):
        level = levels[row, c]
        if level < 0 or (level == 4 and 0 <= columns[c, 3] < c and levels[row, columns[c, 3]] == 4):
            continue
        total += weights[c, level, 8 + parent_state(columns, levels, row, columns[c, 2])]
    return total


@njit(cache=True, nogil=True)
def relatives_piece(weight: float, excess: float, odds: float) -> np.float32:
    """-log2(1 + odds of relatives to strangers). `weight`: log2 odds of match to stranger; `odds`: `relative_log2_odds`."""
    against = weight + excess + odds
    if against < -40.0:
        return np.float32(0.0)
    if against > 40.0:
        return np.float32(-against)
    return np.float32(-np.log2(1.0 + 2.0**against))


@njit(cache=True, nogil=True)
def _own_piece(
    columns: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float32],
    v: Any,
    codes: npt.NDArray[np.int32],
    a: int,
    b: int,
    levels: npt.NDArray[np.int8],
    row: int,
    c: int,
) -> np.float32:
    """Weight (log2) of column `c` by itself."""
    level = levels[row, c]
    if level < 0:
        return np.float32(0.0)
    partner, parent = columns[c, 3], columns[c, 2]
    if level == 4 and partner >= 0 and partner < c and levels[row, partner] == 4:
        return np.float32(0.0)  # counted with the other of the two columns
    state = parent_state(columns, levels, row, parent)
    piece: np.float32 = weights[c, level, state]
    strength = weights[c, level, 6]
    if strength > 0:
        x, y = codes[a, c], codes[b, c]
        if columns[c, 0] == _EMAIL and level == 1:
            usual = max(v[x].part_frequency, v[y].part_frequency)
        else:
            usual = max(v[x].frequency, v[y].frequency)
        adjusted = piece - strength * (usual - weights[c, level, 7])
        piece = max(adjusted, weights[c, level, 3 + state])
    return piece


@njit(cache=True, nogil=True)
def pair_piece(
    columns: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float32],
    v: Any,
    codes: npt.NDArray[np.int32],
    a: int,
    b: int,
    levels: npt.NDArray[np.int8],
    row: int,
    c: int,
) -> np.float32:
    """Weight (log2) that column `c` of the records `a` and `b` contributes; `levels[row]` of the column, of its parent and of the
    columns that it is made of must be known."""
    piece = _own_piece(columns, weights, v, codes, a, b, levels, row, c)
    names = columns[c, 4]
    if names == 0 or piece <= 0 or not _LIKE_NAME <= levels[row, c] <= _EQUAL_NAME:
        return piece
    known = np.float32(0.0)
    for other in range(len(columns)):
        if names >> other & 1 and levels[row, other] >= columns[other, 1]:
            known += max(_own_piece(columns, weights, v, codes, a, b, levels, row, other), np.float32(0.0))
    return max(piece - known, np.float32(0.0))


@njit(cache=True, nogil=True)
def pieces_of(
    columns: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float32],
    v: Any,
    u: npt.NDArray[np.uint16],
    w: Any,
    codes: npt.NDArray[np.int32],
    left: npt.NDArray[np.int64],
    right: npt.NDArray[np.int64],
    prior: float,
    odds: float,
    levels: npt.NDArray[np.int8],
    pieces: npt.NDArray[np.float32],
) -> None:
    """Levels and pieces [pairs, columns + 1] of pairs of records, in place; the last is that of relatives, whose level is 1 where
    relatives are likelier than a match, else 0; missing where there are none."""
    for i in range(len(left)):
        for c in range(len(columns)):
            pair_level(columns, v, u, w, codes, left[i], right[i], levels, i, c)
        for c in range(len(columns)):
            pieces[i, c] = pair_piece(columns, weights, v, codes, left[i], right[i], levels, i, c)
        total, compared = 0.0, False
        for c in range(len(columns)):
            total += pieces[i, c]
            compared = compared or levels[i, c] >= 0
        if odds > -np.inf and compared:
            excess = relative_excess(columns, weights, levels, i)
            pieces[i, len(columns)] = relatives_piece(total + prior, excess, odds)
            levels[i, len(columns)] = 1 if excess + odds > 0 else 0
        else:
            pieces[i, len(columns)], levels[i, len(columns)] = 0.0, -1

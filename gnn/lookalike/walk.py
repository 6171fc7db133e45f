"""Personalised PageRank from seeds on the bipartite graph of persons and contents, for several groups of seeds in one pass.

    r ← ρ s + (1 − ρ) W r,   W = B D_c⁻¹ Bᵀ D_p⁻¹
with s the seeds, B the engagements without weights, ρ = ½ and three rounds: further ones change no rank that matters, since what
is left of the walk is ⅛ (Page et al., 1999; Haveliwala, 2002). r is linear in s, so that the walk of any union of groups is the
sum of theirs (Jeh and Widom, 2003): a fold of a cross-validation costs a column, not a walk. Only contents hold what a round
gives; persons are passed by, once a round, and the first round touches the seeds' rows alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from numba import njit

from graph.side_by_side import each

__all__ = ["Engagements", "Walk"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_RESTART, _ROUNDS = 0.5, 3
_BLOCKS, _BLOCK_BYTES = 8, 1 << 28
_NOBODY = -1
_GROUPS = 8  # always so many columns: compiled code keeps a person's mass in one register


@dataclass(frozen=True)
class Engagements:
    """Who engaged with what: entries (n, m) of a CSR matrix, whatever is stored in it."""

    matrix: sp.csr_matrix

    @property
    def persons(self) -> int:
        """n."""
        return int(self.matrix.shape[0])

    @property
    def contents(self) -> int:
        """m."""
        return int(self.matrix.shape[1])

    @cached_property
    def of_contents(self) -> Indices:
        """(m,) persons of each content."""
        return np.bincount(self.matrix.indices, minlength=self.contents)

    def reaching(self, allowed: Bools | None) -> Indices:
        """(m,) of them those in `allowed` (n,)."""
        if allowed is None:
            return self.of_contents
        out = np.flatnonzero(~allowed)
        return self.of_contents - np.bincount(self.matrix[out].indices, minlength=self.contents)


class Walk:
    """The walks of groups of seeds, among allowed persons."""

    def __init__(self, engaged: Engagements, allowed: Bools | None, seeds: Indices, group: Indices) -> None:
        """`group` (S,), 0 to 7, is that of each of the `seeds`."""
        matrix = engaged.matrix
        self._rows = np.asarray(matrix.indptr), np.asarray(matrix.indices)
        n, m = engaged.persons, engaged.contents
        self._allowed = np.ones(n, np.bool_) if allowed is None else allowed
        self._least = 1e-6 / max(int(self._allowed.sum()), 1)
        self._start = np.full(n, _NOBODY, np.int8)
        self._start[seeds] = group
        self._size = np.bincount(group, minlength=_GROUPS)
        of_content = np.maximum(engaged.reaching(allowed), 1).astype(np.float32)[:, None]
        reached = np.zeros((m, _GROUPS), np.float32)
        _leave(*self._rows, self._start, seeds, reached)
        self._reached = reached / of_content
        for _ in range(_ROUNDS - 1):
            self._reached = self._round() / of_content

    def _round(self) -> Floats:
        """(m, groups) that persons pass on of what contents hold; the order of summing does not depend on threads."""
        n, held = len(self._start), self._reached
        count = int(np.clip(_BLOCK_BYTES // max(held.nbytes, 1), 1, _BLOCKS))
        bounds = np.linspace(0, n, count + 1).astype(np.int64)
        into = np.zeros((count, *held.shape), np.float32)

        def part(block: int) -> None:
            _pass_on(*self._rows, self._start, self._allowed, held, bounds[block], bounds[block + 1], into[block])

        each(part, range(count))
        return np.asarray(into.sum(axis=0))

    def near(self, groups: list[int], persons: Indices | None = None) -> Floats:
        """(b,) log of the walk from the seeds of these groups together, of `persons` (b,) or, without them, of everybody (n,).
        Never below what one round in a million of uniform mass would give."""
        weights = np.zeros(_GROUPS, np.float32)
        weights[groups] = 1 / max(int(self._size[groups].sum()), 1)
        held, n = np.asarray(self._reached @ weights, np.float32), len(self._start)
        rows = np.arange(n) if persons is None else persons
        out = np.empty(len(rows), np.float32)
        bounds = np.linspace(0, len(rows), _BLOCKS + 1).astype(np.int64)

        def part(block: int) -> None:
            which = slice(bounds[block], bounds[block + 1])
            _arrive(*self._rows, self._start, weights, held, rows[which], np.float32(self._least), out[which])

        each(part, range(_BLOCKS))
        return out


@njit(cache=True, nogil=True)
def _leave(
    pointers: npt.NDArray[np.int32], columns: npt.NDArray[np.int32], start: npt.NDArray[np.int8], seeds: Indices, into: Floats
) -> None:
    for person in seeds:
        begin, end = pointers[person], pointers[person + 1]
        for at in range(begin, end):
            into[columns[at], start[person]] += np.float32(1) / np.float32(end - begin)


@njit(cache=True, nogil=True, fastmath=True)
def _pass_on(
    pointers: npt.NDArray[np.int32],
    columns: npt.NDArray[np.int32],
    start: npt.NDArray[np.int8],
    allowed: Bools,
    held: Floats,
    first: int,
    last: int,
    into: Floats,
) -> None:
    mass = np.empty(_GROUPS, np.float32)
    for person in range(first, last):
        begin, end = pointers[person], pointers[person + 1]
        if begin == end or not allowed[person]:
            continue
        mass[:] = 0
        for at in range(begin, end):
            content = columns[at]
            for g in range(_GROUPS):
                mass[g] += held[content, g]
        for g in range(_GROUPS):
            mass[g] *= np.float32(1 - _RESTART)
        if start[person] >= 0:
            mass[start[person]] += np.float32(_RESTART)
        for g in range(_GROUPS):
            mass[g] /= np.float32(end - begin)
        for at in range(begin, end):
            content = columns[at]
            for g in range(_GROUPS):
                into[content, g] += mass[g]


@njit(cache=True, nogil=True, fastmath=True)
def _arrive(
    pointers: npt.NDArray[np.int32],
    columns: npt.NDArray[np.int32],
    start: npt.NDArray[np.int8],
    weights: Floats,
    held: Floats,
    rows: Indices,
    least: np.float32,
    out: Floats,
) -> None:
    for i in range(len(rows)):
        person = rows[i]
        mass = np.float32(0)
        for at in range(pointers[person], pointers[person + 1]):
            mass += held[columns[at]]
        mass *= np.float32(1 - _RESTART)
        if start[person] >= 0:
            mass += np.float32(_RESTART) * weights[start[person]]
        out[i] = np.log(mass + least)

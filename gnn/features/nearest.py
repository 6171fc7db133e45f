"""The most similar references of each person, without a table of persons × references: sparse unit rows in, the best few out.

The similarity of a person to every reference is summed through the columns that they share (an inverted index), and the largest
are kept in a heap: time grows with shared entries, memory with the references alone. Of equal similarities the reference with
the smaller number wins.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from numba import njit

from graph.side_by_side import each, parts

__all__ = ["nearest", "vote"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
_ROWS = 4096


def nearest(
    matrix: sp.csr_matrix, persons: Indices, by_column: sp.csr_matrix, allowed: npt.NDArray[np.bool_], own: Indices, count: int
) -> tuple[Places, Floats]:
    """The `count` references most similar to each of `persons`, (b, count) each: numbers and similarities, best first.

    `matrix` (n, m) rows of persons, `by_column` (m, r) columns of references, `allowed` (r,) who may be chosen, `own` (b,) a
    reference that a person never chooses, −1 for none. Where there are fewer, the number is −1 and the similarity 0."""
    number = np.full((len(persons), count), -1, np.int32)
    weight = np.zeros((len(persons), count), np.float32)
    left = matrix.indptr, matrix.indices, matrix.data
    right = by_column.indptr, by_column.indices, by_column.data

    def search(part: slice) -> None:
        _search(*left, *right, persons[part], allowed, own[part], number[part], weight[part])

    if count:
        each(search, parts(len(persons), _ROWS))
    return number, weight


def vote(number: Places, weight: Floats, labels: sp.csr_matrix) -> Floats:
    """(b, k): the labels (r, k) of the references, summed with their similarities."""
    out = np.zeros((len(number), labels.shape[1]), np.float32)
    what = labels.indptr, labels.indices, labels.data
    each(lambda part: _vote(number[part], weight[part], *what, out[part]), parts(len(number), _ROWS))
    return out


@njit(cache=True, nogil=True)
def _search(
    pointers: Places,
    columns: Places,
    values: Floats,
    pointers2: Places,
    references: Places,
    values2: Floats,
    persons: Indices,
    allowed: npt.NDArray[np.bool_],
    own: Indices,
    number: Places,
    weight: Floats,
) -> None:
    total = len(allowed)
    count = number.shape[1]
    similar = np.zeros(total, np.float32)
    touched = np.empty(total, np.int32)
    met = np.full(total, -1, np.int32)
    for i in range(len(persons)):
        reached = 0
        row = persons[i]
        for entry in range(pointers[row], pointers[row + 1]):
            column, value = columns[entry], values[entry]
            for other in range(pointers2[column], pointers2[column + 1]):
                reference = references[other]
                if met[reference] != i:
                    met[reference] = i
                    touched[reached] = reference
                    reached += 1
                similar[reference] += value * values2[other]
        held = 0
        for at in range(reached):
            reference = touched[at]
            found = similar[reference]
            similar[reference] = 0
            if found > 0 and allowed[reference] and reference != own[i]:
                if held < count:
                    _rise(number[i], weight[i], held, reference, found)
                    held += 1
                elif _before(found, reference, weight[i, 0], number[i, 0]):
                    _sink(number[i], weight[i], count, reference, found)
        for last in range(held - 1, 0, -1):  # the worst goes to the end, until the best stands first
            reference, found = number[i, last], weight[i, last]
            number[i, last], weight[i, last] = number[i, 0], weight[i, 0]
            _sink(number[i], weight[i], last, reference, found)


@njit(cache=True, nogil=True)
def _before(found: float, reference: int, other_found: float, other: int) -> bool:
    """Whether the first is more similar, or as similar and smaller."""
    return found > other_found or (found == other_found and reference < other)


@njit(cache=True, nogil=True)
def _rise(number: Places, weight: Floats, at: int, reference: int, found: float) -> None:
    """Put one more into a heap of `at`, whose first is the worst."""
    while at > 0:
        parent = (at - 1) // 2
        if not _before(weight[parent], number[parent], found, reference):
            break
        number[at], weight[at] = number[parent], weight[parent]
        at = parent
    number[at], weight[at] = reference, found


@njit(cache=True, nogil=True)
def _sink(number: Places, weight: Floats, size: int, reference: int, found: float) -> None:
    """Replace the worst of a heap of `size`."""
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _before(weight[child], number[child], weight[child + 1], number[child + 1]):
            child += 1
        if not _before(found, reference, weight[child], number[child]):
            break
        number[at], weight[at] = number[child], weight[child]
        at = child
    number[at], weight[at] = reference, found


@njit(cache=True, nogil=True)
def _vote(
    number: Places,
    weight: Floats,
    pointers: Places,
    tags: Places,
    values: Floats,
    out: Floats,
) -> None:
    for i in range(len(number)):
        for at in range(number.shape[1]):
            reference = number[i, at]
            if reference < 0:
                break
            for entry in range(pointers[reference], pointers[reference + 1]):
                out[i, tags[entry]] += weight[i, at] * values[entry]

"""Compiled products of sparse rows and dense tables, on all cores: CSR matrices and tables in, dense float32 rows out.

Every row of a result is summed by one thread in the order of the row's entries, so that results do not depend on how many
threads there are. Nothing is made that is larger than the result: rows are taken where they lie, and of two matrices in a row
the product is never stored.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from numba import njit

from graph.side_by_side import each, parts

__all__ = ["add_rows", "add_rows_of_related", "columns_of", "gram", "product", "turned"]

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
_ROWS = 8192
_TALL = 1 << 15


def product(matrix: sp.csr_matrix, table: Floats) -> Floats:
    """`matrix` (n, m) times `table` (m, k), float32."""
    out = np.zeros((matrix.shape[0], table.shape[1]), np.float32)
    place = np.arange(matrix.shape[1], dtype=np.int32)
    everybody = np.arange(matrix.shape[0], dtype=np.int64)
    add_rows(matrix, everybody, table, place, out)
    return out


def add_rows(matrix: sp.csr_matrix, rows: Indices, table: Floats, place: Places, out: Floats) -> None:
    """out[i] += Σ_c matrix[rows_i, c] table[place_c] over the columns c whose place is not −1. `out` (b, k)."""
    pointers, columns, values = matrix.indptr, matrix.indices, matrix.data
    each(
        lambda part: _add_rows(pointers, columns, values, rows, table, place, out, part.start, part.stop), parts(len(rows), _ROWS)
    )


def add_rows_of_related(
    related: sp.csr_matrix, matrix: sp.csr_matrix, rows: Indices, table: Floats, place: Places, out: Floats
) -> None:
    """out[i] += Σ_q related[rows_i, q] Σ_c matrix[q, c] table[place_c]: as `add_rows` of related @ matrix."""
    first, second = (related.indptr, related.indices, related.data), (matrix.indptr, matrix.indices, matrix.data)
    each(lambda part: _add_related(*first, *second, rows, table, place, out, part.start, part.stop), parts(len(rows), _ROWS))


def columns_of(matrix: sp.csr_matrix, rows: Indices) -> Places:
    """Columns of all entries of these rows, one after the other."""
    counts = matrix.indptr[rows + 1] - matrix.indptr[rows]
    found = np.empty(int(counts.sum()), np.int32)
    _columns(matrix.indptr, matrix.indices, rows, found)
    return found


def gram(tall: Floats) -> Doubles:
    """`tall`ᵀ `tall` (w, w) in float64, a part of the rows at a time."""
    total = np.zeros((tall.shape[1], tall.shape[1]))
    for part in parts(len(tall), _TALL):
        wide = tall[part].astype(np.float64)
        total += wide.T @ wide
    return total


def turned(tall: Floats, mixing: Doubles) -> Floats:
    """`tall` (n, w) times `mixing` (w, d), multiplied in float64, kept in float32, a part of the rows at a time."""
    out = np.empty((len(tall), mixing.shape[1]), np.float32)
    for part in parts(len(tall), _TALL):
        out[part] = tall[part].astype(np.float64) @ mixing
    return out


@njit(cache=True, nogil=True)
def _add_row(
    pointers: Places, columns: Places, values: Floats, row: int, share: np.float32, table: Floats, place: Places, out: Floats
) -> None:
    """`out` (d,) plus `share` times a row's weighted rows of `table`."""
    for entry in range(pointers[row], pointers[row + 1]):
        at = place[columns[entry]]
        if at < 0:
            continue
        value = share * values[entry]
        for j in range(table.shape[1]):
            out[j] += value * table[at, j]


@njit(cache=True, nogil=True)
def _add_rows(
    pointers: Places,
    columns: Places,
    values: Floats,
    rows: Indices,
    table: Floats,
    place: Places,
    out: Floats,
    begin: int,
    end: int,
) -> None:
    for i in range(begin, end):
        _add_row(pointers, columns, values, rows[i], np.float32(1), table, place, out[i])


@njit(cache=True, nogil=True)
def _add_related(
    pointers: Places,
    others: Places,
    shares: Floats,
    pointers2: Places,
    columns: Places,
    values: Floats,
    rows: Indices,
    table: Floats,
    place: Places,
    out: Floats,
    begin: int,
    end: int,
) -> None:
    for i in range(begin, end):
        row = rows[i]
        for link in range(pointers[row], pointers[row + 1]):
            _add_row(pointers2, columns, values, others[link], shares[link], table, place, out[i])


@njit(cache=True, nogil=True)
def _columns(pointers: Places, columns: Places, rows: Indices, found: Places) -> None:
    at = 0
    for row in rows:
        for entry in range(pointers[row], pointers[row + 1]):
            found[at] = columns[entry]
            at += 1

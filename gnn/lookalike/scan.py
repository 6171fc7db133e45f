"""One pass over everybody's vectors, compiled: rows and directions in, products out. Memory-bound where there is one direction.

Rows are float32, or float16, which halves what is read; they may be memory-mapped, each is read once, and what a row needs
besides (the length of its coarse quarter) comes from the same pass. Nothing of the matrix' size is held.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from graph.side_by_side import each, parts

__all__ = ["products"]

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]
_SHORT = 1e-9
_ROWS = 16_384


def products(
    vectors: Floats | Halves, fine: Floats, coarse: Floats, weight: float, then: Callable[[Floats], Floats] | None = None
) -> Floats:
    """(n, p): vᵀf + κ (cᵀg)/|c| of every row v of `vectors` (n, d), with c its first q entries, f a column of `fine` (d, p), g of
    `coarse` (q, p), κ the `weight`; the second part is zero where c is. Or (n,), what `then` makes of the (b, p) of some rows at
    a time. Work is shared by threads."""
    n, p = len(vectors), fine.shape[1]
    out = np.empty((n, p) if then is None else n, np.float32)
    along, across = np.ascontiguousarray(fine.T), np.ascontiguousarray(coarse.T)
    half = vectors.dtype == np.float16
    rows: Any = np.asarray(vectors).view(np.uint16) if half else np.asarray(vectors, np.float32)
    scan = _halves if half else _floats

    def part(which: slice) -> None:
        some = np.ascontiguousarray(rows[which])
        found = out[which] if then is None else np.empty((len(some), p), np.float32)
        scan(some, along, across, np.float32(weight), found)
        if then is not None:
            out[which] = then(found)

    each(part, parts(n, _ROWS))
    return out


@intrinsic
def _widened(typing: Any, bits: Any) -> Any:
    """The bits of a half as a float32, exactly: compiled code has no type for halves, processors do."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fpext(builder.bitcast(arguments[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.uint16), generate


@njit(cache=True, nogil=True, fastmath=True)
def _floats(rows: Floats, along: Floats, across: Floats, weight: np.float32, out: Floats) -> None:
    for i in range(len(rows)):
        _row(rows[i], along, across, weight, out[i])


@njit(cache=True, nogil=True, fastmath=True)
def _halves(rows: npt.NDArray[np.uint16], along: Floats, across: Floats, weight: np.float32, out: Floats) -> None:
    wide = np.empty(rows.shape[1], np.float32)
    for i in range(len(rows)):
        row = rows[i]
        for j in range(len(wide)):
            wide[j] = _widened(row[j])  # type: ignore[call-arg]
        _row(wide, along, across, weight, out[i])


@njit(cache=True, nogil=True, fastmath=True, inline="always")
def _row(row: Floats, along: Floats, across: Floats, weight: np.float32, out: Floats) -> None:
    d, q = along.shape[1], across.shape[1]
    length = np.float32(0)
    for j in range(q):
        length += row[j] * row[j]
    length = np.sqrt(length)
    scale = weight / length if length > _SHORT else np.float32(0)
    count = len(along)
    for k in range(0, count - 3, 4):  # a row's entry, once loaded, serves four directions
        w0, w1, w2, w3 = along[k], along[k + 1], along[k + 2], along[k + 3]
        s0, s1, s2, s3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for j in range(d):
            s0 += row[j] * w0[j]
            s1 += row[j] * w1[j]
            s2 += row[j] * w2[j]
            s3 += row[j] * w3[j]
        out[k], out[k + 1], out[k + 2], out[k + 3] = s0, s1, s2, s3
        w0, w1, w2, w3 = across[k], across[k + 1], across[k + 2], across[k + 3]
        s0, s1, s2, s3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for j in range(q):
            s0 += row[j] * w0[j]
            s1 += row[j] * w1[j]
            s2 += row[j] * w2[j]
            s3 += row[j] * w3[j]
        out[k] += scale * s0
        out[k + 1] += scale * s1
        out[k + 2] += scale * s2
        out[k + 3] += scale * s3
    for k in range(count - count % 4, count):
        fine, coarse = np.float32(0), np.float32(0)
        for j in range(d):
            fine += row[j] * along[k, j]
        for j in range(q):
            coarse += row[j] * across[k, j]
        out[k] = fine + scale * coarse

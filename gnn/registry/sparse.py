"""Sparse matrices beside a version: CSR in, three plain arrays for `registry.save(extras=…)` out; and the matrix again, mapped.

NAME-pointers.npy, NAME-columns.npy, NAME-values.npy. The same matrix gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

__all__ = ["ENGAGEMENT", "csr_files", "csr_of"]

ENGAGEMENT = "engagement"
"""Of the persons of the training with its contents, (n, m): log1p of summed weights."""
_PARTS = ("pointers", "columns", "values")


def csr_files(name: str, matrix: sp.csr_matrix) -> dict[str, Callable[[Path], None]]:
    """File name to what writes that file."""
    arrays = (matrix.indptr, matrix.indices, matrix.data)
    return {f"{name}-{part}.npy": partial(_save, array) for part, array in zip(_PARTS, arrays, strict=True)}


def csr_of(path_of: Callable[[str], Path], name: str, width: int | None = None) -> sp.csr_matrix:
    """What `csr_files` wrote; `path_of` gives the path of a file by its name, checked (`Version.extra`). `width`: number of
    columns, None for as many as the entries need. Values and columns are memory-mapped. Raises OSError, and ValueError for
    files that are no such matrix."""
    pointers, columns, values = (np.load(path_of(f"{name}-{part}.npy"), mmap_mode="r", allow_pickle=False) for part in _PARTS)
    width = int(columns.max(initial=-1)) + 1 if width is None else width
    return sp.csr_matrix((values, columns, np.asarray(pointers)), shape=(len(pointers) - 1, width), copy=False)


def _save(array: npt.NDArray[Any], path: Path) -> None:
    np.save(path, np.ascontiguousarray(array))

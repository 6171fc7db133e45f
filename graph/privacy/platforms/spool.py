"""Rows that are held on disk while they are checked and written: an unnamed file of Arrow batches, so that a million rows need no
memory and a killed process leaves nothing behind.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Sequence
from threading import Lock

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["Spool"]

Row = tuple[str | None, ...]


class Spool:
    """Rows of text cells, each of somebody by number: written once, then read as often as need be, also by several threads at
    once. Raises OSError when the disk is full."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self._schema = pa.schema([("whose", pa.int64()), *((f"cell {i}", pa.string()) for i in range(len(columns)))])
        self._file = tempfile.TemporaryFile(prefix="tessera-")  # noqa: SIM115, it lives as long as this object
        weakref.finalize(self, self._file.close)
        self._writer: pa.RecordBatchWriter | None = pa.ipc.new_file(pa.PythonFile(self._file, "w"), self._schema)
        self._lock = Lock()
        self._batches = 0
        self._left_out: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.rows = 0

    def add(self, whose: Sequence[int], rows: Sequence[Row]) -> None:
        """Append rows, each with a cell for every column."""
        if rows and self._writer is not None:
            cells = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
            self._writer.write_batch(pa.RecordBatch.from_arrays([pa.array(whose, pa.int64()), *cells], schema=self._schema))
            self._batches += 1
            self.rows += len(rows)

    def close(self) -> None:
        """No rows are added after this."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._file.flush()

    def leave_out(self, people: NDArray[np.int64]) -> None:
        """Rows of these people are not read."""
        self._left_out = people
        self.rows = sum(map(len, self.read())) if len(people) else self.rows

    def read(self) -> Iterator[list[Row]]:
        """The rows in their order, some thousands at a time, without whose they are."""
        for number in range(self._batches):
            with self._lock:
                batch = pa.ipc.open_file(pa.PythonFile(self._file, "r")).get_batch(number)
            kept = batch.filter(pa.array(~np.isin(batch.column(0).to_numpy(), self._left_out)))
            yield list(zip(*(column.to_pylist() for column in kept.columns[1:]), strict=True))

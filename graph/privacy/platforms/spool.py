"""Rows that are held on disk while they are checked and written: an unnamed file of Arrow batches, so that a million rows need no
memory and a killed process leaves nothing behind.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator, Sequence
from threading import Lock

import pyarrow as pa

__all__ = ["Spool"]

Cell = str | None


class Spool:
    """Rows of text cells: written once, then read as often as need be, also by several threads at once. Raises OSError when the
    disk is full."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._schema = pa.schema([(name, pa.string()) for name in columns])
        self._file = tempfile.TemporaryFile(prefix="tessera-")  # noqa: SIM115, it lives as long as this object
        weakref.finalize(self, self._file.close)
        self._writer: pa.RecordBatchWriter | None = pa.ipc.new_file(pa.PythonFile(self._file, "w"), self._schema)
        self._lock = Lock()
        self._batches = 0
        self.rows = 0

    def add(self, rows: Sequence[tuple[Cell, ...]]) -> None:
        """Append rows, each with a cell for every column."""
        if rows and self._writer is not None:
            cells = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
            self._writer.write_batch(pa.RecordBatch.from_arrays(cells, schema=self._schema))
            self._batches += 1
            self.rows += len(rows)

    def close(self) -> None:
        """No rows are added after this."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._file.flush()

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self._schema.names)

    def read(self) -> Iterator[list[tuple[Cell, ...]]]:
        """The rows in their order, some thousands at a time."""
        if not self._batches:
            return
        for number in range(self._batches):
            with self._lock:
                batch = pa.ipc.open_file(pa.PythonFile(self._file, "r")).get_batch(number)
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))

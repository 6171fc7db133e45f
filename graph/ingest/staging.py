"""Cleaned batches to Parquet files in the lake's staging folder.

In: the readers of one unit (a table file, or all tracking calls of a source) and the cleaner. Out: per lake table one file of
usable rows with their lineage, not yet compared with each other or with the lake; the quarantined rows; counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from graph.ingest.batches import Advance, NotWellFormed, RawBatch, Reader, Rejected
from graph.json_text import json_text, python_values
from graph.tables import QUARANTINE, TABLES, lake_schema

__all__ = ["Clean", "Staged", "Unit", "stage", "write_conflicts"]


class Clean(Protocol):
    """The cleaner: a raw batch of a table, to known, derived, `_as_of`, `_traits` and `_raw` columns and a reason per unusable
    row."""

    def __call__(self, name: str, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.Array]:
        """Clean one batch."""


@dataclass(frozen=True)
class Unit:
    """What is taken together: `name` tells it apart in the staging folder, `file` is what quarantine calls it."""

    name: str
    file: str
    source: str
    batch: int


class Staged:
    """What staging found: files and rows by table, rows read by table, quarantined rows by table and reason."""

    def __init__(self) -> None:
        self.files: dict[str, Path] = {}
        self.rows: Counter[str] = Counter()
        self.read: Counter[str] = Counter()
        self.reasons: dict[str, Counter[str]] = {}


def stage(unit: Unit, readers: Sequence[Reader], folder: Path, clean: Clean, advance: Advance) -> Staged:
    """Read, clean and write one unit, with the first reader that is up to it. Raises UnreadableFile, OSError."""
    for reader in readers:
        try:
            with _Writers(unit, folder) as writers:
                for batch in reader(advance):
                    _take(batch, clean, writers)
                return writers.staged
        except NotWellFormed:
            continue
    raise AssertionError("the last reader of a unit takes every file")


def _take(batch: RawBatch, clean: Clean, writers: _Writers) -> None:
    for rejected in batch.rejected:
        writers.reject(rejected)
    if not batch.columns.num_rows:
        return
    rows, why = clean(batch.table, batch.columns)
    writers.staged.read[batch.table] += rows.num_rows
    bad = pc.is_valid(why)
    if why.null_count < len(why):
        refused = batch.columns.filter(bad)
        raw = zip(*(python_values(column) for column in refused.columns), strict=True)
        for number, reason, row in zip(batch.numbers.filter(bad).to_pylist(), why.filter(bad).to_pylist(), raw, strict=True):
            text = json_text({k: v for k, v in zip(refused.schema.names, row, strict=True) if v is not None})
            writers.reject(Rejected(batch.table, number, reason, text), read=0)
        rows, numbers = rows.filter(pc.invert(bad)), batch.numbers.filter(pc.invert(bad))
    else:
        numbers = batch.numbers
    if rows.num_rows:
        writers.write(batch.table, rows, numbers)


class _Writers:
    """The files of one unit; an attempt that is given up leaves none."""

    def __init__(self, unit: Unit, folder: Path, suffix: str = "") -> None:
        self._unit, self._folder, self._suffix = unit, folder, suffix
        self._open: dict[str, pq.ParquetWriter] = {}
        self._rejected: list[Rejected] = []
        self._stack = ExitStack()
        self.staged = Staged()

    def __enter__(self) -> _Writers:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._flush()
        self._stack.close()
        if kind is not None:
            for path in self.staged.files.values():
                path.unlink(missing_ok=True)

    def write(self, table: str, rows: pa.RecordBatch, numbers: pa.Array) -> None:
        """Write rows with their lineage."""
        count = rows.num_rows
        columns = dict(zip(rows.schema.names, rows.columns, strict=True))
        columns |= {"_row": numbers, "_source": pa.repeat(self._unit.source, count), "_batch": pa.repeat(self._unit.batch, count)}
        self._write(table, columns, count)

    def copy(self, table: str, rows: pa.RecordBatch) -> None:
        """Write rows that have their lineage."""
        self._write(table, dict(zip(rows.schema.names, rows.columns, strict=True)), rows.num_rows)

    def reject(self, rejected: Rejected, read: int = 1) -> None:
        """Quarantine a row; `read` says whether it still has to be counted."""
        self.staged.read[rejected.table] += read
        self.staged.reasons.setdefault(rejected.table, Counter())[rejected.reason.partition(": ")[0]] += 1
        self._rejected.append(rejected)
        if len(self._rejected) >= 16_384:
            self._flush()

    def _flush(self) -> None:
        rejected, self._rejected = self._rejected, []
        if not rejected:
            return
        self._write("quarantine", quarantine_columns(self._unit, rejected), len(rejected))

    def _write(self, table: str, columns: dict[str, pa.Array], count: int) -> None:
        schema = lake_schema(table)
        if table not in self._open:
            path = self.staged.files[table] = self._folder / f"{self._unit.name}-{table}{self._suffix}.parquet"
            writer = pq.ParquetWriter(path, schema, compression="zstd", compression_level=1)
            self._open[table] = self._stack.enter_context(writer)
        batch = pa.RecordBatch.from_arrays([columns[f.name].cast(f.type) for f in schema], schema=schema)
        self._open[table].write_batch(batch)
        self.staged.rows[table] += count


def write_conflicts(unit: Unit, conflicts: Mapping[str, Sequence[tuple[int, str]]], folder: Path, staged: Staged) -> None:
    """Add the rows whose key an earlier row of their file has with another content to the unit's quarantined rows."""
    known = staged.files.get("quarantine")
    with _Writers(unit, folder, "conflicts") as writers:
        if known:
            for batch in pq.ParquetFile(known).iter_batches():
                writers.copy("quarantine", batch)
        for table, rows in conflicts.items():
            keys = ", ".join(TABLES[table].key)
            for number, raw in rows:
                writers.reject(
                    Rejected(table, number, f"another row of the file has the same {keys} and other values", raw), read=0
                )
    for table, reasons in writers.staged.reasons.items():
        staged.reasons.setdefault(table, Counter()).update(reasons)
    staged.files["quarantine"] = writers.staged.files["quarantine"]


def quarantine_columns(unit: Unit, rejected: Sequence[Rejected]) -> dict[str, pa.Array]:
    """Columns of the quarantine table."""
    texts: dict[str, Callable[[Rejected], str]] = {
        "table": lambda r: r.table,
        "reason": lambda r: r.reason,
        "raw": lambda r: r.raw,
    }
    columns = {name: pa.array([text(r) for r in rejected], QUARANTINE[name]) for name, text in texts.items()}
    columns["row"] = pa.array([r.row for r in rejected], pa.int64())
    columns |= {n: pa.repeat(v, len(rejected)) for n, v in (("file", unit.file), ("_source", unit.source))}
    columns["_batch"] = pa.repeat(pa.scalar(unit.batch, pa.int64()), len(rejected))
    return columns

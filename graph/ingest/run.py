"""Ingest: a source folder into the lake, all of it or nothing.

Every file is opened and checked first; then each is read, cleaned and written to the lake's staging folder, and settled against
the lake; at last everything is committed in one step. A file that was taken before, by its content, is skipped. Whatever
happens before the commit leaves the lake as it was; after it, the next ingest finishes what a killed one began.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from graph.ingest.batches import Advance, RawBatch, Reader, Rejected
from graph.ingest.read_csv import csv_readers
from graph.ingest.read_jsonl import blocks, read_jsonl
from graph.ingest.read_parquet import read_parquet
from graph.ingest.segment import MERGED, tables
from graph.ingest.settle import Settled, Settler
from graph.ingest.source import SEGMENT, SourceFile, check, digest, discover
from graph.ingest.staging import Clean, Staged, Unit, stage, write_conflicts
from graph.ingest.summary import IngestSummary, TableSummary
from graph.lake import MANIFEST, DataFile, Lake, Part, writing_to
from graph.progress import Progress, ignore_progress

__all__ = ["ingest"]


def ingest(source: Path, lake: Lake, clean: Clean, progress: Progress = ignore_progress) -> IngestSummary:
    """Take a source into the lake. Raises InputError (nothing was changed) and HomeNotWritable.

    One process at a time may ingest into a lake: hold the home's writer lock.
    """
    files = discover(source)
    for file in files:
        check(file)
    lake.recover()
    digests = {file: digest(file) for file in files}
    taken = lake.taken()
    new: dict[str, SourceFile] = {}
    for file in files:
        if digests[file] not in taken:
            new.setdefault(digests[file], file)
    skipped = tuple(f.path.name for f in files if f not in new.values())
    if not new:
        return IngestSummary(source.name, (), skipped, changed=False)
    try:
        with writing_to(lake.path):
            return _Run(source, lake, clean, progress)(new, skipped)
    finally:
        lake.discard()


class _Run:
    """One ingest: the state that its units share."""

    def __init__(self, source: Path, lake: Lake, clean: Clean, progress: Progress) -> None:
        self._source, self._lake, self._clean, self._progress = source, lake, clean, progress
        self._known = lake.files()
        self._parts: list[Part] = []
        self._summaries: dict[str, TableSummary] = {}

    def __call__(self, new: dict[str, SourceFile], skipped: tuple[str, ...]) -> IngestSummary:
        """Take the files, by digest."""
        self._lake.staging.mkdir(parents=True, exist_ok=True)
        settler = Settler(self._lake.staging)
        entries = []
        batch = self._lake.last_batch()
        try:
            for group in _units(new):
                batch += 1
                counts = self._unit(group, batch, settler)
                for key, file in group.items():
                    entry = {"digest": key, "table": file.table, "file": file.path.name, "_source": self._source.name}
                    entries.append({**entry, "_batch": batch, "counts": json.dumps(counts)})
        finally:
            settler.close()
        self._lake.commit(self._parts, pa.Table.from_pylist(entries, schema=MANIFEST))
        summaries = tuple(self._summaries[name] for name in sorted(self._summaries))
        return IngestSummary(self._source.name, summaries, skipped, changed=bool(self._parts))

    def _unit(self, group: dict[str, SourceFile], batch: int, settler: Settler) -> dict[str, object]:
        """Read, clean, stage and settle one unit; returns its counts for the manifest."""
        files = list(group.values())
        name = files[0].table
        unit = Unit(f"{batch:08d}", files[0].path.name if len(files) == 1 else f"*.{SEGMENT}.jsonl", self._source.name, batch)
        staged = stage(unit, _readers(files), self._lake.staging, self._clean, self._advance(name, files))
        if name != SEGMENT:
            staged.read[name] += 0  # an empty table is said too
        merged = MERGED if name == SEGMENT else frozenset()
        settled: dict[str, Settled] = {}
        for table, path in sorted(staged.files.items()):
            if table != "quarantine":
                rows = staged.rows[table]
                settled[table] = settler.rows(table, path, rows, self._known[table], merge=table in merged)
        conflicts = {table: s.conflicts for table, s in settled.items() if s.conflicts}
        if conflicts:
            write_conflicts(unit, conflicts, self._lake.staging, staged)
        identity = hashlib.sha256("".join(group).encode()).hexdigest()
        for table, result in settled.items():
            self._keep(table, result.fresh, True, batch, identity)
            self._keep(table, result.updated, False, batch, identity)
        if "quarantine" in staged.files:
            self._keep(
                "quarantine", settler.quarantine(staged.files["quarantine"], self._known["quarantine"]), True, batch, identity
            )
        return self._count(staged, settled)

    def _advance(self, table: str, files: list[SourceFile]) -> Advance:
        total, done = sum(f.path.stat().st_size for f in files), 0

        def advance(size: int) -> None:
            nonlocal done
            done = min(done + size, total)
            self._progress(f"ingest {table}", done, total)

        return advance

    def _keep(self, table: str, found: tuple[Path, int] | None, fresh: bool, batch: int, identity: str) -> None:
        """Make a file part of the commit, and known to the units that follow."""
        if found is None or not found[1]:
            return
        path, rows = found
        self._parts.append(Part(table, path.name, rows, fresh, batch, identity))
        self._known[table] = [*self._known[table], DataFile(path, rows, fresh, batch)]

    def _count(self, staged: Staged, settled: dict[str, Settled]) -> dict[str, object]:
        counts: dict[str, object] = {}
        for table in sorted(staged.read):
            result = settled.get(table, Settled())
            summary = TableSummary(
                table,
                staged.read[table],
                result.added,
                result.superseding,
                result.unchanged,
                result.duplicates,
                dict(staged.reasons.get(table, Counter())),
            )
            counts[table] = {k: v for k, v in asdict(summary).items() if k != "table"}
            self._summaries[table] = self._summaries[table].plus(summary) if table in self._summaries else summary
        return counts


def _units(new: dict[str, SourceFile]) -> Iterator[dict[str, SourceFile]]:
    """Table files one by one, then all files of tracking calls together: an inbox has many small ones."""
    for key, file in new.items():
        if file.table != SEGMENT:
            yield {key: file}
    if calls := {key: file for key, file in new.items() if file.table == SEGMENT}:
        yield calls


def _readers(files: list[SourceFile]) -> list[Reader]:
    """The readers of a unit, the fastest first."""
    first = files[0]
    if first.table == SEGMENT:
        return [lambda advance: _calls(files, advance)]
    if ".csv" in first.suffix:
        return csv_readers(first)
    if ".jsonl" in first.suffix:
        return [lambda advance: read_jsonl(first, advance)]
    return [lambda advance: read_parquet(first, advance)]


def _calls(files: list[SourceFile], advance: Advance) -> Iterator[RawBatch]:
    """Tracking calls of several files as batches of the tables they map to; numbered through."""
    before = 0
    for file in files:
        last = 0
        for lines, malformed in blocks(file, advance):
            last = max([last, *(n for n, _ in lines), *(r.row for r in malformed)])
            found, unmapped = tables([call for _, call in lines], [before + n for n, _ in lines])
            rejected = [Rejected(SEGMENT, before + r.row, r.reason, r.raw) for r in malformed] + unmapped
            yield RawBatch(SEGMENT, pa.RecordBatch.from_pylist([], pa.schema([])), pa.array([], pa.int64()), tuple(rejected))
            for name, table in found.items():
                numbers = table["_row"].combine_chunks()
                yield RawBatch(name, table.drop_columns("_row").combine_chunks().to_batches()[0], numbers)
        before += last

"""Sources: which files of a folder are which input tables.

A source is a folder with files `<table>.<suffix>`, one per table, and any number of `*.segment.jsonl[.gz]`. Other files, hidden
ones and subfolders are ignored; a data file with another name is an error, since its rows would be missed silently. Every file
is opened and its header checked before the first row of any is taken.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from graph.errors import DuplicateTable, SourceNotFound, UnknownTable, UnreadableFile
from graph.ingest.batches import column_names
from graph.tables import TABLES

__all__ = ["SEGMENT", "SourceFile", "check", "csv_header", "digest", "discover", "reading"]

SEGMENT = "segment"
"""Stands for a table in file names: tracking calls, which map onto several tables."""
_SUFFIXES = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz")
_MAX_HEADER = 1 << 20
_NO_TEXT = {b"\x1f\x8b": "a gzip file", b"PAR1": "a Parquet file"}
# A file taken by another version of the mapping from files to rows is another file.
_READING_VERSION = "2"


@dataclass(frozen=True)
class SourceFile:
    """One file of a source: its table (or `segment`) and suffix."""

    path: Path
    table: str
    suffix: str

    def open(self) -> IO[bytes]:
        """The content, unzipped."""
        if self.suffix.endswith(".gz"):
            return cast("IO[bytes]", gzip.open(self.path, "rb"))
        return self.path.open("rb")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into UnreadableFile. The text never quotes the file's content."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UnreadableFile(path, "its gzip data is damaged or cut short") from error
    except pa.ArrowInvalid as error:
        raise UnreadableFile(path, "it is damaged, cut short, or not what its suffix says") from error
    except OSError as error:
        raise UnreadableFile(path, error.strerror or "it is damaged or cut short") from error


def discover(source: Path) -> list[SourceFile]:
    """The files of a source, tables in name order, then tracking calls. Raises SourceNotFound, UnknownTable, DuplicateTable,
    UnreadableFile."""
    try:
        entries = sorted(source.iterdir())
    except FileNotFoundError:
        raise SourceNotFound(source, "no such folder") from None
    except NotADirectoryError:
        raise SourceNotFound(source, "is no folder") from None
    except OSError as error:
        raise SourceNotFound(source, f"cannot be read ({error.strerror})") from error
    files = [found for path in entries if (found := _recognise(path))]
    if not files:
        raise SourceNotFound(source, "holds no table")
    by_table: dict[str, list[Path]] = {}
    for file in files:
        if file.table != SEGMENT:
            by_table.setdefault(file.table, []).append(file.path)
    for table, paths in by_table.items():
        if len(paths) > 1:
            raise DuplicateTable(table, paths)
    return sorted(files, key=lambda f: (f.table == SEGMENT, f.path.name))


def _recognise(path: Path) -> SourceFile | None:
    name = path.name.lower()
    suffix = next((s for s in sorted(_SUFFIXES, key=len, reverse=True) if name.endswith(s)), None)
    if suffix is None or name.startswith((".", "_")):
        return None
    stem = name.removesuffix(suffix)
    table = SEGMENT if stem.endswith(f".{SEGMENT}") and ".jsonl" in suffix else stem
    if table != SEGMENT and table not in TABLES:
        raise UnknownTable(path, [*TABLES, f"NAME.{SEGMENT}.jsonl"])
    if not path.is_file():
        raise UnreadableFile(path, "it is no regular file")
    return SourceFile(path, table, suffix)


def check(file: SourceFile) -> None:
    """See that a file opens and that its header has what its table needs. Raises UnreadableFile."""
    with reading(file.path):
        if file.suffix == ".parquet":
            names = pq.ParquetFile(file.path).schema_arrow.names
            _check_header(file, names, "Parquet file")
            return
        with file.open() as content:
            start = content.read(_MAX_HEADER)
    for magic, what in _NO_TEXT.items():
        if start.startswith(magic):
            raise UnreadableFile(file.path, f"it is {what}, not what its suffix says")
    utf_16 = start[:2] in (b"\xff\xfe", b"\xfe\xff") or (".csv" in file.suffix and b"\0" in start.partition(b"\n")[0])
    if utf_16:
        raise UnreadableFile(file.path, "it is UTF-16 or no text at all; save it as UTF-8")
    if ".csv" in file.suffix:
        _check_header(file, csv_header(start), "CSV file (columns separated by commas, names in the first row)")


def csv_header(start: bytes) -> list[str]:
    """Column names in the first row."""
    text = io.StringIO(start.decode("utf-8-sig", "replace"), newline="")
    return next((row for row in csv.reader(text) if row), [])


def _check_header(file: SourceFile, header: Sequence[str], what: str) -> None:
    table = TABLES[file.table]
    try:
        names = column_names(file.table, list(header))
    except KeyError as error:
        raise UnreadableFile(file.path, f"it has column {error.args[0]} twice") from error
    missing = [c for c in table.required if c not in names]
    if table.one_of and not any(c in names for c in table.one_of):
        missing.append(" or ".join(table.one_of))
    if missing:
        raise UnreadableFile(file.path, f"this {what} has no column {', '.join(missing)}")


def digest(file: SourceFile) -> str:
    """What tells this file from others: SHA-256 of its table and content."""
    with reading(file.path), file.path.open("rb") as content:
        total = hashlib.sha256(f"{_READING_VERSION}:{file.table}:{file.suffix}:".encode())
        while block := content.read(1 << 20):
            total.update(block)
    return total.hexdigest()

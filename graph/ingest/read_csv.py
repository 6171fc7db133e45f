"""CSV files to raw batches of text columns, in bounded memory.

Three readers, each more patient and slower than the one before; a reader that meets what it cannot read row by row gives up,
and the file starts again with the next:
1. Arrow's, in blocks of 4 MB, for rows shorter than that;
2. Arrow's, in blocks of 32 MB;
3. Python's, for files with broken quoting or longer rows: a bad line is quarantined alone, and reading goes on after it.
A row with more or fewer fields than the header is quarantined by each of them. Bytes that are no UTF-8 become U+FFFD, with
which no id is usable.
"""

from __future__ import annotations

import codecs
import csv
import io
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from graph.ingest.batches import Advance, NotWellFormed, RawBatch, Reader, Rejected, column_names
from graph.ingest.source import SourceFile, csv_header, reading
from graph.json_text import json_text
from graph.tables import TABLES

__all__ = ["MAX_RECORD", "csv_readers"]

MAX_RECORD = 32 << 20
"""Longest row, in characters, that the patient reader takes."""
_BLOCKS = (4 << 20, 32 << 20)
_BATCH_ROWS = 65_536
_BATCH_BYTES = 32 << 20
_PENDING_REJECTED = 100_000


def csv_readers(file: SourceFile) -> list[Reader]:
    """The readers to try, in this order."""
    fast: list[Reader] = [lambda advance, size=size: _fast(file, size, advance) for size in _BLOCKS]  # type: ignore[misc]
    return [*fast, lambda advance: _patient(file, advance)]


def _names(file: SourceFile) -> list[str]:
    return column_names(file.table, csv_header(_start(file)))


def _start(file: SourceFile) -> bytes:
    with file.open() as content:
        return content.read(1 << 20)


def _malformed(found: int, expected: int) -> str:
    return f"malformed row: {found} fields where the header has {expected}"


class _Utf8(io.RawIOBase):
    """A byte stream made valid UTF-8; counts quotes and bytes on the way."""

    def __init__(self, content: IO[bytes], advance: Advance) -> None:
        self._content = content
        self._advance = advance
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = b""
        self._position = 0
        self.quotes = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._rest:
            block = self._content.read(size)
            self.quotes += block.count(b'"')
            self._rest = self._decoder.decode(block, final=not block).encode()
            self._tell(len(block))
        # Replacement characters are longer than what they replace.
        given, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return given

    def _tell(self, read: int) -> None:
        raw = getattr(self._content, "fileobj", None)
        position = raw.tell() if raw is not None else self._position + read
        self._advance(position - self._position)
        self._position = position


def _fast(file: SourceFile, block_size: int, advance: Advance) -> Iterator[RawBatch]:
    """Arrow's reader; single-threaded, since only then it numbers the rows that it refuses."""
    with reading(file.path):
        if _start(file).removeprefix(codecs.BOM_UTF8).startswith((b"\n", b"\r")):
            raise NotWellFormed  # Arrow would take a blank line for the header
        names = _names(file)
        refused: list[tuple[int, str, str]] = []
        torn = False

        def refuse(row: pyarrow.csv.InvalidRow) -> str:
            nonlocal torn
            torn = torn or "\n" in row.text or "\r" in row.text or len(refused) > _PENDING_REJECTED
            refused.append((row.number - 1, _malformed(row.actual_columns, row.expected_columns), row.text))
            return "skip"

        with file.open() as content:
            stream = _Utf8(content, advance)
            try:
                reader = pyarrow.csv.open_csv(
                    pa.PythonFile(stream, "r"),
                    read_options=pyarrow.csv.ReadOptions(
                        column_names=names, skip_rows_after_names=1, block_size=block_size, use_threads=False
                    ),
                    parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=refuse),
                    convert_options=pyarrow.csv.ConvertOptions(
                        column_types={name: pa.string() for name in names}, check_utf8=False
                    ),
                )
                numbering = _Numbering(file.table)
                for batch in _gathered(reader):
                    if torn:
                        raise NotWellFormed
                    yield numbering.batch(_blank_traits(file.table, batch), refused)
            except pa.ArrowInvalid as error:
                raise NotWellFormed from error
            if torn or stream.quotes % 2:
                raise NotWellFormed
            if rest := numbering.rest(refused):
                yield RawBatch(file.table, pa.RecordBatch.from_pylist([], pa.schema([])), pa.array([], pa.int64()), rest)


def _gathered(reader: pyarrow.csv.CSVStreamingReader) -> Iterator[pa.RecordBatch]:
    """Batches of a useful size from the reader's small ones."""
    held: list[pa.RecordBatch] = []
    for batch in reader:
        held.append(batch)
        if sum(b.num_rows for b in held) >= _BATCH_ROWS or sum(b.nbytes for b in held) >= _BATCH_BYTES:
            yield pa.concat_batches(held)
            held = []
    if held:
        yield pa.concat_batches(held)


class _Numbering:
    """Row numbers: those of the rows between the refused ones."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._good = 0
        self._given = 0

    def batch(self, columns: pa.RecordBatch, refused: list[tuple[int, str, str]]) -> RawBatch:
        """Number a batch, and give the rows refused before its end."""
        before = np.array([number - 1 - i for i, (number, _, _) in enumerate(refused)], np.int64)
        index = np.arange(self._good + 1, self._good + columns.num_rows + 1)
        numbers = index + np.searchsorted(before, index, side="left")
        self._good += columns.num_rows
        end = bisect_left(before, self._good)
        return RawBatch(self._table, columns, pa.array(numbers), self._rejected(refused, end))

    def rest(self, refused: list[tuple[int, str, str]]) -> tuple[Rejected, ...]:
        """The refused rows after the last good one."""
        return self._rejected(refused, len(refused))

    def _rejected(self, refused: list[tuple[int, str, str]], end: int) -> tuple[Rejected, ...]:
        new = refused[self._given : end]
        self._given = max(end, self._given)
        return tuple(Rejected(self._table, number, reason, json_text(text)) for number, reason, text in new)


def _blank_traits(table: str, batch: pa.RecordBatch) -> pa.RecordBatch:
    """An empty field of an unknown column is no trait."""
    known = TABLES[table].columns
    columns = [
        c if n in known or not pc.any(blank := pc.equal(c, "")).as_py() else pc.if_else(blank, pa.scalar(None, c.type), c)
        for n, c in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


class _TooLong(Exception):
    pass


class _Lines:
    """Physical lines; those of the record under way are remembered, and can be handed back."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._back: deque[str] = deque()
        self.taken: list[str] = []
        self._length = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else self._text.readline(MAX_RECORD)
        if not line:
            raise StopIteration
        self.taken.append(line)
        self._length += len(line)
        if self._length >= MAX_RECORD:
            while len(self.taken) == 1 and not line.endswith(("\n", "\r")) and (line := self._text.readline(MAX_RECORD)):
                pass  # the rest of a line that is too long by itself
            raise _TooLong
        return line

    def start(self) -> None:
        """Begin a record."""
        self.taken, self._length = [], 0

    def keep_first(self) -> str:
        """Give up the record: its first line, the others to be read again."""
        self._back.extendleft(reversed(self.taken[1:]))
        return self.taken[0].rstrip("\r\n")


def _patient(file: SourceFile, advance: Advance) -> Iterator[RawBatch]:
    """Python's reader."""
    names = _names(file)
    limit = csv.field_size_limit(MAX_RECORD + 1)
    try:
        with reading(file.path), file.open() as content:
            lines = _Lines(io.TextIOWrapper(content, "utf-8-sig", "replace", newline=""))
            rows: list[list[str]] = []
            numbers: list[int] = []
            rejected: list[Rejected] = []
            size = 0
            for number, (row, reason) in enumerate(_records(lines, len(names))):
                if number == 0:
                    continue  # the header
                size += sum(map(len, lines.taken))
                if reason is None:
                    rows.append(row)
                    numbers.append(number)
                else:
                    rejected.append(Rejected(file.table, number, reason, json_text(row[0])))
                if len(rows) + len(rejected) >= _BATCH_ROWS // 4 or size >= _BATCH_BYTES:
                    yield _text_batch(file.table, names, rows, numbers, rejected)
                    advance(size if ".gz" not in file.suffix else 0)
                    rows, numbers, rejected, size = [], [], [], 0
            yield _text_batch(file.table, names, rows, numbers, rejected)
    finally:
        csv.field_size_limit(limit)


def _records(lines: _Lines, width: int) -> Iterator[tuple[list[str], str | None]]:
    """Fields of each good row; of a bad one its first line, and why."""
    reader = csv.reader(lines, strict=True)
    while True:
        lines.start()
        try:
            row = next(reader)
        except StopIteration:
            return
        except (csv.Error, _TooLong) as error:
            many = len(lines.taken) > 1
            reason = "malformed row: a quote is not closed" if many else f"malformed row: longer than {MAX_RECORD} characters"
            reason = reason if isinstance(error, _TooLong) else "malformed row: broken quoting"
            yield [lines.keep_first()], reason
            reader = csv.reader(lines, strict=True)
            continue
        if not row:
            continue
        open_quote = len(lines.taken) > 1 and sum(line.count('"') for line in lines.taken) % 2
        if open_quote or len(row) != width:
            reason = "malformed row: a quote is not closed" if open_quote else _malformed(len(row), width)
            yield [lines.keep_first()], reason
            reader = csv.reader(lines, strict=True)
        else:
            yield row, None


def _text_batch(table: str, names: list[str], rows: list[list[str]], numbers: list[int], rejected: list[Rejected]) -> RawBatch:
    columns = (
        [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        if rows
        else [pa.array([], pa.string())] * len(names)
    )
    batch = pa.RecordBatch.from_arrays(columns, names=names)
    return RawBatch(table, _blank_traits(table, batch), pa.array(numbers, pa.int64()), tuple(rejected))

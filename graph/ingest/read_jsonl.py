"""JSON lines to raw batches, and lines of tracking calls to blocks of calls, in bounded memory.

A line that is no JSON object, or longer than 32 MB, is quarantined alone. Unknown members become traits with their JSON types.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any

import pyarrow as pa

from graph.ingest.batches import Advance, RawBatch, Rejected
from graph.ingest.source import SourceFile, reading
from graph.json_text import json_text
from graph.tables import TABLES

__all__ = ["MAX_LINE", "Line", "blocks", "read_jsonl", "text_column", "text_of"]

MAX_LINE = 32 << 20
_BLOCK_LINES = 16_384
_BLOCK_BYTES = 16 << 20

Line = tuple[int, dict[str, Any]]
"""Number of a line, and its object."""


def read_jsonl(file: SourceFile, advance: Advance) -> Iterator[RawBatch]:
    """Read a table file."""
    for lines, rejected in blocks(file, advance):
        numbers = pa.array([n for n, _ in lines], pa.int64())
        yield RawBatch(file.table, _columns(file.table, [row for _, row in lines]), numbers, tuple(rejected))


def blocks(file: SourceFile, advance: Advance) -> Iterator[tuple[list[Line], list[Rejected]]]:
    """Blocks of objects, with the lines that are none."""
    with reading(file.path), file.open() as content:
        lines: list[Line] = []
        rejected: list[Rejected] = []
        size = 0
        for number, line in _lines(content):
            size += len(line)
            try:
                lines.append((number, _object(line)))
            except ValueError as error:
                rejected.append(Rejected(file.table, number, str(error), json_text(line[:MAX_LINE].decode("utf-8", "replace"))))
            if len(lines) + len(rejected) >= _BLOCK_LINES or size >= _BLOCK_BYTES:
                yield lines, rejected
                advance(size if not file.suffix.endswith(".gz") else 0)
                lines, rejected, size = [], [], 0
        yield lines, rejected


def _lines(content: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines that hold anything, numbered from 1 without the blank ones; of one that is too long, its beginning."""
    number = 0
    while line := content.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            while (rest := content.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
        line = line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
        if line.strip():
            number += 1
            yield number, line


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise ValueError(f"malformed line: longer than {MAX_LINE} bytes")
    try:
        found = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise ValueError("malformed line: not JSON") from None
    if not isinstance(found, dict):
        raise ValueError("malformed line: not a JSON object")
    return found


def _columns(table: str, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """Known members as text columns, the others as `_traits`."""
    known = TABLES[table].columns
    named = {name: name.strip().lower() for row in rows for name in row}
    places = {column: [name for name, n in named.items() if n == column] for column in known}
    columns = {column: text_column([_first(row, names) for row in rows]) for column, names in places.items() if names}
    others = [name for name, n in named.items() if n not in known]
    traits = [json_text(t) if (t := {n: row[n] for n in others if row.get(n) is not None}) else None for row in rows]
    columns["_traits"] = text_column(traits)
    return pa.RecordBatch.from_pydict(columns)


def _first(row: dict[str, Any], names: list[str]) -> Any:
    """The value under the first of several spellings of a name that has one."""
    if len(names) == 1:
        return row.get(names[0])
    return next((v for n in names if (v := row.get(n)) is not None), None)


def text_column(values: list[Any]) -> pa.Array:
    """Values as text; most columns are text already."""
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid, UnicodeEncodeError):
        return pa.array([text_of(v) for v in values], pa.string())


def text_of(value: Any) -> str | None:
    """A JSON value as the text that cleaning takes."""
    if value is None or isinstance(value, str):
        return _encodable(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return _encodable(json_text(value))


def _encodable(text: str | None) -> str | None:
    """Text without lone surrogates, which JSON can spell and UTF-8 cannot."""
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text

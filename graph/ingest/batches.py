"""What readers hand on: batches of raw rows, and the rows that cannot be read at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from graph.tables import LINEAGE, TABLES

__all__ = ["Advance", "NotWellFormed", "RawBatch", "Reader", "Rejected", "column_names"]

Advance = Callable[[int], None]
"""Told how many bytes of the file have been read since the last call."""


class NotWellFormed(Exception):
    """A fast reader met what it cannot read row by row: start again with the next, more patient one."""


@dataclass(frozen=True)
class Rejected:
    """A row for quarantine: its number in the file (from 1, without the header), why, and what it was (JSON)."""

    table: str
    row: int
    reason: str
    raw: str


@dataclass(frozen=True)
class RawBatch:
    """Rows of one table as they came: columns under their names, known ones in lower case; `_traits` (JSON) and `_as_of` where
    the reader knows them; `numbers` are the rows' numbers."""

    table: str
    columns: pa.RecordBatch
    numbers: pa.Array
    rejected: tuple[Rejected, ...] = ()


Reader = Callable[[Advance], Iterator[RawBatch]]


def column_names(table: str, header: list[str]) -> list[str]:
    """Names of a file's columns: known ones trimmed and in lower case; the others as they are, told apart, and never like the
    lake's own (`_batch` becomes `input_batch`). Raises KeyError with the name of a known column that is there twice."""
    known = TABLES[table].columns if table in TABLES else {}
    names: list[str] = []
    for position, text in enumerate(header, 1):
        name = text.strip()
        if name.lower() in known:
            name = name.lower()
            if name in names:
                raise KeyError(name)
        elif name.lower() in LINEAGE:
            name = f"input{name}"
        name = name or f"column_{position}"
        while name in names:
            name += "_again"
        names.append(name)
    return names

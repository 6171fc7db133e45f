"""Rows of a resolution's tables about a few ids, found by Arrow's own comparison, and numbers in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["count", "either", "rows"]


def rows(table: pa.Table, **wanted: Iterable[str]) -> list[dict[str, Any]]:
    """Rows whose columns are each among the wanted values. The last column is looked at only where the ones before fit."""
    for name, values in wanted.items():
        table = table.filter(pc.is_in(table[name], pa.array(sorted(set(values)), pa.string())))
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def either(table: pa.Table, names: Sequence[str], value: str) -> list[dict[str, Any]]:
    """Rows of which one of these columns has the value."""
    mask = pc.equal(table[names[0]], value)
    for name in names[1:]:
        mask = pc.or_(mask, pc.equal(table[name], value))
    found: list[dict[str, Any]] = table.filter(mask).to_pylist()
    return found


def count(number: int, what: str) -> str:
    """`1 link`, `2 links`."""
    return f"{number} {what}{'' if number == 1 else 's'}"

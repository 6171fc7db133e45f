"""A small part of the lake in SQLite, in memory, where the rules of resolution run (`rules`).

In: rows as tuples, with the columns that the rules read. Out: what their statements find. Times are microseconds since 1970 and
lists of texts are JSON, as in the key index, so that its rows go in and out as they are. SQLite is taught the functions by
which rules go beyond it, under DuckDB's names and with DuckDB's results to the last bit, since weights are compared as they are.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

__all__ = ["SmallTables", "texts"]


_KEYS = {"subjects": ("PRIMARY KEY (number)", "UNIQUE (kind, id)")}
"""By what rows are looked up. The other indexes that it needs SQLite makes while it runs a statement."""


def texts(values: Iterable[str]) -> str:
    """A list of texts as `to_json` of DuckDB writes it."""
    return json.dumps(list(values), ensure_ascii=False, separators=(",", ":"))


class _Found(sqlite3.Cursor):
    """Rows found, with DuckDB's way to give them by column."""

    def fetchnumpy(self) -> dict[str, Any]:
        """By column, as arrays."""
        rows = self.fetchall()
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self.description)
        return {name[0]: np.array(column) for name, column in zip(self.description, columns, strict=True)}


class SmallTables:
    """A `rules.Database` of few rows. One thread at a time."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:", isolation_level=None, cached_statements=512)
        self._database.execute("PRAGMA temp_store = MEMORY")
        for name, arguments, function in _FUNCTIONS:
            self._database.create_function(name, arguments, function, deterministic=True)
        self._database.create_aggregate("list", 1, _List)
        self._columns: dict[str, tuple[str, ...]] = {}

    def execute(self, query: str, parameters: Any = None, /) -> _Found:
        """Run one statement; `parameters` by name."""
        return self._database.cursor(_Found).execute(query, parameters or {})

    def register(self, view_name: str, python_object: pa.Table, /) -> None:
        """Copy a table of numbers and texts."""
        self.put(view_name, python_object.column_names, zip(*(c.to_pylist() for c in python_object.columns), strict=True))

    def unregister(self, view_name: str, /) -> None:
        """Empty a table."""
        if view_name in self._columns:
            self._database.execute(f"DELETE FROM main.{view_name}")

    def put(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Make a table of these rows, in place of those that it had."""
        if self._columns.get(table) != tuple(columns):
            self._database.execute(f"DROP TABLE IF EXISTS main.{table}")
            self._database.execute(f"CREATE TABLE main.{table} ({', '.join([*columns, *_KEYS.get(table, ())])})")
            self._columns[table] = tuple(columns)
        else:
            self._database.execute(f"DELETE FROM main.{table}")
        self._database.executemany(f"INSERT INTO main.{table} VALUES ({', '.join('?' * len(columns))})", rows)


# -- functions ---------------------------------------------------------------------------------------------------------------


def _greatest(*values: Any) -> Any:
    return max((v for v in values if v is not None), default=None)


def _least(*values: Any) -> Any:
    return min((v for v in values if v is not None), default=None)


def _round(value: float | None, digits: int = 0) -> float | None:
    """Half away from zero, of the value times a power of ten."""
    if value is None:
        return None
    scale = 10.0**digits
    return math.copysign(math.floor(abs(value) * scale + 0.5) / scale, value)


def _log2(value: float | None) -> float | None:
    if value is None:
        return None
    return math.log2(value) if value else -math.inf


def _power(base: float | None, exponent: float | None) -> float | None:
    return None if base is None or exponent is None else math.pow(base, exponent)


@lru_cache(maxsize=64)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


def _regexp_matches(value: str | None, pattern: str) -> bool | None:
    return None if value is None else _pattern(pattern).search(value) is not None


def _same(value: Any) -> Any:
    """Microseconds of a time that is microseconds."""
    return value


class _List:
    """Lists of lists of texts, as JSON."""

    def __init__(self) -> None:
        self._items: list[Any] = []

    def step(self, value: Any) -> None:
        """One more."""
        self._items.append(json.loads(value))

    def finalize(self) -> Any:
        """As text, in the order in which they came."""
        return json.dumps(self._items, ensure_ascii=False)


def _list_concat(one: str, other: str) -> str:
    return texts([*json.loads(one), *json.loads(other)])


def _flatten(lists: str) -> str:
    return texts([text for one in json.loads(lists) for text in one])


def _list_distinct(listed: str) -> str:
    return texts(dict.fromkeys(json.loads(listed)))


def _list_sort(listed: str) -> str:
    return texts(sorted(json.loads(listed)))


_FUNCTIONS: tuple[tuple[str, int, Any], ...] = (
    ("greatest", -1, _greatest),
    ("least", -1, _least),
    ("round", 1, _round),
    ("round", 2, _round),
    ("log2", 1, _log2),
    ("power", 2, _power),
    ("regexp_matches", 2, _regexp_matches),
    ("epoch_us", 1, _same),
    ("list_concat", 2, _list_concat),
    ("flatten", 1, _flatten),
    ("list_distinct", 1, _list_distinct),
    ("list_sort", 1, _list_sort),
)

"""What the rules of resolution ask of the database that runs them.

A full run has all of the lake in DuckDB. What one new event touches is a handful of rows, for which DuckDB plans longer than a
whole update may take: that part runs in SQLite (`small_tables`). The rules are the same statements for both, written in the SQL
that both understand: CAST instead of `::`, no division of two integers, no parameters that are lists, every grouping column
named, no correlated subqueries, which SQLite runs row by row. Functions that SQLite lacks are taught to it under DuckDB's names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["Database", "Found", "any_rows", "make", "numbers"]


class Found(Protocol):
    """Rows that a statement found, to be fetched once."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """As tuples."""
        ...

    def fetchnumpy(self) -> Mapping[str, Any]:
        """By column, as arrays."""
        ...


class Database(Protocol):
    """As a connection to DuckDB has it, and `small_tables.SmallTables`."""

    def execute(self, query: str, parameters: Any = None, /) -> Found:
        """Run one statement; `parameters` by name."""
        ...

    def register(self, view_name: str, python_object: pa.Table, /) -> object:
        """Let statements read a table under a name."""
        ...

    def unregister(self, view_name: str, /) -> object:
        """Forget a name; no error where there is none."""
        ...


def any_rows(connection: Database, source: str) -> bool:
    """Whether a table, or a table with its condition, has a row: statements over empty ones are left out, since planning
    them takes longer than a look."""
    return bool(connection.execute(f"SELECT 1 FROM {source} LIMIT 1").fetchall())


def make(connection: Database, table: str, query: str, parameters: Mapping[str, Any] | None = None) -> None:
    """Make a temporary table of what a query finds, in place of an earlier one."""
    connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
    connection.execute(f"CREATE TEMP TABLE {table} AS {query}", parameters)


def numbers(connection: Database, query: str) -> dict[str, npt.NDArray[Any]]:
    """The columns of a query as NumPy arrays."""
    return {name: np.asarray(column) for name, column in connection.execute(query).fetchnumpy().items()}

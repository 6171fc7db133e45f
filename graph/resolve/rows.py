"""A look at temporary tables: statements over empty ones are left out, since planning them takes most of a small run's time."""

from __future__ import annotations

import duckdb

__all__ = ["any_rows"]


def any_rows(connection: duckdb.DuckDBPyConnection, source: str) -> bool:
    """Whether a table, or a table with its condition, has a row."""
    return bool(connection.execute(f"SELECT 1 FROM {source} LIMIT 1").fetchall())

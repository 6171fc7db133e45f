"""The lake as it stood at some time: later events, relations, labels, consents and records are as if they had never come.

In: a connection with the lake's views, a time. Out: temporary views of the same names over them. A row without a time counts as
having been there always; a record that was changed since has its later content, since the lake keeps the latest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import duckdb

__all__ = ["standing_at"]

_TIMES = {
    "events": "at",
    "relations": "at",
    "labels": "at",
    "consents": "at",
    "devices": "first_seen",
    "accounts": "created_at",
}


@contextmanager
def standing_at(connection: duckdb.DuckDBPyConnection, at: datetime | None) -> Iterator[None]:
    """Inside the block the views hold what was there at that time; with None everything."""
    if at is None:
        yield
        return
    moment = f"TIMESTAMPTZ '{at.isoformat()}'"
    [(place,)] = connection.execute(
        "SELECT DISTINCT database_name || '.' || schema_name FROM duckdb_views() WHERE view_name = 'events' AND NOT temporary"
    ).fetchall()
    for table, column in _TIMES.items():
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {table} AS SELECT * FROM {place}.{table} "
            f'WHERE "{column}" IS NULL OR "{column}" <= {moment}'
        )
    try:
        yield
    finally:
        for table in _TIMES:
            connection.execute(f"DROP VIEW temp.{table}")

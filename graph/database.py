"""DuckDB connections, the one way in which Tessera opens them: in memory, in UTC, silent."""

from __future__ import annotations

import duckdb

__all__ = ["connect"]


def connect(**settings: str) -> duckdb.DuckDBPyConnection:
    """An in-memory connection. `settings` are DuckDB's configuration options, such as memory_limit="2GB".

    DuckDB draws a progress bar on standard output for slow statements, which would end up inside of JSON output.
    """
    connection = duckdb.connect(config={**settings})
    connection.execute("SET enable_progress_bar = false")
    connection.execute("SET TimeZone = 'UTC'")
    return connection

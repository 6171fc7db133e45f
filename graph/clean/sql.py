"""One-column questions to DuckDB over Arrow columns."""

from __future__ import annotations

import duckdb
import pyarrow as pa

__all__ = ["query"]


def query(connection: duckdb.DuckDBPyConnection, sql: str, **columns: pa.Array) -> pa.Array:
    """Answer of a query with one column over the table `given`, which has these columns."""
    connection.register("given", pa.table(columns))
    column = connection.sql(sql).to_arrow_table().column(0)
    connection.unregister("given")
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)

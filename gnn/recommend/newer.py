"""What people have seen lately, or some person ever: read from the lake, by the rules of `gnn.features.population`.

In: a DuckDB connection with the lake's views. Out: kind, id, content_id, weight, at per event: weight 0 for tagging events and
those that weigh nothing (seen, but no engagement), `at` in microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa

from graph.database import connect
from graph.project.contents import CONTENT_ID, prepare_contents

__all__ = ["NEWER", "events_after", "events_of"]

NEWER = pa.schema(
    [("kind", pa.string()), ("id", pa.string()), ("content_id", pa.string()), ("weight", pa.float64()), ("at", pa.int64())]
)
_ROWS = """
SELECT CASE WHEN account_id IS NOT NULL THEN 'account' ELSE 'device' END AS kind, coalesce(account_id, device_id) AS id,
  content_id, url, epoch_us("at") AS "at",
  CASE WHEN coalesce(type = 'tag', false) OR coalesce(text IN (SELECT tag FROM labels), false) THEN 0
       WHEN weight IS NULL OR isnan(weight) THEN 1 ELSE least(greatest(weight, 0), 1e12) END AS weight
FROM events WHERE (content_id IS NOT NULL OR url IS NOT NULL) AND
"""


def events_after(connection: duckdb.DuckDBPyConnection, batch: int, *, key: bytes) -> pa.Table:
    """Everybody's events of the lake's batches after this one, as NEWER. `key` is the home's hashing key."""
    return _named(connection.sql(f"{_ROWS} _batch > ?", params=[batch]).to_arrow_table(), key)


def events_of(
    connection: duckdb.DuckDBPyConnection, members: Sequence[tuple[str, str]], *, key: bytes, after: int = -1
) -> pa.Table:
    """The events of some devices and accounts, (kind, id) each, as NEWER: those of batches `after` this one."""
    accounts = [i for kind, i in members if kind == "account"]
    devices = [i for kind, i in members if kind == "device"]
    where = "_batch > ? AND (account_id IN (SELECT unnest(?)) OR (account_id IS NULL AND device_id IN (SELECT unnest(?))))"
    return _named(connection.sql(f"{_ROWS} {where}", params=[after, accounts, devices]).to_arrow_table(), key)


def _named(rows: pa.Table, key: bytes) -> pa.Table:
    """With the ids that contents have in the graph. The few rows are looked at on their own, else the whole lake were read."""
    if not rows["content_id"].null_count:
        return rows.select(NEWER.names).cast(NEWER)
    with connect() as connection:
        connection.register("events", rows)
        connection.register("contents", rows.select(["url"]).slice(0, 0))
        prepare_contents(connection, key)
        found = connection.sql(
            f'SELECT kind, id, {CONTENT_ID} AS content_id, weight::DOUBLE AS weight, "at" '
            "FROM events LEFT JOIN urls u ON u.raw = url"
        ).to_arrow_table()
    return found.cast(NEWER)

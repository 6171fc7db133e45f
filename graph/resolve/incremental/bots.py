"""Subjects that new events show to be bots, by their pace, or not to be any more.

In: the identity log with its index, a connection with the view of all events. Out: `k_class` with the bots that a full run
would find, as far as the pace of their events makes them bots.
"""

from __future__ import annotations

import json

import duckdb
import pyarrow as pa

from graph.resolve import guards
from graph.resolve.guards_bots import BY_AGENT
from graph.resolve.incremental.index import rows_for
from graph.resolve.incremental.world import lake_rows
from graph.resolve.log_database import IdentityDatabase

__all__ = ["renew_bots"]

_EVENTS = """
SELECT e.* FROM events e WHERE device_id IN (SELECT unnest($devices::VARCHAR[])) OR account_id IN (SELECT
unnest($accounts::VARCHAR[]))
"""


def renew_bots(
    database: IdentityDatabase, scratch: duckdb.DuckDBPyConnection, events: duckdb.DuckDBPyConnection, limits: guards.Limits
) -> set[int]:
    """Look at the busy subjects; gives those that became bots or ceased to be."""
    busy = [s for (s,) in database.rows("SELECT s FROM k_busy ORDER BY s")]
    if not busy:
        return set()
    named = rows_for(database, "SELECT s, kind, id FROM k_subject WHERE s IN (?)", busy)
    ids = {kind: [id_ for _, k, id_ in named if k == kind] for kind in ("device", "account")}
    scratch.register("touches", _touches(database, busy))
    bodies = rows_for(database, "SELECT body FROM k_row JOIN k_subject USING (s) WHERE s IN (?) AND +kind = 'device'", busy)
    scratch.register("devices", lake_rows("devices", [json.loads(body) for (body,) in bodies]))
    found = events.execute(_EVENTS, {"devices": ids["device"], "accounts": ids["account"]}).to_arrow_table()
    scratch.register("events", found)
    guards.find_bots(scratch, limits)
    bots = {(kind, id_): reason for kind, id_, reason in scratch.sql("SELECT kind, id, reason FROM classes").fetchall()}
    stored = dict(rows_for(database, "SELECT s, reason FROM k_class WHERE class = 'bot' AND s IN (?)", busy))
    differing = set()
    for number, kind, id_ in named:
        now = bots.get((kind, id_))
        if now != stored.get(number) and BY_AGENT not in (now, stored.get(number)):
            differing.add(number)
            database.change("DELETE FROM k_class WHERE s = ?", number)
            if now is not None:
                database.change("INSERT INTO k_class VALUES (?, 'bot', ?)", number, now)
    database.change("DELETE FROM k_busy")
    return differing


def _touches(database: IdentityDatabase, subjects: list[int]) -> pa.Table:
    """Events of these subjects, as `links` counts them, as far as bots are told by that."""
    query = "SELECT kind, id, events, bot_events FROM k_subject WHERE s IN (?)"
    rows = [
        {f"{kind}_id": id_, "count": events, "bot_count": bots} for kind, id_, events, bots in rows_for(database, query, subjects)
    ]
    columns = [("device_id", pa.string()), ("account_id", pa.string()), ("count", pa.int64()), ("bot_count", pa.int64())]
    return pa.Table.from_pylist(rows, schema=pa.schema(columns))

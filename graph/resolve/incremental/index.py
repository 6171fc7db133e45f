"""The key index: the links that a full run told persons from, kept where single subjects can be looked up and changed.

Tables of their own in the identity log's database, so that a change of links, evidence and persons is one transaction. Subjects,
networks and identifiers go by numbers; times are microseconds since 1970 in UTC. Filled from the temporary tables of a full run
(`fill`), changed row by row afterwards (`take`).

k_subject     every device and account; events are those that name it; `stated` is the earliest time that a table row gives
k_signed_in   device and account of the same events
k_network, k_seen_on, k_identifier, k_holder, k_alias   as the temporary tables of `links`
k_row         the columns of a device's or account's lake row that resolution reads, as JSON
k_evidence    the evidence between two subjects; `l` comes before `r` by (kind, id)
k_record_pair, k_behaviour_pair   as the temporary tables `record_pairs` and `behaviour_pairs`
k_block       blocking keys of accounts' records (`PreparedRecords.block_keys`)
k_class       bots, shared devices and accounts
k_confidence  of every member
k_event       a 64-bit hash of every event id that is counted, so that an event delivered again counts once
k_state       one row: folder of the derived tables that the index was filled beside, last lake batch that it has, as-of time,
              whether the graph store has all of this
k_busy        subjects with new events that may show them to be bots, to be looked at with the next lake batch
k_changed     subjects whose member, link or evidence rows differ from those derived tables
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graph.resolve.log_database import IdentityDatabase

__all__ = ["ASSERTED", "TABLES", "clear", "event_hash", "fill", "is_filled", "rows_for", "set_published", "standing_as_of"]

TABLES = {
    "k_subject": """(s INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, stated INTEGER, events INTEGER NOT NULL,
        bot_events INTEGER NOT NULL, first_seen INTEGER, last_seen INTEGER)""",
    "k_signed_in": """(d INTEGER, a INTEGER, count INTEGER NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
        sources TEXT NOT NULL, PRIMARY KEY (d, a)) WITHOUT ROWID""",
    "k_network": "(n INTEGER PRIMARY KEY, network_id TEXT NOT NULL)",
    "k_seen_on": """(d INTEGER, n INTEGER, count INTEGER NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
        PRIMARY KEY (d, n)) WITHOUT ROWID""",
    "k_identifier": "(i INTEGER PRIMARY KEY, identifier_id TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL)",
    "k_holder": "(s INTEGER, i INTEGER, sources TEXT NOT NULL, PRIMARY KEY (s, i)) WITHOUT ROWID",
    "k_alias": """(l INTEGER, r INTEGER, first_seen INTEGER, last_seen INTEGER, sources TEXT NOT NULL, PRIMARY KEY (l, r))
        WITHOUT ROWID""",
    "k_row": "(s INTEGER PRIMARY KEY, body TEXT NOT NULL)",
    "k_evidence": """(l INTEGER, r INTEGER, method TEXT, weight REAL NOT NULL, sources TEXT NOT NULL, first_seen INTEGER,
        last_seen INTEGER, PRIMARY KEY (l, r, method)) WITHOUT ROWID""",
    "k_record_pair": """(l INTEGER, r INTEGER, weight REAL NOT NULL, likeness REAL NOT NULL, sources TEXT NOT NULL,
        PRIMARY KEY (l, r)) WITHOUT ROWID""",
    "k_behaviour_pair": "(l INTEGER, r INTEGER, weight REAL NOT NULL, likeness REAL NOT NULL, PRIMARY KEY (l, r)) WITHOUT ROWID",
    "k_block": "(key INTEGER, s INTEGER, cap INTEGER NOT NULL, PRIMARY KEY (key, s)) WITHOUT ROWID",
    "k_class": "(s INTEGER PRIMARY KEY, class TEXT NOT NULL, reason TEXT NOT NULL)",
    "k_confidence": "(s INTEGER PRIMARY KEY, confidence REAL NOT NULL)",
    "k_event": "(h INTEGER PRIMARY KEY)",
    "k_state": """(only INTEGER PRIMARY KEY CHECK (only = 1), version TEXT NOT NULL, batch INTEGER NOT NULL, as_of INTEGER,
        published INTEGER NOT NULL)""",
    "k_busy": "(s INTEGER PRIMARY KEY)",
    "k_changed": "(s INTEGER PRIMARY KEY)",
}
ASSERTED = "method IN ('asserted_same', 'asserted_never')"
"""Condition of the evidence that operators gave: few rows, with an index of their own where queries name it by these words."""
_INDEXES = (
    "CREATE UNIQUE INDEX k_subject_id ON k_subject (kind, id)",
    "CREATE INDEX k_signed_in_a ON k_signed_in (a)",
    "CREATE UNIQUE INDEX k_network_id ON k_network (network_id)",
    "CREATE INDEX k_seen_on_n ON k_seen_on (n)",
    "CREATE UNIQUE INDEX k_identifier_id ON k_identifier (identifier_id)",
    "CREATE INDEX k_holder_i ON k_holder (i)",
    "CREATE INDEX k_alias_r ON k_alias (r)",
    "CREATE INDEX k_evidence_r ON k_evidence (r)",
    f"CREATE INDEX k_evidence_asserted ON k_evidence (l) WHERE {ASSERTED}",
    "CREATE INDEX k_record_pair_r ON k_record_pair (r)",
    "CREATE INDEX k_behaviour_pair_r ON k_behaviour_pair (r)",
    "CREATE INDEX k_block_s ON k_block (s)",
)

_FILL = {
    "k_subject": """
        WITH named AS (
            SELECT 'device' AS kind, device_id AS id, count, bot_count, first_seen, last_seen FROM touches
            UNION ALL SELECT 'account', account_id, count, bot_count, first_seen, last_seen FROM touches
        ), seen AS (
            SELECT kind, id, sum(count)::BIGINT AS events, sum(bot_count)::BIGINT AS bot_events, min(first_seen) AS first_seen,
                   max(last_seen) AS last_seen FROM named WHERE id IS NOT NULL GROUP BY kind, id
        ), stated AS (
            SELECT 'device' AS kind, device_id AS id, first_seen AS at FROM devices
            UNION ALL SELECT 'account', account_id, created_at FROM accounts
        )
        SELECT number, s.kind, s.id, epoch_us(t.at), coalesce(events, 0), coalesce(bot_events, 0), epoch_us(e.first_seen),
               epoch_us(e.last_seen)
        FROM subjects s LEFT JOIN seen e USING (kind, id) LEFT JOIN stated t USING (kind, id) ORDER BY number
    """,
    "k_signed_in": """
        SELECT d.number, a.number, count, epoch_us(i.first_seen), epoch_us(i.last_seen), to_json(sources)::VARCHAR
        FROM signed_in i JOIN subjects d ON d.kind = 'device' AND d.id = device_id
        JOIN subjects a ON a.kind = 'account' AND a.id = account_id ORDER BY 1, 2
    """,
    "k_network": "SELECT row_number() OVER (ORDER BY network_id) - 1, network_id FROM networks ORDER BY 1",
    "k_seen_on": """
        WITH numbered AS (SELECT row_number() OVER (ORDER BY network_id) - 1 AS n, network_id FROM networks)
        SELECT number, n, count, epoch_us(v.first_seen), epoch_us(v.last_seen)
        FROM seen_on v JOIN numbered USING (network_id) JOIN subjects d ON d.kind = 'device' AND d.id = device_id ORDER BY 1, 2
    """,
    "k_identifier": """
        SELECT row_number() OVER (ORDER BY identifier_id) - 1, identifier_id, identifier_kind, value FROM identifiers ORDER BY 1
    """,
    "k_holder": """
        WITH numbered AS (SELECT row_number() OVER (ORDER BY identifier_id) - 1 AS i, identifier_id FROM identifiers)
        SELECT number, i, to_json(sources)::VARCHAR FROM holders JOIN numbered USING (identifier_id)
        JOIN subjects USING (kind, id) ORDER BY 1, 2
    """,
    "k_alias": """
        SELECT l.number, r.number, epoch_us(a.first_seen), epoch_us(a.last_seen), to_json(sources)::VARCHAR
        FROM aliases a JOIN subjects l ON l.kind = left_kind AND l.id = left_id
        JOIN subjects r ON r.kind = right_kind AND r.id = right_id ORDER BY 1, 2
    """,
    "k_row": """
        SELECT number, to_json(a)::VARCHAR FROM accounts a JOIN subjects s ON s.kind = 'account' AND s.id = account_id
        UNION ALL SELECT number, to_json(d)::VARCHAR FROM devices d JOIN subjects s ON s.kind = 'device' AND s.id = device_id
        ORDER BY 1
    """,
    "k_evidence": """
        SELECT left_number, right_number, method, weight, to_json(sources)::VARCHAR, epoch_us(first_seen), epoch_us(last_seen)
        FROM evidence ORDER BY 1, 2, 3
    """,
    "k_record_pair": """
        SELECT left_number, right_number, weight, likeness, to_json(sources)::VARCHAR FROM record_pairs ORDER BY 1, 2
    """,
    "k_behaviour_pair": "SELECT left_number, right_number, weight, likeness FROM behaviour_pairs ORDER BY 1, 2",
    "k_block": "SELECT key, number, max(cap) FROM blocks GROUP BY key, number ORDER BY 1, 2",
    "k_class": """
        SELECT number, class, min(reason) FROM classes JOIN subjects USING (kind, id) GROUP BY number, class ORDER BY 1
    """,
}
_ROWS_AT_ONCE = 50_000


def is_filled(database: IdentityDatabase, version: str | None) -> bool:
    """Whether the index is there and belongs to these derived tables."""
    if version is None or not database.rows("SELECT 1 FROM sqlite_master WHERE name = 'k_state'"):
        return False
    return database.rows("SELECT version FROM k_state") == [(version,)]


def fill(
    database: IdentityDatabase,
    connection: duckdb.DuckDBPyConnection,
    blocks: pa.Table,
    confidence: npt.NDArray[np.float64],
    *,
    version: str,
    batch: int,
    as_of: datetime | None,
) -> None:
    """Make the index anew from the temporary tables of a full run; call it inside the log's transaction.

    `blocks`: key, cap and subject number, as they follow from `PreparedRecords.block_keys`. `confidence`: by subject number.
    `batch`: number of the lake's last batch that the run has read. `as_of`: the run's as-of time.
    """
    clear(database)
    for name, columns in TABLES.items():
        database.change(f"CREATE TABLE {name} {columns}")
    connection.register("blocks", blocks)
    for name, query in _FILL.items():
        places = ", ".join("?" * len(connection.sql(f"DESCRIBE {query}").fetchall()))
        for rows in _batches(connection, query):
            database.change_many(f"INSERT INTO {name} VALUES ({places})", rows)
    connection.unregister("blocks")
    database.change_many("INSERT INTO k_confidence VALUES (?, ?)", enumerate(confidence.tolist()))
    hashes = sorted(event_hash(id_) for rows in _batches(connection, "SELECT event_id FROM events") for (id_,) in rows)
    database.change_many("INSERT OR IGNORE INTO k_event VALUES (?)", ((h,) for h in hashes))
    for index in _INDEXES:
        database.change(index)
    moment = None if as_of is None else round(as_of.timestamp() * 1_000_000)
    database.change("INSERT INTO k_state VALUES (1, ?, ?, ?, 0)", version, batch, moment)


def standing_as_of(database: IdentityDatabase) -> datetime | None:
    """The as-of time of the run that filled the index, which holds until the next full one."""
    moment = database.one("SELECT as_of FROM k_state")
    return None if moment is None else datetime.fromtimestamp(0, UTC) + timedelta(microseconds=moment)


def set_published(database: IdentityDatabase, *, published: bool) -> None:
    """Say whether the graph store has what log and index say; nothing where there is no index."""
    if database.rows("SELECT 1 FROM sqlite_master WHERE name = 'k_state'"):
        database.change("UPDATE k_state SET published = ?", int(published))


def clear(database: IdentityDatabase) -> None:
    """Drop the index."""
    for name in TABLES:
        database.change(f"DROP TABLE IF EXISTS {name}")


def event_hash(event_id: str) -> int:
    """A signed 64-bit hash: among 10^9 events a new one collides with odds of 5 in 10^11, and would then not be counted before
    the next full run."""
    return int.from_bytes(hashlib.blake2b(event_id.encode(), digest_size=8).digest(), "big", signed=True)


def rows_for(database: IdentityDatabase, query: str, numbers: Iterable[int]) -> list[Any]:
    """The rows of a query in which `(?)` stands for a set of numbers."""
    return database.rows(query.replace("(?)", "(SELECT value FROM json_each(?))"), str(list(numbers)))


def _batches(connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[Sequence[tuple[Any, ...]]]:
    result = connection.execute(query)
    while rows := result.fetchmany(_ROWS_AT_ONCE):
        yield rows

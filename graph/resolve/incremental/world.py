"""The part of the key index around some subjects, as the temporary tables that the steps of a full run read.

In: the index, subject numbers. Out: on a DuckDB connection the tables of `links` (subjects, touches, signed_in, holders,
identifiers, seen_on, networks, aliases) and the views `accounts`, `devices`, `events` (empty), for those subjects alone;
degrees are those of the whole index. Subjects are numbered by (kind, id), as in a full run, so that ties fall the same way.

Subjects with more sign-ins than the limits allow (hubs) come with those of this part only; their class needs no more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from graph.resolve.guards import Limits
from graph.resolve.guards_bots import BY_AGENT
from graph.resolve.incremental.index import rows_for
from graph.resolve.log_database import IdentityDatabase
from graph.tables import TIME, lake_schema

__all__ = ["AccountRows", "World", "account_rows", "load_cluster", "load_subjects", "load_world"]

_TEXTS = pa.list_(pa.string())
_SCHEMAS = {
    "subjects": [("kind", pa.string()), ("id", pa.string()), ("number", pa.int64()), ("since", TIME), ("last_seen", TIME)],
    "touches": [
        ("device_id", pa.string()), ("account_id", pa.string()), ("ip", pa.string()), ("source", pa.string()),
        ("count", pa.int64()), ("bot_count", pa.int64()), ("first_seen", TIME), ("last_seen", TIME),
    ],
    "signed_in": [
        ("device_id", pa.string()), ("account_id", pa.string()), ("count", pa.int64()), ("first_seen", TIME),
        ("last_seen", TIME), ("sources", _TEXTS),
    ],
    "holders": [
        ("kind", pa.string()), ("id", pa.string()), ("identifier_kind", pa.string()), ("value", pa.string()),
        ("identifier_id", pa.string()), ("sources", _TEXTS),
    ],
    "identifiers": [
        ("identifier_id", pa.string()), ("identifier_kind", pa.string()), ("value", pa.string()), ("degree", pa.int64()),
    ],
    "seen_on": [
        ("device_id", pa.string()), ("network_id", pa.string()), ("count", pa.int64()), ("first_seen", TIME), ("last_seen", TIME),
    ],
    "networks": [("network_id", pa.string()), ("devices", pa.int64())],
    "aliases": [
        ("left_kind", pa.string()), ("left_id", pa.string()), ("right_kind", pa.string()), ("right_id", pa.string()),
        ("first_seen", TIME), ("last_seen", TIME), ("sources", _TEXTS),
    ],
    "scored": [
        ("left_number", pa.int64()), ("right_number", pa.int64()), ("weight", pa.float64()), ("likeness", pa.float64()),
        ("sources", _TEXTS), ("first_seen", TIME), ("last_seen", TIME),
    ],
    "evidence": [
        ("left_number", pa.int64()), ("right_number", pa.int64()), ("method", pa.string()), ("weight", pa.float64()),
        ("sources", _TEXTS), ("first_seen", TIME), ("last_seen", TIME),
    ],
}  # fmt: skip
_CLASSES = pa.schema([(column, pa.string()) for column in ("kind", "id", "class", "reason")])


@dataclass(frozen=True)
class World:
    """`numbers`: the index's number by the world's number; `names`: kind and id by the world's number."""

    numbers: list[int]
    names: list[tuple[str, str]]

    def ordered(self, left: int, right: int) -> tuple[int, int]:
        """The index's numbers of a pair, as links are stored: in order of kind and id."""
        if self.names[left] > self.names[right]:
            left, right = right, left
        return self.numbers[left], self.numbers[right]


def load_world(
    connection: duckdb.DuckDBPyConnection, database: IdentityDatabase, subjects: Iterable[int], limits: Limits
) -> World:
    """Make the tables above for these subjects; those of an earlier world on the connection go."""
    rows = rows_for(
        database,
        "SELECT s, kind, id, stated, events, bot_events, first_seen, last_seen FROM k_subject WHERE s IN (?) ORDER BY kind, id",
        subjects,
    )
    numbers = [row[0] for row in rows]
    name = {row[0]: (row[1], row[2]) for row in rows}
    hubs = _hubs(database, numbers, limits)
    tables: dict[str, list[tuple[Any, ...]]] = {
        "subjects": [(k, i, n, _earliest(stated, first), last) for n, (_, k, i, stated, _, _, first, last) in enumerate(rows)],
        "touches": [
            (i if k == "device" else None, i if k == "account" else None, None, None, events, bots, first, last)
            for _, k, i, _, events, bots, first, last in rows
            if events
        ],
        "signed_in": [
            (name[d][1], name[a][1], count, first, last, json.loads(sources))
            for d, a, count, first, last, sources in _sign_ins(database, numbers, hubs)
            if a in name
        ],
        "holders": [
            (*name[s], kind, value, identifier_id, json.loads(sources))
            for s, kind, value, identifier_id, sources in rows_for(
                database,
                "SELECT s, kind, value, identifier_id, sources FROM k_holder JOIN k_identifier USING (i) WHERE s IN (?)",
                numbers,
            )
        ],
        "identifiers": rows_for(
            database,
            """SELECT identifier_id, kind, value, (SELECT count(*) FROM k_holder h WHERE h.i = k_identifier.i) FROM k_identifier
               WHERE i IN (SELECT i FROM k_holder WHERE s IN (?))""",
            numbers,
        ),
        "seen_on": [
            (name[d][1], *rest)
            for d, *rest in rows_for(
                database,
                """SELECT d, network_id, count, first_seen, last_seen FROM k_seen_on JOIN k_network USING (n) WHERE d IN (?)""",
                numbers,
            )
        ],
        "networks": rows_for(
            database,
            """SELECT network_id, (SELECT count(*) FROM k_seen_on v WHERE v.n = k_network.n) FROM k_network
               WHERE n IN (SELECT n FROM k_seen_on WHERE d IN (?))""",
            numbers,
        ),
        "aliases": [
            (*name[left], *name[right], first, last, json.loads(sources))
            for left, right, first, last, sources in rows_for(
                database, "SELECT l, r, first_seen, last_seen, sources FROM k_alias WHERE l IN (?)", numbers
            )
            if right in name
        ],
    }
    for table, found in tables.items():
        connection.register(table, _table(found, pa.schema(_SCHEMAS[table])))
    connection.register("hubs", _table([(*name[s], "shared", why) for s, why in sorted(hubs.items())], _CLASSES))
    _register_pairs(connection, database, numbers)
    connection.register(
        "known_bots",
        _table(
            [
                (*name[s], class_, reason)
                for s, class_, reason in rows_for(
                    database, "SELECT s, class, reason FROM k_class WHERE s IN (?) AND class = 'bot'", numbers
                )
                if reason != BY_AGENT
            ],
            _CLASSES,
        ),
    )
    bodies = dict(rows_for(database, "SELECT s, body FROM k_row WHERE s IN (?)", numbers))
    for kind in ("account", "device"):
        own = [json.loads(bodies[n]) for n in numbers if n in bodies and name[n][0] == kind]
        connection.register(f"{kind}s", _lake_rows(f"{kind}s", own))
    connection.register("events", lake_schema("events").empty_table())
    return World(numbers, [name[n] for n in numbers])


def _hubs(database: IdentityDatabase, numbers: list[int], limits: Limits) -> dict[int, str]:
    """Subjects with too many sign-ins, and why, in the words of `guards.find_hubs`."""
    devices = rows_for(
        database, f"SELECT d FROM k_signed_in WHERE d IN (?) GROUP BY d HAVING count(*) > {limits.accounts_per_device}", numbers
    )
    accounts = rows_for(
        database, f"SELECT a FROM k_signed_in WHERE a IN (?) GROUP BY a HAVING count(*) > {limits.devices_per_account}", numbers
    )
    return {d: f"sign-ins of more than {limits.accounts_per_device} accounts" for (d,) in devices} | {
        a: f"signed in on more than {limits.devices_per_account} devices" for (a,) in accounts
    }


def _sign_ins(database: IdentityDatabase, numbers: list[int], hubs: dict[int, str]) -> list[tuple[Any, ...]]:
    columns = "SELECT d, a, count, first_seen, last_seen, sources FROM k_signed_in"
    plain = [n for n in numbers if n not in hubs]
    found = rows_for(database, f"{columns} WHERE d IN (?)", plain)
    if hubs:  # of a hub those alone that somebody else is looked at for
        found += [row for row in rows_for(database, f"{columns} WHERE a IN (?)", plain) if row[0] in hubs]
    return found


@dataclass(frozen=True)
class AccountRows:
    """Rows of some accounts as a lake table; their subject numbers by account id, their sources by number."""

    table: pa.Table
    numbers: dict[str, int]
    sources: dict[int, str]


def account_rows(database: IdentityDatabase, accounts: Iterable[int]) -> AccountRows:
    """The rows of those of these accounts that have one."""
    query = "SELECT s, id, body FROM k_row JOIN k_subject USING (s) WHERE s IN (?) AND +kind = 'account' ORDER BY id"
    rows = [(s, id_, json.loads(body)) for s, id_, body in rows_for(database, query, accounts)]
    return AccountRows(
        _lake_rows("accounts", [body for _, _, body in rows]),
        {id_: s for s, id_, _ in rows},
        {s: body["_source"] for s, _, body in rows},
    )


def _register_pairs(connection: duckdb.DuckDBPyConnection, database: IdentityDatabase, numbers: list[int]) -> None:
    """The scored pairs between these subjects."""
    place = {number: i for i, number in enumerate(numbers)}
    for table, columns in (("record_pair", "weight, likeness, sources"), ("behaviour_pair", "weight, likeness, '[]'")):
        rows = rows_for(database, f"SELECT l, r, {columns} FROM k_{table} WHERE l IN (?)", numbers)
        found = [(place[l_], place[r], w, b, json.loads(s), None, None) for l_, r, w, b, s in rows if r in place]
        connection.register(f"{table}s", _table(found, pa.schema(_SCHEMAS["scored"])))


def _lake_rows(table: str, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows of the lake's schema; times are not kept with them, since resolution reads them from the index."""
    schema = lake_schema(table)
    columns = [
        pa.nulls(len(rows), f.type) if pa.types.is_timestamp(f.type) else pa.array([r.get(f.name) for r in rows], f.type)
        for f in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def _earliest(*times: int | None) -> int | None:
    return min((t for t in times if t is not None), default=None)


def load_subjects(connection: duckdb.DuckDBPyConnection, database: IdentityDatabase, subjects: Iterable[int]) -> dict[int, int]:
    """Make the tables `subjects`, `touches` and `accounts` for some subjects; gives the tables' number by the index's."""
    query = "SELECT s, kind, id, stated, first_seen, last_seen FROM k_subject WHERE s IN (?) ORDER BY kind, id"
    rows = rows_for(database, query, subjects)
    known = [(k, i, n, _earliest(stated, first), last) for n, (_, k, i, stated, first, last) in enumerate(rows)]
    seen = [(None, None, None, None, 1, 0, first, last) for *_, first, last in rows if last is not None]
    for table, found in (("subjects", known), ("touches", seen)):
        connection.register(table, _table(found, pa.schema(_SCHEMAS[table])))
    connection.register("accounts", account_rows(database, [row[0] for row in rows]).table)
    return {row[0]: n for n, row in enumerate(rows)}


def load_cluster(connection: duckdb.DuckDBPyConnection, database: IdentityDatabase, subjects: Iterable[int]) -> None:
    """Make the tables of `load_subjects` and `evidence` for some subjects."""
    place = load_subjects(connection, database, subjects)
    query = "SELECT l, r, method, weight, sources, first_seen, last_seen FROM k_evidence WHERE l IN (?)"
    evidence = [
        (place[left], place[right], method, weight, json.loads(sources), first, last)
        for left, right, method, weight, sources, first, last in rows_for(database, query, place)
        if right in place
    ]
    connection.execute("DROP TABLE IF EXISTS temp.evidence")
    connection.register("evidence", _table(evidence, pa.schema(_SCHEMAS["evidence"])))

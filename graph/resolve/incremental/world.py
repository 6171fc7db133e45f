"""The part of the key index around some subjects, as the tables that the steps of a full run read.

In: the index, subject numbers. Out: in small tables what `links` makes of a lake (subjects, touches, signed_in, holders,
identifiers, aliases), `hubs`, `known_bots`, scored pairs, and the rows `accounts` and `devices`, for those subjects alone;
degrees are those of the whole index. Subjects are numbered by (kind, id), as in a full run, so that ties fall the same way.

Subjects with more sign-ins than the limits allow (hubs) come with those of this part only; their class needs no more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from graph.resolve.guards import Limits
from graph.resolve.guards_bots import BY_AGENT
from graph.resolve.incremental.index import rows_for
from graph.resolve.log_database import IdentityDatabase
from graph.resolve.small_tables import SmallTables
from graph.tables import lake_schema

__all__ = ["AccountRows", "World", "account_rows", "lake_rows", "load_cluster", "load_subjects", "load_world"]

_COLUMNS = {
    "subjects": ("kind", "id", "number", "since", "last_seen"),
    "touches": ("device_id", "account_id", "ip", "source", "count", "bot_count", "first_seen", "last_seen"),
    "signed_in": ("device_id", "account_id", "count", "first_seen", "last_seen", "sources"),
    "holders": ("kind", "id", "identifier_kind", "value", "identifier_id", "sources"),
    "identifiers": ("identifier_id", "identifier_kind", "value", "degree"),
    "aliases": ("left_kind", "left_id", "right_kind", "right_id", "first_seen", "last_seen", "sources"),
    "hubs": ("kind", "id", "class", "reason"),
    "known_bots": ("kind", "id", "class", "reason"),
    "record_pairs": ("left_number", "right_number", "weight", "likeness", "sources", "first_seen", "last_seen"),
    "behaviour_pairs": ("left_number", "right_number", "weight", "likeness", "sources", "first_seen", "last_seen"),
    "evidence": ("left_number", "right_number", "method", "weight", "sources", "first_seen", "last_seen"),
}


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


def load_world(tables: SmallTables, database: IdentityDatabase, subjects: Iterable[int], limits: Limits) -> World:
    """Make the tables above for these subjects."""
    rows = rows_for(
        database,
        "SELECT s, kind, id, stated, events, bot_events, first_seen, last_seen FROM k_subject WHERE s IN (?) ORDER BY kind, id",
        subjects,
    )
    numbers = [row[0] for row in rows]
    name = {row[0]: (row[1], row[2]) for row in rows}
    hubs = _hubs(database, numbers, limits)
    found: dict[str, list[tuple[Any, ...]]] = {
        "subjects": [(k, i, n, _earliest(stated, first), last) for n, (_, k, i, stated, _, _, first, last) in enumerate(rows)],
        "touches": [
            (i if k == "device" else None, i if k == "account" else None, None, None, events, bots, first, last)
            for _, k, i, _, events, bots, first, last in rows
            if events
        ],
        "signed_in": [(name[d][1], name[a][1], *rest) for d, a, *rest in _sign_ins(database, numbers, hubs) if a in name],
        "holders": [
            (*name[s], *rest)
            for s, *rest in rows_for(
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
        "aliases": [
            (*name[left], *name[right], *rest)
            for left, right, *rest in rows_for(
                database, "SELECT l, r, first_seen, last_seen, sources FROM k_alias WHERE l IN (?)", numbers
            )
            if right in name
        ],
        "hubs": [(*name[s], "shared", why) for s, why in sorted(hubs.items())],
        "known_bots": [
            (*name[s], class_, reason)
            for s, class_, reason in rows_for(
                database, "SELECT s, class, reason FROM k_class WHERE s IN (?) AND class = 'bot'", numbers
            )
            if reason != BY_AGENT
        ],
        **_scored_pairs(database, numbers),
    }
    for table, some in found.items():
        tables.put(table, _COLUMNS[table], some)
    bodies = rows_for(database, "SELECT kind, body FROM k_row JOIN k_subject USING (s) WHERE s IN (?)", numbers)
    for kind in ("account", "device"):
        _put_lake_rows(tables, f"{kind}s", [json.loads(body) for k, body in bodies if k == kind])
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
        lake_rows("accounts", [body for _, _, body in rows]),
        {id_: s for s, id_, _ in rows},
        {s: body["_source"] for s, _, body in rows},
    )


def _scored_pairs(database: IdentityDatabase, numbers: list[int]) -> dict[str, list[tuple[Any, ...]]]:
    """The scored pairs between these subjects."""
    place = {number: i for i, number in enumerate(numbers)}
    found = {}
    for table, columns in (("record_pair", "weight, likeness, sources"), ("behaviour_pair", "weight, likeness, '[]'")):
        rows = rows_for(database, f"SELECT l, r, {columns} FROM k_{table} WHERE l IN (?)", numbers)
        found[f"{table}s"] = [(place[left], place[r], *rest, None, None) for left, r, *rest in rows if r in place]
    return found


def _put_lake_rows(tables: SmallTables, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Rows of the lake, with numbers and texts alone: no rule reads lists."""
    names = lake_schema(table).names
    plain = [[value if isinstance(value := row.get(n), str | int | float) else None for n in names] for row in rows]
    tables.put(table, [f'"{n}"' for n in names], plain)


def lake_rows(table: str, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows of the lake's schema; times are not kept with them, since resolution reads them from the index."""
    schema = lake_schema(table)
    columns = [
        pa.nulls(len(rows), f.type) if pa.types.is_timestamp(f.type) else pa.array([r.get(f.name) for r in rows], f.type)
        for f in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _earliest(*times: int | None) -> int | None:
    return min((t for t in times if t is not None), default=None)


def load_subjects(tables: SmallTables, database: IdentityDatabase, subjects: Iterable[int]) -> dict[int, int]:
    """Make the tables `subjects`, `touches` and `accounts` for some subjects; gives the tables' number by the index's."""
    query = """SELECT s, kind, id, stated, first_seen, last_seen, body FROM k_subject LEFT JOIN k_row USING (s) WHERE s IN (?)
        ORDER BY kind, id"""
    rows = rows_for(database, query, subjects)
    known = [(k, i, n, _earliest(stated, first), last) for n, (_, k, i, stated, first, last, _) in enumerate(rows)]
    seen = [(None, None, None, None, 1, 0, first, last) for *_, first, last, _ in rows if last is not None]
    tables.put("subjects", _COLUMNS["subjects"], known)
    tables.put("touches", _COLUMNS["touches"], seen)
    accounts = [json.loads(body) for _, kind, *_, body in rows if kind == "account" and body is not None]
    _put_lake_rows(tables, "accounts", accounts)
    return {row[0]: n for n, row in enumerate(rows)}


def load_cluster(tables: SmallTables, database: IdentityDatabase, subjects: Iterable[int]) -> None:
    """Make the tables of `load_subjects` and `evidence` for some subjects."""
    place = load_subjects(tables, database, subjects)
    query = "SELECT l, r, method, weight, sources, first_seen, last_seen FROM k_evidence WHERE l IN (?)"
    evidence = [(place[left], place[r], *rest) for left, r, *rest in rows_for(database, query, place) if r in place]
    tables.execute("DROP TABLE IF EXISTS temp.evidence")
    tables.put("evidence", _COLUMNS["evidence"], evidence)

"""Accounts whose records changed, compared again with those that share a blocking key or a device with them.

In: the identity log with its index, a fitted match model. Out: `k_block` and `k_record_pair` as a full run would leave them.
Whether two accounts are a candidate pair depends on their records and on how many hold their blocking keys, so a pair is looked
at again when one of its records changed, or when a block that it was in has grown over its cap or shrunk to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import numpy as np

from graph.resolve.incremental.index import rows_for
from graph.resolve.incremental.world import account_rows
from graph.resolve.log_database import IdentityDatabase
from graph.resolve.record_pairs import MOST_IN_COMPONENT
from graph.resolve.records import BlockDegrees, PreparedRecords, RecordModel, records_table
from graph.resolve.small_tables import texts

__all__ = ["compare_changed", "weigh_within"]

Pair = tuple[int, int]
_INSERT = "INSERT INTO k_record_pair VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class _Some:
    """Prepared records of some accounts: per record its subject number, per number its id and source."""

    prepared: PreparedRecords
    numbers: list[int]
    names: dict[int, str]
    sources: dict[int, str]

    def ordered(self, a: int, b: int) -> Pair:
        """As links are stored, in order of ids."""
        return (a, b) if self.names[a] < self.names[b] else (b, a)

    def scored(self, pairs: Iterable[Pair]) -> list[tuple[int, int, float, float]]:
        """left, right, weight, likeness (log2 odds)."""
        listed = list(pairs)
        place = {number: i for i, number in enumerate(self.numbers)}
        listed = [(a, b) for a, b in listed if a in place and b in place]
        scores = self.prepared.score(
            np.array([place[a] for a, _ in listed], np.int64), np.array([place[b] for _, b in listed], np.int64)
        )
        likeness = scores.weight - scores.prior
        return [(*pair, w, b) for pair, w, b in zip(listed, scores.weight.tolist(), likeness.tolist(), strict=True)]


def compare_changed(
    database: IdentityDatabase,
    connection: duckdb.DuckDBPyConnection,
    model: RecordModel,
    changed: set[int],
    most_together: int,
) -> set[int]:
    """Bring blocks and pairs up to date with changed records, or with accounts that sign in where others do; gives the ends of
    pairs that changed. `most_together`: accounts of one device up to which they are all compared."""
    if not changed:
        return set()
    renewed = changed | _renew_blocks(database, connection, model, changed)
    together = _together(database, renewed, most_together)
    keys = {key for (key,) in rows_for(database, "SELECT DISTINCT key FROM k_block WHERE s IN (?)", renewed)}
    holders = _holders(database, keys)
    usable = [key for key in keys if holders[key][0] <= holders[key][1]]
    near = {s for (s,) in rows_for(database, "SELECT DISTINCT s FROM k_block WHERE key IN (?)", usable)}
    some = _prepare(database, connection, model, renewed | near | {n for pair in together for n in pair})
    degrees = _holders(database, set(some.prepared.block_keys()[1].tolist()))
    known = np.array(sorted(degrees), np.int64)
    blocks = BlockDegrees(known, np.array([degrees[key][0] for key in known.tolist()], np.int64))
    matches = some.prepared.matches(0.0, blocks)
    found = {
        some.ordered(some.numbers[a], some.numbers[b]) for a, b in zip(matches.left.tolist(), matches.right.tolist(), strict=True)
    }
    found |= {some.ordered(*pair) for pair in together if pair[0] in some.names and pair[1] in some.names}
    wanted = sorted(pair for pair in found if pair[0] in renewed or pair[1] in renewed)
    new = {(l_, r): (w, b, texts(sorted({some.sources[l_], some.sources[r]}))) for l_, r, w, b in some.scored(wanted)}
    return _store(database, renewed, new)


def weigh_within(
    database: IdentityDatabase,
    connection: duckdb.DuckDBPyConnection,
    model: RecordModel,
    components: Iterable[set[int]],
    changed: set[int],
) -> None:
    """Keep `records_within` of some whole components, each given by its accounts, as `record_pairs.weigh_components` would."""
    database.change_many(
        "DELETE FROM k_evidence WHERE method = 'records_within' AND (l = ?1 OR r = ?1)", [(s,) for s in sorted(changed)]
    )
    wanted: set[Pair] = set()
    for accounts in components:
        if 2 <= len(accounts) <= MOST_IN_COMPONENT:
            compared = set(rows_for(database, "SELECT l, r FROM k_record_pair WHERE l IN (?)", accounts))
            compared |= set(
                rows_for(database, "SELECT l, r FROM k_evidence WHERE method = 'records_within' AND l IN (?)", accounts)
            )
            listed = sorted(accounts)
            wanted |= {
                (a, b) for i, a in enumerate(listed) for b in listed[i + 1 :] if (a, b) not in compared and (b, a) not in compared
            }
    if not wanted:
        return
    some = _prepare(database, connection, model, {n for pair in wanted for n in pair})
    ordered = [some.ordered(*pair) for pair in sorted(wanted) if pair[0] in some.names and pair[1] in some.names]
    rows = [(l_, r, likeness) for l_, r, _, likeness in some.scored(ordered) if likeness < 0]
    database.change_many("INSERT INTO k_evidence VALUES (?, ?, 'records_within', ?, '[]', NULL, NULL)", rows)


def _renew_blocks(
    database: IdentityDatabase, connection: duckdb.DuckDBPyConnection, model: RecordModel, changed: set[int]
) -> set[int]:
    """Write the blocking keys of changed records; gives the holders of blocks that crossed their cap by that."""
    before = set(rows_for(database, "SELECT key, s, cap FROM k_block WHERE s IN (?)", changed))
    some = _prepare(database, connection, model, changed)
    places, keys = some.prepared.block_keys()
    rows = zip(keys.tolist(), places.tolist(), some.prepared.block_caps().tolist(), strict=True)
    after = {(key, some.numbers[place], cap) for key, place, cap in rows}
    touched = {key for key, _, _ in before ^ after}
    earlier = _holders(database, touched)
    database.change_many("DELETE FROM k_block WHERE key = ? AND s = ?", [row[:2] for row in sorted(before - after)])
    database.change_many("INSERT OR REPLACE INTO k_block VALUES (?, ?, ?)", sorted(after - before))
    later = _holders(database, touched)
    nothing = (0, 0)
    crossed = [
        key
        for key in touched
        if (earlier.get(key, nothing)[0] > earlier.get(key, nothing)[1])
        != (later.get(key, nothing)[0] > later.get(key, nothing)[1])
    ]
    return {s for (s,) in rows_for(database, "SELECT DISTINCT s FROM k_block WHERE key IN (?)", crossed)}


def _holders(database: IdentityDatabase, keys: set[int]) -> dict[int, tuple[int, int]]:
    """Number of holders and cap of blocking keys."""
    rows = rows_for(database, "SELECT key, count(*), max(cap) FROM k_block WHERE key IN (?) GROUP BY key", keys)
    return {key: (count, cap) for key, count, cap in rows}


def _together(database: IdentityDatabase, accounts: set[int], most: int) -> set[Pair]:
    """Pairs with one of these accounts that sign in on one device."""
    devices = [d for (d,) in rows_for(database, "SELECT DISTINCT d FROM k_signed_in WHERE a IN (?)", accounts)]
    used: dict[int, list[int]] = {}
    query = f"""SELECT d, a FROM k_signed_in WHERE d IN (SELECT d FROM k_signed_in WHERE d IN (?) GROUP BY d
        HAVING count(*) BETWEEN 2 AND {most}) ORDER BY d, a"""
    for device, account in rows_for(database, query, devices):
        used.setdefault(device, []).append(account)
    return {(a, b) for own in used.values() for i, a in enumerate(own) for b in own[i + 1 :] if a in accounts or b in accounts}


def _prepare(database: IdentityDatabase, connection: duckdb.DuckDBPyConnection, model: RecordModel, accounts: set[int]) -> _Some:
    """The records of these accounts; those without a row are left out."""
    rows = account_rows(database, accounts)
    connection.register("accounts", rows.table)
    table = records_table(connection)
    connection.unregister("accounts")
    numbers = [rows.numbers[id_] for id_ in table["account_id"].to_pylist()]
    return _Some(model.prepare(table), numbers, {n: id_ for id_, n in rows.numbers.items()}, rows.sources)


def _store(database: IdentityDatabase, renewed: set[int], new: dict[Pair, tuple[float, float, str]]) -> set[int]:
    stored: dict[Pair, tuple[float, float, str]] = {}
    for end in ("l", "r"):
        for left, right, *scores in rows_for(
            database, f"SELECT l, r, weight, likeness, sources FROM k_record_pair WHERE {end} IN (?)", renewed
        ):
            stored[left, right] = (scores[0], scores[1], scores[2])
    differing = [pair for pair in sorted(stored.keys() | new.keys()) if stored.get(pair) != new.get(pair)]
    database.change_many("DELETE FROM k_record_pair WHERE l = ? AND r = ?", differing)
    database.change_many("DELETE FROM k_evidence WHERE l = ? AND r = ? AND method = 'records_within'", differing)
    database.change_many(_INSERT, [(*pair, *new[pair]) for pair in differing if pair in new])
    return {number for pair in differing for number in pair}

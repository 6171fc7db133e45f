"""New lake rows into the key index.

In: rows of lake tables that are not in the index yet, as `graph.tables.lake_schema` has them, each key once. Out: the index with
their links, and `Changes`: what that touched. Events that are counted already change nothing, in whatever order they come.

What an index of sums cannot follow (an event or an alias that replaces an earlier one, an alias whose end turns out to be a
device) raises NeedsFullRun; the caller rolls back and runs all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from graph.keyed import keyed_id
from graph.resolve.guards import Limits
from graph.resolve.incremental.changes import Changes, NeedsFullRun
from graph.resolve.incremental.index import event_hash
from graph.resolve.log_database import IdentityDatabase
from graph.resolve.small_tables import texts

__all__ = ["take"]

_IDENTIFIERS = {"account": ("email", "phone"), "device": ("advertising_id",)}
_SUBJECTS = ("device", "account")


def take(
    database: IdentityDatabase,
    rows: Mapping[str, pa.Table],
    *,
    key: bytes,
    limits: Limits,
    superseding: frozenset[str] = frozenset(),
) -> Changes:
    """Put the rows into the index; call it inside the log's transaction. `rows`: by lake table. `key`: the home's hashing key.
    `superseding`: tables some of whose rows replace earlier ones. Raises NeedsFullRun."""
    if "events" in superseding:
        raise NeedsFullRun("an event replaces an earlier one of its id")
    taker = _Taker(database, key, limits)
    for kind in _SUBJECTS:
        for row in _listed(rows, f"{kind}s"):
            taker.row(kind, row)
    for name in ("labels", "consents"):
        for row in _listed(rows, name, "subject_kind", "subject_id"):
            if row["subject_kind"] in _SUBJECTS:
                taker.subject(row["subject_kind"], row["subject_id"])
    if "events" in rows:
        taker.events(rows["events"])
    for row in _listed(rows, "relations"):  # last, since an alias may name a device that only these rows know
        taker.relation(row, replaces="relations" in superseding)
    return taker.changes


def _listed(rows: Mapping[str, pa.Table], name: str, *columns: str) -> list[dict[str, Any]]:
    if name not in rows:
        return []
    table = rows[name].select(columns) if columns else rows[name]
    found: list[dict[str, Any]] = table.to_pylist()
    return found


@dataclass
class _Seen:
    """Events of one subject, or of a pair, in this batch; times in microseconds."""

    first: int
    last: int
    count: int = 0
    bots: int = 0
    sources: set[str] = field(default_factory=set)


class _Tally(dict[Any, _Seen]):
    def add(self, key: Any, at: int, source: str, *, bot: bool = False) -> None:
        seen = self.get(key)
        if seen is None:
            seen = self[key] = _Seen(at, at)
        seen.first, seen.last = min(seen.first, at), max(seen.last, at)
        seen.count += 1
        seen.bots += bot
        seen.sources.add(source)


class _Taker:
    def __init__(self, database: IdentityDatabase, key: bytes, limits: Limits) -> None:
        self.changes = Changes()
        self._database, self._key, self._limits = database, key, limits
        self._numbers: dict[tuple[str, str], int] = {}
        self._networks: dict[str, int] = {}

    def subject(self, kind: str, id_: str) -> int:
        """The subject's number; a new one where it is new."""
        number: int | None = self._numbers.get((kind, id_))
        if number is None:
            number = self._database.one("SELECT s FROM k_subject WHERE kind = ? AND id = ?", kind, id_)
        if number is None:
            if kind == "device":
                self._no_account_was_meant(id_)
            number = self._database.change("INSERT INTO k_subject VALUES (NULL, ?, ?, NULL, 0, 0, NULL, NULL)", kind, id_)
            self.changes.new.add(number)
            self.changes.touched.add(number)
        self._numbers[kind, id_] = number
        return number

    def _no_account_was_meant(self, id_: str) -> None:
        """An alias call does not say whether its ends are devices; so far this id was taken for an account by one."""
        account = self._database.one("SELECT s FROM k_subject WHERE kind = 'account' AND id = ?", id_)
        if account is not None and self._database.rows("SELECT 1 FROM k_alias WHERE l = ?1 OR r = ?1", account):
            raise NeedsFullRun("an alias may have meant a device that was not known")

    # -- rows of devices and accounts ----------------------------------------------------------------------------------------

    def row(self, kind: str, row: dict[str, Any]) -> None:
        """A device's or an account's row, new or in place of the one that is there."""
        number = self.subject(kind, row[f"{kind}_id"])
        stated = microseconds(row["first_seen" if kind == "device" else "created_at"])
        body = json.dumps(row, default=str, sort_keys=True, ensure_ascii=False)
        if self._database.one("SELECT body FROM k_row WHERE s = ?", number) == body:
            return
        self._database.change("UPDATE k_subject SET stated = ? WHERE s = ?", stated, number)
        self._database.change("INSERT OR REPLACE INTO k_row VALUES (?, ?)", number, body)
        self.changes.touched.add(number)
        if kind == "account":
            self.changes.records.add(number)
        else:
            self.changes.browsed.add(number)
            self.changes.linked.add(number)  # a crawler's user agent
        self._hold(kind, number, row)

    def _hold(self, kind: str, number: int, row: dict[str, Any]) -> None:
        wanted = {keyed_id(row[name], name, self._key): (name, row[name]) for name in _IDENTIFIERS[kind] if row[name] is not None}
        held = dict(self._database.rows("SELECT identifier_id, i FROM k_holder JOIN k_identifier USING (i) WHERE s = ?", number))
        for identifier_id in held.keys() - wanted.keys():
            self._holders_change(held[identifier_id])
            self._database.change("DELETE FROM k_holder WHERE s = ? AND i = ?", number, held[identifier_id])
            if not self._database.rows("SELECT 1 FROM k_holder WHERE i = ?", held[identifier_id]):
                self._database.change("DELETE FROM k_identifier WHERE i = ?", held[identifier_id])
        for identifier_id, (name, value) in wanted.items():
            identifier = held.get(identifier_id)
            if identifier is None:
                identifier = self._identifier(identifier_id, name, value)
            sources = texts([row["_source"]])
            self._database.change("INSERT OR REPLACE INTO k_holder VALUES (?, ?, ?)", number, identifier, sources)
            self._holders_change(identifier)

    def _identifier(self, identifier_id: str, kind: str, value: str) -> int:
        found: int | None = self._database.one("SELECT i FROM k_identifier WHERE identifier_id = ?", identifier_id)
        if found is not None:
            return found
        return self._database.change("INSERT INTO k_identifier VALUES (NULL, ?, ?, ?)", identifier_id, kind, value)

    def _holders_change(self, identifier: int) -> None:
        """An identifier got a holder or is about to lose one. Far above its limit that changes nothing for the others."""
        most = self._limits.most_holders + 2
        found = self._database.rows("SELECT s FROM k_holder WHERE i = ? LIMIT ?", identifier, most)
        if len(found) < most:
            self.changes.linked.update(s for (s,) in found)
        self.changes.identifiers.add(identifier)

    # -- relations -------------------------------------------------------------------------------------------------------------

    def relation(self, row: dict[str, Any], *, replaces: bool) -> None:
        """Its ends become subjects; an alias becomes a link."""
        ends = [self._end(row[f"{side}_kind"], row[f"{side}_id"], row["type"]) for side in ("from", "to")]
        left, right = ends
        if row["type"] != "alias" or left is None or right is None or left == right:
            return
        if replaces:
            raise NeedsFullRun("an alias replaces an earlier one")
        if self._name(left) > self._name(right):
            left, right = right, left
        found = self._database.rows("SELECT first_seen, last_seen, sources FROM k_alias WHERE l = ? AND r = ?", left, right)
        first, last, sources = found[0] if found else (None, None, "[]")
        times = [t for t in (first, last, microseconds(row["at"])) if t is not None]
        values = (min(times, default=None), max(times, default=None), _with(sources, {row["_source"]}))
        self._database.change("INSERT OR REPLACE INTO k_alias VALUES (?, ?, ?, ?, ?)", left, right, *values)
        self.changes.linked |= {left, right}
        self.changes.touched |= {left, right}

    def _end(self, kind: str, id_: str, type_: str) -> int | None:
        if kind in _SUBJECTS:
            return self.subject(kind, id_)
        if kind != "unknown" or type_ != "alias":
            return None
        device: int | None = self._database.one("SELECT s FROM k_subject WHERE kind = 'device' AND id = ?", id_)
        return self.subject("account", id_) if device is None else device

    def _name(self, number: int) -> tuple[str, str]:
        return self._database.pairs("SELECT kind, id FROM k_subject WHERE s = ?", number)[0]

    # -- events ----------------------------------------------------------------------------------------------------------------

    def events(self, table: pa.Table) -> None:
        """Add the events that are not counted yet."""
        subjects, pairs, places = _Tally(), _Tally(), _Tally()
        columns = [table[n].to_pylist() for n in ("event_id", "device_id", "account_id", "ip", "bot", "_source")]
        times = table["at"].cast(pa.int64()).to_pylist()
        for event_id, device_id, account_id, ip, bot, source, at in zip(*columns, times, strict=True):
            hashed = event_hash(event_id)
            if self._database.rows("SELECT 1 FROM k_event WHERE h = ?", hashed):
                continue
            self._database.change("INSERT INTO k_event VALUES (?)", hashed)
            device = None if device_id is None else self.subject("device", device_id)
            account = None if account_id is None else self.subject("account", account_id)
            for number in (device, account):
                if number is not None:
                    subjects.add(number, at, source, bot=bool(bot))
            if device is not None and account is not None:
                pairs.add((device, account), at, source)
            if device is not None and ip is not None:
                places.add((device, self._network(ip)), at, source)
        self._add_subjects(subjects)
        for (device, account), seen in pairs.items():
            self._sign_in(device, account, seen)
        for (device, network), seen in places.items():
            if self._add("k_seen_on", "n", (device, network), seen):
                self.changes.networks.add(network)
            self.changes.browsed.add(device)

    def _network(self, ip: str) -> int:
        number: int | None = self._networks.get(ip)
        if number is None:
            network_id = keyed_id(ip, "ip", self._key)
            number = self._database.one("SELECT n FROM k_network WHERE network_id = ?", network_id)
            if number is None:
                number = self._database.change("INSERT INTO k_network VALUES (NULL, ?)", network_id)
            self._networks[ip] = number
        return number

    def _add_subjects(self, subjects: _Tally) -> None:
        update = """UPDATE k_subject SET events = events + ?1, bot_events = bot_events + ?2,
            first_seen = min(coalesce(first_seen, ?3), ?3), last_seen = max(coalesce(last_seen, ?4), ?4) WHERE s = ?5"""
        for number, seen in subjects.items():
            self._database.change(update, seen.count, seen.bots, seen.first, seen.last, number)
            self.changes.touched.add(number)
            [(events, bots)] = self._database.rows("SELECT events, bot_events FROM k_subject WHERE s = ?", number)
            if bots:
                self.changes.linked.add(number)
            if events > min(self._limits.events_per_hour, self._limits.even_pages):
                self.changes.busy.add(number)

    def _sign_in(self, device: int, account: int, seen: _Seen) -> None:
        new = self._add("k_signed_in", "a", (device, account), seen)
        for own, other, number, limit in (
            ("d", "a", device, self._limits.accounts_per_device),
            ("a", "d", account, self._limits.devices_per_account),
        ):
            found = self._database.rows(f"SELECT {other} FROM k_signed_in WHERE {own} = ? LIMIT ?", number, limit + 2)
            if new and len(found) == limit + 1:  # from here on it is a hub, and says nothing about those any more
                self.changes.linked.update(n for (n,) in found)
            if len(found) < limit + 2:
                self.changes.linked.add(number)
            if new and own == "d" and 2 <= len(found) <= 2 * self._limits.people_per_device + 1:
                self.changes.beside.update(n for (n,) in found)

    def _add(self, table: str, other: str, key: tuple[int, int], seen: _Seen) -> bool:
        """Add events to a link of a device; whether it is new."""
        sources = ", sources" if table == "k_signed_in" else ", '[]'"
        found = self._database.rows(
            f"SELECT count, first_seen, last_seen{sources} FROM {table} WHERE d = ? AND {other} = ?", *key
        )
        count, first, last, said = found[0] if found else (0, seen.first, seen.last, "[]")
        values: list[object] = [count + seen.count, min(first, seen.first), max(last, seen.last)]
        if table == "k_signed_in":
            values.append(_with(said, seen.sources))
        places = ", ".join("?" * (2 + len(values)))
        self._database.change(f"INSERT OR REPLACE INTO {table} VALUES ({places})", *key, *values)
        return not found


def _with(sources: str, more: set[str]) -> str:
    return texts(sorted({*json.loads(sources), *more}))


def microseconds(at: datetime | None) -> int | None:
    """Microseconds since 1970 of an aware time."""
    return None if at is None else int(pa.scalar(at, pa.timestamp("us", tz="UTC")).cast(pa.int64()).as_py())

"""Rows of the resolution around some subjects, as the key index and the identity log have them now.

In: the identity log with its index, subject numbers. Out: a `Region`: a `Resolution` whose tables hold every row in which one of
these subjects takes part, and the whole rows of their persons, identifiers and networks; and their attributes. Read from a
database that does not see the transaction under way it is the state before, and from the one that writes it the state after.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from graph import resolution as contract
from graph.resolution import Region, Resolution
from graph.resolve import guards
from graph.resolve.incremental.index import rows_for
from graph.resolve.log_database import IdentityDatabase

__all__ = ["region"]

_MEMBERS = """
SELECT k.kind, k.id, m.person_id, c.confidence, coalesce(g.class, 'person'),
       CASE WHEN k.stated IS NULL OR k.first_seen < k.stated THEN k.first_seen ELSE k.stated END, k.last_seen
FROM k_subject k JOIN members m ON m.kind = k.kind AND m.id = k.id LEFT JOIN k_confidence c ON c.s = k.s
LEFT JOIN k_class g ON g.s = k.s WHERE k.s IN (?) ORDER BY k.kind, k.id
"""
_PERSONS = """
SELECT m.person_id, max(coalesce(g.class, 'person')), sum(m.kind = 'device'), sum(m.kind = 'account'),
       min(CASE WHEN k.stated IS NULL OR k.first_seen < k.stated THEN k.first_seen ELSE k.stated END)
FROM members m JOIN k_subject k ON k.kind = m.kind AND k.id = m.id LEFT JOIN k_class g ON g.s = k.s
WHERE m.person_id IN (SELECT n.person_id FROM k_subject j JOIN members n ON n.kind = j.kind AND n.id = j.id WHERE j.s IN (?))
GROUP BY m.person_id ORDER BY m.person_id
"""
_EVIDENCE = """
SELECT a.kind, a.id, b.kind, b.id, e.method, e.weight, NULL, e.sources, e.first_seen, e.last_seen
FROM k_evidence e JOIN k_subject a ON a.s = e.l JOIN k_subject b ON b.s = e.r WHERE e.{end} IN (?)
"""
_SIGNED_IN = """
SELECT d.id, a.id, i.count, i.first_seen, i.last_seen FROM k_signed_in i JOIN k_subject d ON d.s = i.d JOIN k_subject a ON a.s =
i.a WHERE i.d IN (?) ORDER BY 1, 2
"""
_HAS_IDENTIFIER = """
SELECT k.kind, k.id, identifier_id FROM k_holder h JOIN k_subject k ON k.s = h.s JOIN k_identifier USING (i) WHERE h.s IN (?)
ORDER BY 1, 2, 3
"""
_IDENTIFIERS = """
SELECT identifier_id, kind, value, (SELECT count(*) FROM k_holder h WHERE h.i = k_identifier.i) FROM k_identifier
WHERE i IN (SELECT i FROM k_holder WHERE s IN (?)) ORDER BY 1
"""
_SEEN_ON = """
SELECT d.id, network_id, v.count, v.first_seen, v.last_seen FROM k_seen_on v JOIN k_subject d ON d.s = v.d JOIN k_network USING
(n) WHERE v.d IN (?) ORDER BY 1, 2
"""
_NETWORKS = """
SELECT network_id, (SELECT count(*) FROM k_seen_on v WHERE v.n = k_network.n) FROM k_network
WHERE n IN (SELECT n FROM k_seen_on WHERE d IN (?)) ORDER BY 1
"""
_ROWS = "SELECT kind, id, stated, body FROM k_subject LEFT JOIN k_row USING (s) WHERE s IN (?) ORDER BY 1, 2"
_CROWDS = """
SELECT d.id, network_id, v.count, v.first_seen, v.last_seen FROM k_seen_on v JOIN k_subject d ON d.s = v.d JOIN k_network USING
(n) WHERE v.n IN (SELECT n FROM k_seen_on WHERE n IN (SELECT n FROM k_seen_on WHERE d IN (?)) GROUP BY n HAVING count(*) >
$devices)
"""
_GUARDED = "SELECT kind, id, class, reason FROM k_class JOIN k_subject USING (s) WHERE s IN (?) ORDER BY 1, 2"


def region(
    database: IdentityDatabase, connection: duckdb.DuckDBPyConnection, subjects: Iterable[int], limits: guards.Limits
) -> Region:
    """The rows around these subjects. `connection` is scratch space."""
    numbers = sorted(subjects)

    def rows(query: str) -> list[tuple[Any, ...]]:
        return rows_for(database, query, numbers)

    pieces = {row for end in ("l", "r") for row in rows(_EVIDENCE.format(end=end))}
    evidence = _table(
        [(*row[:7], json.loads(row[7]), *row[8:]) for row in sorted(pieces, key=lambda row: row[:5])], contract.EVIDENCE
    )
    odds = pc.power(2.0, pc.negate(evidence["weight"]))
    evidence = evidence.set_column(6, contract.EVIDENCE.field(6), pc.divide(1.0, pc.add(odds, 1.0)))
    networks = rows(_NETWORKS)
    generic = _generic_networks(connection, networks, rows(_CROWDS.replace("$devices", str(limits.network_devices))), limits)
    identifiers = [
        (identifier_id, kind, degree, guards.is_generic(kind, value, degree, limits))
        for identifier_id, kind, value, degree in rows(_IDENTIFIERS)
    ]
    resolution = Resolution(
        members=_table(rows(_MEMBERS), contract.MEMBERS),
        persons=_table(rows(_PERSONS), contract.PERSONS),
        evidence=evidence,
        signed_in=_table(rows(_SIGNED_IN), contract.SIGNED_IN),
        has_identifier=_table(rows(_HAS_IDENTIFIER), contract.HAS_IDENTIFIER),
        identifiers=_table(identifiers, contract.IDENTIFIERS),
        seen_on=_table(rows(_SEEN_ON), contract.SEEN_ON),
        networks=_table([(*row, row[0] in generic) for row in networks], contract.NETWORKS),
        guarded=_table(rows(_GUARDED), contract.GUARDED),
    )
    return Region(resolution, *_attributes(rows(_ROWS)))


def _attributes(rows: Sequence[tuple[Any, ...]]) -> tuple[pa.Table, pa.Table]:
    """What the graph shows of devices and of accounts."""
    bodies = [(kind, id_, stated, {} if body is None else json.loads(body)) for kind, id_, stated, body in rows]
    devices = [(i, b.get("kind"), b.get("os"), b.get("browser")) for k, i, _, b in bodies if k == "device"]
    accounts = [(i, b.get("source"), b.get("country"), b.get("region"), stated) for k, i, stated, b in bodies if k == "account"]
    return _table(devices, contract.DEVICES), _table(accounts, contract.ACCOUNTS)


def _generic_networks(
    connection: duckdb.DuckDBPyConnection,
    networks: Sequence[tuple[Any, ...]],
    crowds: Sequence[tuple[Any, ...]],
    limits: guards.Limits,
) -> set[str]:
    """Networks that the guards call generic; `crowds`: who was seen when on those with many devices."""
    if not crowds:
        return set()
    connection.register("networks", _table(networks, pa.schema([("network_id", pa.string()), ("devices", pa.int64())])))
    connection.register("seen_on", _table(crowds, contract.SEEN_ON))
    guards.find_generic_networks(connection, limits.network_devices, limits.network_window_days)
    return {network for (network,) in connection.sql("SELECT network_id FROM generic_networks").fetchall()}


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)

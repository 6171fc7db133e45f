"""Consent records side by side, from the lake and from the control store's log, and their fold into what people permit.

An in-memory DuckDB holds them, so that three million members fold in a second and one withdrawal in milliseconds. What a
record permits is a number with a bit for each purpose. Consent strings are read once each, however many records repeat them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graph.control import ConsentRecord
from graph.database import connect
from graph.privacy.signals.verdict import verdict
from graph.tables import TIME

__all__ = ["RecordStore"]

_RECORD = pa.schema(
    [
        ("kind", pa.string()),
        ("id", pa.string()),
        ("at", TIME),
        ("purposes", pa.list_(pa.string())),
        ("tc_string", pa.string()),
        ("gpp_string", pa.string()),
        ("gpc", pa.bool_()),
        ("source", pa.string()),
    ]
)

# Purpose n is bit n; TC strings have room for 24 of them. What is no number from 1 to 24 permits nothing. Purposes that are
# listed and purposes of strings (`signal`) cut each other down; what is not there (null) cuts nothing, and nothing there permits
# nothing.
_PERMITTED = """
CASE WHEN gpc OR (purposes IS NULL AND signal IS NULL) THEN 0
     ELSE coalesce(signal, -1) & CASE WHEN purposes IS NULL THEN -1 ELSE coalesce(list_aggregate(
              list_transform(list_filter(purposes, lambda p: regexp_full_match(trim(p), '0?[1-9]|1[0-9]|2[0-4]')),
                             lambda p: 1::BIGINT << CAST(trim(p) AS INTEGER)), 'bit_or'), 0) END
END"""

_STRINGS = "SELECT DISTINCT tc_string, gpp_string FROM arriving WHERE tc_string IS NOT NULL OR gpp_string IS NOT NULL"
_SIGNAL = pa.schema([("tc_string", pa.string()), ("gpp_string", pa.string()), ("signal", pa.int64())])

# The newest time stands for a refusal without one, the oldest for any other record without one.
_PLACED = """
CASE WHEN "at" IS NOT NULL THEN epoch_us("at") WHEN permitted = 0 THEN 9223372036854775807 ELSE -9223372036854775807 END"""

_FOLD = """
WITH chosen AS ({chosen}),
     said AS (SELECT kind, id, placed, permitted FROM record SEMI JOIN chosen USING (kind, id)
              WHERE permitted = 0 OR placed <= epoch_us($now::TIMESTAMPTZ)),
     newest AS (SELECT kind, id, max(placed) AS placed FROM said GROUP BY kind, id),
     subject AS (SELECT kind, id, bit_and(permitted) AS permitted FROM said JOIN newest USING (kind, id, placed)
                 GROUP BY kind, id)
SELECT person, bit_and(permitted) AS permitted FROM chosen JOIN subject USING (kind, id) GROUP BY person"""


class RecordStore:
    """Records by subject, members by person. Not safe to share between threads: its owner locks."""

    def __init__(self, lake: duckdb.DuckDBPyConnection, members: pa.Table, vendor: int | None = None) -> None:
        """`lake` has the view `consents`; `members` is `Resolution.members`; `vendor` is the operator's id in consent strings."""
        self._vendor = vendor
        self._connection = connect()
        self._connection.register("members", members.select(["kind", "id", "person_id", "class"]))
        self._connection.execute(
            "CREATE TABLE people AS SELECT person_id, row_number() OVER () - 1 AS person, individual FROM "
            "(SELECT person_id, bool_and(coalesce(class = 'person', false)) AS individual FROM members GROUP BY person_id)"
        )
        self._connection.execute("CREATE TABLE member AS SELECT kind, id, person FROM members JOIN people USING (person_id)")
        self._connection.unregister("members")
        records = lake.sql(
            "SELECT subject_kind AS kind, subject_id AS id, \"at\", purposes, tc_string, gpp_string, gpc, 'input' AS source "
            "FROM consents"
        ).to_arrow_table()
        self._take("CREATE TABLE record AS", records.cast(_RECORD))

    def people(self) -> pa.Table:
        """Every person, in the order of their numbers: person_id, and whether it is one human being (`individual`)."""
        return self._connection.sql("SELECT person_id, individual FROM people ORDER BY person").to_arrow_table()

    def add(self, records: Sequence[ConsentRecord]) -> None:
        """Take records of the log."""
        if records:
            rows = [
                {
                    "kind": r.subject_kind,
                    "id": r.subject_id,
                    "at": r.at,
                    "purposes": None if r.purposes is None else [str(p) for p in r.purposes],
                    "tc_string": r.tc_string,
                    "gpp_string": r.gpp_string,
                    "gpc": r.gpc,
                    "source": r.source,
                }
                for r in records
            ]
            self._take("INSERT INTO record", pa.Table.from_pylist(rows, schema=_RECORD))

    def fold(self, now: datetime, touched: Sequence[ConsentRecord] | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numbers of the people with a record and what each permits: all of them, or those of the subjects `touched`."""
        chosen = "SELECT kind, id, person FROM member"
        if touched is not None:
            subjects = pa.table({"kind": [r.subject_kind for r in touched], "id": [r.subject_id for r in touched]})
            self._connection.register("touched", subjects)
            chosen += " WHERE person IN (SELECT person FROM member SEMI JOIN touched USING (kind, id))"
        rows = self._connection.execute(_FOLD.format(chosen=chosen), {"now": now}).fetchnumpy()
        if touched is not None:
            self._connection.unregister("touched")
        return np.asarray(rows["person"], dtype=np.int64), np.asarray(rows["permitted"], dtype=np.int64)

    def history(self, kind: str, subject_id: str) -> pa.Table:
        """One subject's records, oldest first, those without a time at the end they count for; `permits` are the purposes of
        each, `refusal` says why its strings were refused."""
        found = self._connection.sql(
            'SELECT "at", purposes, tc_string, gpp_string, gpc, source, '
            "list_filter(range(1, 25), lambda p: (permitted >> p) & 1 = 1) AS permits FROM record "
            "WHERE kind = $kind AND id = $id ORDER BY placed",
            params={"kind": kind, "id": subject_id},
        ).to_arrow_table()
        strings = zip(found["tc_string"].to_pylist(), found["gpp_string"].to_pylist(), strict=True)
        refusals = [verdict(tc, gpp, self._vendor).refusal for tc, gpp in strings]
        return found.append_column("refusal", pa.array(refusals, pa.string()))

    def person_of(self, kind: str, subject_id: str) -> str | None:
        """The person that a device or account belongs to."""
        # All rows are fetched: DuckDB refuses further work on a connection with a result that was not read to its end.
        rows = self._connection.execute(
            "SELECT person_id FROM member JOIN people USING (person) WHERE kind = ? AND id = ?", [kind, subject_id]
        ).fetchall()
        return str(rows[0][0]) if rows else None

    def _take(self, statement: str, records: pa.Table) -> None:
        self._connection.register("arriving", records)
        self._connection.register("signals", self._signals())
        self._connection.execute(
            f"{statement} SELECT * EXCLUDE (signal), {_PLACED} AS placed "
            f"FROM (SELECT arriving.*, signal, {_PERMITTED} AS permitted FROM arriving LEFT JOIN signals "
            "ON arriving.tc_string IS NOT DISTINCT FROM signals.tc_string "
            "AND arriving.gpp_string IS NOT DISTINCT FROM signals.gpp_string)"
        )
        self._connection.unregister("signals")
        self._connection.unregister("arriving")

    def _signals(self) -> pa.Table:
        """What each pair of strings among the arriving records permits; null where they say nothing."""
        pairs = self._connection.execute(_STRINGS).fetchall()
        told = [verdict(tc, gpp, self._vendor).purposes for tc, gpp in pairs]
        masks = [None if purposes is None else sum(1 << p for p in purposes) for purposes in told]
        columns = [[tc for tc, _ in pairs], [gpp for _, gpp in pairs], masks]
        return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, _SIGNAL, strict=True)], schema=_SIGNAL)

"""What people did, from the lake's events: how long ago, how often, for how much money. In: the lake and who is whom. Out: masks.

An event is its account's where it has one, else its device's, and so that member's person's; those of bots do not count. Days go
back from the newest event that is not of the future, so that the same lake gives the same people; an event of the future has not
happened yet. Sums of money are exact decimals of one currency; an event without currency is in none.

Recency, frequency and money are scored in fifths as in RFM analysis (Hughes, Strategic Database Marketing, 1994): 1 + floor(5 ×
share of the people who are below). People with equal values have equal scores, so that fifths of few distinct values are uneven.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from api.audiences.event_marks import AT_ONCE, MONEY, Marks
from api.http.schemas.audience_rules import EventCondition, MoneyCondition, RecencyCondition, ScoreCondition

__all__ = ["Activity"]

_COUNTED = "events.bot IS NOT TRUE AND events.at <= $as_of"
_SUBJECT = """
CASE WHEN events.account_id IS NOT NULL THEN 'account' ELSE 'device' END AS kind,
coalesce(events.account_id, events.device_id) AS id
"""
_EVERYBODY = f"""
WITH subjects AS (
  SELECT {_SUBJECT}, CASE WHEN {MONEY} IS NULL THEN NULL ELSE events.currency END AS currency,
         max(events.at) AS latest, count(*) AS events, sum({MONEY}) AS money
  FROM events WHERE {_COUNTED} GROUP BY ALL
)
SELECT members.row AS row, currency, epoch_us(max(latest)) AS latest, CAST(sum(events) AS BIGINT) AS events,
       CAST(sum(money) AS DOUBLE) AS money
FROM subjects JOIN members USING (kind, id) GROUP BY members.row, currency ORDER BY members.row, currency
"""
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True)
class _Everybody:
    """Of each person when the latest event was (microseconds, `_NEVER`) and how many there were; of each currency whose, and how
    much."""

    latest: NDArray[np.int64]
    events: NDArray[np.int64]
    money: dict[str, tuple[NDArray[np.int32], NDArray[np.float64]]]


class Activity:
    """Events of one view's people. Safe to share between threads. Everybody's totals are gathered once, in one pass, at the first
    question about recency or a score: 16 bytes a person and 12 for each currency they have paid in."""

    def __init__(
        self,
        members: pa.Table,
        scored: NDArray[np.bool_],
        connect: Callable[[], duckdb.DuckDBPyConnection],
        clock: Callable[[], datetime],
    ) -> None:
        """`members`: kind, id, and row of the person; `scored`: which people fifths are taken of."""
        self._members = members
        self._scored = scored
        self._connect = connect
        self._clock = clock
        self._gathering = Lock()
        self._as_of: datetime | None = None
        self._everybody: _Everybody | None = None

    def last_event(self, condition: RecencyCondition) -> NDArray[np.bool_]:
        """Whose latest event is so old."""
        as_of, everybody = self._gathered()
        since = int((as_of - timedelta(days=condition.days)).timestamp() * 1_000_000)
        if condition.last_event == "within":
            return np.asarray(everybody.latest >= since, dtype=np.bool_)
        return np.asarray((everybody.latest < since) & (everybody.latest != _NEVER), dtype=np.bool_)

    def scored(self, condition: ScoreCondition) -> NDArray[np.bool_]:
        """Who is in these fifths."""
        _, everybody = self._gathered()
        if condition.score == "money":
            nobody = (np.zeros(0, np.int32), np.zeros(0, np.float64))
            rows, values = everybody.money.get(condition.currency or "", nobody)
        else:
            of = everybody.latest if condition.score == "recency" else everybody.events
            rows = np.flatnonzero(everybody.events).astype(np.int32)
            values = of[rows].astype(np.float64)
        among = self._scored[rows]
        rows, values = rows[among], values[among]
        fifth = 1 + np.searchsorted(np.sort(values), values, side="left") * 5 // max(len(values), 1)
        mask = np.zeros(len(self._scored), dtype=np.bool_)
        mask[rows[(fifth >= condition.minimum) & (fifth <= condition.maximum)]] = True
        return mask

    def counted(self, conditions: Sequence[EventCondition | MoneyCondition]) -> list[NDArray[np.uint8]]:
        """Who has so many events, or so much money, for each condition: its mask, packed to bits."""
        masks: list[NDArray[np.uint8]] = []
        with self._connect() as connection:
            as_of = self._time(connection)
            connection.register("members", self._members)
            for start in range(0, len(conditions), AT_ONCE):
                part = conditions[start : start + AT_ONCE]
                found = self._count(connection, Marks(part, as_of), as_of)
                rows = found["row"].to_numpy()
                for number, condition in enumerate(part):
                    masks.append(np.packbits(self._met(condition, rows, found, number)))
        return masks

    def _count(self, connection: duckdb.DuckDBPyConnection, marks: Marks, as_of: datetime) -> pa.Table:
        """Of each person with events that fit: of each condition how many, or how much money and of how many events."""
        marks.register(connection)
        return connection.sql(
            f"""
            WITH subjects AS (
              SELECT {_SUBJECT}, {marks.totals}
              FROM (
                SELECT events.*, {marks.mask} AS mask FROM events {marks.joins} WHERE {_COUNTED} AND {marks.looked_at}
              ) AS events
              WHERE mask <> 0 GROUP BY ALL
            )
            SELECT members.row AS row, {marks.sums} FROM subjects JOIN members USING (kind, id) GROUP BY members.row
            """,
            params={"as_of": as_of, **marks.parameters},
        ).to_arrow_table()

    def _met(self, condition: EventCondition | MoneyCondition, rows: Any, found: pa.Table, number: int) -> NDArray[np.bool_]:
        counts = np.zeros(len(self._scored), dtype=np.int64)
        counts[rows] = found[f"events_{number}"].to_numpy()
        least = -np.inf if condition.minimum is None else condition.minimum
        most = np.inf if condition.maximum is None else condition.maximum
        if isinstance(condition, EventCondition):
            return np.asarray((counts >= least) & (counts <= most), dtype=np.bool_)
        money = np.zeros(len(self._scored), dtype=np.float64)
        money[rows] = found[f"money_{number}"].to_numpy()
        return np.asarray((counts > 0) & (money >= least) & (money <= most), dtype=np.bool_)

    def _time(self, connection: duckdb.DuckDBPyConnection) -> datetime:
        """The newest event that is not of the future; the clock's time where there is none."""
        if self._as_of is None:
            now = self._clock()
            newest = f"SELECT max(events.at) FROM events WHERE {_COUNTED}"
            [(found,)] = connection.execute(newest, {"as_of": now}).fetchall()
            self._as_of = found or now
        return self._as_of

    def _gathered(self) -> tuple[datetime, _Everybody]:
        with self._gathering:
            if self._as_of is None or self._everybody is None:
                with self._connect() as connection:
                    as_of = self._time(connection)
                    connection.register("members", self._members)
                    found = connection.sql(_EVERYBODY, params={"as_of": as_of}).to_arrow_table()
                self._as_of, self._everybody = as_of, self._by_person(found)
            return self._as_of, self._everybody

    def _by_person(self, found: pa.Table) -> _Everybody:
        rows = found["row"].to_numpy()
        latest = np.full(len(self._scored), _NEVER, dtype=np.int64)
        events = np.zeros(len(self._scored), dtype=np.int64)
        np.maximum.at(latest, rows, found["latest"].to_numpy())
        np.add.at(events, rows, found["events"].to_numpy())
        paid = found.filter(found["currency"].is_valid()).select(["row", "currency", "money"])
        encoded = paid["currency"].combine_chunks().dictionary_encode()
        codes, who, much = encoded.indices.to_numpy(), paid["row"].to_numpy(), paid["money"].to_numpy()
        money = {name: (who[codes == code], much[codes == code]) for code, name in enumerate(encoded.dictionary.to_pylist())}
        return _Everybody(latest, events, money)

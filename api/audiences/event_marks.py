"""Which of many conditions an event fits, as the bits of one number. In: conditions on events. Out: parts of one SQL statement.

Every type, content and category that a condition names gets the bits of the conditions that it fits, in a small table of its own;
joined, they mark each event in one pass over the events, whatever the number of conditions and of the values in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from api.http.schemas.audience_rules import EventCondition, MoneyCondition

__all__ = ["AT_ONCE", "MONEY", "Marks"]

AT_ONCE = 64
"""Conditions that are answered in one pass: the bits of a number."""

_ALL = 2**AT_ONCE - 1
MONEY = "TRY_CAST(events.value AS DECIMAL(28, 6))"
"""Exact, so that a sum is the same in whatever order it is added up; what no currency has (over 10^22) counts as no value."""


class Marks:
    """SQL for up to `AT_ONCE` conditions over the view `events`."""

    def __init__(self, conditions: Sequence[EventCondition | MoneyCondition], as_of: datetime) -> None:
        filters = [c.events if isinstance(c, EventCondition) else None for c in conditions]
        self._tables = {
            "types": _bits(None if f is None else f.types for f in filters),
            "named": _bits(None if f is None else f.contents for f in filters),
            "categories": _bits(None if f is None else f.categories for f in filters),
        }
        self.parameters: dict[str, Any] = {f"free_{name}": free for name, (free, _) in self._tables.items()}
        days = [c.within_days for c in conditions]
        looked_at = ["true"]
        if all(isinstance(c, MoneyCondition) for c in conditions):
            looked_at.append("events.value IS NOT NULL")
        if all(d is not None for d in days):
            looked_at.append("events.at >= $oldest")
            self.parameters["oldest"] = as_of - timedelta(days=max(d for d in days if d is not None))
        self.looked_at = " AND ".join(looked_at)
        totals, sums = [], []
        for number, condition in enumerate(conditions):
            fits = [f"(mask & {1 << number}::UBIGINT) <> 0"]
            if condition.within_days is not None:
                fits.append(f"events.at >= $since_{number}")
                self.parameters[f"since_{number}"] = as_of - timedelta(days=condition.within_days)
            if isinstance(condition, MoneyCondition):
                fits.append(f"events.currency = $currency_{number} AND {MONEY} IS NOT NULL")
                self.parameters[f"currency_{number}"] = condition.spent
                totals.append(f"sum({MONEY}) FILTER ({' AND '.join(fits)}) AS money_{number}")
                sums.append(f"coalesce(CAST(sum(money_{number}) AS DOUBLE), 0) AS money_{number}")
            totals.append(f"count(*) FILTER ({' AND '.join(fits)}) AS events_{number}")
            sums.append(f"CAST(sum(events_{number}) AS BIGINT) AS events_{number}")
        self.totals = ", ".join(totals)
        self.sums = ", ".join(sums)

    joins = """
    LEFT JOIN marked_types ON marked_types.value = events.type
    LEFT JOIN marked_named ON marked_named.value = events.content_id
    LEFT JOIN (
      SELECT content_id, bit_or(bits) AS bits
      FROM (SELECT content_id, unnest(category) AS category FROM contents)
      JOIN marked_categories ON marked_categories.value = category GROUP BY content_id
    ) AS marked_contents ON marked_contents.content_id = events.content_id
    """
    mask = """
    (coalesce(marked_types.bits, 0::UBIGINT) | $free_types::UBIGINT)
    & (coalesce(marked_named.bits, 0::UBIGINT) | $free_named::UBIGINT)
    & (coalesce(marked_contents.bits, 0::UBIGINT) | $free_categories::UBIGINT)
    """

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Give the connection the small tables."""
        for name, (_, bits) in self._tables.items():
            table = pa.table({"value": pa.array(bits, pa.string()), "bits": pa.array(bits.values(), pa.uint64())})
            connection.register(f"marked_{name}", table)


def _bits(lists: Iterable[Sequence[str] | None]) -> tuple[int, Mapping[str, int]]:
    """Bits of the conditions that take any value, and for each value those of the conditions that name it."""
    free, found = 0, dict[str, int]()
    for number, values in enumerate(lists):
        if values is None:
            free |= 1 << number
        for value in values or ():
            found[value] = found.get(value, 0) | 1 << number
    return free & _ALL, found

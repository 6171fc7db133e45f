"""What keys have used of their daily quotas: counts in, counts out. Who counts keeps them in memory and writes them in groups.

A day is one of UTC. Numbers are added, not set, so that two processes that count the same key lose nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import delete

from graph.control.engine import Database
from graph.control.models import QuotaUseRow

__all__ = ["UNLIMITED", "Quota", "QuotaUse", "Quotas"]

_KEPT_DAYS = 40


@dataclass(frozen=True)
class Quota:
    """How much a key may do in a day of UTC: requests, and rows about people in files and pages. None: no limit."""

    requests_per_day: int | None = None
    rows_per_day: int | None = None

    @property
    def limited(self) -> bool:
        """Whether there is anything to count."""
        return self.requests_per_day is not None or self.rows_per_day is not None


UNLIMITED = Quota()
"""What a key has that was made without a quota."""


@dataclass(frozen=True)
class QuotaUse:
    """How much a key has done in one day."""

    requests: int = 0
    rows: int = 0

    def __add__(self, other: QuotaUse) -> QuotaUse:
        return QuotaUse(self.requests + other.requests, self.rows + other.rows)


class Quotas:
    """Reads and adds to what keys have used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def used(self, key_id: str, day: date) -> QuotaUse:
        """What the key has used on that day, as far as it is written."""
        with self._database.reading() as session:
            row = session.get(QuotaUseRow, (key_id, day.isoformat()))
            return QuotaUse() if row is None else QuotaUse(row.requests, row.rows)

    def add(self, more: Mapping[tuple[str, date], QuotaUse]) -> None:
        """Add to what keys have used, by key and day, in one commit; days long past are forgotten."""
        if not more:
            return
        latest = max(day for _, day in more)
        oldest = date.fromordinal(latest.toordinal() - _KEPT_DAYS).isoformat()
        with self._database.writing(flushed=False) as session:
            self._database.serialise(session)
            for (key_id, day), use in more.items():
                row = session.get(QuotaUseRow, (key_id, day.isoformat()))
                if row is None:
                    session.add(QuotaUseRow(key_id=key_id, day=day.isoformat(), requests=use.requests, rows=use.rows))
                else:
                    row.requests += use.requests
                    row.rows += use.rows
            session.execute(delete(QuotaUseRow).where(QuotaUseRow.day < oldest))

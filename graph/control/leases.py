"""Leases: one process at a time does a piece of background work, and another takes it up where that one was killed."""

from __future__ import annotations

from datetime import datetime, timedelta

from graph.control.engine import Database
from graph.control.models import LeaseRow

__all__ = ["Leases"]


class Leases:
    """Takes and gives back leases by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, name: str, holder: str, *, now: datetime, seconds: float) -> bool:
        """Take or renew a lease; False while another holder's runs. `holder` is any text that no other process uses."""
        with self._database.writing(flushed=False) as session:
            self._database.serialise(session)
            row = session.get(LeaseRow, name)
            if row is not None and row.holder != holder and row.until > now:
                return False
            session.merge(LeaseRow(name=name, holder=holder, until=now + timedelta(seconds=seconds)))
            return True

    def give_back(self, name: str, holder: str) -> None:
        """Let others have it at once. Nothing happens where it is another holder's by now."""
        with self._database.writing(flushed=False) as session:
            row = session.get(LeaseRow, name)
            if row is not None and row.holder == holder:
                session.delete(row)

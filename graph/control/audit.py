"""The audit log: who asked for what, and whether it was released. It names keys, audiences, exports and tables, never people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from graph.control.engine import Database
from graph.control.models import AuditRow

__all__ = ["AuditEntry", "AuditLog"]


@dataclass(frozen=True)
class AuditEntry:
    """One line. `actor` is an API key's id or `operator`; `subject` an audience, export or table, never a person."""

    at: datetime
    actor: str
    action: str
    outcome: str
    tenant_id: str | None = None
    reason: str | None = None
    subject: str | None = None
    row_count: int | None = None


class AuditLog:
    """Adds lines and reads them back; there is no way to change or delete one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, entry: AuditEntry) -> None:
        """Add one line. It survives the end of the process; of the last second before a power failure lines may be lost, since
        every look-up writes one and a disk flush for each would take seven times as long."""
        with self._database.writing(flushed=False) as session:
            session.add(
                AuditRow(
                    at=entry.at,
                    actor=entry.actor,
                    tenant_id=entry.tenant_id,
                    action=entry.action,
                    outcome=entry.outcome,
                    reason=entry.reason,
                    subject=entry.subject,
                    row_count=entry.row_count,
                )
            )

    def latest(self, limit: int = 100, *, tenant_id: str | None = None) -> list[AuditEntry]:
        """The newest lines, newest first."""
        query = select(AuditRow).order_by(AuditRow.seq.desc()).limit(limit)
        if tenant_id is not None:
            query = query.where(AuditRow.tenant_id == tenant_id)
        with self._database.reading() as session:
            return [
                AuditEntry(r.at, r.actor, r.action, r.outcome, r.tenant_id, r.reason, r.subject, r.row_count)
                for r in session.scalars(query)
            ]

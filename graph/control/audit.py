"""The audit log: who asked for what, and whether it was released. It names keys, audiences, exports and tables, never people.

Lines of look-ups, of which there may be thousands a second, are committed in groups by a thread of their own, some
`GROUP_SECONDS` after they were added; every other line is committed before `append` comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from threading import Event, Lock, Thread

from sqlalchemy import insert, select

from graph.control.engine import Database
from graph.control.models import AuditRow
from graph.errors import TesseraError

__all__ = ["GROUP_SECONDS", "AuditEntry", "AuditLog"]

GROUP_SECONDS = 0.25
"""Threat: a line that was not written when the process was killed. Unit: seconds a line of a look-up may wait. Default 0.25;
every group is a commit, after which caches of this store are read again."""
_MOST_WAITING = 10_000
"""Lines in memory, about 500 bytes each; more are committed by those who add them."""


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
    """Adds lines and reads them back; there is no way to change or delete one. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[AuditEntry] = []
        self._failing = False
        self._lock = Lock()  # over the two above
        self._committing = Lock()
        self._due = Event()
        self._closing = Event()
        self._thread: Thread | None = None

    def append(self, entry: AuditEntry) -> None:
        """Add one line. It survives the end of the process; of the last second before a power failure lines may be lost."""
        self.flush()  # lines stay in their order
        self._commit([entry])

    def append_soon(self, entry: AuditEntry) -> None:
        """Add one line with the next group, after `GROUP_SECONDS` or so: `kill -9` may lose what waits. As long as a group
        cannot be written, or too many lines wait, the line is committed at once, so that nothing goes on unaudited."""
        with self._lock:
            if not self._failing and len(self._waiting) < _MOST_WAITING and not self._closing.is_set():
                self._waiting.append(entry)
                if self._thread is None:
                    self._thread = Thread(target=self._commit_groups, name="audit", daemon=True)
                    self._thread.start()
                self._due.set()
                return
        self.append(entry)

    def takes_soon(self) -> bool:
        """Whether `append_soon` would come back at once."""
        return not self._failing and len(self._waiting) < _MOST_WAITING and not self._closing.is_set()

    def flush(self) -> None:
        """Commit what waits. Raises as `append`; the lines wait on then."""
        with self._committing:
            with self._lock:
                group, self._waiting = self._waiting, []
            if not group:
                return
            try:
                self._commit(group)
            except BaseException:
                with self._lock:
                    self._waiting = group + self._waiting
                    self._failing = True
                raise
            self._failing = False

    def close(self) -> None:
        """Commit what waits and end the thread. May be called twice."""
        self._closing.set()
        self._due.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def latest(self, limit: int = 100, *, tenant_id: str | None = None) -> list[AuditEntry]:
        """The newest lines, newest first."""
        self.flush()
        query = select(AuditRow).order_by(AuditRow.seq.desc()).limit(limit)
        if tenant_id is not None:
            query = query.where(AuditRow.tenant_id == tenant_id)
        with self._database.reading() as session:
            return [
                AuditEntry(r.at, r.actor, r.action, r.outcome, r.tenant_id, r.reason, r.subject, r.row_count)
                for r in session.scalars(query)
            ]

    def _commit(self, group: Sequence[AuditEntry]) -> None:
        with self._database.writing(flushed=False) as session:
            session.execute(insert(AuditRow), [asdict(entry) for entry in group])

    def _commit_groups(self) -> None:
        while not self._closing.is_set():
            self._due.wait()
            self._closing.wait(GROUP_SECONDS)
            self._due.clear()
            try:
                self.flush()
            except TesseraError:
                self._due.set()  # tried again; until then those who add lines get the error

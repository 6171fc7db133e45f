"""The consent log: every consent record that did not come with the input tables. Rows are only added; the newest by its own
time is in force, which `graph.privacy.consent` works out together with the lake's records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from graph.control.engine import Database
from graph.control.models import ConsentRow
from graph.errors import InputError

__all__ = ["ConsentLog", "ConsentRecord"]


@dataclass(frozen=True)
class ConsentRecord:
    """What a subject said, and when. `purposes` are TCF numbers: None says nothing, empty refuses everything."""

    subject_kind: str
    subject_id: str
    at: datetime
    purposes: tuple[int, ...] | None = None
    tc_string: str | None = None
    gpp_string: str | None = None
    gpc: bool | None = None
    source: str = "api"
    seq: int = 0


class ConsentLog:
    """Adds records and reads them back in the order in which they came."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last = (0, 0, False)  # version of the database, newest number, whether it was read

    def append(self, records: Sequence[ConsentRecord], *, now: datetime) -> int:
        """Add records, all or none; gives the sequence number of the last. Raises InputError for a subject kind that is neither
        device nor account, for an empty id, for a time without zone."""
        for record in records:
            if record.subject_kind not in ("device", "account") or not record.subject_id:
                raise InputError("a consent record needs a subject kind of device or account, and a subject id")
            if record.at.tzinfo is None:
                raise InputError("the time of a consent record needs its zone, such as 2026-06-01T12:00:00Z")
        with self._database.writing() as session:
            self._database.serialise(session)
            for record in records:
                session.add(
                    ConsentRow(
                        subject_kind=record.subject_kind,
                        subject_id=record.subject_id,
                        purposes=None if record.purposes is None else list(record.purposes),
                        tc_string=record.tc_string,
                        gpp_string=record.gpp_string,
                        gpc=record.gpc,
                        at=record.at,
                        source=record.source,
                        recorded_at=now,
                    )
                )
            session.flush()
            return session.scalar(select(func.max(ConsentRow.seq))) or 0

    def last(self) -> int:
        """Sequence number of the newest record of any process; 0 when there is none. Cheap enough for every request: it is read
        again only when somebody has committed something."""
        version = self._database.version()  # before the reading: what is committed between the two is read twice, not missed
        known, last, read = self._last
        if not read or known != version:
            with self._database.reading() as session:
                last = session.scalar(select(func.max(ConsentRow.seq))) or 0
            self._last = (version, last, True)
        return last

    def last_known(self) -> int | None:
        """What `last` gives, where that takes no look into the store; else None."""
        known, last, read = self._last
        return last if read and known == self._database.version() else None

    def since(self, seq: int) -> list[ConsentRecord]:
        """Records with a higher sequence number, in order."""
        with self._database.reading() as session:
            return [_record(r) for r in session.scalars(select(ConsentRow).where(ConsentRow.seq > seq).order_by(ConsentRow.seq))]

    def of(self, subject_kind: str, subject_id: str) -> list[ConsentRecord]:
        """One subject's records, in order."""
        query = (
            select(ConsentRow)
            .where(ConsentRow.subject_kind == subject_kind, ConsentRow.subject_id == subject_id)
            .order_by(ConsentRow.seq)
        )
        with self._database.reading() as session:
            return [_record(r) for r in session.scalars(query)]


def _record(row: ConsentRow) -> ConsentRecord:
    return ConsentRecord(
        row.subject_kind,
        row.subject_id,
        row.at,
        None if row.purposes is None else tuple(int(p) for p in row.purposes),
        row.tc_string,
        row.gpp_string,
        row.gpc,
        row.source,
        row.seq,
    )

"""Exports: what was released to whom, so that an equal release gives the same rows and a nearly equal one is noticed.

The people of an export are kept as sorted keyed 64-bit hashes (the key is the home's, not here): enough to compare two
releases, not enough to list anybody. Each export has a random key from which its pseudonyms follow.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from graph.control.engine import Database
from graph.control.models import ExportRow

__all__ = ["Export", "ExportRequest", "Exports"]

MemberHashes = NDArray[np.uint64]


@dataclass(frozen=True)
class ExportRequest:
    """What somebody wants released. `subject` is an audience id or the name of a subgraph, never a person;
    `content_hash` covers everything that decides the released rows."""

    tenant_id: str
    kind: str
    subject: str
    recipient: str
    purpose: int
    content_hash: str
    members: MemberHashes


@dataclass(frozen=True)
class Export:
    """A release that was allowed."""

    export_id: str
    tenant_id: str
    kind: str
    subject: str
    recipient: str
    purpose: int
    content_hash: str
    row_count: int
    pseudonym_key: bytes
    created_at: datetime


class Exports:
    """Registers releases and reads them back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, request: ExportRequest, *, minimum_difference: int, now: datetime) -> Export | int:
        """The export: an earlier equal one, or a new one when its people differ from those of each earlier export of the tenant
        by none or by at least `minimum_difference`. Otherwise the difference that was too small.

        Comparing and adding are one transaction: two requests at once cannot both slip past each other.
        """
        size = len(request.members)
        with self._database.writing() as session:
            self._database.serialise(session)
            # Sets whose sizes differ by the minimum cannot differ by less: only the others are read.
            near = session.scalars(
                select(ExportRow)
                .where(ExportRow.tenant_id == request.tenant_id)
                .where(ExportRow.row_count > size - minimum_difference, ExportRow.row_count < size + minimum_difference)
                .order_by(ExportRow.created_at, ExportRow.export_id)
            ).all()
            too_small = 0
            for row in near:
                difference = len(np.setxor1d(np.frombuffer(row.members, dtype="<u8"), request.members, assume_unique=True))
                session.expire(row, ["members"])  # a hundred lists need not be in memory together
                if difference == 0 and _same(row, request):
                    return _export(row)
                too_small = too_small or (difference if difference < minimum_difference else 0)
            if too_small:
                return too_small
            row = ExportRow(
                export_id=f"exp-{secrets.token_hex(8)}",
                tenant_id=request.tenant_id,
                kind=request.kind,
                subject=request.subject,
                recipient=request.recipient,
                purpose=request.purpose,
                content_hash=request.content_hash,
                row_count=size,
                members=request.members.astype("<u8").tobytes(),
                pseudonym_key=secrets.token_bytes(32),
                created_at=now,
            )
            session.add(row)
            return _export(row)

    def get(self, export_id: str, tenant_id: str) -> Export | None:
        """The tenant's export; None when it is absent or another tenant's."""
        with self._database.reading() as session:
            row = session.get(ExportRow, export_id)
            return _export(row) if row is not None and row.tenant_id == tenant_id else None

    def all(self, tenant_id: str | None = None) -> list[Export]:
        """Exports, oldest first."""
        query = select(ExportRow).order_by(ExportRow.created_at, ExportRow.export_id)
        if tenant_id is not None:
            query = query.where(ExportRow.tenant_id == tenant_id)
        with self._database.reading() as session:
            return [_export(row) for row in session.scalars(query)]


def _same(row: ExportRow, request: ExportRequest) -> bool:
    mine = (request.kind, request.recipient, request.purpose, request.content_hash)
    return (row.kind, row.recipient, row.purpose, row.content_hash) == mine


def _export(row: ExportRow) -> Export:
    return Export(
        row.export_id,
        row.tenant_id,
        row.kind,
        row.subject,
        row.recipient,
        row.purpose,
        row.content_hash,
        row.row_count,
        row.pseudonym_key,
        row.created_at,
    )

"""Audiences and their members. A version's members are written whole, in one transaction, before it becomes the current one;
the version before it goes then.

Members are an Arrow table: person_id, and optionally score (null for rule audiences); the order of rows is the rank.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import delete, insert, select

from graph.control.engine import Database
from graph.control.models import AudienceMemberRow, AudienceRow
from graph.errors import InputError

__all__ = ["MEMBERS", "Audience", "AudienceKind", "Audiences"]

MEMBERS = pa.schema([("person_id", pa.string()), ("rank", pa.int64()), ("score", pa.float64())])
"""What `members` gives: rank counts from 1."""

_CHUNK = 50_000


class AudienceKind(StrEnum):
    """How an audience is made."""

    RULE = "rule"
    LOOKALIKE = "lookalike"


@dataclass(frozen=True)
class Audience:
    """An audience without its members. Version 0 has none yet."""

    audience_id: str
    tenant_id: str
    name: str
    kind: AudienceKind
    definition: Mapping[str, Any]
    version: int
    size: int
    created_at: datetime
    updated_at: datetime


class Audiences:
    """Makes, lists, fills and deletes audiences. Everything with a `tenant_id` sees that tenant's audiences only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, tenant_id: str, name: str, kind: AudienceKind, definition: Mapping[str, Any], *, now: datetime) -> Audience:
        """A new, empty audience of an existing tenant. `definition` is any JSON object; tags and seed audiences that it
        names as strings are found in it by the privacy gate, wherever they stand."""
        with self._database.writing() as session:
            row = AudienceRow(
                audience_id=f"aud-{secrets.token_hex(8)}",
                tenant_id=tenant_id,
                name=name,
                kind=AudienceKind(kind).value,
                definition=dict(definition),
                version=0,
                size=0,
                created_at=now,
                updated_at=now,
            )
            session.add(row)
            return _audience(row)

    def get(self, audience_id: str, tenant_id: str) -> Audience | None:
        """The tenant's audience; None when it is absent or another tenant's."""
        with self._database.reading() as session:
            row = session.get(AudienceRow, audience_id)
            return _audience(row) if row is not None and row.tenant_id == tenant_id else None

    def all(self, tenant_id: str | None = None) -> list[Audience]:
        """Audiences of a tenant, or of everybody (for projections and operators), oldest first."""
        query = select(AudienceRow).order_by(AudienceRow.created_at, AudienceRow.audience_id)
        if tenant_id is not None:
            query = query.where(AudienceRow.tenant_id == tenant_id)
        with self._database.reading() as session:
            return [_audience(row) for row in session.scalars(query)]

    def fill(self, audience_id: str, members: pa.Table, *, now: datetime) -> Audience:
        """Make `members` the audience's next version. Raises InputError for an unknown audience, a null or repeated person."""
        people = members["person_id"].combine_chunks()
        if people.null_count or pc.count_distinct(people).as_py() != len(people):
            raise InputError(f"audience {audience_id}: a member is null or given twice; give each person once")
        with self._database.writing() as session:
            row = session.get(AudienceRow, audience_id)
            if row is None:
                raise InputError(f"no audience {audience_id}; list them with `tessera audience list`")
            version = row.version + 1
            connection = session.connection()
            for chunk in _rows(audience_id, version, members):
                connection.execute(insert(AudienceMemberRow), chunk)
            session.execute(
                delete(AudienceMemberRow).where(AudienceMemberRow.audience_id == audience_id, AudienceMemberRow.version < version)
            )
            row.version, row.size, row.updated_at = version, len(people), now
            return _audience(row)

    def members(self, audience_id: str, *, offset: int = 0, limit: int | None = None) -> pa.Table:
        """Members of the current version in rank order, after `MEMBERS`; empty for an audience that is unknown or has none."""
        query = (
            select(AudienceMemberRow.person_id, AudienceMemberRow.rank, AudienceMemberRow.score)
            .join(AudienceRow, AudienceRow.audience_id == AudienceMemberRow.audience_id)
            .where(AudienceMemberRow.audience_id == audience_id, AudienceMemberRow.version == AudienceRow.version)
            .where(AudienceMemberRow.rank > offset)
            .order_by(AudienceMemberRow.rank)
            .limit(limit)
        )
        with self._database.reading() as session:
            rows = session.connection().execute(query).all()
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        return pa.table([pa.array(c, f.type) for c, f in zip(columns, MEMBERS, strict=True)], schema=MEMBERS)

    def of_person(self, person_id: str) -> list[str]:
        """Ids of the audiences that a person is in."""
        query = select(AudienceMemberRow.audience_id).where(AudienceMemberRow.person_id == person_id).distinct()
        with self._database.reading() as session:
            return sorted(session.scalars(query))

    def delete(self, audience_id: str, tenant_id: str) -> bool:
        """Delete the tenant's audience with its members; False when there is none."""
        with self._database.writing() as session:
            row = session.get(AudienceRow, audience_id)
            if row is None or row.tenant_id != tenant_id:
                return False
            session.execute(delete(AudienceMemberRow).where(AudienceMemberRow.audience_id == audience_id))
            session.delete(row)
            return True


def _rows(audience_id: str, version: int, members: pa.Table) -> Iterator[list[dict[str, Any]]]:
    scored = "score" in members.column_names
    for start in range(0, members.num_rows, _CHUNK):
        part = members.slice(start, _CHUNK)
        scores = part["score"].to_pylist() if scored else [None] * part.num_rows
        yield [
            {"audience_id": audience_id, "version": version, "rank": start + i, "person_id": person, "score": score}
            for i, (person, score) in enumerate(zip(part["person_id"].to_pylist(), scores, strict=True), start=1)
        ]


def _audience(row: AudienceRow) -> Audience:
    return Audience(
        row.audience_id,
        row.tenant_id,
        row.name,
        AudienceKind(row.kind),
        row.definition,
        row.version,
        row.size,
        row.created_at,
        row.updated_at,
    )

"""Audiences and their members. A version's members are written whole, in one transaction, before it becomes the current one;
the version before it goes then.

Members are an Arrow table: person_id, and optionally score (null for rule audiences); the order of rows is the rank.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Select, delete, select

from graph.audiences import AUDIENCES, MEMBER_OF
from graph.audiences import Audiences as Tables
from graph.control.engine import Database
from graph.control.models import AudienceChunkRow, AudienceRow
from graph.errors import InputError

__all__ = ["AUDIENCE_PREFIX", "MEMBERS", "Audience", "AudienceKind", "Audiences"]

MEMBERS = pa.schema([("person_id", pa.string()), ("rank", pa.int64()), ("score", pa.float64())])
"""What `members` gives: rank counts from 1."""

AUDIENCE_PREFIX = "aud-"
"""How every audience's id begins."""

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
                audience_id=f"{AUDIENCE_PREFIX}{secrets.token_hex(8)}",
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
            self._database.serialise(session)
            row = session.get(AudienceRow, audience_id)
            if row is None:
                raise InputError(f"no audience {audience_id}; list them with `tessera audience list`")
            version = row.version + 1
            for start in range(0, len(people), _CHUNK):
                session.add(_chunk(audience_id, version, start, members.slice(start, _CHUNK)))
                session.flush()
            session.execute(
                delete(AudienceChunkRow).where(AudienceChunkRow.audience_id == audience_id, AudienceChunkRow.version < version)
            )
            row.version, row.size, row.updated_at = version, len(people), now
            return _audience(row)

    def members(self, audience_id: str, *, offset: int = 0, limit: int | None = None) -> pa.Table:
        """Members of the current version in rank order, after `MEMBERS`; empty for an audience that is unknown or has none."""
        last = None if limit is None else offset + limit
        query = _current().where(AudienceChunkRow.audience_id == audience_id, AudienceChunkRow.last_rank > offset)
        if last is not None:
            query = query.where(AudienceChunkRow.first_rank <= last)
        with self._database.reading() as session:
            chunks = [_members(row) for row in session.scalars(query)]
        table = pa.concat_tables([MEMBERS.empty_table(), *chunks])
        before = offset - int(chunks[0]["rank"][0].as_py()) + 1 if chunks else 0
        return table.slice(max(before, 0), limit)

    def tables(self) -> Tables:
        """Every audience that has been filled, of all tenants, with its members: what the identity graph shows."""
        filled = (
            select(AudienceRow.audience_id, AudienceRow.name, AudienceRow.kind, AudienceRow.size, AudienceRow.version)
            .where(AudienceRow.version > 0)
            .order_by(AudienceRow.audience_id)
        )
        with self._database.reading() as session:
            audiences = [dict(row) for row in session.execute(filled).mappings()]
            member_of = [
                pa.table({"person_id": part["person_id"], "audience_id": pa.repeat(audience_id, part.num_rows)})
                for audience_id, part in ((row.audience_id, _members(row)) for row in session.scalars(_current()))
            ]
        return Tables(pa.Table.from_pylist(audiences, schema=AUDIENCES), pa.concat_tables([MEMBER_OF.empty_table(), *member_of]))

    def of_person(self, person_id: str) -> list[str]:
        """Ids of the audiences that a person is in. Reads the members of all."""
        with self._database.reading() as session:
            found = {
                row.audience_id
                for row in session.scalars(_current())
                if pc.any(pc.equal(_members(row)["person_id"], person_id)).as_py()
            }
        return sorted(found)

    def delete(self, audience_id: str, tenant_id: str) -> bool:
        """Delete the tenant's audience with its members; False when there is none."""
        with self._database.writing() as session:
            row = session.get(AudienceRow, audience_id)
            if row is None or row.tenant_id != tenant_id:
                return False
            session.execute(delete(AudienceChunkRow).where(AudienceChunkRow.audience_id == audience_id))
            session.delete(row)
            return True


def _current() -> Select[AudienceChunkRow]:
    """Chunks of the current versions, in the order of audience and rank."""
    return (
        select(AudienceChunkRow)
        .join(AudienceRow, AudienceRow.audience_id == AudienceChunkRow.audience_id)
        .where(AudienceChunkRow.version == AudienceRow.version)
        .order_by(AudienceChunkRow.audience_id, AudienceChunkRow.first_rank)
        .execution_options(yield_per=1)
    )


def _chunk(audience_id: str, version: int, start: int, part: pa.Table) -> AudienceChunkRow:
    scores = part["score"].cast(pa.float64()) if "score" in part.column_names else pa.nulls(part.num_rows, pa.float64())
    table = pa.table({"person_id": part["person_id"].cast(pa.string()), "score": scores})
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return AudienceChunkRow(
        audience_id=audience_id,
        version=version,
        first_rank=start + 1,
        last_rank=start + part.num_rows,
        members=out.getvalue().to_pybytes(),
    )


def _members(row: AudienceChunkRow) -> pa.Table:
    table = pa.ipc.open_stream(row.members).read_all()
    ranks = np.arange(row.first_rank, row.last_rank + 1, dtype=np.int64)
    return pa.table([table["person_id"], pa.array(ranks), table["score"]], schema=MEMBERS)


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

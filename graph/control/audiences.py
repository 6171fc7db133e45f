"""Audiences, their versions and their definitions. Each filling is a version: its members are written whole, in the transaction
that makes it the current one, sets when the next is due and, where the definition changes, writes that.

Members are an Arrow table: person_id, and optionally score (null for rule audiences); the order of rows is the rank. Those of the
last `KEPT_VERSIONS` versions are kept, of older ones the counts.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, aliased

from graph.audiences import AUDIENCES, MEMBER_OF
from graph.audiences import Audiences as Tables
from graph.control.audience_members import MEMBERS, as_seeds, chunks_of, current_chunks, members_of, seeds_as_bytes, write_members
from graph.control.engine import Database
from graph.control.models import AudienceChunkRow, AudienceDefinitionRow, AudienceRow, AudienceVersionRow
from graph.control.references import AUDIENCE_PREFIX, audiences_in, cycle_through
from graph.errors import AudienceChanged, AudienceCycle, InputError, UnknownAudience

__all__ = ["KEPT_VERSIONS", "Audience", "AudienceKind", "AudienceVersion", "Audiences", "Definition"]

KEPT_VERSIONS = 10
"""Members of so many versions of an audience are kept."""


class AudienceKind(StrEnum):
    """How an audience is made."""

    RULE = "rule"
    LOOKALIKE = "lookalike"


@dataclass(frozen=True)
class Definition:
    """What makes an audience. `definition` is any JSON object; tags and audiences that it names as strings are found in it by the
    privacy gate, wherever they stand. `seeds` are listed ones, kind and id (`SEEDS`); `refresh_every` is how often it is filled
    again by itself, None for never."""

    name: str
    kind: AudienceKind
    definition: Mapping[str, Any]
    seeds: pa.Table | None = None
    refresh_every: timedelta | None = None


@dataclass(frozen=True)
class Audience:
    """An audience without its members. Version 0 has none yet. `published` is the version that the graph store is known to hold;
    `refresh_problem` says why the last filling by itself came to nothing."""

    audience_id: str
    tenant_id: str
    name: str
    kind: AudienceKind
    definition: Mapping[str, Any]
    version: int
    size: int
    created_at: datetime
    updated_at: datetime
    definition_number: int = 1
    published: int | None = None
    refresh_every: timedelta | None = None
    refresh_at: datetime | None = None
    refresh_problem: str | None = None


@dataclass(frozen=True)
class AudienceVersion:
    """One filling by `definition`. `added` and `removed` count people against the version before, which was made by
    `definition_before`; None where that is not known."""

    version: int
    at: datetime
    size: int
    added: int | None
    removed: int | None
    definition: Mapping[str, Any]
    definition_before: Mapping[str, Any] | None


class Audiences:
    """Makes, lists, fills and deletes audiences. Everything with a `tenant_id` sees that tenant's audiences only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        tenant_id: str,
        name: str,
        kind: AudienceKind,
        definition: Mapping[str, Any],
        *,
        now: datetime,
        seeds: pa.Table | None = None,
        refresh_every: timedelta | None = None,
    ) -> Audience:
        """A new, empty audience of an existing tenant; what it is made of as in `Definition`."""
        audience_id = f"{AUDIENCE_PREFIX}{secrets.token_hex(8)}"
        with self._database.writing() as session:
            row = AudienceRow(
                audience_id=audience_id, tenant_id=tenant_id, version=0, size=0, created_at=now, definition_number=0
            )
            _define(session, row, Definition(name, AudienceKind(kind), definition, seeds, refresh_every), now)
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

    def due(self, now: datetime) -> list[Audience]:
        """Audiences of all tenants whose time to be filled again has come; those longest due first."""
        query = select(AudienceRow).where(AudienceRow.refresh_at <= now).order_by(AudienceRow.refresh_at, AudienceRow.audience_id)
        with self._database.reading() as session:
            return [_audience(row) for row in session.scalars(query)]

    def unpublished(self) -> list[Audience]:
        """Filled audiences of all tenants that the graph store may hold an earlier version of."""
        behind = (AudienceRow.published.is_(None)) | (AudienceRow.published != AudienceRow.version)
        query = select(AudienceRow).where(AudienceRow.version > 0, behind).order_by(AudienceRow.audience_id)
        with self._database.reading() as session:
            return [_audience(row) for row in session.scalars(query)]

    def seeds(self, audience_id: str) -> pa.Table | None:
        """Listed seeds of the current definition, after `SEEDS`; None where it lists none."""
        query = (
            select(AudienceDefinitionRow.seeds)
            .join(AudienceRow, AudienceRow.audience_id == AudienceDefinitionRow.audience_id)
            .where(AudienceRow.audience_id == audience_id, AudienceDefinitionRow.number == AudienceRow.definition_number)
        )
        with self._database.reading() as session:
            kept = session.scalar(query)
        return None if kept is None else as_seeds(kept)

    def definitions(self, audience_id: str, tenant_id: str) -> list[Mapping[str, Any]]:
        """Every definition that the tenant's audience has had; empty when it is absent or another tenant's."""
        query = (
            select(AudienceDefinitionRow.definition)
            .join(AudienceRow, AudienceRow.audience_id == AudienceDefinitionRow.audience_id)
            .where(AudienceRow.audience_id == audience_id, AudienceRow.tenant_id == tenant_id)
            .order_by(AudienceDefinitionRow.number)
        )
        with self._database.reading() as session:
            return list(session.scalars(query))

    def fill(
        self,
        audience_id: str,
        members: pa.Table,
        *,
        now: datetime,
        chosen_by: Audience | None = None,
        definition: Definition | None = None,
    ) -> Audience:
        """Make `members` the audience's next version, and the next filling due as often as it is wanted.

        `chosen_by` is the audience as it was when the members were chosen, `definition` a new one that takes the place of the one
        before. Raises UnknownAudience; InputError for a null or repeated person; AudienceChanged where the audience has got
        another definition than `chosen_by` has; AudienceCycle where the new definition leads back to the audience itself.
        """
        people = members["person_id"].combine_chunks()
        if people.null_count or pc.count_distinct(people).as_py() != len(people):
            raise InputError(f"audience {audience_id}: a member is null or given twice; give each person once")
        with self._database.writing() as session:
            self._database.serialise(session)
            row = session.get(AudienceRow, audience_id)
            if row is None:
                raise UnknownAudience(audience_id)
            if chosen_by is not None and chosen_by.definition_number != row.definition_number:
                raise AudienceChanged(audience_id)
            if definition is not None:
                _refuse_cycle(session, row, definition.definition)
                _define(session, row, definition, now)
            before = [part["person_id"] for _, part in members_of(session, chunks_of(audience_id, row.version))]
            known = pa.chunked_array(before, pa.string()).combine_chunks()
            kept = pc.sum(pc.is_in(people.cast(pa.string()), value_set=known)).as_py() or 0
            row.version += 1
            row.size, row.updated_at, row.refresh_problem = len(people), now, None
            row.refresh_at = None if row.refresh_seconds is None else now + timedelta(seconds=row.refresh_seconds)
            write_members(session, audience_id, row.version, members)
            session.add(
                AudienceVersionRow(
                    audience_id=audience_id,
                    version=row.version,
                    definition_number=row.definition_number,
                    at=now,
                    size=len(people),
                    added=len(people) - kept,
                    removed=len(known) - kept,
                )
            )
            old = AudienceChunkRow.version <= row.version - KEPT_VERSIONS
            session.execute(delete(AudienceChunkRow).where(AudienceChunkRow.audience_id == audience_id, old))
            return _audience(row)

    def postpone(self, audience_id: str, problem: str, *, now: datetime) -> None:
        """A filling came to nothing: the members stay, and the next is due as if it had. `problem` is a line without personal
        data."""
        with self._database.writing() as session:
            row = session.get(AudienceRow, audience_id)
            if row is not None and row.refresh_seconds is not None:
                row.refresh_at, row.refresh_problem = now + timedelta(seconds=row.refresh_seconds), problem

    def set_published(self, audience_id: str, version: int) -> None:
        """The graph store holds this version."""
        with self._database.writing(flushed=False) as session:
            session.execute(update(AudienceRow).where(AudienceRow.audience_id == audience_id).values(published=version))

    def versions(self, audience_id: str, *, before: int | None = None, limit: int | None = None) -> list[AudienceVersion]:
        """Fillings of an audience, the newest first; `before` is a version of which only earlier ones are wanted."""
        own, earlier, its = AudienceDefinitionRow, aliased(AudienceVersionRow), aliased(AudienceDefinitionRow)
        row = AudienceVersionRow
        query = (
            select(row, own.definition, its.definition)
            .join(own, (own.audience_id == row.audience_id) & (own.number == row.definition_number))
            .outerjoin(earlier, (earlier.audience_id == row.audience_id) & (earlier.version == row.version - 1))
            .outerjoin(its, (its.audience_id == row.audience_id) & (its.number == earlier.definition_number))
            .where(row.audience_id == audience_id)
            .order_by(row.version.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(row.version < before)
        with self._database.reading() as session:
            return [
                AudienceVersion(found.version, found.at, found.size, found.added, found.removed, definition, other)
                for found, definition, other in session.execute(query)
            ]

    def members(self, audience_id: str, *, offset: int = 0, limit: int | None = None, version: int | None = None) -> pa.Table:
        """Members of a version (the current one by default) in rank order, after `MEMBERS`; empty for an audience that is unknown
        or has none, and for a version whose members are not kept any more."""
        last = None if limit is None else offset + limit
        query = chunks_of(audience_id, version).where(AudienceChunkRow.last_rank > offset)
        if last is not None:
            query = query.where(AudienceChunkRow.first_rank <= last)
        with self._database.reading() as session:
            chunks = [part for _, part in members_of(session, query)]
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
                for audience_id, part in members_of(session, current_chunks())
            ]
        return Tables(pa.Table.from_pylist(audiences, schema=AUDIENCES), pa.concat_tables([MEMBER_OF.empty_table(), *member_of]))

    def of_person(self, person_id: str) -> list[str]:
        """Ids of the audiences that a person is in. Reads the members of all."""
        with self._database.reading() as session:
            found = {
                audience_id
                for audience_id, part in members_of(session, current_chunks())
                if pc.any(pc.equal(part["person_id"], person_id)).as_py()
            }
        return sorted(found)

    def delete(self, audience_id: str, tenant_id: str) -> bool:
        """Delete the tenant's audience with its versions and members; False when there is none."""
        with self._database.writing() as session:
            row = session.get(AudienceRow, audience_id)
            if row is None or row.tenant_id != tenant_id:
                return False
            for table in (AudienceChunkRow, AudienceVersionRow, AudienceDefinitionRow):
                session.execute(delete(table).where(table.audience_id == audience_id))
            session.delete(row)
            return True


def _define(session: Session, row: AudienceRow, definition: Definition, now: datetime) -> None:
    """Give the audience a definition, the next by number."""
    row.name, row.kind, row.definition = definition.name, definition.kind.value, dict(definition.definition)
    row.definition_number += 1
    row.updated_at, row.refresh_problem = now, None
    every = definition.refresh_every
    row.refresh_seconds = None if every is None else int(every.total_seconds())
    row.refresh_at = None if every is None else now + every
    session.add(row)
    session.flush()
    listed = definition.seeds
    session.add(
        AudienceDefinitionRow(
            audience_id=row.audience_id,
            number=row.definition_number,
            kind=row.kind,
            definition=row.definition,
            seeds=None if listed is None else seeds_as_bytes(listed["kind"], listed["id"]),
            at=now,
        )
    )


def _refuse_cycle(session: Session, row: AudienceRow, definition: Mapping[str, Any]) -> None:
    """In the transaction that writes the definition, so that two at once cannot close a cycle between them."""

    def named_by(audience_id: str) -> Sequence[str]:
        other = session.get(AudienceRow, audience_id)
        return [] if other is None or other.tenant_id != row.tenant_id else audiences_in(other.definition)

    if (cycle := cycle_through(row.audience_id, audiences_in(definition), named_by)) is not None:
        raise AudienceCycle(cycle)


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
        row.definition_number,
        row.published,
        None if row.refresh_seconds is None else timedelta(seconds=row.refresh_seconds),
        row.refresh_at,
        row.refresh_problem,
    )

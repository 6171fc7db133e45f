"""Tables of the control store: SQLAlchemy declarative classes, one per thing kept. Nothing outside graph.control sees them.

Times are aware UTC on both sides; SQLite stores them without a zone, so the type decorator puts it back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

__all__ = [
    "SCHEMA_VERSION",
    "ApiKeyRow",
    "AudienceChunkRow",
    "AudienceDefinitionRow",
    "AudienceRow",
    "AudienceVersionRow",
    "AuditRow",
    "Base",
    "ConsentRow",
    "ExportRow",
    "IdempotencyRow",
    "LeaseRow",
    "QuotaRow",
    "QuotaUseRow",
    "SchemaVersionRow",
    "TenantRow",
    "UtcDateTime",
]

SCHEMA_VERSION = 2
"""Raised by one with every change of these tables; a store of a newer version is refused, one of an older version is migrated
(`graph.control.migrations`): new columns are therefore nullable or have a default of the database."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC. A naive one is a mistake of the caller and raises ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: UTC, without a zone where the database has no type for it."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time of the control store must carry its zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database: aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of the control store's tables."""

    type_annotation_map = {datetime: UtcDateTime, str: Text, bytes: LargeBinary, dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012


class SchemaVersionRow(Base):
    """One row: the version of the tables."""

    __tablename__ = "schema_version"
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class TenantRow(Base):
    """Who owns keys, audiences and exports."""

    __tablename__ = "tenants"
    tenant_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]


class ApiKeyRow(Base):
    """An API key: its hash, never the key."""

    __tablename__ = "api_keys"
    key_id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), index=True)
    name: Mapped[str]
    hash: Mapped[str]
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class AudienceRow(Base):
    """An audience: what defines it now, which version of its members is the current one (0: never computed), which one the graph
    store holds (null: unknown), and when it is due again. `definition` is that of `definition_number`, without seeds."""

    __tablename__ = "audiences"
    audience_id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), index=True)
    name: Mapped[str]
    kind: Mapped[str]
    definition: Mapped[dict[str, Any]]
    version: Mapped[int]
    size: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    definition_number: Mapped[int] = mapped_column(server_default="1")
    published: Mapped[int | None]
    refresh_seconds: Mapped[int | None]
    refresh_at: Mapped[datetime | None]
    refresh_problem: Mapped[str | None]


class AudienceDefinitionRow(Base):
    """One definition that an audience has had, the first with number 1. `seeds` are the listed ones, kind and id, as an Arrow IPC
    stream: a million of them would make every listing of audiences slow if they stood in the JSON."""

    __tablename__ = "audience_definitions"
    audience_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    definition: Mapped[dict[str, Any]]
    seeds: Mapped[bytes | None] = mapped_column(deferred=True)
    at: Mapped[datetime]
    __table_args__ = (ForeignKeyConstraint(["audience_id"], ["audiences.audience_id"], ondelete="CASCADE"),)


class AudienceVersionRow(Base):
    """One filling of an audience: by which definition, when, how many people, how many more and fewer than the version before
    (null: not known, for versions that were made before this was kept). Kept for good; the members only of the last few."""

    __tablename__ = "audience_versions"
    audience_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    definition_number: Mapped[int]
    at: Mapped[datetime]
    size: Mapped[int]
    added: Mapped[int | None]
    removed: Mapped[int | None]
    __table_args__ = (ForeignKeyConstraint(["audience_id"], ["audiences.audience_id"], ondelete="CASCADE"),)


class AudienceChunkRow(Base):
    """A run of members of one version of an audience, as an Arrow IPC stream. A row for each member would be forty times
    slower to write and to read; whose audiences a person is in is a rare question, and scans."""

    __tablename__ = "audience_chunks"
    audience_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_rank: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_rank: Mapped[int]
    members: Mapped[bytes]
    __table_args__ = (ForeignKeyConstraint(["audience_id"], ["audiences.audience_id"], ondelete="CASCADE"),)


class LeaseRow(Base):
    """Who may do a piece of background work, and until when others keep off it."""

    __tablename__ = "leases"
    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    until: Mapped[datetime]


class ConsentRow(Base):
    """One consent record that came through the API or the command line. Only ever added; `seq` grows."""

    __tablename__ = "consent_log"
    seq: Mapped[int] = mapped_column(primary_key=True)
    subject_kind: Mapped[str]
    subject_id: Mapped[str]
    purposes: Mapped[list[Any] | None]
    tc_string: Mapped[str | None]
    gpp_string: Mapped[str | None]
    gpc: Mapped[bool | None]
    at: Mapped[datetime]
    source: Mapped[str]
    recorded_at: Mapped[datetime]
    __table_args__ = (Index("consent_log_by_subject", "subject_kind", "subject_id"), {"sqlite_autoincrement": True})


class ExportRow(Base):
    """One release of rows about people: what it was, and what later ones are compared with.

    `members` are sorted keyed 64-bit hashes of the people, little endian; `pseudonym_key` gives the same pseudonyms again.
    """

    __tablename__ = "exports"
    export_id: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"))
    kind: Mapped[str]
    subject: Mapped[str]
    recipient: Mapped[str]
    purpose: Mapped[int]
    content_hash: Mapped[str]
    row_count: Mapped[int]
    members: Mapped[bytes] = mapped_column(deferred=True)
    pseudonym_key: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[datetime]
    __table_args__ = (Index("exports_by_tenant", "tenant_id", "row_count"),)


class AuditRow(Base):
    """Who did what, and what came of it. No identifier of a person has a column to stand in."""

    __tablename__ = "audit_log"
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str]
    tenant_id: Mapped[str | None]
    action: Mapped[str]
    outcome: Mapped[str]
    reason: Mapped[str | None]
    subject: Mapped[str | None]
    row_count: Mapped[int | None]
    __table_args__ = ({"sqlite_autoincrement": True},)


class QuotaRow(Base):
    """How much a key may do in a day of UTC; null for as much as it likes."""

    __tablename__ = "key_quotas"
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.key_id"), primary_key=True)
    requests_per_day: Mapped[int | None]
    rows_per_day: Mapped[int | None]


class QuotaUseRow(Base):
    """How much a key has done in a day of UTC, `YYYY-MM-DD`."""

    __tablename__ = "key_quota_use"
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.key_id"), primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[int]
    rows: Mapped[int]


class IdempotencyRow(Base):
    """What came of a request that its client named: claimed by `holder` until `leased_until`, or answered, which has a status."""

    __tablename__ = "idempotency"
    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.tenant_id"), primary_key=True)
    name_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    holder: Mapped[str]
    leased_until: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[bytes | None]

"""Tenants: who owns keys, audiences, exports and budgets. The identity graph itself is shared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from graph.control.engine import Database
from graph.control.models import TenantRow
from graph.errors import SettingsError

__all__ = ["Tenant", "Tenants"]

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True)
class Tenant:
    """One tenant."""

    tenant_id: str
    name: str
    created_at: datetime


class Tenants:
    """Makes and lists tenants."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure(self, tenant_id: str, *, now: datetime, name: str | None = None) -> Tenant:
        """The tenant of this id, made when it is new. Raises SettingsError for an id that is no short lower-case word."""
        if not _ID.fullmatch(tenant_id):
            raise SettingsError(f"tenant id {tenant_id!r} is not usable; take lower-case letters, digits and hyphens, at most 63")
        with self._database.writing() as session:
            self._database.serialise(session)
            row = session.get(TenantRow, tenant_id)
            if row is None:
                row = TenantRow(tenant_id=tenant_id, name=name or tenant_id, created_at=now)
                session.add(row)
            return _tenant(row)

    def get(self, tenant_id: str) -> Tenant | None:
        """The tenant, or None."""
        with self._database.reading() as session:
            row = session.get(TenantRow, tenant_id)
            return None if row is None else _tenant(row)

    def has(self, tenant_id: str) -> bool:
        """Whether there is such a tenant; any text may be asked about."""
        return _ID.fullmatch(tenant_id) is not None and self.get(tenant_id) is not None

    def all(self) -> list[Tenant]:
        """Every tenant, by id."""
        with self._database.reading() as session:
            return [_tenant(row) for row in session.scalars(select(TenantRow).order_by(TenantRow.tenant_id))]


def _tenant(row: TenantRow) -> Tenant:
    return Tenant(row.tenant_id, row.name, row.created_at)

"""The control store: what people decided, as against what the input says. SQLite in the home, or PostgreSQL by URL.

In: a URL. Out: one `Control` with a small repository for each thing kept. Clocks are arguments everywhere.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy.engine import URL

from graph.control.audiences import Audiences
from graph.control.audit import AuditLog
from graph.control.consents import ConsentLog
from graph.control.engine import Database
from graph.control.exports import Exports
from graph.control.idempotency import NamedRequests
from graph.control.keys import ApiKeys
from graph.control.leases import Leases
from graph.control.quotas import Quotas
from graph.control.tenants import Tenants
from graph.home import Home

__all__ = ["Control", "sqlite_url"]


def sqlite_url(folder: Path) -> str:
    """URL of the default store: `control.sqlite` in the home's control folder."""
    return URL.create("sqlite", database=str(folder / "control.sqlite")).render_as_string(hide_password=False)


class Control:
    """The control store, open for the life of the process; safe to share between threads."""

    def __init__(self, url: str) -> None:
        """Open, making the tables when there are none.

        Raises SettingsError for a URL that cannot be used, HomeNotWritable, HomeError for a newer store, ControlUnavailable,
        MissingExtra where PostgreSQL's driver is not installed.
        """
        self._database = Database(url)
        self.tenants = Tenants(self._database)
        self.keys = ApiKeys(self._database)
        self.quotas = Quotas(self._database)
        self.named_requests = NamedRequests(self._database)
        self.audiences = Audiences(self._database)
        self.consents = ConsentLog(self._database)
        self.exports = Exports(self._database)
        self.leases = Leases(self._database)
        self.audit = AuditLog(self._database)

    @classmethod
    def open(cls, home: Home, url: str | None = None) -> Self:
        """The store of a home: at `url`, else its own SQLite file."""
        return cls(url or sqlite_url(home.control))

    @property
    def address(self) -> str:
        """Where it is, without user and password."""
        return self._database.address

    def close(self) -> None:
        """Close all connections. May be called twice."""
        self.audit.close()
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

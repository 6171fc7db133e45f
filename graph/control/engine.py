"""The connection to the control store: opens it, makes or checks its tables, and turns database failures into one-line errors.

SQLite runs in WAL mode with foreign keys and a busy timeout; a transaction says at its start whether it writes, since SQLite
cannot wait for a lock once a reading transaction turns into a writing one. What was read stays good as long as `version()` stays
the same.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Engine, create_engine, event, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from graph.control.migrations import migrate
from graph.control.models import SCHEMA_VERSION, Base, SchemaVersionRow
from graph.errors import HomeError, HomeNotWritable, MissingExtra, SettingsError, StoreUnavailable, TesseraError

__all__ = ["ControlUnavailable", "Database"]

_BUSY_SECONDS = 10
_LOCK = 0x7E55E7A  # any number, the same in every process that opens the store on PostgreSQL


class ControlUnavailable(StoreUnavailable):
    """The control store does not answer; worth another try. The message holds no user and no password."""

    def __init__(self, address: str, reason: str) -> None:
        self.address = address
        TesseraError.__init__(self, f"control store {address} does not answer ({reason}); start it, or check TESSERA_CONTROL_URL")


class Database:
    """One engine for the life of the process. `reading()` and `writing()` give a session in one transaction."""

    def __init__(self, url: str) -> None:
        """Open, and make the tables when there are none. Raises SettingsError, MissingExtra, HomeError, ControlUnavailable."""
        try:
            self._url: URL = make_url(url)
            if self._url.get_backend_name() not in ("sqlite", "postgresql"):
                raise SettingsError(
                    f"TESSERA_CONTROL_URL names {self._url.get_backend_name()}; use sqlite:///… or postgresql+psycopg://…"
                )
            self._engine = self._make_engine()
        except (ArgumentError, NoSuchModuleError):
            raise SettingsError("TESSERA_CONTROL_URL is no database URL; use sqlite:///… or postgresql+psycopg://…") from None
        except ModuleNotFoundError as error:
            raise MissingExtra("a control store on PostgreSQL", "postgres") from error
        self._watching = Lock()
        self._watch: sqlite3.Connection | None = None
        self._unknown = count(-1, -1)
        self._prepare()

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    def close(self) -> None:
        """Close all connections."""
        with self._watching:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        self._engine.dispose()

    def version(self) -> int:
        """A number that is another one after every commit, by whichever process: what was read after it was asked for is still
        so while it stays the same. Takes some microseconds on SQLite (`PRAGMA data_version`). PostgreSQL has nothing like it:
        there it is never the same twice, so that every question goes to the database."""
        if self.dialect != "sqlite":
            return next(self._unknown)
        with self._watching:
            try:
                if self._watch is None:  # a connection that never writes: its own commits would not count
                    self._watch = sqlite3.connect(self._file(), check_same_thread=False, isolation_level=None)
                return int(self._watch.execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.Error:
                return next(self._unknown)  # the reading that follows says what is wrong

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session on one consistent state. Raises ControlUnavailable, HomeNotWritable."""
        with self._session(writes=False) as session:
            yield session

    @contextmanager
    def writing(self, *, flushed: bool = True) -> Iterator[Session]:
        """A session that commits at the end of the block, or not at all. What is committed survives the end of the process,
        and with `flushed` that of the machine, for the price of a disk flush. Raises ControlUnavailable, HomeNotWritable."""
        with self._session(writes=True, flushed=flushed) as session:
            if not flushed and self.dialect == "postgresql":
                session.execute(text("SET LOCAL synchronous_commit TO OFF"))
            yield session

    def serialise(self, session: Session) -> None:
        """Let one writer at a time go on from here to its commit, so that it sees what those before it wrote, and so that
        sequence numbers become visible in their order. On SQLite every writing session is that from its start."""
        if self.dialect == "postgresql":
            session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})

    @contextmanager
    def _session(self, *, writes: bool, flushed: bool = True) -> Iterator[Session]:
        try:
            with (
                self._engine.connect().execution_options(tessera_writes=writes, tessera_flushed=flushed) as connection,
                Session(connection, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session
        except OperationalError as error:
            raise self._translated(error) from error
        except DBAPIError as error:
            if error.connection_invalidated or type(error) is DatabaseError:
                raise self._translated(error) from error
            raise

    def _make_engine(self) -> Engine:
        if self._url.get_backend_name() != "sqlite":
            return create_engine(self._url, pool_pre_ping=True, hide_parameters=True)
        file = self._file()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            # Made here so that nobody else can read the key hashes and pseudonym keys in it; SQLite's side files follow. Only a
            # new one is opened: closing a file drops every lock that this process holds on it, SQLite's too, and the next
            # connection to close would take itself for the last one and delete the log under the others.
            with suppress(FileExistsError):
                os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            raise HomeNotWritable(file.parent, error.strerror or str(error)) from error
        engine = create_engine(
            self._url,
            connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
            hide_parameters=True,  # parameters hold ids of people, and an error's text may be logged
        )

        @event.listens_for(engine, "connect")
        def _configure(connection: Any, _record: Any) -> None:
            connection.isolation_level = None  # the driver opens no transaction of its own: `_begin` does
            for pragma in ("journal_mode = WAL", "foreign_keys = ON"):
                connection.execute(f"PRAGMA {pragma}").close()

        @event.listens_for(engine, "begin")
        def _begin(connection: Any) -> None:
            options = connection.get_execution_options()
            if not options.get("tessera_writes"):
                connection.exec_driver_sql("BEGIN")
                return
            connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if options['tessera_flushed'] else 'NORMAL'}")
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        return engine

    def _file(self) -> Path:
        if not self._url.database or self._url.database == ":memory:":
            raise SettingsError("TESSERA_CONTROL_URL names no file; the control store must outlive the process: sqlite:////path")
        return Path(self._url.database)

    def _prepare(self) -> None:
        with self.writing() as session:
            connection = session.connection()
            self.serialise(session)  # two processes that start at once must not both make the tables
            SchemaVersionRow.metadata.tables[SchemaVersionRow.__tablename__].create(connection, checkfirst=True)
            found = session.scalar(select(SchemaVersionRow.version))
            if found is not None and found > SCHEMA_VERSION:
                raise HomeError(
                    f"the control store {self.address} has version {found}, this Tessera reads {SCHEMA_VERSION}; "
                    "use the version that made it"
                )
            Base.metadata.create_all(connection)  # tables that are new beside the others need no other version
            if found != SCHEMA_VERSION:
                if found is not None:
                    migrate(session, found)
                session.query(SchemaVersionRow).delete()
                session.add(SchemaVersionRow(version=SCHEMA_VERSION))

    @property
    def address(self) -> str:
        """Where the store is, without user and password."""
        if self._url.get_backend_name() == "sqlite":
            return str(self._url.database)
        return f"{self._url.host}:{self._url.port or 5432}/{self._url.database}"

    def _translated(self, error: DBAPIError) -> TesseraError:
        reason = str(error.orig).splitlines()[0] if str(error.orig) else type(error.orig).__name__
        if self._url.get_backend_name() == "sqlite":
            if "locked" in reason or "busy" in reason:
                return ControlUnavailable(self.address, "another process has been writing for too long")
            if not isinstance(error, OperationalError):
                return HomeError(f"{self._file()}: {reason}; restore it from a backup, or use another TESSERA_CONTROL_URL")
            return HomeNotWritable(self._file().parent, reason)
        return ControlUnavailable(self.address, type(error.orig).__name__)  # the driver's text may hold the user's name

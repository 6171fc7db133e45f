"""The embedded graph store: a Ladybug database in the home's `graph` folder, in this process.

A write makes another database file and swaps it in (see `ladybug_files`); reads look at the current one, read-only, and notice a
swap by whichever process. One store may be used by many threads at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, LifoQueue
from threading import Lock
from typing import Any, Literal

import ladybug
import psutil

import cypher
from graph.errors import ForeignGraph, HomeNotWritable, QueryError, StoreError, StoreUnavailable
from graph.progress import Progress, ignore_progress
from graph.schema import Label, Type
from graph.snapshot import Delta, Snapshot
from graph.store.conform import conform_delta, conform_snapshot
from graph.store.ladybug_files import Current, GraphFiles
from graph.store.ladybug_values import from_ladybug, missing_parameters, to_ladybug
from graph.store.ladybug_write import create_schema, write_delta, write_snapshot
from graph.store.named import named_query
from graph.store.protocol import Row

__all__ = ["LadybugStore"]

_READER_BYTES = 1 << 30
_LEAST_BYTES = 256 << 20
_OPENING_TRIES = 5
_USERS_FAULT = (
    "Parser exception",
    "Binder exception",
    "Catalog exception",
    "Conversion exception",
    "Runtime exception",
    "Overflow exception",
    "Function exception",
    "Not implemented",
    "Parameter",
    "Unable to cast",
)


@dataclass
class _Opened:
    """A database that is open for reading, and its connections that nobody uses just now."""

    current: Current | None
    database: ladybug.Database
    idle: LifoQueue[ladybug.Connection] = field(default_factory=LifoQueue)

    def close(self) -> None:
        with suppress(Empty):
            while True:
                self.idle.get_nowait().close()


class LadybugStore:
    """`GraphStore` over the folder `path`. `memory_bytes` bounds Ladybug's buffers while it writes (default: two fifths of the
    machine's memory); 3 million relationships take about 1 GB. Raises nothing until it is used."""

    dialect = "ladybug"

    def __init__(self, path: Path, *, read_only: bool = False, memory_bytes: int | None = None) -> None:
        self._files = GraphFiles(path)
        self._read_only = read_only
        self._memory_bytes = max(_LEAST_BYTES, memory_bytes or psutil.virtual_memory().total * 2 // 5)
        self._lock = Lock()
        self._opened: _Opened | None = None

    def replace(
        self,
        snapshot: Snapshot,
        *,
        progress: Progress = ignore_progress,
        replace_foreign: bool = False,
    ) -> None:
        """Make another database from the snapshot and swap it in. See `GraphStore.replace`. Raises HomeNotWritable too."""
        self._check_home(snapshot.home_id, replace_foreign=replace_foreign)
        conformed = conform_snapshot(snapshot)
        with self._writing(snapshot.home_id, copy=False) as connection:
            write_snapshot(connection, conformed, progress)

    def apply(self, delta: Delta) -> None:
        """Apply the change to a copy of the database and swap it in. See `GraphStore.apply`. Raises HomeNotWritable too."""
        self._check_home(delta.home_id, replace_foreign=False)
        conformed = conform_delta(delta)
        with self._writing(delta.home_id, copy=True) as connection:
            write_delta(connection, conformed)

    def query(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run a read statement of the catalogue. See `GraphStore.query`."""
        text, values = named_query(name, self.dialect, parameters)
        with self._reading() as connection:
            return _rows(connection, text, values)

    def execute(
        self,
        statement: str,
        parameters: Mapping[str, Any],
        *,
        mode: Literal["read", "write"] = "read",
    ) -> list[Row]:
        """Run any Cypher; a write goes to a copy that is swapped in. See `GraphStore.execute`."""
        missing = missing_parameters(statement, parameters)
        if missing:
            raise QueryError(f"the statement has parameters that were not given: {', '.join(missing)}")
        if mode == "read":
            with self._reading() as connection:
                connection.execute("BEGIN TRANSACTION READ ONLY")
                try:
                    return _rows(connection, statement, parameters)
                finally:
                    with suppress(RuntimeError):  # an error has ended the transaction already
                        connection.execute("ROLLBACK")
        self._check_writable()
        home_id = self.home_id()
        if home_id is None:
            raise StoreError("the graph is empty: write to it with `tessera run` first")
        with self._writing(home_id, copy=True) as connection:
            return _rows(connection, statement, parameters)

    def counts(self) -> dict[str, int]:
        """Nodes by label and relationships by type. See `GraphStore.counts`."""
        with self._reading() as connection:
            found = {label.value: _count(connection, "count_nodes", label=label) for label in Label}
            return found | {kind.value: _count(connection, "count_relationships", type=kind) for kind in Type}

    def home_id(self) -> str | None:
        """The home whose graph is held; None before the first write."""
        current = self._files.current()
        return None if current is None else current.home_id

    def close(self) -> None:
        """Release the file. The store opens it again if it is used again."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _check_writable(self) -> None:
        if self._read_only:
            raise StoreError(f"the graph {self._files.folder} was opened to be read only")

    def _check_home(self, home_id: str, *, replace_foreign: bool) -> None:
        self._check_writable()
        found = self.home_id()
        if found not in (None, home_id) and not replace_foreign:
            raise ForeignGraph(str(self._files.folder), str(found), home_id)

    @contextmanager
    def _writing(self, home_id: str, *, copy: bool) -> Iterator[ladybug.Connection]:
        with self._files.rewriting(home_id, copy=copy) as file:
            made = not file.exists()
            with self._translating():
                database = ladybug.Database(file, buffer_pool_size=self._memory_bytes, auto_checkpoint=False)
                connection = ladybug.Connection(database)
                try:
                    connection.execute("BEGIN TRANSACTION")
                    if made:
                        create_schema(connection)
                    yield connection
                    connection.execute("COMMIT")
                    connection.execute(cypher.load("checkpoint", self.dialect).text)
                finally:
                    connection.close()
                    database.close()

    @contextmanager
    def _reading(self) -> Iterator[ladybug.Connection]:
        """A connection to the current database that nobody else uses meanwhile."""
        opened = self._open_current()
        try:
            connection = opened.idle.get_nowait()
        except Empty:
            connection = ladybug.Connection(opened.database)
        with self._translating():
            yield connection
        if opened is self._opened:
            opened.idle.put(connection)  # after an error it is dropped instead

    def _open_current(self) -> _Opened:
        with self._lock:
            for _ in range(_OPENING_TRIES):
                current = self._files.current()
                if self._opened is not None and self._opened.current == current:
                    return self._opened
                database = _open(current)
                if database is None:  # swapped away between the look and the opening
                    continue
                if self._opened is not None:
                    self._opened.close()
                self._opened = _Opened(current, database)
                return self._opened
        raise StoreUnavailable(str(self._files.folder), "its database file cannot be opened")

    @contextmanager
    def _translating(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise self._translated(error) from error

    def _translated(self, error: RuntimeError) -> StoreError | HomeNotWritable:
        line = str(error).split("\n", 1)[0].strip()
        if "read-only" in line:
            return QueryError("the statement writes; it was run to read only")
        if line.startswith(_USERS_FAULT):
            return QueryError(line)
        if "Unable to find primary key value" in line:
            return StoreError("a relationship has an end that is no node; load the node first")
        if "duplicated primary key" in line:
            return StoreError("two rows of a node table have one key; keep one of them")
        if line.startswith("Buffer manager exception"):
            return StoreError(f"the graph needs more memory than the {self._memory_bytes >> 20} MiB that it may use")
        if line.startswith("IO exception"):
            return HomeNotWritable(self._files.folder, line.removeprefix("IO exception: "))
        return StoreError(f"the embedded graph failed: {line}")


def _open(current: Current | None) -> ladybug.Database | None:
    """The database, read-only; an empty one in memory where there is none yet; None if the file has gone."""
    if current is None:
        database = ladybug.Database(":memory:", buffer_pool_size=_LEAST_BYTES)
        connection = ladybug.Connection(database)
        create_schema(connection)
        connection.close()
        return database
    try:
        return ladybug.Database(current.file, read_only=True, buffer_pool_size=_READER_BYTES)
    except RuntimeError:
        if current.file.exists():
            raise
        return None


def _count(connection: ladybug.Connection, statement: str, **slots: str) -> int:
    return int(_rows(connection, cypher.load(statement, "ladybug").fill(**slots), {})[0]["count"])


def _rows(connection: ladybug.Connection, text: str, parameters: Mapping[str, Any]) -> list[Row]:
    result = connection.execute(text, {name: to_ladybug(value) for name, value in parameters.items()} or None)
    last = result[-1] if isinstance(result, list) else result
    columns = last.get_column_names()
    rows = [dict(zip(columns, map(from_ladybug, row), strict=True)) for row in last]
    last.close()
    return rows

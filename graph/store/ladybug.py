"""The embedded graph store: a Ladybug database in the home's `graph` folder, in this process.

A write makes another database file and swaps it in (see `ladybug_files`); reads look at the current one, read-only, and notice a
swap by whichever process. A live store changes a copy of its own in place instead, and swaps it in at each `flush` (see
`ladybug_live`). One store may be used by many threads at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Literal, TypeVar

import ladybug
import psutil

import cypher
from graph.errors import ForeignGraph, HomeNotWritable, QueryError, StoreError, StoreUnavailable
from graph.progress import Progress, ignore_progress
from graph.schema import Label, Type
from graph.snapshot import Delta, Snapshot
from graph.store.conform import conform_delta, conform_snapshot, delta_rows
from graph.store.ladybug_files import GraphFiles
from graph.store.ladybug_live import LiveDatabase
from graph.store.ladybug_opened import LEAST_BYTES, Opened, open_current
from graph.store.ladybug_values import from_ladybug, missing_parameters, to_ladybug
from graph.store.ladybug_write import create_schema, write_delta, write_snapshot
from graph.store.named import named_query
from graph.store.protocol import Row

__all__ = ["LadybugStore"]

_Result = TypeVar("_Result")

_LIVE_ROWS = 2_000
"""A larger change to a live store makes another database: that takes seconds, as so many single rows would."""
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


class LadybugStore:
    """`GraphStore` over the folder `path`. `memory_bytes` bounds Ladybug's buffers while it writes, and those of a live store
    (default: two fifths of the machine's memory); 3 million relationships take about 1 GB. `live` makes small changes take
    milliseconds; it counts for nothing in a store that is read only. Raises nothing until it is used."""

    dialect = "ladybug"

    def __init__(self, path: Path, *, read_only: bool = False, live: bool = False, memory_bytes: int | None = None) -> None:
        self._files = GraphFiles(path)
        self._read_only = read_only
        self._memory_bytes = max(LEAST_BYTES, memory_bytes or psutil.virtual_memory().total * 2 // 5)
        self._live = LiveDatabase(self._files, self._memory_bytes) if live and not read_only else None
        self._lock = Lock()
        self._writing = Lock()
        self._opened: Opened | None = None

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
        self._rewrite(snapshot.home_id, lambda connection: write_snapshot(connection, conformed, progress), copy=False)

    def apply(self, delta: Delta) -> None:
        """Apply the change, to a copy of the database that is swapped in, or in place where the store is live and the change is
        small. See `GraphStore.apply`. Raises HomeNotWritable too."""
        self._check_home(delta.home_id, replace_foreign=False)
        conformed = conform_delta(delta)
        if self._live is not None and not conformed.cleared and delta_rows(conformed) <= _LIVE_ROWS:
            with self._translating():
                self._live.change(delta.home_id, lambda connection: write_delta(connection, conformed, points_only=True))
            return
        self._rewrite(delta.home_id, lambda connection: write_delta(connection, conformed), copy=True)

    def flush(self) -> None:
        """Swap the live database's state in. See `GraphStore.flush`. Raises HomeNotWritable."""
        if self._live is not None:
            with self._translating():
                self._live.flush()

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
        return self._rewrite(home_id, lambda connection: _rows(connection, statement, parameters), copy=True)

    def counts(self) -> dict[str, int]:
        """Nodes by label and relationships by type. See `GraphStore.counts`."""
        with self._reading() as connection:
            found = {label.value: _count(connection, "count_nodes", label=label) for label in Label}
            return found | {kind.value: _count(connection, "count_relationships", type=kind) for kind in Type}

    def home_id(self) -> str | None:
        """The home whose graph is held; None before the first write."""
        working = None if self._live is None else self._live.home_id()
        if working is not None:
            return working
        current = self._files.current()
        return None if current is None else current.home_id

    def close(self) -> None:
        """Flush and release the file. The store opens it again if it is used again. Raises HomeNotWritable where it cannot
        flush: then what was applied since the last flush is lost."""
        try:
            if self._live is not None:
                with self._translating():
                    self._live.close()
        finally:
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

    def _rewrite(self, home_id: str, work: Callable[[ladybug.Connection], _Result], *, copy: bool) -> _Result:
        """Run `work` on another database, a copy of what the store holds if `copy`, which is swapped in if it succeeds."""
        with self._translating(), self._new_file(home_id, copy=copy) as file:
            made = not file.exists()
            database = ladybug.Database(file, buffer_pool_size=self._memory_bytes, auto_checkpoint=False)
            connection = ladybug.Connection(database)
            try:
                connection.execute("BEGIN TRANSACTION")
                if made:
                    create_schema(connection)
                result = work(connection)
                connection.execute("COMMIT")
                connection.execute(cypher.load("checkpoint", self.dialect).text)
                return result
            finally:
                connection.close()
                database.close()

    @contextmanager
    def _new_file(self, home_id: str, *, copy: bool) -> Iterator[Path]:
        if self._live is not None:
            with self._live.rewriting(home_id, copy=copy) as file:
                yield file
            return
        with self._writing, self._files.locked():
            current = self._files.current()
            with self._files.rewriting(home_id, source=current.file if copy and current is not None else None) as file:
                yield file

    @contextmanager
    def _reading(self) -> Iterator[ladybug.Connection]:
        """A connection to the current database, or the live one, that nobody else uses meanwhile."""
        opened = None if self._live is None else self._live.opened()
        with self._translating(), (opened or self._open_current()).lent() as connection:
            yield connection

    def _open_current(self) -> Opened:
        with self._lock:
            for _ in range(_OPENING_TRIES):
                current = self._files.current()
                if self._opened is not None and self._opened.current == current:
                    return self._opened
                opened = open_current(current)
                if opened is None:  # swapped away between the look and the opening
                    continue
                if self._opened is not None:
                    self._opened.close()
                self._opened = opened
                return opened
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


def _count(connection: ladybug.Connection, statement: str, **slots: str) -> int:
    return int(_rows(connection, cypher.load(statement, "ladybug").fill(**slots), {})[0]["count"])


def _rows(connection: ladybug.Connection, text: str, parameters: Mapping[str, Any]) -> list[Row]:
    result = connection.execute(text, {name: to_ladybug(value) for name, value in parameters.items()} or None)
    last = result[-1] if isinstance(result, list) else result
    columns = last.get_column_names()
    rows = [dict(zip(columns, map(from_ladybug, row), strict=True)) for row in last]
    last.close()
    return rows

"""A working database: a copy of the current one that this process alone has open and changes in place, in milliseconds.

In: changes, as functions over a connection in a transaction. Out: a database that all readers of this process see at once, and,
after `flush`, a new current database that other processes see. What is changed between two flushes is lost with the process.

Only point statements may go in: to roll back a COPY corrupts the process's memory (ladybug 0.22), and as nothing but a checkpoint
then writes to the file, a flush can copy it while changes go on. Each changed row keeps some 40 kB of its column chunk in memory
until the next checkpoint, which takes half a second to a few on a million devices; readers see no break, writers wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TypeVar

import ladybug

import cypher
from graph.store.ladybug_files import Current, GraphFiles, WorkingFile
from graph.store.ladybug_opened import Opened
from graph.store.ladybug_write import create_schema

__all__ = ["LiveDatabase"]

_Result = TypeVar("_Result")

_MOST_LOG_BYTES = 8 << 20
_MEMORY_OF_LOG = 400
"""Measured: changes to random rows keep 180 times what they log, and half of the memory is the readers'."""


@dataclass
class _Working:
    """The open working database. It equals `base` plus the changes made since."""

    file: WorkingFile
    opened: Opened
    writer: ladybug.Connection
    home_id: str
    base: Current | None
    changes: int = 0
    flushed: int = 0

    def dirty(self) -> bool:
        """Whether it holds changes that are not flushed."""
        return self.changes != self.flushed

    def logged_bytes(self) -> int:
        log = Path(f"{self.file.file}.wal")
        return log.stat().st_size if log.exists() else 0

    def checkpoint(self) -> None:
        self.writer.execute(cypher.load("checkpoint", "ladybug").text)


class LiveDatabase:
    """The working database over `files`, made at the first change, with buffers of `memory_bytes`. Safe for many threads.

    It holds the writer's lock of the folder from a change to the flush after it; another process that writes meanwhile waits.
    Errors of Ladybug come as RuntimeError. Lock order: `_flushing`, then `_one`.
    """

    def __init__(self, files: GraphFiles, memory_bytes: int) -> None:
        self._files = files
        self._memory_bytes = memory_bytes
        self._flushing = Lock()
        self._one = Lock()
        self._held = ExitStack()
        self._working: _Working | None = None

    def opened(self) -> Opened | None:
        """The working database, to read from; None where there is none or another process has written since."""
        working = self._newest()
        return None if working is None else working.opened

    def home_id(self) -> str | None:
        """The home whose graph the working database holds; None where `opened` gives None."""
        working = self._newest()
        return None if working is None else working.home_id

    def change(self, home_id: str, work: Callable[[ladybug.Connection], _Result]) -> _Result:
        """Run `work` in a transaction; where it raises, nothing has changed. Raises StoreUnavailable, HomeNotWritable."""
        try:
            result, full = self._change(home_id, work)
        except RuntimeError as error:
            if not str(error).startswith("Buffer manager exception"):
                raise
            self._checkpoint()
            result, full = self._change(home_id, work)
        if full:
            self._checkpoint()
        return result

    def flush(self) -> None:
        """Make the working database's state current. Changes go on while its file is copied. Raises HomeNotWritable."""
        with self._flushing:
            with self._one:
                working = self._working
                if working is None or not working.dirty():
                    return
                working.checkpoint()
                seen = working.changes
            with self._files.rewriting(working.home_id, source=working.file.file):
                pass
            with self._one:
                working.base = self._files.current()
                working.flushed = seen
                if not working.dirty():
                    self._held.close()

    @contextmanager
    def rewriting(self, home_id: str, *, copy: bool) -> Iterator[Path]:
        """As `GraphFiles.rewriting`, from the working database's state, which is left as it is if the block fails; if it
        succeeds the working database starts anew from what is current then."""
        with self._flushing, self._one, self._files.locked():
            working = self._newest()
            source = self._files.current() if working is None else None
            if copy and working is not None:
                working.checkpoint()
            file = working.file.file if working is not None else source.file if source is not None else None
            with self._files.rewriting(home_id, source=file if copy else None) as new:
                yield new
            self._discard()

    def close(self) -> None:
        """Flush, and remove the working database. Raises HomeNotWritable: then what was not flushed is lost."""
        try:
            self.flush()
        finally:
            with self._flushing, self._one:
                self._discard()

    def _newest(self) -> _Working | None:
        working = self._working
        if working is None or (not working.dirty() and self._files.current() != working.base):
            return None
        return working

    def _change(self, home_id: str, work: Callable[[ladybug.Connection], _Result]) -> tuple[_Result, bool]:
        """The result, and whether a checkpoint is due."""
        with self._one, self._files.locked():
            working = self._newest()
            if working is None:
                self._discard()
                working = self._working = self._open(home_id)
            result = _transact(working.writer, work)
            if not working.dirty():
                self._held.enter_context(self._files.locked())
            working.changes += 1
            return result, working.logged_bytes() > min(_MOST_LOG_BYTES, self._memory_bytes // _MEMORY_OF_LOG)

    def _checkpoint(self) -> None:
        with self._flushing, self._one:
            if self._working is not None:
                self._working.checkpoint()

    def _open(self, home_id: str) -> _Working:
        base = self._files.current()
        file = self._files.working(None if base is None else base.file)
        try:
            database = ladybug.Database(file.file, buffer_pool_size=self._memory_bytes, auto_checkpoint=False)
            writer = ladybug.Connection(database, num_threads=1)  # more only wake each other for one row
            writer.execute(cypher.load("no_checkpoint_on_close", "ladybug").text)
            if base is None:
                _transact(writer, create_schema)
            return _Working(file, Opened(base, database), writer, home_id, base)
        except RuntimeError:
            file.remove()
            raise

    def _discard(self) -> None:
        working, self._working = self._working, None
        self._held.close()
        if working is not None:
            working.opened.close()
            working.writer.close()
            working.file.remove()


def _transact(connection: ladybug.Connection, work: Callable[[ladybug.Connection], _Result]) -> _Result:
    connection.execute("BEGIN TRANSACTION")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(RuntimeError):  # some errors have ended the transaction already
            connection.execute("ROLLBACK")
        raise
    return result

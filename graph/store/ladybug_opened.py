"""A Ladybug database that is open, and connections to it, each lent to one reader at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, LifoQueue

import ladybug

from graph.store.ladybug_files import Current
from graph.store.ladybug_write import create_schema

__all__ = ["LEAST_BYTES", "Opened", "open_current"]

LEAST_BYTES = 256 << 20
"""Below this much memory Ladybug cannot do much."""

_READER_BYTES = 1 << 30


@dataclass
class Opened:
    """An open database; its connections that nobody uses just now wait in `idle`."""

    current: Current | None
    database: ladybug.Database
    idle: LifoQueue[ladybug.Connection] = field(default_factory=LifoQueue)
    closed: bool = False

    @contextmanager
    def lent(self) -> Iterator[ladybug.Connection]:
        """A connection that nobody else uses meanwhile. After an error it is dropped."""
        try:
            connection = self.idle.get_nowait()
        except Empty:
            connection = ladybug.Connection(self.database)
        yield connection
        if not self.closed:
            self.idle.put(connection)

    def close(self) -> None:
        """Lend no more connections; who has one goes on. The database closes with the last of them."""
        self.closed = True
        with suppress(Empty):
            while True:
                self.idle.get_nowait().close()


def open_current(current: Current | None) -> Opened | None:
    """The database, read-only; an empty one in memory where there is none yet; None if the file has gone."""
    if current is None:
        database = ladybug.Database(":memory:", buffer_pool_size=LEAST_BYTES)
        connection = ladybug.Connection(database)
        create_schema(connection)
        connection.close()
        return Opened(None, database)
    try:
        return Opened(current, ladybug.Database(current.file, read_only=True, buffer_pool_size=_READER_BYTES))
    except RuntimeError:
        if current.file.exists():
            raise
        return None

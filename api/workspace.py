"""The composition root: opens what a command or the server needs and hands each stage its neighbours.

Only this module and `api.pipeline` know every stage; stages know none of each other. What a command does not open is not
imported either, since DuckDB, Arrow and SQLAlchemy together take longer to import than most commands to run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from api.settings import Settings
from graph.home import Home

if TYPE_CHECKING:
    import duckdb

    from graph.control import Control
    from graph.lake import Lake
    from graph.store.protocol import GraphStore

__all__ = ["Workspace"]


@dataclass(frozen=True)
class Workspace:
    """One home with its lake, opened by the settings. Cheap to make; databases open at use."""

    settings: Settings
    home: Home

    @classmethod
    def open(cls, settings: Settings) -> Workspace:
        """Open the home of these settings, making it if need be. Raises HomeNotWritable, HomeError."""
        return cls(settings, Home.open(settings.home))

    @cached_property
    def lake(self) -> Lake:
        """The cleaned input tables."""
        from graph.lake import Lake

        return Lake(self.home.lake)

    @cached_property
    def key(self) -> bytes:
        """Key of the keyed hashes: from the settings, else the home's own."""
        given = self.settings.key
        return bytes.fromhex(given.get_secret_value()) if given is not None else self.home.secret()

    @property
    def graph_url(self) -> str:
        """URL of the graph store; may hold a password."""
        return self.settings.graph_url.get_secret_value()

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A DuckDB connection with a view for every lake table."""
        opened = self.lake.connect(memory_limit=self.settings.memory_limit)
        try:
            yield opened
        finally:
            opened.close()

    @contextmanager
    def store(self, *, read_only: bool = True, live: bool = False) -> Iterator[GraphStore]:
        """The configured graph store; `live` for one that is kept open and takes many small changes. Raises StoreUnavailable,
        StoreRefused, MissingExtra."""
        from graph.store import open_store

        opened = open_store(self.graph_url, self.home, read_only=read_only, live=live)
        try:
            yield opened
        finally:
            opened.close()

    def writable_store(self) -> AbstractContextManager[GraphStore]:
        """The configured graph store, for writing. Raises as `store`."""
        return self.store(read_only=False)

    @contextmanager
    def control(self) -> Iterator[Control]:
        """The control store."""
        from graph.control import Control, sqlite_url

        given = self.settings.control_url
        opened = Control(given.get_secret_value() if given is not None else sqlite_url(self.home.control))
        try:
            yield opened
        finally:
            opened.close()

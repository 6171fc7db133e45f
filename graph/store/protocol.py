"""What every graph store does. Stores are projections: they hold what the lake and the identity log say, and can be
rebuilt from them at any time; nothing reads a store to compute identity or interests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from graph.progress import Progress, ignore_progress
from graph.snapshot import Delta, Snapshot

__all__ = ["GraphStore", "Row"]

Row = dict[str, Any]
"""One result row: column name to value. Values are str, int, float, bool, None, aware UTC datetime, or lists and dicts of
them; nodes and relationships of free Cypher come as dicts of their properties."""


class GraphStore(Protocol):
    """A Cypher store that holds one home's graph."""

    dialect: str
    """Folder of Cypher overlays: `ladybug` or `neo4j`."""

    def replace(
        self,
        snapshot: Snapshot,
        *,
        progress: Progress = ignore_progress,
        replace_foreign: bool = False,
    ) -> None:
        """Make the store hold exactly this graph. A crash half-way leaves the store marked incomplete: the next replace
        starts afresh. Raises ForeignGraph where another home's graph is there and `replace_foreign` is not set."""

    def apply(self, delta: Delta) -> None:
        """Apply a change; applying it again changes nothing. Whoever reads through this object sees it from here on; other
        processes do, and a crash keeps it, after `flush`. Raises ForeignGraph, StoreUnavailable."""

    def flush(self) -> None:
        """Make everything applied durable and visible to other processes. Only a live Ladybug store has anything to do: all
        others are so far after each `apply`. A crash before it leaves the graph of the last flush, and the changes since are
        applied again by whoever keeps them. May run beside reads and `apply`. Raises HomeNotWritable."""

    def query(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run a read statement of the catalogue. Raises UnknownQuery, QueryError, StoreUnavailable."""

    def execute(
        self,
        statement: str,
        parameters: Mapping[str, Any],
        *,
        mode: Literal["read", "write"] = "read",
    ) -> list[Row]:
        """Run any Cypher: for operators at the command line, never reachable over HTTP."""

    def counts(self) -> dict[str, int]:
        """Nodes by label and relationships by type, those of count zero too."""

    def home_id(self) -> str | None:
        """The home whose graph is held; None for an empty store. Raises StoreUnavailable, StoreRefused."""

    def close(self) -> None:
        """Flush, then release the connection or file. May be called twice."""

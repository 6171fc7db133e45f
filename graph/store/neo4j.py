"""The graph store on a Neo4j 5 server, over the official driver. Needs the extra `neo4j`.

The node `(:_Tessera {name: 'home'})` says whose graph the database holds, and whether the last replacement came to its end. While
a graph is replaced, readers see it empty and filling: a running community server has one database and no way to swap it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import cypher
from graph.errors import ForeignGraph, StoreError
from graph.progress import Progress, ignore_progress
from graph.schema import NODES, Label, Type
from graph.snapshot import Delta, Snapshot
from graph.store.conform import conform_delta, conform_snapshot
from graph.store.named import named_query
from graph.store.neo4j_connection import Neo4jConnection
from graph.store.neo4j_delta import apply_at_once, apply_delta
from graph.store.neo4j_load import load
from graph.store.protocol import Row

__all__ = ["Neo4jStore"]

_NOT_OURS = "nodes without Tessera's marker"


class Neo4jStore:
    """`GraphStore` on the server at `url` (see `neo4j_url`), with one driver for the life of the object.

    Making one connects to nothing. Raises SettingsError for a URL that is none, MissingExtra without the driver.
    """

    dialect = "neo4j"

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._read_only = read_only
        self._connection = Neo4jConnection(url)

    def replace(
        self,
        snapshot: Snapshot,
        *,
        progress: Progress = ignore_progress,
        replace_foreign: bool = False,
    ) -> None:
        """Empty the database, load the snapshot, check the counts. See `GraphStore.replace`."""
        self._check_writable()
        if not replace_foreign:
            self._check_home(self._marker(), snapshot.home_id)
        conformed = conform_snapshot(snapshot)
        self._constrain("_Tessera", "name")
        self._mark(snapshot.home_id, complete=False)
        progress("empty graph", 0, 1)
        for statement in ("delete_all_relationships", "delete_all_nodes"):
            self._connection.run_alone(cypher.load(statement, self.dialect).text)
        self._constrain_keys()
        load(self._connection, conformed, progress)
        found = self.counts()
        if found != dict.fromkeys(found, 0) | conformed.counts():
            raise StoreError(f"graph store {self._connection.address} holds other counts than were loaded; run it again")
        self._mark(snapshot.home_id, complete=True)

    def apply(self, delta: Delta) -> None:
        """Apply the change. See `GraphStore.apply`. Raises StoreError where a replacement broke off before."""
        self._check_writable()
        conformed = conform_delta(delta)
        if apply_at_once(self._connection, conformed, lambda row: self._is_ours(row, delta.home_id)):
            return
        if not self._is_ours(self._marker(), delta.home_id):
            self._constrain("_Tessera", "name")
            self._constrain_keys()
            self._mark(delta.home_id, complete=True)
        apply_delta(self._connection, conformed)

    def flush(self) -> None:
        """Nothing: what is applied is durable and seen by all."""

    def query(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run a read statement of the catalogue. See `GraphStore.query`."""
        text, values = named_query(name, self.dialect, parameters)
        return self._connection.run(text, values, mode="read", tell=False)

    def execute(
        self,
        statement: str,
        parameters: Mapping[str, Any],
        *,
        mode: Literal["read", "write"] = "read",
    ) -> list[Row]:
        """Run any Cypher; the server refuses writes in read mode. See `GraphStore.execute`."""
        if mode == "write":
            self._check_writable()
        return self._connection.run(statement, parameters, mode=mode)

    def counts(self) -> dict[str, int]:
        """Nodes by label and relationships by type. See `GraphStore.counts`."""
        texts = {label.value: cypher.load("count_nodes", self.dialect).fill(label=label) for label in Label}
        texts |= {kind.value: cypher.load("count_relationships", self.dialect).fill(type=kind) for kind in Type}
        return self._connection.counts(texts)

    def home_id(self) -> str | None:
        """The home whose graph the database holds; None where it is empty or holds something else."""
        home_id: str | None = self._marker()["home_id"]
        return home_id

    def close(self) -> None:
        """Close the driver."""
        self._connection.close()

    def _marker(self) -> Row:
        """The row of `read_marker`."""
        return self._connection.named("read_marker")[0]

    def _mark(self, home_id: str, *, complete: bool) -> None:
        self._connection.named("write_marker", {"home_id": home_id, "complete": complete})

    def _check_writable(self) -> None:
        if self._read_only:
            raise StoreError(f"graph store {self._connection.address} was opened to be read only")

    def _check_home(self, marker: Row, home_id: str) -> None:
        if marker["foreign"] or marker["home_id"] not in (None, home_id):
            raise ForeignGraph(self._connection.address, marker["home_id"] or _NOT_OURS, home_id)

    def _is_ours(self, marker: Row, home_id: str) -> bool:
        """Whether the database holds this home's graph, rather than nothing. Raises ForeignGraph, StoreError."""
        self._check_home(marker, home_id)
        if marker["home_id"] is not None and not marker["complete"]:
            raise StoreError(f"graph store {self._connection.address} is half filled; run `tessera run` again to fill it")
        return marker["home_id"] is not None

    def _constrain(self, label: str, key: str) -> None:
        self._connection.named("create_constraint", label=label, key=key)

    def _constrain_keys(self) -> None:
        for node in NODES.values():
            self._constrain(node.label, node.key)
        self._connection.named("await_indexes")

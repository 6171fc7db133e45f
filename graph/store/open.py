"""Opens the graph store that a setting names."""

from __future__ import annotations

from graph.errors import SettingsError
from graph.home import Home
from graph.store.ladybug import LadybugStore
from graph.store.neo4j import Neo4jStore
from graph.store.neo4j_url import SCHEMES
from graph.store.protocol import GraphStore

__all__ = ["open_store"]


def open_store(url: str, home: Home, *, read_only: bool = False, live: bool = False) -> GraphStore:
    """`ladybug` is the database in the home's own folder, a Neo4j URL the server there; nothing is connected to yet.

    With `live`, small changes take milliseconds, and other processes see them after a `flush`: for whoever writes all the time.
    Neo4j is always so, and needs no flush.

    Raises SettingsError for anything else, MissingExtra where the Neo4j driver is not installed.
    """
    if url == "ladybug":
        return LadybugStore(home.graph, read_only=read_only, live=live)
    if url.partition("://")[0].strip() in SCHEMES:
        return Neo4jStore(url, read_only=read_only)
    raise SettingsError(f"TESSERA_GRAPH_URL is neither ladybug nor a Neo4j URL ({', '.join(SCHEMES)}://user:password@host:port)")

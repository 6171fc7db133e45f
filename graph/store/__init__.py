"""Graph stores: the same identity graph, embedded (Ladybug) or on a Neo4j server."""

from graph.store.ladybug import LadybugStore
from graph.store.neo4j import Neo4jStore
from graph.store.open import open_store
from graph.store.protocol import GraphStore

__all__ = ["GraphStore", "LadybugStore", "Neo4jStore", "open_store"]

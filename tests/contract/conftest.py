"""The same cases for every store: `store` runs a test once on each, `stores` gives both at once. Each starts without a graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.snapshot import Snapshot
from graph.store import GraphStore, LadybugStore, Neo4jStore

KINDS = ["ladybug", "ladybug-live", pytest.param("neo4j", marks=pytest.mark.neo4j)]


def emptied(url: str) -> Neo4jStore:
    """A store on a database whose nodes are deleted, and whose constraints stay: dropping them takes longer than most tests."""
    store = Neo4jStore(url)
    store.execute("MATCH (n) DETACH DELETE n", {}, mode="write")
    return store


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    """An empty store of each kind."""
    store: GraphStore
    if request.param == "neo4j":
        store = emptied(request.getfixturevalue("neo4j_url"))
    else:
        store = LadybugStore(tmp_path / "graph", live=request.param == "ladybug-live")
    yield store
    store.close()


@pytest.fixture
def stores(neo4j_url: str, tmp_path: Path) -> Iterator[tuple[GraphStore, GraphStore]]:
    """Both stores, empty."""
    both = (LadybugStore(tmp_path / "graph"), emptied(neo4j_url))
    yield both
    for store in both:
        store.close()


@pytest.fixture(scope="module")
def town_stores(neo4j_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GraphStore, GraphStore]]:
    """Both stores with the same small graph, for tests that only read."""
    from graphs import town

    whole: Snapshot = town()
    both = (LadybugStore(tmp_path_factory.mktemp("town") / "graph"), Neo4jStore(neo4j_url))
    for store in both:
        store.replace(whole, replace_foreign=True)
    yield both
    for store in both:
        store.close()

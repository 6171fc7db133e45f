"""The same cases for every store: `store` runs a test once on each, `stores` gives both at once. Each starts without a graph."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from graph.snapshot import Snapshot
from graph.store import GraphStore, LadybugStore, Neo4jStore

KINDS = ["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)]


def opened(kind: str, folder: Path, request: pytest.FixtureRequest) -> GraphStore:
    return LadybugStore(folder) if kind == "ladybug" else Neo4jStore(request.getfixturevalue("empty_neo4j"))


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphStore]:
    """An empty store of each kind."""
    store = opened(request.param, tmp_path / "graph", request)
    yield store
    store.close()


@pytest.fixture
def stores(empty_neo4j: str, tmp_path: Path) -> Iterator[tuple[GraphStore, GraphStore]]:
    """Both stores, empty."""
    both = (LadybugStore(tmp_path / "graph"), Neo4jStore(empty_neo4j))
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

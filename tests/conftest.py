"""A real Neo4j server for the whole run, started when the first test asks for it and stopped at the end.

Where Docker's engine, or Java with Maven, is there, a server that does not start fails the tests that need it; they are
skipped, with the reason, only where there is neither.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from graph.home import Home
from graph.store import server
from graph.store.server import ServerStatus
from graph.store.server.docker import engine

_NEO4J_FIXTURES = {"neo4j_possible", "neo4j_home", "neo4j_server", "neo4j_url", "empty_neo4j"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _NEO4J_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.neo4j)


@pytest.fixture(scope="session")
def neo4j_possible() -> None:
    """Skips where this machine has nothing to run a Neo4j server with."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if missing and engine() is None:
        pytest.skip(f"no Neo4j server can run here: no Docker engine, and no {' and no '.join(missing)} in PATH")


@pytest.fixture(scope="session")
def neo4j_home(neo4j_possible: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The home whose server runs: for tests of the server itself. Its server has ended when this is torn down."""
    home = Home.open(tmp_path_factory.mktemp("neo4j-home"))
    try:
        yield home
    finally:
        server.stop(home)
        shutil.rmtree(home.path)


@pytest.fixture(scope="session")
def neo4j_server(neo4j_home: Home) -> ServerStatus:
    """A running server: `.url` (with user and password), `.browser`, `.pid`."""
    return server.start(neo4j_home, ports_free=True, short_lived=True)


@pytest.fixture(scope="session")
def neo4j_url(neo4j_server: ServerStatus) -> str:
    """URL of the running server, fit for TESSERA_GRAPH_URL."""
    assert neo4j_server.url is not None
    return neo4j_server.url


@pytest.fixture
def empty_neo4j(neo4j_url: str) -> str:
    """URL of the running server, without data, constraints and indexes."""
    import neo4j

    parts = urlsplit(neo4j_url)
    address, secret = f"{parts.scheme}://{parts.hostname}:{parts.port}", (parts.username, parts.password)
    with neo4j.GraphDatabase.driver(address, auth=secret) as driver, driver.session() as session:
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS").consume()
        for row in session.run("SHOW CONSTRAINTS YIELD name").data():
            session.run(f"DROP CONSTRAINT `{row['name']}`").consume()
        for row in session.run("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP'").data():
            session.run(f"DROP INDEX `{row['name']}`").consume()
    return neo4j_url

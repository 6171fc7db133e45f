"""Fixtures of the tests of the HTTP API: the planted home, served embedded, once for all of them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import count

import pytest
from api_home import COUNTRIES, Planted, bearer, plant
from starlette.testclient import TestClient

from api.http.app import create_app
from api.settings import Settings
from graph.control import Control
from graph.home import Home
from graph.resolve import load

_ADDRESSES = count()


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return plant(tmp_path_factory.mktemp("api") / "home")


@pytest.fixture(scope="session")
def log() -> io.StringIO:
    """What the served application logs."""
    return io.StringIO()


@pytest.fixture(scope="session")
def client(planted: Planted, log: io.StringIO) -> Iterator[TestClient]:
    """The served application over the planted home, embedded."""
    app = create_app(
        Settings(home=planted.home, rate_limit_per_minute=1_000_000, subject_limit_per_minute=1_000_000), log_stream=log
    )
    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened
    assert [line for line in log.getvalue().splitlines() if '"defect"' in line] == []


@pytest.fixture
def stranger(client: TestClient) -> TestClient:
    """The same application from an address that no other test comes from."""
    return TestClient(client.app, raise_server_exceptions=False, client=(f"stranger-{next(_ADDRESSES)}", 50000))


@pytest.fixture(scope="session")
def control(client: TestClient) -> Control:
    """The application's control store."""
    found: Control = client.app.state.resources.control  # type: ignore[attr-defined]
    return found


@pytest.fixture(scope="session")
def own_audience(client: TestClient, planted: Planted) -> str:
    """Id of an audience of everybody who may be in one; the tenant of `planted.full` has it."""
    everybody = {"kind": "rule", "name": "everybody", "rule": {"all": [{"attribute": "country", "one_of": list(COUNTRIES)}]}}
    made = client.post("/v1/audiences", json=everybody, headers=bearer(planted.full))
    assert made.status_code == 201, made.text
    return str(made.json()["audience_id"])


@pytest.fixture(scope="session")
def person_ids(planted: Planted) -> dict[str, str]:
    """Device id to person id."""
    members = load(Home.open(planted.home)).members
    return dict(zip(members["id"].to_pylist(), members["person_id"].to_pylist(), strict=True))

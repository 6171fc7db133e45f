"""The identity part of the HTTP API, served by the core install."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator

import pytest
from command_line import Tessera
from conftest import Core
from starlette.testclient import TestClient

from api.http.app import create_app
from api.settings import Settings


@pytest.fixture(scope="module")
def tessera(core: Core, tmp_path_factory: pytest.TempPathFactory) -> Tessera:
    """A copy of the home: what is collected here is not in the way of other tests."""
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(core.tessera.home, home)
    return Tessera(home)


@pytest.fixture(scope="module")
def client(tessera: Tessera) -> Iterator[TestClient]:
    token = tessera("key", "create", "--scope", "all").out.strip()
    app = create_app(Settings(home=tessera.home), log_stream=io.StringIO())
    with TestClient(app, headers={"Authorization": f"Bearer {token}"}) as opened:
        yield opened


def test_identities_are_looked_up(client: TestClient) -> None:
    assert client.get("/readyz").json() == {"status": "ready"}
    found = client.get("/v1/identities/device/d1-0")
    assert found.status_code == 200, found.text
    person = found.json()["person_id"]
    assert client.get("/v1/identities/account/a1").json()["person_id"] == person
    assert client.get(f"/v1/persons/{person}").status_code == 200
    # Nobody asked for this one's consent, and the basis is consent: it looks like one that is not there.
    absent, silent = (client.get(f"/v1/identities/device/{name}") for name in ("absent", "lonely"))
    assert (absent.status_code, silent.status_code) == (404, 404)


def test_without_a_model_nobody_has_tags(client: TestClient) -> None:
    person = client.get("/v1/identities/device/d2-0").json()["person_id"]
    answer = client.get(f"/v1/persons/{person}/tags")
    assert answer.json() == {"person_id": person, "model": None, "tags": []}


def test_collected_calls_wait_in_the_inbox_and_a_worker_takes_them(client: TestClient, tessera: Tessera) -> None:
    call = {"userId": "a1", "anonymousId": "d1-9", "event": "opened", "timestamp": "2026-01-30T00:00:00Z", "messageId": "m1"}
    assert client.post("/v1/track", json=call).status_code == 200
    who = ("cypher", "who_is_device", "--param", "device_id=d1-9")
    assert tessera.json(*who) == []
    assert "took 1 files" in tessera("worker", "--once").out
    (row,) = tessera.json(*who)
    (known,) = tessera.json("cypher", "who_is_device", "--param", "device_id=d1-0")
    assert row["person_id"] == known["person_id"]

"""`Idempotency-Key` over HTTP: asked again, nothing is made twice; other requests, keys and tenants get nothing of it."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from api_home import Planted, bearer
from starlette.testclient import TestClient

from graph.control import Control, Scope

pytest_plugins = ("api_fixtures",)

RULE = {"kind": "rule", "name": "named", "rule": {"all": [{"attribute": "country", "one_of": ["DE", "FR", "JP"]}]}}


def make(client: TestClient, token: str, name: str, body: Any = RULE, path: str = "/v1/audiences") -> Any:
    return client.post(path, json=body, headers=bearer(token) | {"Idempotency-Key": name})


@pytest.fixture
def name() -> str:
    return str(uuid.uuid4())


def test_asked_again_nothing_is_made(client: TestClient, planted: Planted, control: Control, name: str) -> None:
    first = make(client, planted.full, name)
    assert first.status_code == 201
    assert "idempotency-replayed" not in first.headers
    count = len(control.audiences.all("acme"))
    again = make(client, planted.full, name)
    assert (again.status_code, again.content) == (201, first.content)
    for header in ("location", "content-type"):
        assert again.headers[header] == first.headers[header]
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(control.audiences.all("acme")) == count
    assert client.delete(first.headers["location"], headers=bearer(planted.full)).status_code == 204


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("exports", {"recipient": "named"}, 201),
        ("/v1/consents", {"consents": [{"subject_kind": "account", "subject_id": "named", "purposes": [1]}]}, 201),
    ],
)
def test_everything_that_makes_something_takes_a_name(
    client: TestClient, planted: Planted, own_audience: str, control: Control, name: str, path: str, body: Any, status: int
) -> None:
    path = path if path.startswith("/") else f"/v1/audiences/{own_audience}/{path}"
    before = len(control.consents.of("account", "named"))
    first, again = (make(client, planted.full, name, body, path) for _ in range(2))
    assert first.status_code == again.status_code == status
    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    assert len(control.consents.of("account", "named")) == before + ("consents" in path)


def test_a_subgraph_is_equal_without_being_kept(client: TestClient, planted: Planted, name: str) -> None:
    """What holds rows about people is made by the consents of the moment, under a name too."""
    body = {"recipient": "named", "format": "graphml"}
    first, again = (make(client, planted.full, name, body, "/v1/subgraphs") for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert "idempotency-replayed" not in again.headers


def test_a_name_stands_for_one_request_of_one_tenant(client: TestClient, planted: Planted, name: str) -> None:
    assert make(client, planted.full, name).status_code == 201
    other = make(client, planted.full, name, {**RULE, "name": "another"})
    assert (other.status_code, other.json()["type"]) == (422, "urn:tessera:problem:idempotency-key-reused")
    narrow = make(client, planted.narrow[Scope.ADMIN], name)
    assert narrow.status_code == 422
    theirs = make(client, planted.foreign, name)
    assert theirs.status_code == 201
    assert "idempotency-replayed" not in theirs.headers
    without = client.post("/v1/audiences", json=RULE, headers={"Idempotency-Key": name})
    assert without.status_code == 401


def test_failures_are_not_kept(client: TestClient, planted: Planted, name: str) -> None:
    assert make(client, planted.narrow[Scope.AUDIENCES_WRITE], name).status_code == 403
    assert make(client, planted.full, name, {"kind": "rule"}).status_code == 422
    seeded = {"kind": "lookalike", "name": "x", "seed_audience_id": "aud-absent", "size": 10}
    assert make(client, planted.full, name, seeded).status_code == 404
    assert make(client, planted.full, name).status_code == 201


def test_of_many_at_once_one_is_made(client: TestClient, planted: Planted, control: Control, name: str) -> None:
    count = len(control.audiences.all("acme"))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: make(client, planted.full, name), range(6)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    waiting = [answer for answer in answers if answer.status_code == 409]
    assert all(answer.json()["type"] == "urn:tessera:problem:in-flight" for answer in waiting)
    assert all(answer.headers["retry-after"] == "2" for answer in waiting)
    assert len(control.audiences.all("acme")) == count + 1


@pytest.mark.parametrize("odd", ["", "x" * 256, "a b", "ä"])
def test_odd_names_are_refused(client: TestClient, planted: Planted, odd: str) -> None:
    answer = client.post("/v1/audiences", json=RULE, headers=[*bearer(planted.full).items(), ("Idempotency-Key", odd.encode())])
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:tessera:problem:invalid-idempotency-key"

"""Every operation of the document × no key, a key without scopes, one scope alone, a foreign tenant: 401, 403, and the one
404, each always with the same body and headers. What is added to the API is here by being in its document."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from api_home import Planted, bearer
from documented_calls import OwnedCall, documented_calls
from starlette.testclient import TestClient

from graph.control import Control, Scope

pytest_plugins = ("api_fixtures",)

CALLS = documented_calls()
BESIDE = {"createExport": Scope.UPLOADS}
"""Scopes that only some uses of an operation need, beside its own."""


def ask(client: TestClient, call: OwnedCall, headers: dict[str, str]) -> Any:
    return client.request(call.method, call.path, params=call.query, json=call.body, headers=headers)


def shape(answer: Any) -> tuple[int, tuple[Any, ...], tuple[Any, ...]]:
    """What a client sees, without what differs between any two answers."""
    body = answer.json()
    assert body.pop("request_id") == answer.headers["x-request-id"]
    headers = {k: v for k, v in answer.headers.items() if k != "x-request-id" and not k.startswith("ratelimit-")}
    return answer.status_code, tuple(sorted(body.items())), tuple(sorted(headers.items()))


@pytest.fixture(scope="module")
def ids(client: TestClient, planted: Planted, own_audience: str) -> dict[str, str]:
    """An audience and an export of the tenant of `planted.full`."""
    path = f"/v1/audiences/{own_audience}/exports"
    made = client.post(path, json={"recipient": "matrix"}, headers=bearer(planted.full))
    assert made.status_code == 201, made.text
    return {"aud": own_audience, "exp": made.json()["export_id"]}


def test_the_document_gives_a_call_of_each_operation() -> None:
    assert len({call.operation for call in CALLS}) >= 25
    assert {call.operation for call in CALLS if call.owned} >= {
        "getAudience",
        "deleteAudience",
        "downloadExport",
        "createSubgraph",
    }
    assert not any(re.search(r"[{}]", call.path) for call in CALLS)


def test_without_a_key_every_operation_gives_the_same_401(client: TestClient, ids: dict[str, str]) -> None:
    shapes = {call.operation: shape(ask(client, call.naming(ids), {})) for call in CALLS}
    assert len(set(shapes.values())) == 1, shapes
    assert next(iter(shapes.values()))[0] == 401


def test_without_its_scope_every_operation_gives_the_same_403(client: TestClient, control: Control, ids: dict[str, str]) -> None:
    nothing = bearer(control.keys.create("acme", [], now=datetime.now(UTC))[1])
    shapes = {call.operation: shape(ask(client, call.naming(ids), nothing)) for call in CALLS}
    assert len(set(shapes.values())) == 1, shapes
    assert next(iter(shapes.values()))[0] == 403


def test_one_scope_opens_each_operation(client: TestClient, control: Control) -> None:
    absent = {"aud": "aud-0123456789abcdef", "exp": "exp-0123456789abcdef"}
    now = datetime.now(UTC)
    alone = {scope: bearer(control.keys.create("acme", [scope], now=now)[1]) for scope in Scope}
    for call in CALLS:
        opened = [scope for scope in Scope if ask(client, call.naming(absent), alone[scope]).status_code != 403]
        assert len(opened) == 1, (call.operation, opened)
        assert opened[0] is not BESIDE.get(call.operation)


def test_what_is_another_tenants_is_the_404_of_what_is_not_there(
    client: TestClient, planted: Planted, control: Control, ids: dict[str, str]
) -> None:
    foreign, own = bearer(planted.foreign), bearer(planted.full)
    count = len(control.audiences.all("acme"))
    absent = {"aud": "aud-0123456789abcdef", "exp": "exp-0123456789abcdef"}
    shapes = {}
    for call in CALLS:
        if call.owned:
            shapes[call.operation, "foreign"] = shape(ask(client, call.naming(ids), foreign))
            shapes[call.operation, "absent"] = shape(ask(client, call.naming(absent), own))
    assert len(shapes) >= 10
    assert len(set(shapes.values())) == 1, shapes
    assert next(iter(shapes.values()))[0] == 404
    assert len(control.audiences.all("acme")) == count

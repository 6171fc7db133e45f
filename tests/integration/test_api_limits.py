"""Daily quotas of keys, the limit for one person, and what is told of limits."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from api_home import COUNTRIES, REFUSING, Planted, account, bearer, device
from starlette.testclient import TestClient

from api.http.app import create_app
from api.settings import Settings
from graph.control import Control, Quota, Scope

pytest_plugins = ("api_fixtures",)


@contextmanager
def served(planted: Planted, **settings: Any) -> Iterator[TestClient]:
    """An application of its own over the planted home, which forgets what it does not write."""
    with TestClient(create_app(Settings(home=planted.home, **settings), log_stream=io.StringIO())) as client:
        yield client


def key(client: TestClient, *scopes: Scope, **quota: int) -> dict[str, str]:
    control: Control = client.app.state.resources.control  # type: ignore[attr-defined]
    return bearer(control.keys.create("acme", scopes, now=datetime.now(UTC), quota=Quota(**quota))[1])


def test_requests_of_a_day_are_counted_across_a_restart(planted: Planted) -> None:
    with served(planted) as client:
        headers = key(client, Scope.TAGS, requests_per_day=5)
        first = client.get("/v1/tags", headers=headers)
        assert first.status_code == 200
        assert (first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"]) == ("5", "4")
        assert 1 <= int(first.headers["ratelimit-reset"]) <= 86_400
        assert client.get("/v1/tags", headers=headers).status_code == 200
    with served(planted) as client:
        assert [client.get("/v1/tags", headers=headers).status_code for _ in range(4)] == [200, 200, 200, 429]
        answer = client.get("/v1/tags", headers=headers)
        assert answer.json()["type"] == "urn:tessera:problem:quota-used-up"
        assert answer.headers["retry-after"] == answer.headers["ratelimit-reset"]
        assert 1 <= int(answer.headers["retry-after"]) <= 86_400
        assert client.get("/v1/tags", headers=bearer(planted.full)).status_code == 200


def test_rows_of_a_day_leave_whole_or_not_at_all(planted: Planted) -> None:
    rule = {"kind": "rule", "name": "rows", "rule": {"all": [{"attribute": "country", "one_of": list(COUNTRIES)}]}}
    with served(planted) as client:
        headers = key(client, Scope.EXPORTS, Scope.AUDIENCES_WRITE, rows_per_day=1600)
        place = f"/v1/audiences/{client.post('/v1/audiences', json=rule, headers=headers).json()['audience_id']}"
        made = client.post(f"{place}/exports", json={"recipient": "rows"}, headers=headers).json()
        assert 1000 <= made["rows"] < 1600
        left = 1600 - made["rows"]
        assert client.get(made["url"], headers=headers).status_code == 200
        refused = client.get(made["url"], headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (429, "urn:tessera:problem:quota-used-up")
        for limit, status in ((left + 1, 429), (left, 200), (1, 429)):
            page = client.get(f"{place}/members", params={"recipient": "rows", "limit": limit}, headers=headers)
            assert page.status_code == status


def test_one_person_can_be_asked_about_only_so_often(planted: Planted, person_ids: dict[str, str]) -> None:
    person = person_ids[device(700)]
    told = [f"/v1/identities/device/{device(700)}", f"/v1/identities/account/{account(700)}", f"/v1/persons/{person}/tags"]
    with served(planted, subject_limit_per_minute=6) as client:
        headers = bearer(planted.full)
        statuses = [client.get(told[n % 3], headers=headers).status_code for n in range(9)]
        assert statuses == [200] * 6 + [429] * 3
        answer = client.get(told[0], headers=headers)
        assert answer.json()["type"] == "urn:tessera:problem:asked-too-often"
        assert 1 <= int(answer.headers["retry-after"]) <= 10
        other = client.get(f"/v1/identities/device/{device(701)}", headers=headers)
        assert other.status_code == 200
        assert client.get(told[0], headers=bearer(planted.foreign)).status_code == 200


@pytest.mark.parametrize("refusing", [REFUSING[3]])
def test_the_limit_does_not_tell_refusal_from_absence(planted: Planted, refusing: int) -> None:
    with served(planted, subject_limit_per_minute=3) as client:
        headers = bearer(planted.full)
        for first, second in ((device(refusing), account(refusing)), ("nobody-1", "nobody-2")):
            paths = [f"/v1/identities/device/{first}", f"/v1/identities/account/{second}"]
            assert [client.get(paths[n % 2], headers=headers).status_code for n in range(8)] == [404] * 6 + [429] * 2


def test_a_query_about_a_person_counts_too(planted: Planted) -> None:
    asked = {"parameters": {"device_id": device(702)}}
    with served(planted, subject_limit_per_minute=2) as client:
        headers = bearer(planted.full)
        answers = [client.post("/v1/queries/who_is_device", json=asked, headers=headers) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]

"""ETags: the same answer is not sent twice, another is, and no withdrawal is ever answered with 304."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from api_home import Planted, account, bearer, device
from starlette.testclient import TestClient

from graph.control import Control

pytest_plugins = ("api_fixtures",)


def get(client: TestClient, path: str, token: str, etags: str | None = None) -> Any:
    return client.get(path, headers=bearer(token) | ({} if etags is None else {"If-None-Match": etags}))


@pytest.fixture
def paths(own_audience: str, person_ids: dict[str, str]) -> list[str]:
    person = person_ids[device(810)]
    return [
        f"/v1/identities/device/{device(810)}",
        f"/v1/persons/{person}",
        f"/v1/persons/{person}/tags",
        "/v1/tags?limit=2",
        "/v1/audiences?limit=1",
        f"/v1/audiences/{own_audience}",
        f"/v1/audiences/{own_audience}/members?recipient=conditional",
        "/v1/queries",
    ]


def test_what_is_at_hand_is_not_sent_again(client: TestClient, planted: Planted, paths: list[str]) -> None:
    for path in paths:
        first = get(client, path, planted.full)
        etag = first.headers["etag"]
        assert first.status_code == 200, path
        assert first.headers["cache-control"] == "private, no-cache"
        for named in (etag, f"W/{etag}", f'"another", {etag}', "*", f' {etag},"x"'):
            again = get(client, path, planted.full, named)
            assert (again.status_code, again.content) == (304, b""), (path, named)
            assert again.headers["etag"] == etag
            assert "x-request-id" in again.headers
        for named in ('"another"', etag.strip('"'), "", f'"{etag}"', f'"x{etag[1:]}'):
            assert get(client, path, planted.full, named).content == first.content, (path, named)


def test_different_answers_have_different_etags(client: TestClient, planted: Planted, paths: list[str]) -> None:
    etags = [get(client, path, planted.full).headers["etag"] for path in paths]
    assert len(set(etags)) == len(etags)
    assert get(client, "/v1/audiences?limit=1", planted.foreign, etags[4]).status_code == 200


def test_a_withdrawal_is_no_304(client: TestClient, planted: Planted) -> None:
    path = f"/v1/identities/device/{device(811)}"
    etag = get(client, path, planted.full).headers["etag"]
    said = {"consents": [{"subject_kind": "account", "subject_id": account(811), "purposes": []}]}
    assert client.post("/v1/consents", json=said, headers=bearer(planted.full)).status_code == 201
    assert get(client, path, planted.full, etag).status_code == 404
    assert get(client, path, planted.full, "*").status_code == 404
    said["consents"][0]["purposes"] = [1, 3, 4, 9]  # type: ignore[assignment]
    assert client.post("/v1/consents", json=said, headers=bearer(planted.full)).status_code == 201
    assert get(client, path, planted.full, etag).status_code == 304


def test_304_asks_for_key_and_scope_and_is_audited(client: TestClient, planted: Planted, control: Control) -> None:
    path = f"/v1/identities/device/{device(812)}"
    etag = get(client, path, planted.full).headers["etag"]
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 401
    since = datetime.now(UTC)
    assert get(client, path, planted.full, etag).status_code == 304
    (line,) = [entry for entry in control.audit.latest(20) if entry.at >= since]
    assert (line.action, line.outcome) == ("look up identity", "released")

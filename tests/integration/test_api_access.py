"""Every route × no key, wrong or revoked key, wrong scope, foreign tenant, unknown, refused: 401, 403, one and the same 404."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from api_home import Planted, account, bearer, device
from starlette.testclient import TestClient

from graph.control import Control, Scope

pytest_plugins = ("api_fixtures",)


@dataclass(frozen=True)
class Call:
    """One operation, with what it is asked here."""

    scope: Scope
    method: str
    path: str
    json: dict[str, Any] | None = None
    params: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


RULE = {"kind": "rule", "name": "a test", "rule": {"all": [{"attribute": "country", "one_of": ["DE", "FR"]}]}}
EVENT = {"anonymousId": device(99), "event": "Seen"}
AUDIENCE = "/v1/audiences/aud-0123456789abcdef"
CALLS = [
    Call(Scope.IDENTITIES, "GET", f"/v1/identities/device/{device(99)}"),
    Call(
        Scope.IDENTITIES,
        "GET",
        f"/v1/identities/device/{device(99)}/why",
        params={"other_kind": "account", "other_id": account(99)},
    ),
    Call(Scope.PERSONS, "GET", "/v1/persons/somebody"),
    Call(Scope.PERSONS, "GET", "/v1/persons/somebody/tags"),
    Call(Scope.PERSONS, "GET", "/v1/persons/somebody/tags/topic1/why"),
    Call(Scope.PERSONS, "GET", "/v1/persons/somebody/recommendations"),
    Call(Scope.TAGS, "GET", "/v1/tags"),
    Call(Scope.AUDIENCES_READ, "GET", "/v1/audiences"),
    Call(Scope.AUDIENCES_WRITE, "POST", "/v1/audiences", RULE),
    Call(Scope.AUDIENCES_READ, "GET", AUDIENCE),
    Call(Scope.AUDIENCES_READ, "GET", f"{AUDIENCE}/versions"),
    Call(Scope.AUDIENCES_WRITE, "POST", "/v1/audiences/dry-run", RULE),
    Call(Scope.AUDIENCES_WRITE, "PUT", AUDIENCE, RULE),
    Call(Scope.AUDIENCES_WRITE, "POST", f"{AUDIENCE}/refresh"),
    Call(Scope.AUDIENCES_WRITE, "DELETE", AUDIENCE),
    Call(Scope.AUDIENCES_READ, "GET", f"{AUDIENCE}/insights"),
    Call(
        Scope.AUDIENCES_READ, "POST", "/v1/audiences/overlap", {"audience_ids": ["aud-0123456789abcdef", "aud-fedcba9876543210"]}
    ),
    Call(Scope.AUDIENCES_WRITE, "POST", "/v1/audiences/seed-report", {"seed_audience_id": "aud-0123456789abcdef"}),
    Call(Scope.EXPORTS, "POST", f"{AUDIENCE}/exports", {"recipient": "shop"}),
    Call(Scope.EXPORTS, "GET", f"{AUDIENCE}/exports/exp-0123456789abcdef"),
    Call(Scope.EXPORTS, "GET", f"{AUDIENCE}/members", params={"recipient": "shop"}),
    Call(Scope.SUBGRAPHS, "POST", "/v1/subgraphs", {"audience_id": "aud-0123456789abcdef", "recipient": "shop"}),
    Call(Scope.ADMIN, "GET", "/v1/queries"),
    Call(Scope.ADMIN, "POST", "/v1/queries/no_such_query", {"parameters": {}}),
    Call(
        Scope.CONSENTS,
        "POST",
        "/v1/consents",
        {"consents": [{"subject_kind": "device", "subject_id": "nobody", "purposes": [1]}]},
    ),
    Call(Scope.COLLECT, "POST", "/v1/batch", {"batch": [{**EVENT, "type": "track"}]}),
    Call(Scope.COLLECT, "POST", "/v1/track", EVENT),
    Call(Scope.COLLECT, "POST", "/v1/identify", {"userId": account(99), "traits": {}}),
    Call(Scope.COLLECT, "POST", "/v1/page", {"anonymousId": device(99)}),
    Call(Scope.COLLECT, "POST", "/v1/screen", {"anonymousId": device(99)}),
    Call(Scope.COLLECT, "POST", "/v1/alias", {"userId": account(99), "previousId": device(99)}),
    Call(Scope.COLLECT, "POST", "/v1/group", {"userId": account(99), "groupId": "club"}),
]
each = pytest.mark.parametrize("call", CALLS, ids=str)


def ask(client: TestClient, call: Call, headers: dict[str, str]) -> Any:
    return client.request(call.method, call.path, json=call.json, params=call.params, headers=headers)


def test_every_documented_operation_is_here(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    documented = {(m.upper(), p) for p, item in document["paths"].items() if p.startswith("/v1") for m in item}
    assert len(documented) == len(CALLS)


@each
def test_no_valid_key_is_401(stranger: TestClient, planted: Planted, call: Call) -> None:
    wrong_secret = planted.full[:-4] + "AAAA"
    headers: list[dict[str, str]] = [{}, {"X-API-Key": "nonsense"}, bearer(wrong_secret), {"Authorization": planted.full}]
    for given in headers:
        answer = ask(stranger, call, given)
        assert answer.status_code == 401, given
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["type"] == "urn:tessera:problem:no-key"


@each
def test_the_wrong_scope_is_403(client: TestClient, planted: Planted, call: Call) -> None:
    answer = ask(client, call, bearer(planted.narrow[call.scope]))
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"


@each
def test_the_right_scope_is_neither(client: TestClient, planted: Planted, call: Call) -> None:
    answer = ask(client, call, {"X-API-Key": planted.full})
    assert answer.status_code in (200, 201, 404), answer.text


def test_a_malformed_body_without_a_key_is_401(client: TestClient) -> None:
    answer = client.post("/v1/audiences", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 401


def test_only_the_collector_takes_basic(client: TestClient, planted: Planted) -> None:
    assert client.post("/v1/track", json=EVENT, auth=(planted.full, "")).status_code == 200
    assert client.get("/v1/tags", auth=(planted.full, "")).status_code == 401
    bad = {"Authorization": "Basic !!!"}
    assert client.post("/v1/track", json=EVENT, headers=bad).status_code == 401


def test_a_revoked_key_is_401_at_once(client: TestClient, control: Control) -> None:
    now = datetime.now(UTC)
    key, token = control.keys.create("acme", [Scope.TAGS], now=now)
    assert client.get("/v1/tags", headers=bearer(token)).status_code == 200
    assert control.keys.revoke(key.key_id, now=now)
    assert client.get("/v1/tags", headers=bearer(token)).status_code == 401


def test_absent_foreign_and_refused_cannot_be_told_apart(
    client: TestClient, planted: Planted, own_audience: str, person_ids: dict[str, str]
) -> None:
    own, foreign = bearer(planted.full), bearer(planted.foreign)
    exported = client.post(f"/v1/audiences/{own_audience}/exports", json={"recipient": "shop"}, headers=own)
    assert exported.status_code == 201, exported.text
    export_id = exported.json()["export_id"]
    answers = [
        client.get("/no/such/address"),
        *(
            client.get(f"/v1/identities/{kind}/{who}", headers=own)
            for kind, who in (
                ("device", "absent"),
                ("device", device(1)),
                ("account", account(1)),
                ("device", device(50)),
                ("account", device(99)),
            )
        ),
        *(
            client.get(f"/v1/persons/{who}{tail}", headers=own)
            for tail in ("", "/tags", "/tags/running/why", "/tags/health/cancer/why", "/recommendations")
            for who in (
                "absent",
                person_ids[device(1)],
                person_ids[device(50)],
            )
        ),
        client.get(f"/v1/identities/device/{device(99)}/why?other_kind=device&other_id={device(1)}", headers=own),
        client.get(f"/v1/identities/device/{device(1)}/why?other_kind=device&other_id={device(99)}", headers=own),
        client.get(f"/v1/identities/device/{device(99)}/why?other_kind=device&other_id=absent", headers=own),
        *(
            client.request(m, f"/v1/audiences/{a}", headers=h)
            for m in ("GET", "DELETE")
            for a, h in (
                (own_audience, foreign),
                ("aud-absent", own),
            )
        ),
        *(
            client.post(f"/v1/audiences/{a}/exports", json={"recipient": "shop"}, headers=h)
            for a, h in (
                (own_audience, foreign),
                ("aud-absent", own),
            )
        ),
        *(
            client.get(f"/v1/audiences/{a}/exports/{e}", headers=h)
            for a, e, h in (
                (own_audience, export_id, foreign),
                (own_audience, "exp-absent", own),
                ("aud-absent", export_id, own),
            )
        ),
        *(
            client.get(f"/v1/audiences/{a}/members?recipient=shop", headers=h)
            for a, h in (
                (own_audience, foreign),
                ("aud-absent", own),
            )
        ),
        *(
            client.post("/v1/subgraphs", json={"audience_id": a, "recipient": "shop"}, headers=h)
            for a, h in (
                (own_audience, foreign),
                ("aud-absent", own),
            )
        ),
        client.post("/v1/queries/absent", json={"parameters": {}}, headers=own),
        client.post(
            "/v1/audiences",
            json={"kind": "lookalike", "name": "x", "seed_audience_id": own_audience, "size": 10},
            headers=foreign,
        ),
    ]
    shapes = set()
    for answer in answers:
        assert answer.status_code == 404, (answer.request.url, answer.text)
        body = answer.json()
        assert body.pop("request_id") == answer.headers["x-request-id"]
        headers = {k: v for k, v in answer.headers.items() if k != "x-request-id" and not k.startswith("ratelimit-")}
        shapes.add((tuple(sorted(body.items())), tuple(sorted(headers.items()))))
    assert len(shapes) == 1


def test_a_foreign_tenant_sees_none_of_it_in_its_lists(client: TestClient, planted: Planted, own_audience: str) -> None:
    mine = client.get("/v1/audiences", headers=bearer(planted.full)).json()["items"]
    theirs = client.get("/v1/audiences", headers=bearer(planted.foreign)).json()["items"]
    assert own_audience in [a["audience_id"] for a in mine]
    assert own_audience not in [a["audience_id"] for a in theirs]

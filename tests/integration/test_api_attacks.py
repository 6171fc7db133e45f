"""Attacks over HTTP: telling refusal from absence, sensitive tags by detours, injection, hostile bodies, tampered cursors."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from api_home import ENDING, PEOPLE, Planted, account, bearer, device
from starlette.testclient import TestClient

import cypher
from graph.control import Control
from graph.privacy import DenialReason, Denied, Gate

pytest_plugins = ("api_fixtures",)

REFUSING, SILENT = 5, 45


def told(answer: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
    """What a client sees, without what differs between any two answers."""
    body, headers = answer.json(), {k: v for k, v in answer.headers.items() if not k.startswith("ratelimit-")}
    assert body.pop("request_id") == headers.pop("x-request-id")
    headers.pop("content-length")
    return answer.status_code, body, headers


def test_absent_refusing_and_silent_look_the_same_everywhere(
    client: TestClient, planted: Planted, person_ids: dict[str, str]
) -> None:
    headers = bearer(planted.full)
    subjects = [(device(n), account(n), person_ids[device(n)]) for n in (REFUSING, SILENT)] + [("no", "no", "no")]
    other = {"other_kind": "device", "other_id": device(200)}
    answers = []
    for own, signed, person in subjects:
        answers += [
            client.get(f"/v1/identities/device/{own}", headers=headers),
            client.get(f"/v1/identities/account/{signed}", headers=headers),
            client.get(f"/v1/identities/device/{own}/why", params=other, headers=headers),
            client.get(
                f"/v1/identities/device/{device(200)}/why", params={"other_kind": "device", "other_id": own}, headers=headers
            ),
            client.get(f"/v1/persons/{person}", headers=headers),
            client.get(f"/v1/persons/{person}/tags", headers=headers),
        ]
        given = {"device_id": own, "account_id": signed, "person_id": person}
        for statement in cypher.readable():
            needed = [p.name for p in statement.parameters if p.required]
            if statement.group == "analyst" and set(needed) & set(given):
                parameters = {name: given[name] for name in needed}
                answers.append(client.post(f"/v1/queries/{statement.name}", json={"parameters": parameters}, headers=headers))
    assert len(answers) > 30
    first = told(answers[0])
    assert first[0] == 404
    assert all(told(answer) == first for answer in answers)


def test_the_metrics_do_not_tell_refusal_from_absence(client: TestClient, planted: Planted) -> None:
    def grown(path: str) -> list[str]:
        before = client.get("/metrics").text.splitlines()
        assert client.get(path, headers=bearer(planted.full)).status_code == 404
        after = client.get("/metrics").text.splitlines()
        names = {line.rpartition(" ")[0] for line in set(after) - set(before)}
        return sorted(n for n in names if "seconds" not in n and "_created" not in n and "/metrics" not in n)

    refused, absent = grown(f"/v1/identities/device/{device(REFUSING)}"), grown("/v1/identities/device/nobody-at-all")
    assert refused == absent
    assert "tessera_privacy_denials_total" in refused


@pytest.mark.parametrize("written", [ENDING, quote(ENDING, safe=""), quote(ENDING)])
def test_an_id_that_ends_in_why_is_looked_up_and_explained(client: TestClient, planted: Planted, written: str) -> None:
    headers = bearer(planted.full)
    found = client.get(f"/v1/identities/account/{written}", headers=headers)
    assert found.status_code == 200, found.text
    assert found.json()["id"] == ENDING
    other = {"other_kind": "device", "other_id": device(200)}
    why = client.get(f"/v1/identities/account/{written}/why", params=other, headers=headers)
    assert why.status_code == 200, why.text
    assert why.json()["same"] is False
    half = client.get(f"/v1/identities/account/{written}/why", params={"other_id": device(200)}, headers=headers)
    assert half.status_code == 422


@pytest.mark.parametrize("text", ["%00", "%ff", "%E2%80%AE", "a%2F..%2F..", "%2e%2e", "'%20OR%201=1", "x" * 600, "%3Cscript%3E"])
def test_odd_ids_are_absent_or_invalid(client: TestClient, planted: Planted, text: str) -> None:
    for path in (f"/v1/identities/device/{text}", f"/v1/persons/{text}/tags", f"/v1/audiences/{text}"):
        assert client.get(path, headers=bearer(planted.full)).status_code in (404, 422)


INJECTIONS = [
    "x'}) DETACH DELETE n //",
    'x"}) RETURN 1 //',
    "x\\'}) RETURN 1 //",
    "\\u0027}) MATCH (n) DETACH DELETE n //",
    "$person_id",
    "`x`",
    "x\x00y",
    "\ud7ff\U0001f600",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_text_of_a_request_is_read_as_cypher_or_sql(
    client: TestClient, planted: Planted, control: Control, own_audience: str, text: str
) -> None:
    headers = bearer(planted.full)
    before = client.post("/v1/queries/data_freshness", json={"parameters": {}}, headers=headers).json()
    for statement in cypher.readable():
        if statement.group == "analyst":
            given = {p.name: text for p in statement.parameters if p.type == "string"}
            answer = client.post(f"/v1/queries/{statement.name}", json={"parameters": given}, headers=headers)
            assert answer.status_code in (200, 404), answer.text
    rule = {"all": [{"tag": text}, {"attribute": "country", "one_of": [text]}]}
    made = client.post("/v1/audiences", json={"kind": "rule", "name": text, "rule": rule}, headers=headers)
    assert made.status_code == 201, made.text
    assert control.audiences.members(made.json()["audience_id"]).num_rows == 0
    assert client.get(f"/v1/audiences/{made.json()['audience_id']}", headers=headers).json()["name"] == text.strip()
    assert client.post(f"/v1/audiences/{own_audience}/exports", json={"recipient": text}, headers=headers).status_code == 422
    assert client.delete(f"/v1/audiences/{made.json()['audience_id']}", headers=headers).status_code == 204
    assert client.post("/v1/queries/data_freshness", json={"parameters": {}}, headers=headers).json() == before


def _audience(client: TestClient, planted: Planted, body: dict[str, Any]) -> dict[str, Any]:
    made = client.post("/v1/audiences", json={"name": "a test", **body}, headers=bearer(planted.full))
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def test_a_sensitive_tag_is_told_by_no_detour(client: TestClient, planted: Planted, own_audience: str) -> None:
    headers = bearer(planted.full)
    sensitive = {"tag": "health/cancer", "min_probability": 0.01}
    made = _audience(client, planted, {"kind": "rule", "rule": {"any": [{"all": [{"none": [sensitive]}, sensitive]}, sensitive]}})
    assert made["size"] is None
    seeded = _audience(client, planted, {"kind": "lookalike", "seed_audience_id": made["audience_id"], "size": 400})
    assert seeded["size"] is None

    def refused() -> None:
        for level in ("class", "person"):
            for audience_id in (made["audience_id"], seeded["audience_id"]):
                body = {"audience_id": audience_id, "level": level, "recipient": "board"}
                assert client.post("/v1/subgraphs", json=body, headers=headers).status_code == 404
                asked = {"parameters": {"audience_id": audience_id, "minimum_probability": 0}}
                assert client.post("/v1/queries/audience_composition", json=asked, headers=headers).status_code == 404
                members = client.get(f"/v1/audiences/{audience_id}/members", params={"recipient": "r"}, headers=headers)
                assert members.status_code == 404

    refused()
    assert client.delete(f"/v1/audiences/{made['audience_id']}", headers=headers).status_code == 204
    refused()  # deleting the seeds launders nothing
    for name in ("people_by_tag", "tag_overlap", "top_contents_of_tag"):
        asked = {"parameters": {"tag_id": "health/cancer", "limit": 1}}
        assert client.post(f"/v1/queries/{name}", json=asked, headers=headers).status_code == 404, name
    overlap = {"parameters": {"tag_id": "running", "minimum_probability": 0.2}}
    composition = {"parameters": {"audience_id": own_audience, "minimum_probability": 0}}
    for name, body in (("tag_overlap", overlap), ("audience_composition", composition)):
        rows = client.post(f"/v1/queries/{name}", json=body, headers=headers).json()["rows"]
        assert rows
        assert all("cancer" not in json.dumps(row) for row in rows)
        assert all(row["share"] is None for row in rows), "a ratio gives the rounded count back"


def test_a_foreign_tenants_audience_is_nowhere(client: TestClient, planted: Planted, own_audience: str) -> None:
    theirs = bearer(planted.foreign)
    answers = [
        client.get(f"/v1/audiences/{own_audience}", headers=theirs),
        client.delete(f"/v1/audiences/{own_audience}", headers=theirs),
        client.get(f"/v1/audiences/{own_audience}/members", params={"recipient": "r"}, headers=theirs),
        client.post(f"/v1/audiences/{own_audience}/exports", json={"recipient": "r"}, headers=theirs),
        client.post("/v1/subgraphs", json={"audience_id": own_audience, "recipient": "r"}, headers=theirs),
        client.post(
            "/v1/audiences",
            json={"kind": "lookalike", "name": "x", "seed_audience_id": own_audience, "size": 100},
            headers=theirs,
        ),
        client.post("/v1/queries/audience_composition", json={"parameters": {"audience_id": own_audience}}, headers=theirs),
        client.get("/v1/audiences/aud-0000000000000000", headers=theirs),
    ]
    assert all(told(answer) == told(answers[0]) for answer in answers)
    assert answers[0].status_code == 404


@pytest.mark.parametrize("offset", [PEOPLE * 10, 2**53 - 1, 2**53, -1, "1", True, 1.5, [1], None])
def test_tampered_cursors_give_nothing_more(client: TestClient, planted: Planted, own_audience: str, offset: Any) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps(offset).encode()).decode().rstrip("=")
    params = {"recipient": "walker", "cursor": cursor}
    answer = client.get(f"/v1/audiences/{own_audience}/members", params=params, headers=bearer(planted.full))
    assert answer.status_code == 422 or (answer.json()["items"], answer.json()["next_cursor"]) == ([], None)


def test_a_rule_with_more_conditions_than_allowed_is_refused_before_any_is_looked_at(
    client: TestClient, planted: Planted
) -> None:
    condition = {"attribute": "country", "one_of": ["DE"]}
    wide = {"all": [{"any": [condition] * 99} for _ in range(90)]}
    answer = client.post("/v1/audiences", json={"kind": "rule", "name": "x", "rule": wide}, headers=bearer(planted.full))
    assert answer.status_code == 422
    assert "at most 200 conditions" in answer.text


def test_a_grant_from_the_future_does_not_outlive_a_withdrawal(client: TestClient, planted: Planted, control: Control) -> None:
    headers, who = bearer(planted.full), "planted-time-traveller"

    def say(**said: Any) -> None:
        record = {"subject_kind": "account", "subject_id": who, **said}
        assert client.post("/v1/consents", json={"consents": [record]}, headers=headers).status_code == 201

    later = datetime.now(UTC) + timedelta(days=400)
    say(purposes=[1, 3, 4, 9], at=later.isoformat())
    say(purposes=[])
    grant, withdrawal = control.consents.of("account", who)
    assert grant.at <= withdrawal.at <= datetime.now(UTC)


DEEP = b'{"anonymousId": "d", "event": "a", "properties": ' + b'{"a": ' * 5000 + b"1" + b"}" * 5000 + b"}"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{", {}),
        (b"[]", {}),
        (b'"text"', {}),
        (b"\x00" * 100, {}),
        (DEEP, {}),
        (b"[" * 30_000, {}),
        (b'{"anonymousId": "d", "event": "a", "properties": {"n": NaN}}', {}),
        (b'{"anonymousId": "d", "event": "a", "x": "' + b"a" * 40_000 + b'"}', {}),
        (gzip.compress(b'{"anonymousId": "d", "event": "a"}'), {"Content-Encoding": "gzip"}),
        (b"anonymousId=d&event=a", {"Content-Type": "application/x-www-form-urlencoded"}),
        (b'{"anonymousId": "d", "event": "a"}', {"Content-Type": "application/xml"}),
        (b'{"anonymousId": "d", "event": "a"}', {"Content-Length": "9" * 5000}),
        (b'{"anonymousId": "d", "event": "a"}', {"Content-Length": "-1"}),
    ],
)
def test_hostile_calls_are_refused_and_leave_nothing(
    client: TestClient, planted: Planted, body: bytes, headers: dict[str, str]
) -> None:
    folder = planted.home / "inbox"
    before = {f.name for f in folder.iterdir()}
    sent = {"Content-Type": "application/json", **headers}
    answer = client.post("/v1/track", content=body, headers=sent, auth=(planted.collector, ""))
    assert answer.status_code in (400, 413, 415, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert {f.name for f in folder.iterdir()} <= before


def test_a_batch_over_500_kb_is_refused(client: TestClient, planted: Planted) -> None:
    call = {"type": "track", "anonymousId": "d", "event": "a", "x": "y" * 10_000}
    answer = client.post("/v1/batch", json={"batch": [call] * 60}, auth=(planted.collector, ""))
    assert answer.status_code == 413


def test_an_api_key_in_a_call_does_not_reach_the_disk(client: TestClient, planted: Planted) -> None:
    call = {"type": "track", "anonymousId": "d", "event": "a", "messageId": "with-key", "writeKey": planted.collector}
    body = {"batch": [call], "writeKey": planted.collector}
    assert client.post("/v1/batch", json=body, auth=(planted.collector, "")).status_code == 200
    files = [f.read_text() for f in (planted.home / "inbox").glob("*.segment.jsonl")]
    assert any("with-key" in text for text in files)
    assert not any(planted.collector in text for text in files)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD", "PROPFIND"])
def test_other_verbs_tell_nothing(client: TestClient, planted: Planted, method: str) -> None:
    for path in (f"/v1/identities/device/{device(200)}", f"/v1/identities/device/{device(REFUSING)}"):
        answer = client.request(method, path, headers=bearer(planted.full))
        assert answer.status_code == 405
        assert device(200) not in answer.text


@pytest.mark.parametrize("path", ["consents", "audiences", "subgraphs", "queries/data_freshness"])
def test_unknown_fields_are_refused(client: TestClient, planted: Planted, path: str) -> None:
    answer = client.post(f"/v1/{path}", json={"tenant": "umbrella", "admin": True}, headers=bearer(planted.full))
    assert answer.status_code == 422
    assert "umbrella" not in answer.text


def test_behind_a_gate_that_denies_everything_nobody_is_told_of(
    client: TestClient,
    planted: Planted,
    person_ids: dict[str, str],
    own_audience: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    headers = bearer(planted.full)
    asked: list[tuple[str, str, Any]] = [
        ("GET", f"/v1/identities/device/{device(200)}", None),
        ("GET", f"/v1/identities/device/{device(200)}/why?other_kind=account&other_id={account(200)}", None),
        ("GET", f"/v1/persons/{person_ids[device(200)]}", None),
        ("GET", f"/v1/persons/{person_ids[device(200)]}/tags", None),
        ("GET", f"/v1/audiences/{own_audience}/members?recipient=r", None),
        ("POST", f"/v1/audiences/{own_audience}/exports", {"recipient": "r"}),
        ("POST", "/v1/subgraphs", {"recipient": "r"}),
        ("POST", "/v1/queries/who_is_device", {"parameters": {"device_id": device(200)}}),
    ]
    assert {client.request(m, path, json=body, headers=headers).status_code for m, path, body in asked} <= {200, 201}

    def deny(*_: object, **__: object) -> Denied:
        return Denied(DenialReason.NO_CONSENT, "nobody today")

    for method in ("subject", "row_list", "subgraph", "query"):
        monkeypatch.setattr(Gate, method, deny)
    answers = [client.request(m, path, json=body, headers=headers) for m, path, body in asked]
    assert [answer.status_code for answer in answers] == [404] * len(asked)
    assert all("planted" not in answer.text for answer in answers)

"""The collector: Segment's calls in, durable inbox files out, which the ingest stage understands."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from api_home import Planted, account, bearer, device
from starlette.testclient import TestClient

from api.http.app import create_app
from api.settings import Settings
from graph.control import Control, Scope
from graph.ingest.segment import tables

pytest_plugins = ("api_fixtures",)


def inbox(planted: Planted) -> list[dict[str, Any]]:
    files = sorted((Path(planted.home) / "inbox").glob("*.segment.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def taken(planted: Planted, message_id: str) -> list[dict[str, Any]]:
    return [call for call in inbox(planted) if call.get("messageId") == message_id]


CALLS: dict[str, dict[str, Any]] = {
    "track": {"anonymousId": device(700), "event": "Order Completed", "properties": {"revenue": 39.9, "名": "鞋"}},
    "identify": {"userId": account(700), "anonymousId": device(700), "traits": {"address": {"country": "DE"}}},
    "page": {"anonymousId": device(700), "name": "Shoes", "properties": {"url": "https://shop.example/shoes"}},
    "screen": {"anonymousId": device(700), "name": "Basket"},
    "alias": {"userId": account(700), "previousId": device(700)},
    "group": {"userId": account(700), "groupId": "club"},
}


@pytest.mark.parametrize("kind", CALLS)
def test_each_call_is_on_disk_before_the_answer(client: TestClient, planted: Planted, kind: str) -> None:
    sent = {**CALLS[kind], "messageId": f"one-{kind}", "timestamp": "2026-03-01T12:00:00Z", "context": {"library": {"name": "x"}}}
    answer = client.post(f"/v1/{kind}", json=sent, auth=(planted.collector, ""))
    assert answer.status_code == 200
    assert answer.json() == {"success": True}
    (found,) = taken(planted, f"one-{kind}")
    assert found.pop("receivedAt")
    assert found == {**sent, "type": kind}


def test_ingest_understands_every_call(client: TestClient, planted: Planted) -> None:
    batch = [{**call, "type": kind, "messageId": f"understood-{kind}"} for kind, call in CALLS.items()]
    answer = client.post("/v1/batch", json={"batch": batch, "sentAt": "2026-03-01T12:00:00Z"}, auth=(planted.collector, ""))
    assert answer.status_code == 200
    calls = [call for kind in CALLS for call in taken(planted, f"understood-{kind}")]
    raw, rejected = tables(calls)
    assert not rejected
    assert raw["events"]["event_id"].to_pylist() == [f"understood-{k}" for k in ("track", "identify", "page", "screen")]
    assert raw["accounts"]["account_id"].to_pylist() == [account(700)]
    assert sorted(raw["relations"]["type"].to_pylist()) == ["alias", "group"]
    assert raw["events"]["at"].null_count == 0


def test_a_batchs_context_holds_for_calls_without_their_own(client: TestClient, planted: Planted) -> None:
    batch = [
        {"type": "track", "anonymousId": "d", "event": "a", "messageId": "context-1"},
        {"type": "track", "anonymousId": "d", "event": "b", "messageId": "context-2", "context": {"ip": "203.0.113.9"}},
    ]
    client.post("/v1/batch", json={"batch": batch, "context": {"ip": "203.0.113.8"}}, auth=(planted.collector, ""))
    assert taken(planted, "context-1")[0]["context"] == {"ip": "203.0.113.8"}
    assert taken(planted, "context-2")[0]["context"] == {"ip": "203.0.113.9"}


def test_the_same_call_sent_again_keeps_its_id_and_undated_ones_get_one(client: TestClient, planted: Planted) -> None:
    before = len(inbox(planted))
    for _ in range(2):
        client.post("/v1/track", json={"anonymousId": "twice", "event": "a"}, auth=(planted.collector, ""))
    new = [call for call in inbox(planted)[before:] if call["anonymousId"] == "twice"]
    assert len({call["messageId"] for call in new}) == 2
    assert all(call["timestamp"] == call["receivedAt"] for call in new)


def test_global_privacy_control_is_kept(client: TestClient, planted: Planted) -> None:
    sent = {"anonymousId": "gpc", "event": "a", "messageId": "gpc-1", "context": {"locale": "en"}}
    client.post("/v1/track", json=sent, auth=(planted.collector, ""), headers={"Sec-GPC": "1"})
    assert taken(planted, "gpc-1")[0]["context"] == {"locale": "en", "gpc": True}


@pytest.mark.parametrize(
    ("path", "sent", "where"),
    [
        ("track", {"event": "a"}, "body"),
        ("track", {"anonymousId": "d"}, "body.event"),
        ("track", {"anonymousId": "", "event": "a"}, "body.anonymousId"),
        ("track", {"anonymousId": "d" * 2000, "event": "a"}, "body.anonymousId"),
        ("alias", {"userId": "a"}, "body.previousId"),
        ("group", {"userId": "a"}, "body.groupId"),
        ("batch", {"batch": []}, "body.batch"),
        ("batch", {"batch": [{"type": "delete", "userId": "a"}]}, "body.batch.0"),
        ("batch", {"batch": [{"type": "track", "userId": "a", "event": "a"}, {"type": "track"}]}, "body.batch.1.track.event"),
    ],
)
def test_calls_that_say_nothing_are_422_and_leave_nothing(
    client: TestClient, planted: Planted, path: str, sent: dict[str, Any], where: str
) -> None:
    before = len(inbox(planted))
    answer = client.post(f"/v1/{path}", json=sent, auth=(planted.collector, ""))
    assert answer.status_code == 422, answer.text
    assert where in [error["where"] for error in answer.json()["errors"]]
    assert len(inbox(planted)) == before


def test_numbers_that_json_lacks_are_422(client: TestClient, planted: Planted) -> None:
    body = b'{"anonymousId": "d", "event": "a", "properties": {"x": NaN}}'
    headers = {"Content-Type": "application/json"} | bearer(planted.collector)
    assert client.post("/v1/track", content=body, headers=headers).status_code == 422


@pytest.mark.parametrize("text", ["\x00", "\ud800", "'; DROP TABLE events; --", "\u202e", "𝒳" * 100])
def test_odd_texts_are_kept_as_valid_lines(client: TestClient, planted: Planted, text: str) -> None:
    before = len(inbox(planted))
    body = json.dumps({"anonymousId": "odd", "event": "a", "properties": {"x": text}}).encode()
    headers = {"Content-Type": "application/json"} | bearer(planted.collector)
    assert client.post("/v1/track", content=body, headers=headers).status_code == 200
    (found,) = inbox(planted)[before:]
    assert found["properties"]["x"] == text.encode("utf-8", "replace").decode()


def test_limits_of_the_spec(client: TestClient, planted: Planted) -> None:
    def call(size: int) -> dict[str, Any]:
        return {"type": "track", "anonymousId": "d", "event": "a", "properties": {"x": "x" * size}}

    auth = (planted.collector, "")
    assert client.post("/v1/track", json=call(31_000), auth=auth).status_code == 200
    assert client.post("/v1/track", json=call(33_000), auth=auth).status_code == 413
    assert client.post("/v1/batch", json={"batch": [call(31_000)] * 16}, auth=auth).status_code == 200
    assert client.post("/v1/batch", json={"batch": [call(31_000)] * 17}, auth=auth).status_code == 413
    before = len(inbox(planted))
    assert client.post("/v1/batch", json={"batch": [call(10), call(33_000)]}, auth=auth).status_code == 413
    assert len(inbox(planted)) == before


def test_a_full_disk_is_503_and_the_call_may_come_again(client: TestClient, planted: Planted) -> None:
    folder = Path(planted.home) / "inbox"
    moved = folder.with_name("inbox-elsewhere")
    folder.rename(moved)
    try:
        answer = client.post("/v1/track", json=CALLS["track"], auth=(planted.collector, ""))
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert str(planted.home) not in answer.text
    finally:
        moved.rename(folder)
    assert client.post("/v1/track", json=CALLS["track"], auth=(planted.collector, "")).status_code == 200


def test_what_is_collected_is_served_soon_after(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path / "home", inbox_seconds=0.2, legal_basis="contract"), log_stream=io.StringIO())
    with TestClient(app) as client:
        control: Control = app.state.resources.control
        now = datetime.now(UTC)
        control.tenants.ensure("acme", now=now)
        _, token = control.keys.create("acme", [Scope.COLLECT, Scope.IDENTITIES], now=now)
        path, headers = "/v1/identities/device/new-device", bearer(token)
        assert client.get(path, headers=headers).status_code == 409
        sent = {"anonymousId": "new-device", "userId": "new-account", "traits": {}}
        assert client.post("/v1/identify", json=sent, headers=headers).status_code == 200
        deadline = time.monotonic() + 90
        while (answer := client.get(path, headers=headers)).status_code != 200:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.1)
        assert [m["id"] for m in answer.json()["members"]] == ["new-account", "new-device"]
        while not (counts := app.state.resources.store.counts())["Person"]:  # the graph is written after the identities
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert (counts["Person"], counts["Device"], counts["Account"]) == (1, 1, 1)
        assert not list((tmp_path / "home" / "inbox").glob("*.segment.jsonl"))

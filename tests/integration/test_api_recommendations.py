"""Contents for a person over HTTP: only where they permit it, nothing that they have seen, also what they saw a moment ago."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from api_home import NOW, REFUSING, SILENT, UNKNOWN, Planted, account, bearer, device
from starlette.testclient import TestClient

from api.settings import Settings
from api.workspace import Workspace
from gnn.registry import current
from graph.home import Home

pytest_plugins = ("api_fixtures",)

WHO = (1360, 1361, 1362, UNKNOWN)
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def ask(client: TestClient, planted: Planted, person_ids: dict[str, str]) -> Ask:
    """Asks for the recommendations of a person by number; those of WHO permit them."""
    headers = bearer(planted.full)
    permitting = [{"subject_kind": "account", "subject_id": account(n), "purposes": [1, 3, 4, 6, 9]} for n in WHO]
    assert client.post("/v1/consents", json={"consents": permitting}, headers=headers).status_code == 201

    def asked(who: int, **parameters: Any) -> Any:
        return client.get(f"/v1/persons/{person_ids[device(who)]}/recommendations", params=parameters, headers=headers)

    return asked


def contents(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["content_id"] for item in answer.json()["items"]]


def test_what_is_offered_was_not_seen(ask: Ask, planted: Planted, person_ids: dict[str, str]) -> None:
    answer = ask(1360, k=100)
    found = answer.json()
    assert found["person_id"] == person_ids[device(1360)]
    assert found["model"] == current(Home.open(planted.home).models).name
    assert set(contents(answer)) == {f"content-{c}" for c in range(50)} - {"content-10", "content-11"}
    assert [item["rank"] for item in found["items"]] == list(range(1, 49))
    scores = [item["score"] for item in found["items"]]
    assert scores == sorted(scores, reverse=True)
    # Who sees a content sees the next one too: what is next to the person's two comes first.
    assert set(contents(ask(1360, k=2))) == {"content-9", "content-12"}
    assert contents(ask(1360)) == contents(answer)[:20]


def test_somebody_the_model_does_not_know_is_looked_up_in_the_lake(ask: Ask) -> None:
    assert not {"content-0", "content-1"} & set(contents(ask(UNKNOWN, k=100)))
    assert set(contents(ask(UNKNOWN, k=2))) == {"content-49", "content-2"}


@pytest.mark.parametrize("k", [0, 101, "many"])
def test_k_is_bounded(ask: Ask, k: Any) -> None:
    answer = ask(1360, k=k)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == "query.k"


@pytest.mark.parametrize("who", [REFUSING[0], SILENT[0], 1399])  # the last permits much, but not this
def test_who_does_not_permit_it_cannot_be_told_from_nobody(ask: Ask, client: TestClient, planted: Planted, who: int) -> None:
    def plain(answer: Any) -> dict[str, Any]:
        return {k: v for k, v in answer.json().items() if k != "request_id"}

    nobody = client.get("/v1/persons/nobody/recommendations", headers=bearer(planted.full))
    assert ask(who).status_code == nobody.status_code == 404
    assert plain(ask(who)) == plain(nobody)


def test_a_withdrawal_holds_from_the_next_request_on(ask: Ask, client: TestClient, planted: Planted) -> None:
    assert ask(1361).status_code == 200
    record = {"subject_kind": "account", "subject_id": account(1361), "purposes": [1, 3, 4, 9]}
    client.post("/v1/consents", json={"consents": [record]}, headers=bearer(planted.full))
    assert ask(1361).status_code == 404


def test_what_was_seen_since_the_training_is_not_offered(ask: Ask, client: TestClient, planted: Planted) -> None:
    before = contents(ask(1362))
    events = pa.table(
        {
            "event_id": ["later-1362"],
            "at": pa.array([NOW + timedelta(hours=1)], pa.timestamp("us", "UTC")),
            "device_id": [device(1362)],
            "account_id": [account(1362)],
            "type": ["page"],
            "content_id": [before[0]],
        }
    )
    Workspace.open(Settings(home=planted.home)).lake.append("events", events)
    client.app.state.resources.refresh()  # type: ignore[attr-defined]
    after = contents(ask(1362))
    assert before[0] not in after
    assert after != before[1:]  # it is not left out alone: what is like it moves up

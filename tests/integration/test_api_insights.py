"""What audiences are like, whom they share and how good seeds are, over HTTP: planted differences come first."""

from __future__ import annotations

from typing import Any

import pyarrow.compute as pc
import pytest
from api_home import PEOPLE, Planted, account, bearer, device
from starlette.testclient import TestClient

from api.audiences.traits import counted
from graph.control import Scope

pytest_plugins = ("api_fixtures",)
ALLOWED = range(80, PEOPLE)


@pytest.fixture(scope="module")
def mobile(client: TestClient, planted: Planted) -> str:
    """Everybody with an even number: they run, on Android."""
    return made(client, planted, {"all": [{"attribute": "device_kind", "one_of": ["mobile"]}]})


def made(client: TestClient, planted: Planted, rule: dict[str, Any]) -> str:
    body = {"kind": "rule", "name": "insights", "rule": rule}
    answer = client.post("/v1/audiences", json=body, headers=bearer(planted.full))
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["audience_id"]
    return found


def insights(client: TestClient, planted: Planted, audience: str, of: str, key: str | None = None) -> Any:
    return client.get(f"/v1/audiences/{audience}/insights?of={of}", headers=bearer(key or planted.full))


def test_planted_tags_and_attributes_over_index_and_nothing_sensitive_is_told(
    client: TestClient, planted: Planted, mobile: str
) -> None:
    tags = insights(client, planted, mobile, "tags")
    assert tags.status_code == 200, tags.text
    assert tags.json()["people"] == 710
    first = tags.json()["items"][0]
    assert first["id"] == "running"
    assert first["audience_share"] == 1.0
    assert first["index"] == pytest.approx(2.0, rel=0.02)
    assert "cancer" not in tags.text
    attributes = {item["id"]: item for item in insights(client, planted, mobile, "attributes").json()["items"]}
    assert list(attributes)[:2] == ["device_kind:mobile", "os:Android"]
    assert attributes["os:Android"]["index"] == pytest.approx(2.0, rel=0.02)
    assert attributes["country:DE"]["index"] == pytest.approx(1.0, abs=0.1)
    assert "os:Windows" not in attributes


def test_contents_are_counted_by_reader_for_who_permits_that(client: TestClient, planted: Planted, mobile: str) -> None:
    assert insights(client, planted, mobile, "contents").json() == {"people": None, "items": []}, "nobody permits purpose 7"
    view = client.app.state.resources.view  # type: ignore[attr-defined]
    members = view.resolution.members
    who = dict(zip(members["id"].to_pylist(), members["person_id"].to_pylist(), strict=True))
    everybody = pc.unique(members["person_id"].combine_chunks())
    people = everybody.filter(pc.is_in(everybody, value_set=pc.unique(members["person_id"].take([0, 1, 2]))))
    found = {t.trait_id: t for t in counted(view, "contents", people, everybody)}
    numbers = [n for n in range(PEOPLE) if who[device(n)] in set(people.to_pylist())]
    expected = {f"content:content-{(n + j) % 50}" for n in numbers for j in range(2)}
    assert set(found) == expected
    for trait in found.values():
        number = int(trait.trait_id.rpartition("-")[2])
        assert trait.population == sum(number in ((n % 50), (n + 1) % 50) for n in range(PEOPLE))


def test_overlaps_of_audiences(client: TestClient, planted: Planted, mobile: str) -> None:
    german = made(client, planted, {"all": [{"attribute": "country", "one_of": ["DE"]}]})
    desktop = made(client, planted, {"all": [{"attribute": "device_kind", "one_of": ["desktop"]}]})
    asked = {"audience_ids": [mobile, german, desktop]}
    answer = client.post("/v1/audiences/overlap", json=asked, headers=bearer(planted.full))
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert [(i["a"], i["b"]) for i in items] == [(mobile, german), (mobile, desktop), (german, desktop)]
    exact = sum(n % 2 == 0 and n % 3 == 0 for n in ALLOWED)
    assert items[0]["people"] == exact - exact % 10
    assert items[0]["share_of_b"] == pytest.approx(0.5, abs=0.03)
    assert items[1] == {"a": mobile, "b": desktop, "people": None, "share_of_a": None, "share_of_b": None}
    for wrong in ([mobile], [mobile, mobile], [mobile] * 11):
        refused = client.post("/v1/audiences/overlap", json={"audience_ids": wrong}, headers=bearer(planted.full))
        assert refused.status_code == 422


def test_seeds_are_judged_and_nothing_is_kept(client: TestClient, planted: Planted) -> None:
    headers = bearer(planted.full)
    before = len(client.get("/v1/audiences?limit=1000", headers=headers).json()["items"])
    runners = [n for n in ALLOWED if n % 2 == 0][:60]
    seeds = [{"kind": "account", "id": account(n)} for n in runners] + [{"kind": "device", "id": device(runners[0])}]
    answer = client.post("/v1/audiences/seed-report", json={"seeds": seeds}, headers=headers)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["seeds"], found["usable"]) == (60, 60)
    assert found["auc"] == found["methods"][found["method"]] > 0.65
    assert found["auc_interval"][0] <= found["auc"] <= found["auc_interval"][1]
    assert [p["ratio"] for p in found["curve"]] == pytest.approx([r / 100 for r in range(1, 11)])
    assert found["curve"][9]["people"] == 140
    assert any(text.startswith("Few seeds") for text in found["advice"])
    assert len(client.get("/v1/audiences?limit=1000", headers=headers).json()["items"]) == before


def test_seeds_that_building_refuses_are_refused(client: TestClient, planted: Planted) -> None:
    seeds = [{"kind": "device", "id": device(n)} for n in ALLOWED[:9]]
    for body, status in (
        ({"seeds": seeds}, 422),
        ({"seeds": [{"kind": "device", "id": device(n)} for n in range(40)]}, 422),
        ({}, 422),
        ({"seeds": seeds, "seed_audience_id": "aud-1"}, 422),
        ({"seed_audience_id": "aud-none"}, 404),
    ):
        assert client.post("/v1/audiences/seed-report", json=body, headers=bearer(planted.full)).status_code == status


def test_sensitive_and_foreign_audiences_answer_as_absent_ones(client: TestClient, planted: Planted, mobile: str) -> None:
    sensitive = made(client, planted, {"all": [{"tag": "health/cancer", "min_probability": 0.9}]})
    for audience, key in ((sensitive, planted.full), (mobile, planted.foreign), ("aud-none", planted.full)):
        answers = [
            insights(client, planted, audience, "tags", key),
            client.post("/v1/audiences/overlap", json={"audience_ids": [mobile, audience]}, headers=bearer(key))
            if audience != mobile
            else client.post("/v1/audiences/overlap", json={"audience_ids": [mobile, "aud-x"]}, headers=bearer(key)),
            client.post("/v1/audiences/seed-report", json={"seed_audience_id": audience}, headers=bearer(key)),
        ]
        for answer in answers:
            assert answer.status_code == 404
            assert answer.json()["type"] == "urn:tessera:problem:not-found"


def test_scopes(client: TestClient, planted: Planted, mobile: str) -> None:
    reading, writing = planted.narrow[Scope.AUDIENCES_READ], planted.narrow[Scope.AUDIENCES_WRITE]
    assert insights(client, planted, mobile, "tags", reading).status_code == 403
    overlap = {"audience_ids": [mobile, "aud-x"]}
    assert client.post("/v1/audiences/overlap", json=overlap, headers=bearer(reading)).status_code == 403
    report = {"seed_audience_id": mobile}
    assert client.post("/v1/audiences/seed-report", json=report, headers=bearer(writing)).status_code == 403

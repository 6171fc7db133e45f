"""Named queries over HTTP: what the catalogue lists, bound parameters, and the gate in front of every row."""

from __future__ import annotations

from typing import Any

import pytest
from api_home import Planted, account, bearer, device
from starlette.testclient import TestClient

import cypher

pytest_plugins = ("api_fixtures",)


def run(client: TestClient, token: str, name: str, **parameters: Any) -> Any:
    return client.post(f"/v1/queries/{name}", json={"parameters": parameters}, headers=bearer(token))


def test_the_list_is_the_analysts_part_of_the_catalogue(client: TestClient, planted: Planted) -> None:
    items = client.get("/v1/queries", headers=bearer(planted.full)).json()["items"]
    assert [q["name"] for q in items] == list(cypher.names("analyst"))
    assert all(q["summary"] and q["columns"] for q in items)
    who = next(q for q in items if q["name"] == "who_is_device")
    assert who["parameters"] == [{"name": "device_id", "type": "string", "required": True, "summary": "the device"}]


def test_a_person_who_permits_it_is_told_of(client: TestClient, planted: Planted, person_ids: dict[str, str]) -> None:
    answer = run(client, planted.full, "who_is_device", device_id=device(300))
    assert answer.status_code == 200, answer.text
    (row,) = answer.json()["rows"]
    assert row["person_id"] == person_ids[device(300)]
    assert row["kind"] == "mobile"
    assert answer.json()["truncated"] is False
    timeline = run(client, planted.full, "person_timeline", person_id=person_ids[device(300)])
    assert timeline.status_code == 200, timeline.text
    assert timeline.json()["rows"]


@pytest.mark.parametrize("who", [1, 50])
def test_one_who_does_not_is_the_same_404(client: TestClient, planted: Planted, person_ids: dict[str, str], who: int) -> None:
    for name, parameters in (
        ("who_is_device", {"device_id": device(who)}),
        ("who_is_account", {"account_id": account(who)}),
        ("person_timeline", {"person_id": person_ids[device(who)]}),
        ("neighbours_in_two_hops", {"person_id": person_ids[device(who)]}),
    ):
        answer = run(client, planted.full, name, **parameters)
        assert answer.status_code == 404 or answer.json()["rows"] == [], name


def test_rows_that_name_several_people_do_not_leave(client: TestClient, planted: Planted) -> None:
    assert run(client, planted.full, "people_by_tag", tag_id="running").status_code == 404


def test_counts_of_people_are_rounded(client: TestClient, planted: Planted) -> None:
    answer = run(client, planted.full, "tag_overlap", tag_id="running", minimum_probability=0.2)
    assert answer.status_code == 200, answer.text
    counts = [row["people"] for row in answer.json()["rows"]]
    assert counts
    assert all(count is None or count % 10 == 0 for count in counts)


def test_every_query_answers_or_says_why_not(
    client: TestClient, planted: Planted, person_ids: dict[str, str], own_audience: str
) -> None:
    values = {
        "person_id": person_ids[device(300)],
        "device_id": device(300),
        "account_id": account(300),
        "tag_id": "running",
        "audience_id": own_audience,
    }
    for statement in cypher.readable():
        if statement.group != "analyst":
            continue
        needed = {p.name: values[p.name] for p in statement.parameters if p.required}
        assert run(client, planted.full, statement.name, **needed).status_code in (200, 404), statement.name


def test_a_foreign_audience_is_the_same_404(client: TestClient, planted: Planted, own_audience: str) -> None:
    assert run(client, planted.foreign, "audience_composition", audience_id=own_audience).status_code == 404


@pytest.mark.parametrize(
    ("name", "parameters", "status"),
    [
        ("who_is_device", {}, 422),
        ("who_is_device", {"device_id": device(300), "other": 1}, 422),
        ("who_is_device", {"device_id": 3}, 422),
        ("people_by_tag", {"tag_id": "x", "minimum_probability": 2}, 422),
        ("who_is_device", {"device_id": "x' RETURN 1 //"}, 404),
        ("person_tags", {"person_id": "x"}, 404),
        ("audiences", {}, 404),
        ("MATCH (n) RETURN n", {}, 404),
        ("..", {}, 404),
    ],
)
def test_wrong_parameters_and_names(
    client: TestClient, planted: Planted, name: str, parameters: dict[str, Any], status: int
) -> None:
    answer = run(client, planted.full, name, **parameters)
    if status == 404 and answer.status_code == 200:
        assert answer.json()["rows"] == []
    else:
        assert answer.status_code == status, answer.text
    assert "planted" not in answer.text

"""Identities, persons, tags: what is told of whom, and that a withdrawal holds from the next request on."""

from __future__ import annotations

import pytest
from api_home import PEOPLE, TAGS, Planted, account, bearer, device, probabilities
from starlette.testclient import TestClient

pytest_plugins = ("api_fixtures",)


def test_a_device_leads_to_its_person_and_their_account(client: TestClient, planted: Planted, person_ids: dict[str, str]) -> None:
    answer = client.get(f"/v1/identities/device/{device(200)}", headers=bearer(planted.full))
    assert answer.status_code == 200
    found = answer.json()
    assert found["person_id"] == person_ids[device(200)] == person_ids[account(200)]
    assert found["person_class"] == "person"
    assert [(m["kind"], m["id"]) for m in found["members"]] == [("account", account(200)), ("device", device(200))]
    assert 0.5 < found["confidence"] <= 1
    assert found["since"].endswith("Z")
    assert "planted.0200@example.org" not in answer.text


def test_ids_with_slashes_and_spaces_are_found(client: TestClient, planted: Planted) -> None:
    for path in ("odd/id with space", "odd%2Fid%20with%20space"):
        answer = client.get(f"/v1/identities/account/{path}", headers=bearer(planted.full))
        assert answer.status_code == 200, path
        assert answer.json()["id"] == "odd/id with space"
    why = client.get(
        "/v1/identities/account/odd/id with space/why",
        params={"other_kind": "account", "other_id": account(200)},
        headers=bearer(planted.full),
    )
    assert why.status_code == 200
    assert why.json()["same"] is False


def test_why_gives_the_evidence(client: TestClient, planted: Planted) -> None:
    answer = client.get(
        f"/v1/identities/device/{device(200)}/why",
        params={"other_kind": "account", "other_id": account(200)},
        headers=bearer(planted.full),
    )
    assert answer.status_code == 200
    found = answer.json()
    assert found["same"] is True
    assert [p["method"] for link in found["links"] for p in link["pieces"]] == ["sign_in"]
    for link in found["links"]:
        assert sum(p["weight"] for p in link["pieces"]) == pytest.approx(link["score"])


def test_why_not_says_so(client: TestClient, planted: Planted) -> None:
    answer = client.get(
        f"/v1/identities/device/{device(200)}/why",
        params={"other_kind": "device", "other_id": device(201)},
        headers=bearer(planted.full),
    )
    assert answer.json()["same"] is False
    assert answer.json()["links"] == []


def test_a_person_has_members(client: TestClient, planted: Planted, person_ids: dict[str, str]) -> None:
    person_id = person_ids[device(200)]
    found = client.get(f"/v1/persons/{person_id}", headers=bearer(planted.full)).json()
    assert found["person_id"] == person_id
    assert [m["id"] for m in found["members"]] == [account(200), device(200)]


def test_a_persons_tags_are_those_of_the_model_without_sensitive_ones(
    client: TestClient, planted: Planted, person_ids: dict[str, str]
) -> None:
    person_id = person_ids[device(300)]  # planted: running is likely, and so is a sensitive tag
    expected = dict(zip(TAGS, probabilities()[300].tolist(), strict=True))
    found = client.get(f"/v1/persons/{person_id}/tags", headers=bearer(planted.full)).json()
    assert found["model"]
    told = {t["tag_id"]: t["probability"] for t in found["tags"]}
    assert told == pytest.approx({t: p for t, p in expected.items() if t != "health/cancer"}, abs=1e-3)
    assert [t["tag_id"] for t in found["tags"]] == sorted(told, key=lambda t: -told[t])
    few = client.get(f"/v1/persons/{person_id}/tags?limit=1", headers=bearer(planted.full)).json()["tags"]
    assert [t["tag_id"] for t in few] == ["running"]
    likely = client.get(f"/v1/persons/{person_id}/tags?min_probability=0.45", headers=bearer(planted.full)).json()["tags"]
    assert [t["tag_id"] for t in likely] == ["running"]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "min_probability=2", "limit=1001"])
def test_bad_parameters_are_422(client: TestClient, planted: Planted, person_ids: dict[str, str], query: str) -> None:
    answer = client.get(f"/v1/persons/{person_ids[device(300)]}/tags?{query}", headers=bearer(planted.full))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == f"query.{query.partition('=')[0]}"


def test_the_taxonomy_is_paged(client: TestClient, planted: Planted) -> None:
    found, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        page = client.get(
            "/v1/tags", params={"limit": 3} | ({"cursor": cursor} if cursor else {}), headers=bearer(planted.full)
        ).json()
        found += page["items"]
        cursor, pages = page["next_cursor"], pages + 1
    assert [t["tag_id"] for t in found] == sorted(TAGS)
    assert pages == 2
    assert {t["tag_id"] for t in found if t["sensitive"]} == {"health/cancer"}
    assert client.get("/v1/tags?cursor=zzzz", headers=bearer(planted.full)).status_code == 422


def test_a_withdrawal_holds_from_the_next_request_on(client: TestClient, planted: Planted, person_ids: dict[str, str]) -> None:
    who = 1400
    paths = (
        f"/v1/identities/device/{device(who)}",
        f"/v1/persons/{person_ids[device(who)]}",
        f"/v1/persons/{person_ids[device(who)]}/tags",
    )
    headers = bearer(planted.full)
    assert [client.get(p, headers=headers).status_code for p in paths] == [200, 200, 200]

    def say(purposes: list[int]) -> None:
        record = {"subject_kind": "account", "subject_id": account(who), "purposes": purposes}
        assert client.post("/v1/consents", json={"consents": [record]}, headers=headers).json() == {"recorded": 1}

    say([1])
    assert [client.get(p, headers=headers).status_code for p in paths] == [200, 200, 404]
    say([])
    assert [client.get(p, headers=headers).status_code for p in paths] == [404, 404, 404]
    say([1, 3, 4, 9])
    assert [client.get(p, headers=headers).status_code for p in paths] == [200, 200, 200]


def test_consents_are_taken_all_or_none_and_tell_nothing_of_subjects(client: TestClient, planted: Planted) -> None:
    headers = bearer(planted.full)
    good = {"subject_kind": "account", "subject_id": account(1401), "purposes": []}
    bad = {"subject_kind": "account", "subject_id": account(1402)}
    answer = client.post("/v1/consents", json={"consents": [good, bad]}, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"where": "body.consents.1", "problem": "a consent record needs purposes, tc_string, gpp_string or gpc"}
    ]
    assert client.get(f"/v1/identities/device/{device(1401)}", headers=headers).status_code == 200
    unknown = client.post("/v1/consents", json={"consents": [{**good, "subject_id": "never seen"}]}, headers=headers)
    known = client.post("/v1/consents", json={"consents": [{**good, "purposes": [1, 3, 4, 9]}]}, headers=headers)
    assert (unknown.status_code, unknown.json()) == (known.status_code, known.json()) == (201, {"recorded": 1})


def test_everybody_who_permits_is_found_and_nobody_else(client: TestClient, planted: Planted) -> None:
    headers = bearer(planted.full)
    for n in (*range(0, 90, 7), *range(90, PEOPLE, 211)):
        expected = 404 if n < 80 else 200
        assert client.get(f"/v1/identities/device/{device(n)}", headers=headers).status_code == expected, n

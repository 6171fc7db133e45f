"""Exports for advertising platforms over HTTP: files, scopes, segments, and what becomes of them after a withdrawal."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from api_home import COUNTRIES, PEOPLE, Planted, account, bearer, email
from starlette.testclient import TestClient

from graph.control import ConsentRecord, Control, Scope
from graph.privacy import PLATFORMS

pytest_plugins = ("api_fixtures",)

ALLOWED = range(80, PEOPLE)


def release(client: TestClient, token: str, audience_id: str, **body: Any) -> Any:
    return client.post(f"/v1/audiences/{audience_id}/exports", json={"recipient": "ads", **body}, headers=bearer(token))


def file(client: TestClient, token: str, url: str) -> Any:
    return client.get(url, headers=bearer(token))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_upload_holds_the_hashes_of_those_who_permit_it(
    client: TestClient, planted: Planted, own_audience: str, platform: str
) -> None:
    made = release(client, planted.full, own_audience, format=platform)
    assert made.status_code == 201, made.text
    assert made.json()["rows"] == len(ALLOWED) - 48, "two people have no e-mail, and are hidden among fifty"
    assert made.json()["url"].endswith(f"?format={platform}")
    fetched = file(client, planted.full, made.json()["url"])
    assert fetched.headers["content-type"].startswith("text/csv")
    assert fetched.headers["content-disposition"].endswith('.csv"')
    header, *rows = csv.reader(io.StringIO(fetched.text))
    rules = PLATFORMS[platform]
    assert header == [column.header for column in rules.columns]
    nothing = dict.fromkeys(rules.fields)
    expected = {rules.identifiers(nothing | {"email": email(n)})[0] for n in ALLOWED}
    assert {row[0] for row in rows} < expected
    assert len(rows) == made.json()["rows"]
    assert "planted" not in fetched.text
    assert file(client, planted.full, made.json()["url"]).content == fetched.content
    unnamed = made.json()["url"].partition("?")[0]
    assert file(client, planted.full, unnamed).content == fetched.content
    for other in ("csv", "openrtb", *(p for p in PLATFORMS if p != platform)):
        assert file(client, planted.full, f"{unnamed}?format={other}").status_code == 404


def test_an_upload_needs_a_scope_of_its_own(client: TestClient, planted: Planted, own_audience: str) -> None:
    made = release(client, planted.full, own_audience, format="uid2").json()
    without = planted.narrow[Scope.UPLOADS]
    for answer in (release(client, without, own_audience, format="uid2"), file(client, without, made["url"])):
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:tessera:problem:scope-missing"
    assert release(client, without, own_audience).status_code == 201, "pseudonyms do not need it"
    assert release(client, planted.foreign, own_audience, format="uid2").status_code == 404
    assert file(client, planted.foreign, made["url"]).status_code == 404


def test_openrtb_users_carry_the_named_segments(client: TestClient, planted: Planted, own_audience: str) -> None:
    made = release(client, planted.full, own_audience, format="openrtb", segments=["4:243", "9:483"])
    assert made.status_code == 201, made.text
    url = made.json()["url"]
    assert url.endswith("?format=openrtb&segment=4:243&segment=9:483")
    fetched = file(client, planted.full, url)
    assert fetched.headers["content-type"].startswith("application/x-ndjson")
    users = [json.loads(line)["user"] for line in fetched.text.splitlines()]
    plain = release(client, planted.full, own_audience).json()
    assert plain["export_id"] == made.json()["export_id"], "the same people under the same pseudonyms"
    names = file(client, planted.full, plain["url"]).text.split()[1:]
    assert [user["id"] for user in users] == names
    assert {json.dumps(user["data"]) for user in users} == {json.dumps(users[0]["data"])}
    assert [(data["ext"], [s["id"] for s in data["segment"]]) for data in users[0]["data"]] == [
        ({"segtax": 4}, ["243"]),
        ({"segtax": 9}, ["483"]),
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"format": "openrtb"}, 422),  # its rule asks for no tag
        ({"format": "openrtb", "segments": ["4:99999999"]}, 422),
        ({"format": "openrtb", "segments": ["5:243"]}, 422),
        ({"format": "openrtb", "segments": ["4:"]}, 422),
        ({"format": "openrtb", "segments": ["4:243"] * 21}, 422),
        ({"format": "openrtb", "segments": ["4:466"]}, 404),  # sensitive: the gate withholds it
        ({"format": "csv", "segments": ["4:243"]}, 422),
        ({"format": "linkedin"}, 422),
    ],
)
def test_what_no_file_can_be_made_of(
    client: TestClient, planted: Planted, own_audience: str, body: dict[str, Any], status: int
) -> None:
    assert release(client, planted.full, own_audience, **body).status_code == status


def test_a_withdrawal_takes_people_out_of_the_next_file(client: TestClient, planted: Planted, control: Control) -> None:
    body = {"kind": "rule", "name": "all of them", "rule": {"all": [{"attribute": "country", "one_of": list(COUNTRIES)}]}}
    made = client.post("/v1/audiences", json=body, headers=bearer(planted.foreign)).json()
    first = release(client, planted.foreign, made["audience_id"], format="tiktok").json()
    now, gone = datetime.now(UTC), range(1400, 1460)
    control.consents.append([ConsentRecord("account", account(n), now, purposes=(), source="test") for n in gone], now=now)
    try:
        assert file(client, planted.foreign, first["url"]).status_code == 404
        again = release(client, planted.foreign, made["audience_id"], format="tiktok").json()
        assert again["rows"] == first["rows"] - 60
        text = file(client, planted.foreign, again["url"]).text
        tiktok = PLATFORMS["tiktok"]
        for n in gone:
            assert str(tiktok.identifiers({"email": email(n), "phone": None})[0]) not in text
    finally:
        later = datetime.now(UTC)
        records = [ConsentRecord("account", account(n), later, purposes=(1, 3, 4, 9), source="test") for n in gone]
        control.consents.append(records, now=later)

"""Audiences from definition to released rows: rules against a plain computation, the graph, exports, pages, refusals."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from api_home import COUNTRIES, ENDING, ODD, PEOPLE, TAGS, Planted, account, bearer, device, probabilities
from starlette.testclient import TestClient

from graph.control import Control

pytest_plugins = ("api_fixtures",)

ALLOWED = range(80, PEOPLE)
SCORES = probabilities()


def score(n: int, tag: str) -> float:
    return float(SCORES[n, TAGS.index(tag)])


def make(client: TestClient, planted: Planted, rule: dict[str, Any], name: str = "a test") -> dict[str, Any]:
    made = client.post("/v1/audiences", json={"kind": "rule", "name": name, "rule": rule}, headers=bearer(planted.full))
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"/v1/audiences/{made.json()['audience_id']}"
    found: dict[str, Any] = made.json()
    return found


def tag(name: str, least: float = 0.5) -> dict[str, Any]:
    return {"tag": name, "min_probability": least}


def country(*codes: str) -> dict[str, Any]:
    return {"attribute": "country", "one_of": list(codes)}


RULES: list[tuple[dict[str, Any], Callable[[int], bool]]] = [
    ({"all": [tag("running")]}, lambda n: score(n, "running") >= 0.5),
    ({"all": [tag("running"), country("DE")]}, lambda n: score(n, "running") >= 0.5 and COUNTRIES[n % 3] == "DE"),
    ({"any": [tag("reading", 0.3), tag("cycling", 0.3)]}, lambda n: score(n, "reading") >= 0.3 or score(n, "cycling") >= 0.3),
    ({"none": [tag("running", 0.2)]}, lambda n: score(n, "running") < 0.2),
    (
        {"all": [{"any": [country("FR"), {"attribute": "os", "one_of": ["Android"]}]}], "none": [tag("reading", 0.2)]},
        lambda n: (COUNTRIES[n % 3] == "FR" or n % 2 == 0) and score(n, "reading") < 0.2,
    ),
    ({"all": [{"count": "devices", "minimum": 1, "maximum": 1}, {"count": "accounts", "minimum": 1}]}, lambda n: True),
    ({"all": [{"count": "devices", "minimum": 2}]}, lambda n: False),
    (
        {"all": [{"attribute": "device_kind", "one_of": ["mobile"]}, {"attribute": "browser", "one_of": ["Firefox", "x"]}]},
        lambda n: n % 2 == 0,
    ),
    (
        {"all": [{"attribute": "region", "one_of": ["region 3"]}, {"attribute": "source", "one_of": ["crm"]}]},
        lambda n: n % 7 == 3,
    ),
    ({"all": [tag("no such tag")]}, lambda n: False),
    ({"all": [country("de")]}, lambda n: False),
    ({"none": [{"none": [country("JP")]}]}, lambda n: COUNTRIES[n % 3] == "JP"),
]


@pytest.mark.parametrize(("rule", "expected"), RULES, ids=[json.dumps(r)[:60] for r, _ in RULES])
def test_a_rule_finds_whom_a_plain_computation_finds(
    client: TestClient,
    planted: Planted,
    control: Control,
    person_ids: dict[str, str],
    rule: dict[str, Any],
    expected: Callable[[int], bool],
) -> None:
    made = make(client, planted, rule)
    found = set(control.audiences.members(made["audience_id"])["person_id"].to_pylist())
    assert found - {person_ids[ODD], person_ids[ENDING]} == {person_ids[device(n)] for n in ALLOWED if expected(n)}


def test_the_size_is_told_rounded_and_small_ones_not_at_all(client: TestClient, planted: Planted, control: Control) -> None:
    large = make(client, planted, {"all": [country("DE")]})
    exact = control.audiences.get(large["audience_id"], "acme")
    assert exact is not None
    assert large["size"] == exact.size - exact.size % 10
    assert exact.size % 10, "the planted numbers would not show rounding"
    assert make(client, planted, {"all": [{"count": "devices", "minimum": 2}]})["size"] is None


def test_an_audience_is_in_the_graph_and_goes_with_its_deletion(client: TestClient, planted: Planted, control: Control) -> None:
    made = make(client, planted, {"all": [country("FR")]}, "French")
    audience = control.audiences.get(made["audience_id"], "acme")
    assert audience is not None
    store = client.app.state.resources.store  # type: ignore[attr-defined]
    question = "MATCH (p:Person)-[:MEMBER_OF]->(a:Audience {audience_id: $id}) RETURN a.name AS name, count(p) AS people"
    assert store.execute(question, {"id": made["audience_id"]}) == [{"name": "French", "people": audience.size}]
    path, headers = f"/v1/audiences/{made['audience_id']}", bearer(planted.full)
    assert client.get(path, headers=headers).json() == made
    gone = client.delete(path, headers=headers)
    assert (gone.status_code, gone.content) == (204, b"")
    assert client.get(path, headers=headers).status_code == 404
    assert client.delete(path, headers=headers).status_code == 404
    assert store.execute(question, {"id": made["audience_id"]}) == []


def test_lists_are_paged(client: TestClient, planted: Planted) -> None:
    made = [make(client, planted, {"all": [country("JP")]}, f"page {n}")["audience_id"] for n in range(3)]
    found: list[str] = []
    cursor: str | None = None
    while not found or cursor:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/audiences", params=params, headers=bearer(planted.full)).json()
        assert 0 < len(page["items"]) <= 2
        found += [a["audience_id"] for a in page["items"]]
        cursor = page["next_cursor"]
    assert len(found) == len(set(found))
    assert [a for a in found if a in made] == made


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"all": []},
        {"all": [{"tag": "running", "min_probability": 0}]},
        {"all": [{"tag": ""}]},
        {"all": [{"attribute": "email", "one_of": ["x"]}]},
        {"all": [{"attribute": "country", "one_of": []}]},
        {"all": [{"count": "devices", "minimum": -1}]},
        {"every": [{"tag": "running"}]},
        {"all": [{"tag": "running", "extra": 1}]},
        {"all": [{"any": [{"any": [{"any": [{"any": [{"any": [{"any": [{"any": [{"any": [{"tag": "x"}]}]}]}]}]}]}]}]}]},
    ],
    ids=str,
)
def test_rules_that_say_nothing_are_422(client: TestClient, planted: Planted, rule: dict[str, Any]) -> None:
    before = len(client.get("/v1/audiences?limit=1000", headers=bearer(planted.full)).json()["items"])
    answer = client.post("/v1/audiences", json={"kind": "rule", "name": "x", "rule": rule}, headers=bearer(planted.full))
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert len(client.get("/v1/audiences?limit=1000", headers=bearer(planted.full)).json()["items"]) == before


def test_an_export_is_pseudonyms_in_three_forms(
    client: TestClient, planted: Planted, own_audience: str, person_ids: dict[str, str]
) -> None:
    headers = bearer(planted.full)
    path = f"/v1/audiences/{own_audience}/exports"
    made = client.post(path, json={"recipient": "forms", "format": "jsonl"}, headers=headers)
    assert made.status_code == 201
    export = made.json()
    assert made.headers["location"] == export["url"]
    assert export["url"].endswith("?format=jsonl")
    again = client.post(path, json={"recipient": "forms"}, headers=headers).json()
    assert again["export_id"] == export["export_id"], "an equal export is the earlier one"

    lines = client.get(export["url"], headers=headers)
    assert lines.headers["content-type"].startswith("application/x-ndjson")
    names = [json.loads(line)["pseudonym"] for line in lines.text.splitlines()]
    assert len(names) == len(set(names)) == export["rows"]
    file = f"{path}/{export['export_id']}"
    csv = client.get(file, headers=headers)
    assert csv.headers["content-disposition"] == f'attachment; filename="{export["export_id"]}.csv"'
    assert pyarrow.csv.read_csv(io.BytesIO(csv.content))["pseudonym"].to_pylist() == names
    parquet = client.get(file, headers=headers | {"Accept": "application/vnd.apache.parquet"})
    assert pq.read_table(io.BytesIO(parquet.content)).to_pydict() == {"pseudonym": names}
    assert not set(names) & {*person_ids.values(), *person_ids}
    assert "planted" not in csv.text


def test_recipients_cannot_join_their_lists(client: TestClient, planted: Planted, own_audience: str) -> None:
    def names(recipient: str) -> set[str]:
        url = client.post(
            f"/v1/audiences/{own_audience}/exports", json={"recipient": recipient}, headers=bearer(planted.full)
        ).json()["url"]
        return set(client.get(url, headers=bearer(planted.full)).text.split()) - {"pseudonym"}

    one, other = names("one"), names("other")
    assert len(one) == len(other) > 1000
    assert not one & other


def test_members_are_paged_in_the_order_of_their_pseudonyms(client: TestClient, planted: Planted, own_audience: str) -> None:
    headers, path = bearer(planted.full), f"/v1/audiences/{own_audience}/members"
    found: list[str] = []
    cursor: str | None = None
    while not found or cursor:
        params = {"limit": "600", "recipient": "page"} | ({"cursor": cursor} if cursor else {})
        page = client.get(path, params=params, headers=headers).json()
        found += page["items"]
        cursor = page["next_cursor"]
    assert found == sorted(set(found))
    assert len(found) > 1000
    assert client.get(path, headers=headers).status_code == 422
    assert client.get(f"{path}?recipient=a/b", headers=headers).status_code == 422
    assert client.get(f"{path}?recipient=page&cursor=AAAA", headers=headers).status_code == 422


def test_what_the_gate_withholds_is_the_same_404(client: TestClient, planted: Planted, own_audience: str) -> None:
    headers = bearer(planted.full)
    small = make(client, planted, {"all": [country("DE"), tag("running", 0.85)]})["audience_id"]
    sensitive = make(client, planted, {"all": [tag("health/cancer", 0.01)]})["audience_id"]
    nearly = make(client, planted, {"any": [country("DE"), country("FR"), {"all": [country("JP"), tag("cycling", 0.01)]}]})[
        "audience_id"
    ]
    first = client.post(f"/v1/audiences/{own_audience}/exports", json={"recipient": "gate"}, headers=headers)
    assert first.status_code == 201
    for audience_id in (small, sensitive, nearly):
        answer = client.post(f"/v1/audiences/{audience_id}/exports", json={"recipient": "gate"}, headers=headers)
        assert answer.status_code == 404, audience_id
        assert answer.json()["type"] == "urn:tessera:problem:not-found"
    reasons = {e.reason for e in client.app.state.resources.control.audit.latest(20, tenant_id="acme")}  # type: ignore[attr-defined]
    assert {"too_few", "sensitive", "too_similar"} <= reasons


def lookalike(client: TestClient, planted: Planted, **given: Any) -> Any:
    body = {"kind": "lookalike", "name": "alike", **given}
    return client.post("/v1/audiences", json=body, headers=bearer(planted.full))


def test_a_lookalike_finds_people_like_the_seeds_and_none_of_them(
    client: TestClient, planted: Planted, control: Control, person_ids: dict[str, str]
) -> None:
    runners = [n for n in ALLOWED if n % 2 == 0]
    chosen = runners[:60]
    seeds = [{"kind": ("device", "account")[n % 4 // 2], "id": (device(n), account(n))[n % 4 // 2]} for n in chosen]
    noise = [{"kind": "device", "id": "unknown"}, {"kind": "account", "id": device(90)}, {"kind": "device", "id": device(1)}]
    made = lookalike(client, planted, seeds=[*seeds, *seeds[:5], *noise], size=200)
    assert made.status_code == 201, made.text
    members = control.audiences.members(made.json()["audience_id"])
    found = members["person_id"].to_pylist()
    assert len(found) == len(set(found)) == 200
    assert not set(found) & {person_ids[device(n)] for n in chosen}
    assert set(found) <= {person_ids[device(n)] for n in ALLOWED}
    even = sum(person in {person_ids[device(n)] for n in runners} for person in found)
    assert even > 190, "the planted runners lie together, and are half of everybody"
    scores = members["score"].to_pylist()
    assert scores == sorted(scores, reverse=True)


def test_a_lookalike_of_an_audience_by_ratio(client: TestClient, planted: Planted, control: Control) -> None:
    seeds = make(client, planted, {"all": [tag("running", 0.8)]})["audience_id"]
    made = lookalike(client, planted, seed_audience_id=seeds, ratio=0.1)
    assert made.status_code == 201, made.text
    found = set(control.audiences.members(made.json()["audience_id"])["person_id"].to_pylist())
    assert len(found) == 142
    assert not found & set(control.audiences.members(seeds)["person_id"].to_pylist())


def test_a_lookalike_less_other_audiences_and_who_is_not_similar_enough(
    client: TestClient, planted: Planted, control: Control
) -> None:
    seeds = make(client, planted, {"all": [tag("running", 0.8)]})["audience_id"]
    whole = lookalike(client, planted, seed_audience_id=seeds, size=200).json()["audience_id"]
    best = lookalike(client, planted, seed_audience_id=seeds, size=50).json()["audience_id"]
    less = lookalike(client, planted, seed_audience_id=seeds, size=150, subtract=[best, best])
    assert less.status_code == 201, less.text
    found, everybody = (control.audiences.members(a)["person_id"].to_pylist() for a in (less.json()["audience_id"], whole))
    assert found == everybody[50:]
    alike = lookalike(client, planted, seed_audience_id=seeds, size=1000, min_similarity=0.9).json()["audience_id"]
    assert 0 < control.audiences.members(alike).num_rows < 200
    assert lookalike(client, planted, seed_audience_id=seeds, size=9, subtract=["aud-none"]).status_code == 404


def test_a_lookalike_of_a_sensitive_audience_is_not_released(client: TestClient, planted: Planted, own_audience: str) -> None:
    seeds = make(client, planted, {"all": [tag("health/cancer", 0.9)]})["audience_id"]
    made = lookalike(client, planted, seed_audience_id=seeds, size=900).json()["audience_id"]
    answer = client.get(f"/v1/audiences/{made}/members?recipient=x", headers=bearer(planted.full))
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "given",
    [
        {"size": 10},
        {"seeds": [], "size": 10},
        {"seeds": [{"kind": "device", "id": "d"}]},
        {"seeds": [{"kind": "device", "id": "d"}], "size": 10, "ratio": 0.1},
        {"seeds": [{"kind": "device", "id": "d"}], "seed_audience_id": "aud-1", "size": 10},
        {"seeds": [{"kind": "person", "id": "d"}], "size": 10},
        {"seeds": [{"kind": "device", "id": "unknown"}], "size": 10},
        {"seeds": [{"kind": "device", "id": device(n)} for n in range(40)], "size": 10},
        {"seeds": [{"kind": "device", "id": device(n)} for n in range(80, 84)], "size": 10},
        {"seeds": [{"kind": "device", "id": device(n)} for n in range(80, 99)], "size": 0},
        {"seeds": [{"kind": "device", "id": device(n)} for n in range(80, 99)], "ratio": 0.2},
    ],
    ids=range(11),
)
def test_seeds_that_cannot_be_used_are_422(client: TestClient, planted: Planted, given: dict[str, Any]) -> None:
    answer = lookalike(client, planted, **given)
    assert answer.status_code == 422
    assert "planted" not in answer.text


@pytest.mark.parametrize("form", ["json", "graphml", "gexf", "cypher"])
@pytest.mark.parametrize("level", ["class", "person"])
def test_a_subgraph_names_nobody(
    client: TestClient, planted: Planted, own_audience: str, person_ids: dict[str, str], form: str, level: str
) -> None:
    wanted = {"audience_id": own_audience, "level": level, "recipient": "board", "format": form}
    answer = client.post("/v1/subgraphs", json=wanted, headers=bearer(planted.full))
    assert answer.status_code == 200, answer.text
    assert form in answer.headers["content-disposition"]
    text = answer.text
    assert "Person" in text
    for n in (100, 500, 900):
        for secret in (device(n), account(n), person_ids[device(n)]):
            assert secret not in text
    if form == "json":
        nodes = json.loads(text)["nodes"]
        assert {"Person", "Device", "Account"} <= {node["label"] for node in nodes}


def test_everybodys_class_graph_needs_no_audience(client: TestClient, planted: Planted) -> None:
    answer = client.post("/v1/subgraphs", json={"recipient": "board"}, headers=bearer(planted.full))
    assert answer.status_code == 200
    tags = {node["name"] for node in answer.json()["nodes"] if node["label"] == "Tag"}
    assert "health/cancer" not in tags

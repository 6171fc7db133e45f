"""Audiences over time: dry runs, other definitions, filling again by hand and by themselves, versions, kills."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from api_home import COUNTRIES, Planted, account, bearer, device, plant
from starlette.testclient import TestClient

from api.audiences.due import Refiller
from api.audiences.ground import HomeGround
from api.http.app import create_app
from api.http.resources import Resources
from api.pipeline import now
from api.settings import Settings
from api.workspace import Workspace
from graph.control import Control, Scope

IN_GRAPH = "MATCH (:Person)-[:MEMBER_OF]->(a:Audience {audience_id: $id}) RETURN count(*) AS people"


def copied(planted: Planted, folder: Path) -> Planted:
    """The same home with the same keys, to be changed."""
    shutil.copytree(planted.home, folder / "home")
    return replace(planted, home=folder / "home")


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return plant(tmp_path_factory.mktemp("untouched") / "home")


@pytest.fixture(scope="module")
def own(untouched: Planted, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return copied(untouched, tmp_path_factory.mktemp("versions"))


@pytest.fixture(scope="module")
def app(own: Planted) -> Iterator[TestClient]:
    log = io.StringIO()
    settings = Settings(home=own.home, rate_limit_per_minute=1_000_000, max_body_bytes=16_777_216)
    with TestClient(create_app(settings, log_stream=log), raise_server_exceptions=False) as opened:
        yield opened
    assert '"defect"' not in log.getvalue()


@pytest.fixture
def resources(app: TestClient) -> Resources:
    found: Resources = app.app.state.resources  # type: ignore[attr-defined]
    return found


@pytest.fixture
def control(resources: Resources) -> Control:
    return resources.control


def country(*codes: str) -> dict[str, Any]:
    return {"attribute": "country", "one_of": list(codes)}


def rule(*all_of: dict[str, Any], name: str = "a test", **more: Any) -> dict[str, Any]:
    return {"kind": "rule", "name": name, "rule": {"all": list(all_of)}, **more}


def make(app: TestClient, own: Planted, body: dict[str, Any]) -> dict[str, Any]:
    made = app.post("/v1/audiences", json=body, headers=bearer(own.full))
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def in_graph(resources: Resources, audience_id: str) -> int:
    return int(resources.store.execute(IN_GRAPH, {"id": audience_id})[0]["people"])


def exact(control: Control, audience_id: str) -> set[str]:
    return set(control.audiences.members(audience_id)["person_id"].to_pylist())


def test_a_dry_run_tells_the_size_and_stores_nothing(app: TestClient, own: Planted, control: Control) -> None:
    headers = bearer(own.full)
    before = control.audiences.all()
    seeds = [{"kind": "account", "id": account(n)} for n in range(80, 180)]
    bodies = [
        rule(country("DE")),
        rule(country("DE"), {"last_event": "within", "days": 1}, {"events": {"types": ["page"]}, "minimum": 2}),
        rule(country("XX")),
        rule({"tag": "health/cancer", "min_probability": 0.5}),
        {"kind": "lookalike", "name": "alike", "seeds": seeds, "size": 137},
        {"kind": "lookalike", "name": "alike", "seeds": seeds, "size": 100_000},
    ]
    told = []
    for body in bodies:
        answer = app.post("/v1/audiences/dry-run", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        assert app.post("/v1/audiences/dry-run", json=body, headers=headers).json() == answer.json()
        told.append(answer.json()["people"])
    assert control.audiences.all() == before
    assert told[:4] == [470, 450, None, None], "the sixty people whose events are over a day older count among three countries"
    assert told[4:] == [130, 1320]
    assert told == [make(app, own, body)["size"] for body in bodies]


def test_listed_seeds_are_counted_without_telling_who_is_known(app: TestClient, own: Planted) -> None:
    known = [{"kind": "account", "id": account(n)} for n in range(80, 180)]
    same_people = [{"kind": "device", "id": device(n)} for n in range(80, 100)]
    refusing = [{"kind": "device", "id": device(n)} for n in range(25)]
    unknown = [{"kind": "device", "id": f"nobody-{n}"} for n in range(30)]
    seeds = [*known, *same_people, *refusing, *unknown, *known[:7]]
    body = {"kind": "lookalike", "name": "alike", "seeds": seeds, "size": 100}
    expected = {"given": 182, "repeated": 7, "usable": 100, "left_out": 70}
    assert app.post("/v1/audiences/dry-run", json=body, headers=bearer(own.full)).json()["seeds"] == expected
    assert make(app, own, body)["seeds"] == expected
    few = {**body, "seeds": [*known, *refusing[:15]]}
    assert make(app, own, few)["seeds"] == {"given": 115, "repeated": 0, "usable": 100, "left_out": None}


def test_very_many_seeds_are_taken(app: TestClient, own: Planted, control: Control) -> None:
    seeds = [{"kind": "device", "id": f"n{n}"} for n in range(100_000)] + [
        {"kind": "device", "id": device(n)} for n in range(200)
    ]
    made = make(app, own, {"kind": "lookalike", "name": "many", "seeds": seeds, "size": 50})
    assert made["seeds"] == {"given": 100_200, "repeated": 0, "usable": 120, "left_out": 100_080}
    kept = control.audiences.seeds(made["audience_id"])
    assert kept is not None
    assert kept.num_rows == 100_200
    answer = app.post(f"/v1/audiences/{made['audience_id']}/refresh", headers=bearer(own.full))
    assert answer.status_code == 200, answer.text
    app.delete(f"/v1/audiences/{made['audience_id']}", headers=bearer(own.full))


def test_another_definition_is_the_next_version(app: TestClient, own: Planted, control: Control, resources: Resources) -> None:
    headers = bearer(own.full)
    made = make(app, own, rule(country("DE", "FR"), name="first", refresh_every="hourly"))
    audience_id, path = made["audience_id"], f"/v1/audiences/{made['audience_id']}"
    assert (made["refresh_every_hours"], made["version"]) == (1, 1)
    before = exact(control, audience_id)
    answer = app.put(path, json=rule(country("FR", "JP"), name="second"), headers=headers)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["name"], answer.json()["version"], answer.json()["refresh_every_hours"]) == ("second", 2, None)
    after = exact(control, audience_id)
    assert in_graph(resources, audience_id) == len(after)
    names = resources.store.execute("MATCH (a:Audience {audience_id: $id}) RETURN a.name AS name", {"id": audience_id})
    assert names == [{"name": "second"}]
    versions = app.get(f"{path}/versions", headers=headers).json()
    tens = [len(s) // 10 * 10 for s in (after, after - before, before - after, before)]
    assert versions["next_cursor"] is None
    assert [(v["version"], v["people"], v["added"], v["removed"]) for v in versions["items"]] == [
        (2, tens[0], tens[1], tens[2]),
        (1, tens[3], tens[3], None),
    ]
    first = app.get(f"{path}/versions", params={"limit": 1}, headers=headers).json()
    second = app.get(f"{path}/versions", params={"limit": 1, "cursor": first["next_cursor"]}, headers=headers).json()
    assert [*first["items"], *second["items"]] == versions["items"]


def test_cycles_and_references_to_nothing_are_refused(app: TestClient, own: Planted, control: Control) -> None:
    headers = bearer(own.full)
    first = make(app, own, rule(country("DE")))["audience_id"]
    second = make(app, own, rule({"audience": first}, country("DE", "FR")))["audience_id"]
    assert exact(control, second) == exact(control, first)
    for body, way in ((rule({"audience": second}), [first, second, first]), (rule({"audience": first}), [first, first])):
        answer = app.put(f"/v1/audiences/{first}", json=body, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:tessera:problem:cyclic-audience")
        assert " → ".join(way) in answer.json()["detail"]
    seeded = {"kind": "lookalike", "name": "x", "seed_audience_id": second, "size": 100}
    assert app.put(f"/v1/audiences/{first}", json=seeded, headers=headers).status_code == 422
    foreign = app.post("/v1/audiences", json=rule(country("DE")), headers=bearer(own.foreign)).json()["audience_id"]
    answers = [
        app.request(method, path, json=rule(country("DE"), {"audience": other}), headers=headers)
        for other in (foreign, "aud-0000000000000000", "x")
        for method, path in (("POST", "/v1/audiences"), ("POST", "/v1/audiences/dry-run"), ("PUT", f"/v1/audiences/{first}"))
    ]
    assert {a.status_code for a in answers} == {404}
    assert len({json.dumps(a.json() | {"request_id": ""}) for a in answers}) == 1
    assert control.audiences.get(first, "acme").version == 1  # type: ignore[union-attr]


def test_contradictory_rules_are_422_with_their_places(app: TestClient, own: Planted) -> None:
    body = {"kind": "rule", "name": "x", "rule": {"all": [country("DE")], "none": [country("FR", "DE")]}}
    for method, path in (("POST", "/v1/audiences"), ("POST", "/v1/audiences/dry-run")):
        answer = app.request(method, path, json=body, headers=bearer(own.full))
        assert answer.status_code == 422
        [problem] = answer.json()["errors"]
        assert "all.0 and none.0 contradict each other" in problem["problem"]
        assert "DE" not in answer.text


def test_only_who_may_change_audiences_does(app: TestClient, own: Planted) -> None:
    made = make(app, own, rule(country("DE")))["audience_id"]
    body = rule(country("FR"))
    routes = [
        ("POST", "/v1/audiences/dry-run", body, Scope.AUDIENCES_WRITE),
        ("PUT", f"/v1/audiences/{made}", body, Scope.AUDIENCES_WRITE),
        ("POST", f"/v1/audiences/{made}/refresh", None, Scope.AUDIENCES_WRITE),
        ("GET", f"/v1/audiences/{made}/versions", None, Scope.AUDIENCES_READ),
    ]
    for method, path, given, scope in routes:
        assert app.request(method, path, json=given).status_code == 401
        assert app.request(method, path, json=given, headers=bearer(own.narrow[scope])).status_code == 403
        if made in path:
            answer = app.request(method, path, json=given, headers=bearer(own.foreign))
            assert (answer.status_code, answer.json()["type"]) == (404, "urn:tessera:problem:not-found")


def test_whoever_withdraws_is_out_with_the_next_filling(
    app: TestClient, own: Planted, control: Control, resources: Resources
) -> None:
    headers = bearer(own.full)
    made = make(app, own, rule(country(*COUNTRIES)))["audience_id"]
    before = exact(control, made)
    refusals = [{"subject_kind": "account", "subject_id": account(n), "purposes": []} for n in range(1400, 1460)]
    assert app.post("/v1/consents", json={"consents": refusals}, headers=headers).status_code == 201
    answer = app.post(f"/v1/audiences/{made}/refresh", headers=headers)
    assert answer.status_code == 200, answer.text
    after = exact(control, made)
    assert len(before - after) == 60
    assert not after - before
    told = answer.json()
    assert (told["version"], told["people"], told["added"], told["removed"]) == (2, len(after) // 10 * 10, None, 60)
    assert in_graph(resources, made) == len(after)


def test_what_is_due_is_filled_by_itself_in_the_order_of_need(
    app: TestClient, own: Planted, control: Control, resources: Resources
) -> None:
    source = make(app, own, rule(country("DE"), refresh_every=2))["audience_id"]
    user = make(app, own, rule({"audience": source}, refresh_every=1))["audience_id"]
    alone = make(app, own, rule(country("JP"), refresh_every="weekly"))["audience_id"]
    refiller = Refiller(resources, lambda: now() + timedelta(hours=3))
    assert Refiller(resources, now).round() == []
    assert control.leases.take("audiences", "another process", now=now(), seconds=24 * 3600)
    assert refiller.round() == []
    control.leases.give_back("audiences", "another process")
    done = refiller.round()
    assert [(a.audience_id, v is not None and v.version) for a, v in done if a.audience_id in (source, user)] == [
        (source, 2),
        (user, 2),
    ]
    assert alone not in {a.audience_id for a, _ in done}
    app.delete(f"/v1/audiences/{source}", headers=bearer(own.full))
    after = Refiller(resources, lambda: now() + timedelta(hours=2)).round()
    [(failed, version)] = [(a, v) for a, v in after if a.audience_id == user]
    assert version is None
    shown = app.get(f"/v1/audiences/{user}", headers=bearer(own.full)).json()
    assert shown["refresh_problem"] == failed.refresh_problem == "an audience that it is made from is not there any more"
    assert shown["version"] == 2
    assert exact(control, user)


KILLED = """
import os, signal, sys
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from api.audiences.due import Refiller
from api.audiences.ground import HomeGround
from api.pipeline import now
from api.settings import Settings
from api.workspace import Workspace

workspace, where = Workspace.open(Settings(home=Path(sys.argv[1]))), sys.argv[2]
with workspace.control() as control, workspace.store(read_only=False) as store:
    die = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
    if where == "before":
        control.audiences.fill = die
    else:
        store.apply = die

    @contextmanager
    def lend():
        yield store

    Refiller(HomeGround(workspace, control, lend), lambda: now() + timedelta(hours=2)).round()
"""


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_kill_leaves_an_audience_due_or_filled_and_the_graph_follows(untouched: Planted, tmp_path: Path, where: str) -> None:
    """`before` the transaction that fills it, and `after` it, before the graph."""
    planted = copied(untouched, tmp_path)
    workspace = Workspace.open(Settings(home=planted.home))

    def served() -> TestClient:
        return TestClient(create_app(Settings(home=planted.home), log_stream=io.StringIO()))

    with served() as client:
        made = make(client, planted, rule(country("DE", "FR"), refresh_every=1))["audience_id"]
        refusals = [{"subject_kind": "account", "subject_id": account(n), "purposes": []} for n in range(100, 160)]
        client.post("/v1/consents", json={"consents": refusals}, headers=bearer(planted.full))
    run = subprocess.run([sys.executable, "-c", KILLED, str(planted.home), where], capture_output=True, timeout=120, check=False)
    assert run.returncode == -9, run.stderr
    with workspace.control() as control, workspace.store(read_only=False) as store:
        found = control.audiences.get(made, "acme")
        assert found is not None
        assert found.refresh_at is not None
        soon = found.refresh_at <= now() + timedelta(hours=2)
        assert (found.version, found.published, soon) == ((1, 1, True) if where == "before" else (2, 1, True))
        assert store.execute(IN_GRAPH, {"id": made})[0]["people"] == control.audiences.versions(made)[-1].size
    with workspace.control() as control:
        ground = HomeGround(workspace, control, workspace.writable_store)
        # The killed process's lease still runs; it ends by itself.
        assert Refiller(ground, lambda: now() + timedelta(hours=2)).round() == []
        Refiller(ground, lambda: now() + timedelta(hours=2, minutes=11)).round()
        found = control.audiences.get(made, "acme")
        assert found is not None
        assert found.published == found.version >= 2
        with workspace.store() as store:
            assert store.execute(IN_GRAPH, {"id": made})[0]["people"] == found.size
        assert control.audiences.versions(made)[-1].size - found.size == 40

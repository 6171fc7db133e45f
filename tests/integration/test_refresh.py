"""Tags that follow the lake without training, through a whole home: events, consents, calls of the collector."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from scipy.special import logit
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from lake_tables import minutes
from test_cli_models import write
from test_gnn_world import world
from test_interests_learn import QUICK

from api import inbox, operator_files, pipeline, reasons, refreshing
from api.http.app import create_app
from api.http.interests import InterestIndex
from api.settings import Settings
from api.workspace import Workspace
from gnn import registry
from gnn.interests import TrainingOptions, learn
from graph import resolve
from graph.control import ConsentRecord, Scope
from graph.errors import InputError
from graph.privacy import Use
from graph.progress import ignore_progress

PEOPLE = 90
FAN = 8  # unlabelled


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("refresh")
    rows = world(PEOPLE)
    opened = Workspace.open(Settings(home=folder / "home", text_model="none"))
    source = write(folder / "source", **{k: v for k, v in rows.items() if k != "likes"})
    pipeline.ingest(opened, [source], progress=ignore_progress)
    found = pipeline.resolved(opened, ignore_progress)
    with opened.connection() as lake:
        people = pipeline.eligible(opened, found, Use.TRAINING)
        options = TrainingOptions(**(QUICK | {"epochs": 4, "report_share": 0.0}))
        learn(lake, found, people, key=opened.key, models=opened.home.models, cache=opened.home.cache, options=options)
    pipeline.publish(opened, found, progress=ignore_progress)
    return opened


def person(workspace: Workspace, account: str) -> str:
    with resolve.IdentityLog(workspace.home.identity, create=False) as log:
        found = log.person_of("account", account)
    assert found is not None
    return found


def scores(workspace: Workspace, person_id: str) -> dict[str, float]:
    return dict(registry.current(workspace.home.models).tags_of(person_id))


def take(workspace: Workspace, name: str, events: list[dict[str, Any]]) -> None:
    source = write(workspace.home.path.parent / name, events=events)
    pipeline.ingest(workspace, [source], progress=ignore_progress)


def views(account: str, topic: str, prefix: str) -> list[dict[str, Any]]:
    return [
        {"event_id": f"{prefix}{n}", "at": minutes(100), "type": "view", "account_id": account, "content_id": f"{topic}{n}"}
        for n in range(9)
    ]


def refresh(workspace: Workspace, **options: Any) -> tuple[int, int]:
    found = refreshing.refresh(workspace, progress=ignore_progress, **options)
    return found["refreshed"], found["withheld"]


def consent(workspace: Workspace, account: str, purposes: tuple[int, ...], later: int) -> None:
    at = datetime.now(UTC) - timedelta(hours=1) + timedelta(minutes=later)
    record = ConsentRecord("account", account, at, purposes, None, None, False, "operator")
    with workspace.control() as control:
        control.consents.append([record], now=at)


def test_new_events_move_tags_and_the_version_stays_as_it_was(workspace: Workspace) -> None:
    version = registry.current(workspace.home.models)
    fan = person(workspace, f"a{FAN}")
    files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in version.folder.iterdir() if p.is_file()}
    before = scores(workspace, fan)
    away = min(before, key=before.__getitem__)
    index = InterestIndex.open(workspace.home.models)
    assert refresh(workspace) == (0, 0)
    take(workspace, "first", views(f"a{FAN}", away, "f"))
    assert refresh(workspace) == (1, 0)
    assert refresh(workspace) == (0, 0)
    after = scores(workspace, fan)
    assert after[away] > before[away]
    assert files == {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in version.folder.iterdir() if p.is_file()}
    told = InterestIndex.open(workspace.home.models, index)
    assert {s.tag_id: s.probability for s in told.of_person(fan, min_probability=0, limit=9)} == after
    exported = operator_files.tags(workspace, 0.0).value.table.to_pylist()
    assert {r["tag"]: r["probability"] for r in exported if r["person_id"] == fan} == after
    assert len(operator_files.embeddings(workspace).value.table) == PEOPLE
    others = [p for p in version.person_ids.to_pylist() if p != fan]
    assert all(dict(version.tags_of(p)) == scores(workspace, p) for p in others[:20])


def test_everybody_with_events_since_a_time_is_scored_again_and_nothing_changes(workspace: Workspace) -> None:
    before = {p: scores(workspace, p) for p in registry.current(workspace.home.models).person_ids.to_pylist()}
    assert refresh(workspace, since=minutes(0))[0] == PEOPLE
    for person_id, told in before.items():
        assert scores(workspace, person_id) == pytest.approx(told, abs=1e-5)


def test_somebody_new_is_scored_from_the_first_call_on(workspace: Workspace) -> None:
    calls = [
        {
            "type": "track",
            "event": "view",
            "userId": "newcomer",
            "messageId": f"m{n}",
            "timestamp": minutes(110).isoformat(),
            "properties": {"content_id": f"cooking{n}"},
        }
        for n in range(8)
    ]
    folder = workspace.home.path / "inbox"
    folder.mkdir(exist_ok=True)
    (folder / "00000000000000000001-ab.segment.jsonl").write_text("".join(json.dumps(c) + "\n" for c in calls))
    assert inbox.drain(workspace, workspace.writable_store) == 1
    with closing(refreshing.Refreshing(workspace)) as following:
        following.follow(ignore_progress)
    found = scores(workspace, person(workspace, "newcomer"))
    assert max(found, key=found.__getitem__) == "cooking"
    people = registry.current(workspace.home.models).interests().interested_in.column("person_id")
    assert person(workspace, "newcomer") in people.to_pylist()


def test_a_withdrawal_works_on_the_next_refresh_and_consent_again_brings_tags_back(workspace: Workspace) -> None:
    fan = person(workspace, f"a{FAN}")
    before = scores(workspace, fan)
    consent(workspace, f"a{FAN}", (), later=1)
    assert refresh(workspace) == (0, 1)
    assert scores(workspace, fan) == {}
    assert fan not in pa.concat_tables(registry.current(workspace.home.models).person_tags()).column("person_id").to_pylist()
    take(workspace, "refused", views(f"a{FAN}", "jazz", "r"))
    assert refresh(workspace) == (0, 0)
    assert scores(workspace, fan) == {}
    consent(workspace, f"a{FAN}", (1, 3, 4), later=2)
    assert refresh(workspace) == (1, 0)
    assert set(scores(workspace, fan)) == set(before)


def test_a_damaged_refresh_is_said_and_can_be_made_anew(workspace: Workspace) -> None:
    folder = registry.current(workspace.home.models).folder / "refreshed"
    fan = person(workspace, f"a{FAN}")
    before = scores(workspace, fan)
    for path in folder.iterdir():
        path.unlink()
    assert refresh(workspace)[0] >= 2
    assert scores(workspace, fan) == pytest.approx(before, abs=1e-5)


def test_the_operator_is_told_why_in_parts_that_add_up(workspace: Workspace) -> None:
    fan = person(workspace, f"a{FAN}")
    told = reasons.explain_tag(workspace, ("account", f"a{FAN}"), "jazz")
    assert told == reasons.explain_tag(workspace, ("person", fan), "jazz")
    assert told["probability"] == pytest.approx(scores(workspace, fan)["jazz"], abs=1e-5)
    odds = logit(told["probability"]) - logit(told["of people in the mean"])
    assert sum(part["log-odds"] for part in told["parts"]) == pytest.approx(odds, abs=1e-6)
    with pytest.raises(InputError, match="nobody"):
        reasons.explain_tag(workspace, ("account", "no such"), "jazz")
    with pytest.raises(InputError, match="is none of"):
        reasons.explain_tag(workspace, ("account", f"a{FAN}"), "polka")


def test_the_api_tells_why_and_names_nobody_else(workspace: Workspace) -> None:
    settings = Settings(home=workspace.home.path, text_model="none", legal_basis="legitimate_interest")
    fan, newcomer = person(workspace, f"a{FAN}"), person(workspace, "newcomer")
    with TestClient(create_app(settings, log_stream=io.StringIO())) as client:
        control = client.app.state.resources.control  # type: ignore[attr-defined]
        control.tenants.ensure("shop", now=pipeline.now())
        _, token = control.keys.create("shop", [Scope.PERSONS], now=pipeline.now())
        headers = {"Authorization": f"Bearer {token}"}
        for who in (fan, newcomer):
            answer = client.get(f"/v1/persons/{who}/tags/cooking/why", headers=headers)
            assert answer.status_code == 200, answer.text
            told = answer.json()
            tags = client.get(f"/v1/persons/{who}/tags", headers=headers).json()["tags"]
            assert told["probability"] == pytest.approx(
                next(t["probability"] for t in tags if t["tag_id"] == "cooking"), abs=1e-5
            )
            odds = logit(told["probability"]) - logit(told["base"])
            assert sum(part["log_odds"] for part in told["parts"]) == pytest.approx(odds, abs=1e-6)
            assert all(others["with_tag"] is None for others in told["others"]), "few people are not counted"
            ids = registry.current(workspace.home.models).person_ids.to_pylist()
            assert not [i for i in ids if i != who and i in answer.text]
        for path in (f"/v1/persons/{fan}/tags/polka/why", "/v1/persons/nobody/tags/jazz/why"):
            assert client.get(path, headers=headers).status_code == 404

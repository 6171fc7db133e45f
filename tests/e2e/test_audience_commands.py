"""Audiences over time by the command line: dry run, another definition, filling again, versions; and the worker's round."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from command_line import Tessera
from conftest import Whole


@pytest.fixture(scope="module")
def tessera(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Tessera:
    return whole.copy(tmp_path_factory.mktemp("audiences")).with_settings(LEGAL_BASIS="legitimate_interest")


def write(folder: Path, name: str, *conditions: dict[str, object], **more: object) -> Path:
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"kind": "rule", "name": name, "rule": {"all": list(conditions)}, **more}))
    return file


def test_an_audience_is_tried_made_changed_and_filled_again(tessera: Tessera, tmp_path: Path) -> None:
    active = write(tmp_path, "active", {"last_event": "within", "days": 60}, {"events": {}, "minimum": 2}, refresh_every="daily")
    told = tessera.json("audience", "dry-run", active)
    assert tessera.json("audience", "list") == []
    made = tessera.json("audience", "create", active)
    audience_id = made["audience_id"]
    assert told["people"] == made["size"] // 10 * 10 > 0
    assert made["refresh_at"] is not None
    again = tessera.json("audience", "refresh", audience_id)
    assert (again["version"], again["size"], again["added"], again["removed"]) == (2, made["size"], 0, 0)
    rare = write(tmp_path, "rare", {"audience": audience_id}, {"score": "frequency", "minimum": 5})
    fifth = tessera.json("audience", "create", rare)
    assert 0 < fifth["size"] < made["size"] / 2
    frequent = write(tmp_path, "frequent", {"score": "frequency", "minimum": 3})
    changed = tessera.json("audience", "update", audience_id, frequent)
    assert (changed["version"], changed["name"], changed["refresh_at"]) == (3, "frequent", None)
    versions = tessera.json("audience", "versions", audience_id)
    assert [v["version"] for v in versions] == [3, 2, 1]
    assert versions[0]["people"] == made["size"] + changed["added"] - changed["removed"]
    rows = tessera.json("cypher", "audience", "--param", f"audience_id={audience_id}")
    assert changed["size"] in rows[0].values()
    line = tessera.refuses("audience", "update", audience_id, write(tmp_path, "cycle", {"audience": fifth["audience_id"]}))
    assert f"{audience_id} → {fifth['audience_id']} → {audience_id}" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("audience", "refresh"), "--due"),
        (("audience", "refresh", "aud-1", "--due"), "--due"),
        (("audience", "refresh", "aud-1"), "no audience"),
        (("audience", "versions", "aud-1"), "no audience"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_one_line(tessera: Tessera, arguments: tuple[str, ...], said: str) -> None:
    assert said in tessera.refuses(*arguments)


def test_contradictory_definitions_are_one_line(tessera: Tessera, tmp_path: Path) -> None:
    wrong = write(tmp_path, "wrong", {"count": "devices", "minimum": 3}, {"count": "devices", "maximum": 2})
    assert "all.0 and all.1 contradict each other" in tessera.refuses("audience", "create", wrong)
    assert "all.0 and all.1 contradict each other" in tessera.refuses("audience", "dry-run", wrong)


def test_what_is_due_is_filled_by_command_and_by_the_worker(tessera: Tessera, tmp_path: Path) -> None:
    made = tessera.json("audience", "create", write(tmp_path, "all", {"count": "accounts", "minimum": 1}, refresh_every=5))
    assert tessera("audience", "refresh", "--due").out.strip() == "nothing is due"

    def make_due() -> None:
        connection = sqlite3.connect(tessera.home / "control" / "control.sqlite")
        connection.execute("UPDATE audiences SET refresh_at = '2020-01-01 00:00:00.000000' WHERE refresh_at IS NOT NULL")
        connection.commit()
        connection.close()

    make_due()
    done = tessera.json("audience", "refresh", "--due")
    assert (made["audience_id"], 2) in {(row["audience_id"], row["version"]) for row in done}
    make_due()
    assert "filled 1 audiences of 1 that were due" in tessera("worker", "--once").out
    assert tessera.json("audience", "versions", made["audience_id"])[0]["version"] == 3
    assert "nothing is due" in tessera("audience", "refresh", "--due").out

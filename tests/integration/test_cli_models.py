"""Model versions through the real command line: what was promoted and rolled back exports the same bytes."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import Tessera

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from test_gnn_world import world

from api.http.metrics import Metrics

PEOPLE = 90  # 63 of them labelled: enough for a network and a search, too few for a report


def write(folder: Path, **tables: Any) -> Path:
    folder.mkdir()
    for name, rows in tables.items():
        lines = [json.dumps({k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in row.items()}) for row in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tessera, list[str]]:
    """Two versions: of seed 0, then of seed 1, which is current."""
    folder = tmp_path_factory.mktemp("models")
    rows = world(PEOPLE)
    source = write(folder / "source", **{k: v for k, v in rows.items() if k != "likes"})
    tessera = Tessera(folder / "home", {"TEXT_MODEL": "none"})
    tessera("ingest", source)
    tessera("resolve")
    return tessera, [tessera.json("train", "--seed", seed)["interests"]["model"] for seed in ("0", "1")]


def exported(tessera: Tessera, name: str) -> bytes:
    path = tessera.home.parent / f"{name}.csv"
    tessera("export", "tags", "--out", path)
    return path.read_bytes()


def test_a_rollback_gives_the_same_tags_to_the_bit_and_training_again_the_same_version(
    home: tuple[Tessera, list[str]],
) -> None:
    tessera, (a, b) = home
    of_b = exported(tessera, "b")
    assert tessera.json("model", "rollback") == {"version": a, "before": b}
    of_a = exported(tessera, "a")
    assert of_a != of_b
    assert tessera.json("model", "promote", b[:9]) == {"version": b, "before": a}
    assert exported(tessera, "b-again") == of_b
    assert tessera.json("model", "rollback")["version"] == a
    assert exported(tessera, "a-again") == of_a
    assert tessera.json("train", "--seed", "1")["interests"]["model"] == b
    assert exported(tessera, "b-anew") == of_b
    assert [h["action"] for h in tessera.json("model", "history")] == [
        "train", "train", "rollback", "promote", "rollback", "train",
    ]  # fmt: skip
    assert [(r["version"], r["new"], r["options"]["seed"]) for r in tessera.json("model", "runs")] == [
        (a, True, 0), (b, True, 1), (b, False, 1),
    ]  # fmt: skip


def test_list_and_show_tell_data_code_and_options(home: tuple[Tessera, list[str]]) -> None:
    tessera, (a, b) = home
    rows = {r["version"]: r for r in tessera.json("model", "list")}
    assert {n: r["role"] for n, r in rows.items()} == {a: "previous", b: "current"}
    one, other = (tessera.json("model", "show", v) for v in (a, "current"))
    assert one["data"] == other["data"]
    assert (one["data"]["persons"], one["data"]["labelled"], one["data"]["tags"]) == (PEOPLE, 63, 3)
    assert one["data"]["tables"]["events"]["rows"] > PEOPLE * 8
    assert one["code"]["source"]
    assert one["code"]["tessera"]
    assert (one["options"]["seed"], other["options"]["seed"]) == (0, 1)
    assert {"labels.parquet", "reference.json", "states.pt"} <= set(one["files"])
    for command in (("list",), ("show",), ("history",), ("runs",), ("compare", "previous", "current")):
        assert a in tessera("model", *command).out or command == ("show",)


def test_compare_says_what_differs_on_the_same_people(home: tuple[Tessera, list[str]]) -> None:
    tessera, (a, b) = home
    found = tessera.json("model", "compare", a, b)
    assert found["common"] == {"persons": PEOPLE, "tags": 3, "only first": 0, "only second": 0}
    assert [r["version"] for r in found["labelled"]] == [a, b]
    difference = found["difference"]
    assert difference["persons"] == 63
    assert difference["second"] - difference["first"] == pytest.approx(difference["difference"])
    assert difference["low"] <= difference["difference"] <= difference["high"]
    assert 0 <= found["top tag changed"] < 0.5
    assert found["options"] == {"seed": [0, 1]}
    assert {t["tag"] for t in found["stability"]["tags"]} == {"jazz", "football", "cooking"}
    same = tessera.json("model", "compare", a, a)
    assert (same["difference"]["low"], same["difference"]["high"], same["top tag changed"]) == (0, 0, 0)
    assert same["stability"]["mean"] == 0


def test_removal_spares_current_and_previous_and_names_are_checked(home: tuple[Tessera, list[str]]) -> None:
    tessera, (a, b) = home
    assert "previous one and stays" in tessera.refuses("model", "remove", a)
    assert "current one and stays" in tessera.refuses("model", "remove", "current")
    assert "no model version" in tessera.refuses("model", "promote", "vnothing")
    assert "no model version" in tessera.refuses("model", "compare", b, "../..")
    empty = Tessera(tessera.home.parent / "empty")
    for command in (("rollback",), ("drift",), ("show",)):
        assert "tessera train" in empty.refuses("model", *command)
    assert empty.json("model", "list") == []


def test_drift_is_nothing_at_first_and_is_found_and_told_to_the_metrics(home: tuple[Tessera, list[str]]) -> None:
    tessera, _ = home
    still = tessera.json("model", "drift")
    assert (still["state"], still["persons then"], still["persons now"]) == ("stable", PEOPLE, PEOPLE)
    assert all(r["index"] == pytest.approx(0, abs=1e-9) for r in still["rows"] if r["index"] is not None)
    shutil.copytree(tessera.home, tessera.home.parent / "moved")
    moved = Tessera(tessera.home.parent / "moved", tessera.settings)
    new = [
        {"event_id": f"new{p}.{i}", "at": "2026-04-01T00:00:00Z", "account_id": f"a{p}", "content_id": f"fresh{i}"}
        for p in range(PEOPLE)
        for i in range(12)
    ]
    moved("ingest", write(tessera.home.parent / "later", events=new))
    moved("resolve")
    found = {(r["kind"], r["what"]): r for r in moved.json("model", "drift")["rows"]}
    assert found["inputs", "contents"]["state"] == "major"
    assert found["contents", "unknown engagements"]["state"] == "major"
    assert found["contents", "unknown engagements"]["now"] > 0.5
    assert found["inputs", "no_events"]["state"] == "stable"
    assert "unknown engagements" in moved("model", "drift").out
    metrics = Metrics()
    metrics.take_drift(moved.home / "models")
    told = metrics.text().decode()
    worst = max(r["index"] for (kind, _), r in found.items() if kind == "contents")
    assert f'tessera_model_drift{{kind="contents"}} {worst}' in told
    assert "jazz" not in told


def test_a_search_trains_with_the_best_and_says_what_was_gained(home: tuple[Tessera, list[str]]) -> None:
    tessera, _ = home
    shutil.copytree(tessera.home, tessera.home.parent / "searched")
    searched = Tessera(tessera.home.parent / "searched", tessera.settings)
    space = tessera.home.parent / "space.toml"
    space.write_text("[epochs]\nchoices = [1, 2, 40]\n[width]\nchoices = [8, 64]\n")
    command = ("model", "search", "--trials", "2", "--space", space)
    found = searched.json(*command)
    assert (found["complete"], found["pruned"]) == (2, 0)
    assert found["best options, inner mAP"] >= found["given options, inner mAP"]
    gain = found["gain on the report's people"]
    assert gain["persons"] == int(0.2 * 63)
    assert gain["low"] <= gain["difference"] <= gain["high"]
    assert found["best trials"][0]["map"] == found["best options, inner mAP"]
    shown = searched.json("model", "show")
    assert shown["version"] == found["model"]
    assert {k: shown["options"][k] for k in ("epochs", "width")} == found["best options"]
    assert shown["searches"][0]["found"]["study"] == found["study"]
    assert list((searched.home / "models" / "search").iterdir()) == [searched.home / "models" / "search" / "trials.sqlite"]
    assert "cannot be searched" in searched.refuses("model", "search", "--space", write_space(tessera.home.parent))
    again = searched.json(*command, "--no-train")
    assert again["best options"] == found["best options"]
    assert again["model"] is None


def write_space(folder: Path) -> Path:
    path = folder / "wrong.toml"
    path.write_text("[speed]\nchoices = [1]\n")
    return path

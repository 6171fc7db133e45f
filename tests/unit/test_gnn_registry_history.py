"""Promote, roll back, keep, remove, list and record: what is in use and why, whenever a process is killed."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_gnn_registry import save

from gnn import registry
from gnn.registry.code import code_version, commit_of
from gnn.registry.data import population_hash
from graph.errors import InputError, ModelError, NothingResolved

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def saved(models: Path, seed: int) -> str:
    return save(models, details={"seed": seed}, now=lambda: NOON + timedelta(hours=seed)).name


def test_a_rollback_goes_to_what_was_current_before_and_again_to_the_one_before_that(tmp_path: Path) -> None:
    a, b, c = (saved(tmp_path, seed) for seed in range(3))
    registry.promote(tmp_path, a, at=NOON + timedelta(days=1))
    assert registry.previous_name(tmp_path) == c
    assert registry.rollback(tmp_path, at=NOON + timedelta(days=2)) == c
    assert registry.rollback(tmp_path) == b
    assert registry.rollback(tmp_path) == a
    with pytest.raises(ModelError, match=f"no version before {a}"):
        registry.rollback(tmp_path)
    assert registry.current(tmp_path).name == a
    told = [(h["action"], h["version"], h["from"]) for h in registry.history(tmp_path)]
    assert told == [
        ("train", a, None), ("train", b, a), ("train", c, b), ("promote", a, c), ("rollback", c, a), ("rollback", b, c),
        ("rollback", a, b),
    ]  # fmt: skip
    assert [h["at"] for h in registry.history(tmp_path)][3] == "2026-03-02T12:00:00+00:00"


def test_promoting_the_current_version_changes_nothing(tmp_path: Path) -> None:
    a, b = saved(tmp_path, 0), saved(tmp_path, 1)
    before = (tmp_path / "current").read_bytes()
    registry.promote(tmp_path, b)
    saved(tmp_path, 1)
    assert (tmp_path / "current").read_bytes() == before
    assert registry.previous_name(tmp_path) == a


@given(steps=st.lists(st.sampled_from(["p0", "p1", "p2", "back", "r0", "r1", "r2"]), max_size=10))
@settings(max_examples=12, deadline=None)
def test_any_sequence_is_as_a_stack_says(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    models = tmp_path_factory.mktemp("models")
    names = [saved(models, seed) for seed in range(3)]
    present, stack = set(names), list(names)
    for step in steps:
        before = [n for n in stack[:-1] if n in present and n != stack[-1]]
        if step == "back" and before:
            at = max(i for i, n in enumerate(stack[:-1]) if n == before[-1])
            assert registry.rollback(models) == before[-1]
            stack = stack[: at + 1]
        elif step[0] == "p" and names[int(step[1])] in present:
            registry.promote(models, names[int(step[1])])
            stack += [names[int(step[1])]] if stack[-1] != names[int(step[1])] else []
        elif step[0] == "r":
            name = names[int(step[1])]
            if name in present and name not in (stack[-1], before[-1] if before else None):
                registry.remove(models, name)
                present.remove(name)
            else:
                with pytest.raises(ModelError):
                    registry.remove(models, name)
        assert registry.current(models).name == stack[-1]
        assert set(registry.versions(models)) == present


def test_the_pointer_of_an_older_home_is_understood(tmp_path: Path) -> None:
    a, b = saved(tmp_path, 0), saved(tmp_path, 1)
    (tmp_path / "current").write_text(a)
    assert (registry.current(tmp_path).name, registry.history(tmp_path)) == (a, [])
    registry.promote(tmp_path, b)
    assert registry.rollback(tmp_path) == a


@pytest.mark.parametrize("damage", ["{", '{"version": 3}', "\x00\xff", ""])
def test_a_damaged_pointer_is_one_line_and_a_promotion_mends_it(tmp_path: Path, damage: str) -> None:
    name = saved(tmp_path, 0)
    (tmp_path / "current").write_bytes(damage.encode("latin-1"))
    with pytest.raises(ModelError) as raised:
        registry.current(tmp_path)
    assert "\n" not in str(raised.value)
    registry.promote(tmp_path, name)
    assert registry.current(tmp_path).name == name


def test_a_damaged_version_is_neither_promoted_nor_rolled_back_to(tmp_path: Path) -> None:
    a, b = saved(tmp_path, 0), saved(tmp_path, 1)
    path = tmp_path / a / "embeddings.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    for change in (lambda: registry.promote(tmp_path, a), lambda: registry.rollback(tmp_path)):
        with pytest.raises(ModelError, match="damaged"):
            change()
    assert registry.current(tmp_path).name == b


def test_the_oldest_go_and_current_and_previous_never(tmp_path: Path) -> None:
    first = saved(tmp_path, 0)
    names = [first] + [saved(tmp_path, seed) for seed in range(1, registry.KEPT)]
    assert len(registry.versions(tmp_path)) == registry.KEPT
    registry.promote(tmp_path, first)
    more = [saved(tmp_path, seed) for seed in range(100, 103)]
    left = set(registry.versions(tmp_path))
    assert len(left) == registry.KEPT
    assert left == {*names[3:], *more} | ({first} & left)
    assert {registry.current_name(tmp_path), registry.previous_name(tmp_path)} <= left
    registry.promote(tmp_path, names[3])
    registry.promote(tmp_path, more[-1])
    saved(tmp_path, 200)
    saved(tmp_path, 201)
    assert registry.rollback(tmp_path) in registry.versions(tmp_path)


def test_a_previous_version_stays_however_old_it_is(tmp_path: Path) -> None:
    old = saved(tmp_path, 0)
    for seed in range(1, registry.KEPT):
        saved(tmp_path, seed)
    registry.promote(tmp_path, old)
    saved(tmp_path, 50)  # one too many; `old` is the oldest and the previous
    assert registry.previous_name(tmp_path) == old
    assert registry.rollback(tmp_path) == old


def test_what_killed_processes_left_is_swept(tmp_path: Path) -> None:
    for name, age in ((".a.part", 90_000), (".b.part", 10), (".v1.removed", 10)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "probabilities.npy").write_bytes(b"x")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    saved(tmp_path, 0)
    assert sorted(p.name for p in tmp_path.glob(".*")) == [".b.part"]


def test_killed_while_promoting_in_a_loop_it_stands_at_one_of_the_two(tmp_path: Path) -> None:
    a, b = saved(tmp_path, 0), saved(tmp_path, 1)
    code = (
        "import sys; from pathlib import Path; from gnn import registry\n"
        "m = Path(sys.argv[1]); print('ready', flush=True)\n"
        "while True:\n    registry.promote(m, sys.argv[2]); registry.rollback(m)"
    )
    for pause in (0.0, 0.03, 0.07):
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), a], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(pause)
        process.kill()
        process.wait()
        process.stdout.close()
        found = registry.current(tmp_path).name
        last = registry.history(tmp_path)[-1]
        assert found in (a, b)
        assert last["version"] == found
        if found == a:
            assert registry.rollback(tmp_path) == b


def test_further_files_are_hashed_named_and_opened_by_their_owner(tmp_path: Path) -> None:
    def write(content: bytes) -> dict:
        return {"extras": {"recommender.bin": lambda path: path.write_bytes(content)}}

    version = save(tmp_path, **write(b"one"))
    assert version.extra("recommender.bin").read_bytes() == b"one"
    assert save(tmp_path, **write(b"one")).name == version.name
    assert save(tmp_path, **write(b"two")).name != version.name
    assert save(tmp_path).name != version.name
    with pytest.raises(ModelError, match=r"has no other\.bin"):
        version.extra("other.bin")
    (version.folder / "recommender.bin").write_bytes(b"twO")
    assert registry.load(tmp_path, version.name).name == version.name  # whoever does not need it is not stopped
    with pytest.raises(ModelError, match=r"recommender\.bin"):
        version.extra("recommender.bin")
    with pytest.raises(ModelError, match=r"recommender\.bin"):
        registry.promote(tmp_path, version.name)
    assert save(tmp_path, **write(b"one")).extra("recommender.bin").read_bytes() == b"one"  # made anew


@pytest.mark.parametrize("name", ["model.json", "probabilities.npy", "../outside", ".hidden", ""])
def test_a_further_file_may_not_take_the_place_of_another(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        save(tmp_path / "models", extras={name: lambda path: path.write_bytes(b"x")})
    assert registry.versions(tmp_path / "models") == []
    assert not (tmp_path / "outside").exists()


def test_labels_are_read_back(tmp_path: Path) -> None:
    values, labelled = np.array([[0, 0, 0], [0.5, 0, 1]], np.float32), np.array([True, True])
    found = save(tmp_path, labels=(values, labelled)).labels()
    assert np.array_equal(found[0], values)
    assert found[1].tolist() == [True, True]
    nobody = save(tmp_path).labels()
    assert not nobody[0].any()
    assert not nobody[1].any()


def test_runs_are_recorded_each_time_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    name = saved(tmp_path, 0)
    saved(tmp_path, 0)
    with (tmp_path / "runs.jsonl").open("ab") as file:
        file.write(b'{"kind": "train", "vers')
    registry.record_run(tmp_path, "search", NOON, version=name, found={"best": 1})
    found = registry.runs(tmp_path)
    assert [(r["kind"], r["version"], r.get("new")) for r in found] == [
        ("train", name, True), ("train", name, False), ("search", name, None),
    ]  # fmt: skip
    assert found[0]["at"] == "2026-03-01T12:00:00+00:00"
    assert found[0]["code"] == code_version()
    assert registry.runs(tmp_path / "nothing") == []


def test_the_list_tells_roles_and_damage(tmp_path: Path) -> None:
    a = save(tmp_path, details={"seed": 0}, data={"persons": 2, "tags": 3, "population": "f" * 64}, now=lambda: NOON).name
    b, c = saved(tmp_path, 1), saved(tmp_path, 2)
    (tmp_path / b / "model.json").write_text("{")
    rows = {r["version"]: r for r in registry.listed(tmp_path)}
    assert {n: r["role"] for n, r in rows.items()} == {a: "", b: "damaged", c: "current"}
    assert (rows[a]["persons"], rows[a]["map"], rows[a]["data"]) == (2, 0.3, "f" * 10)
    assert next(r["version"] for r in registry.listed(tmp_path)) == c
    described = registry.describe(tmp_path, c)
    assert described["role"] == "current"
    assert {"probabilities.npy", "persons.parquet"} <= set(described["files"])
    json.dumps(described)


def test_versions_are_found_by_what_people_type(tmp_path: Path) -> None:
    with pytest.raises(NothingResolved, match="tessera train"):
        registry.find(tmp_path, "current")
    a, b = saved(tmp_path, 0), saved(tmp_path, 1)
    assert registry.find(tmp_path, a) == registry.find(tmp_path, a[:8]) == registry.find(tmp_path, "previous") == a
    assert registry.find(tmp_path, "current") == b
    for text in ("v", "nothing", "../x", ""):
        with pytest.raises(InputError):
            registry.find(tmp_path, text)


def test_the_commit_is_read_from_a_checkout_and_from_its_worktree(tmp_path: Path) -> None:
    def git(*words: str, folder: Path) -> str:
        environment = os.environ | {
            f"GIT_{who}_{what}": "a@b.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        return subprocess.run(
            ["git", *words], cwd=folder, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    checkout = tmp_path / "checkout"
    checkout.mkdir()
    assert commit_of(checkout) is None
    git("init", "-q", folder=checkout)
    assert commit_of(checkout) is None
    git("commit", "-q", "--allow-empty", "-m", "one", folder=checkout)
    head = git("rev-parse", "HEAD", folder=checkout)
    assert commit_of(checkout) == head
    git("worktree", "add", "-q", str(tmp_path / "other"), folder=checkout)
    assert commit_of(tmp_path / "other") == head
    git("pack-refs", "--all", folder=checkout)
    assert commit_of(checkout) == head
    git("checkout", "-q", "--detach", folder=checkout)
    assert commit_of(checkout) == head


def test_the_hash_of_a_population_depends_on_everything_but_ids_of_persons() -> None:
    import dataclasses

    import pyarrow as pa
    from test_gnn_world import read, world

    data = read(world(30), 30)
    told = population_hash(data)
    assert population_hash(read(world(30), 30)) == told
    assert population_hash(dataclasses.replace(data, person_ids=pa.array([f"x{i}" for i in range(30)]))) == told
    heavier = data.engagement.copy()
    heavier.data[0] += 1e-6
    flipped = data.labelled.copy()
    flipped[0] = not flipped[0]
    changes = [
        {"engagement": heavier},
        {"labelled": flipped},
        {"texts": ["other", *data.texts[1:]]},
        {"content_ids": [data.content_ids[0] + "x", *data.content_ids[1:]]},
        {"tagged": dataclasses.replace(data.tagged, count=data.tagged.count + 1)},
    ]
    assert len({told, *(population_hash(dataclasses.replace(data, **c)) for c in changes)}) == len(changes) + 1

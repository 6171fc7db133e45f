from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from gnn import registry
from gnn.taxonomy import of_strings
from graph.errors import HomeNotWritable, ModelError, NothingResolved
from graph.interests import ABOUT, INTERESTED_IN

PROBABILITIES = np.array([[0.9, 0.1, 0.0], [0.2, 0.2, 0.5]], np.float32)


def save(models: Path, **changes: Any) -> registry.Version:
    values: dict[str, Any] = {
        "person_ids": pa.array(["p1", "p2"]),
        "tags": of_strings("labels", ["a", "b", "c"]).table(),
        "probabilities": PROBABILITIES,
        "embeddings": np.eye(2, 4, dtype=np.float32),
        "about": pa.Table.from_pylist([{"content_id": "x", "tag_id": "a", "score": 0.5}], schema=ABOUT),
        "metrics": {"report": {"model": {"map": 0.3}}},
        "notes": ("one",),
        "as_of": datetime(2026, 3, 1, tzinfo=UTC),
        "details": {"seed": 0},
    }
    return registry.save(models, **(values | changes))


def test_what_was_saved_is_read_back(tmp_path: Path) -> None:
    saved = save(tmp_path / "models")
    found = registry.current(tmp_path / "models")
    assert found.name == saved.name
    assert np.array_equal(found.probabilities, PROBABILITIES)
    assert found.tags_of("p2") == [("c", 0.5), ("a", pytest.approx(0.2)), ("b", pytest.approx(0.2))]
    assert found.tags_of("nobody") == []
    rows = pa.concat_tables(found.person_tags(0.2)).to_pylist()
    assert [(r["person_id"], r["tag"]) for r in rows] == [("p1", "a"), ("p2", "a"), ("p2", "b"), ("p2", "c")]
    assert sum(t.num_rows for t in found.person_tags()) == 6
    interests = found.interests(top=2)
    assert interests.interested_in.schema == INTERESTED_IN
    assert [(r["person_id"], r["tag_id"]) for r in interests.interested_in.to_pylist()] == [
        ("p1", "a"), ("p1", "b"), ("p2", "c"), ("p2", "a"),
    ]  # fmt: skip
    assert set(interests.interested_in.column("model").to_pylist()) == {saved.name}


def test_the_same_content_is_the_same_version_and_other_content_another(tmp_path: Path) -> None:
    first = save(tmp_path)
    assert save(tmp_path).name == first.name
    second = save(tmp_path, details={"seed": 1})
    assert registry.versions(tmp_path) == sorted([first.name, second.name])
    assert registry.current(tmp_path).name == second.name
    registry.promote(tmp_path, first.name)
    assert registry.current(tmp_path).name == first.name


def test_a_crash_while_writing_leaves_the_old_version(tmp_path: Path) -> None:
    first = save(tmp_path)

    def crash(folder: Path) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, details={"seed": 2}, write_states=crash)
    assert registry.versions(tmp_path) == [first.name]
    assert registry.current(tmp_path).name == first.name
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize("file", ["model.json", "probabilities.npy", "embeddings.npy", "persons.parquet", "about.parquet"])
@pytest.mark.parametrize("damage", ["gone", "short", "changed"])
def test_a_damaged_version_is_one_line_and_is_made_anew(tmp_path: Path, file: str, damage: str) -> None:
    version = save(tmp_path)
    path = version.folder / file
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "short":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content[:-9] + b"\x00" * 9)
    with pytest.raises(ModelError) as raised:
        registry.current(tmp_path)
    assert "\n" not in str(raised.value)
    assert "tessera train" in str(raised.value)
    save(tmp_path)
    assert registry.current(tmp_path).name == version.name


def test_no_model_yet_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NothingResolved, match="tessera train"):
        registry.current(tmp_path / "models")
    with pytest.raises(ModelError):
        registry.load(tmp_path, "../secrets")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(HomeNotWritable):
        save(tmp_path / "models")


def test_nothing_to_tag_is_a_version_too(tmp_path: Path) -> None:
    empty = save(tmp_path, probabilities=np.zeros((2, 0), np.float32), tags=of_strings("labels", []).table())
    assert list(empty.person_tags()) == []
    assert empty.tags_of("p1") == []
    assert empty.interests().interested_in.num_rows == 0

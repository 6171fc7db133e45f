"""What was refreshed since a training stands beside the version, which stays as it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_gnn_registry import PROBABILITIES, save

from api.http.interests import InterestIndex
from gnn import registry
from gnn.registry.refreshed import append, newest, read
from graph.errors import ModelError


def add(folder: Path, rows: dict[str, float], withheld: tuple[str, ...] = (), batch: int = 7) -> int:
    probabilities = np.array([[p, p / 2, p / 4] for p in rows.values()], np.float32).reshape(len(rows), 3)
    embeddings = np.tile(np.eye(1, 4, 3, dtype=np.float32), (len(rows), 1))
    return append(folder, list(rows), probabilities, embeddings, withheld, batch=batch, consents=3)


def test_the_latest_row_of_a_person_holds_and_the_version_stays(tmp_path: Path) -> None:
    version = save(tmp_path)
    assert add(version.folder, {"p1": 0.4, "new": 0.8}) == 1
    assert add(version.folder, {"p1": 0.6}, ("p2",), batch=9) == 2
    now = registry.current(tmp_path)
    assert np.array_equal(now.probabilities, PROBABILITIES)
    assert (now.refreshed.batch, now.refreshed.consents, registry.last_refresh(tmp_path)) == (9, 3, 2)
    assert now.tags_of("p1")[0] == ("a", pytest.approx(0.6))
    assert now.tags_of("new")[0] == ("a", pytest.approx(0.8))
    assert now.tags_of("p2") == []
    rows = pa.concat_tables(now.person_tags(0.35)).to_pylist()
    assert [(r["person_id"], r["tag"]) for r in rows] == [("new", "a"), ("new", "b"), ("p1", "a")]
    assert set(now.interests().interested_in.column("person_id").to_pylist()) == {"p1", "new"}
    people, vectors = now.vectors()
    assert people.to_pylist() == ["new", "p1"]
    assert vectors.shape == (2, 4)
    assert save(tmp_path).refreshed.number == 2  # the same training again keeps what was refreshed


def test_the_index_of_the_api_tells_the_same(tmp_path: Path) -> None:
    version = save(tmp_path)
    before = InterestIndex.open(tmp_path)
    add(version.folder, {"p1": 0.4, "new": 0.8}, ("p2",))
    now = InterestIndex.open(tmp_path, before)
    assert [s.tag_id for s in now.of_person("p1", min_probability=0.15, limit=9)] == ["a", "b"]
    assert now.of_person("p2", min_probability=0, limit=9) == []
    assert now.of_person("new", min_probability=0, limit=1)[0].probability == pytest.approx(0.8)
    assert sorted(now.at_least("a", 0.3).to_pylist()) == ["new", "p1"]
    assert before.at_least("a", 0.3).to_pylist() == ["p1"]
    assert before.of_person("p2", min_probability=0, limit=1)[0].tag_id == "c"


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["p1", "p2", "x", "y"]), st.floats(0, 1, width=32), st.booleans()), max_size=80))
def test_many_refreshes_are_few_files_and_say_what_the_last_said(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, float, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("version")
    expected: dict[str, float | None] = {}
    for person, value, hide in steps:
        add(folder, {} if hide else {person: value}, (person,) if hide else ())
        expected[person] = None if hide else value
    found = read(folder)
    told = dict(
        zip(found.person_ids.to_pylist(), found.probabilities[:, 0].tolist() if found.probabilities.size else [], strict=True)
    )
    assert told == {p: pytest.approx(v) for p, v in expected.items() if v is not None}
    assert set(found.withheld.to_pylist()) == {p for p, v in expected.items() if v is None}
    assert len(list((folder / "refreshed").glob("*"))) <= 33 if steps else newest(folder) == 0


def test_killed_between_writing_all_anew_and_removing_the_old_nothing_changes(tmp_path: Path) -> None:
    for n in range(32):
        add(tmp_path, {f"q{n}": 0.5})
    old = {path.name: path.read_bytes() for path in (tmp_path / "refreshed").iterdir()}
    add(tmp_path, {"q3": 0.1})
    after = read(tmp_path)
    for name, content in old.items():  # what the killed process did not come to remove
        (tmp_path / "refreshed" / name).write_bytes(content)
    (tmp_path / "refreshed" / ".00000034.parquet.ab.part").write_bytes(b"half")
    again = read(tmp_path)
    assert again.person_ids.to_pylist() == after.person_ids.to_pylist()
    assert np.array_equal(again.probabilities, after.probabilities)
    assert len(again.person_ids) == 32


def test_a_damaged_file_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    version = save(tmp_path)
    add(version.folder, {"p1": 0.4})
    (version.folder / "refreshed" / "00000001.parquet").write_bytes(b"no table")
    with pytest.raises(ModelError, match="tessera model refresh"):
        registry.current(tmp_path)


WRITER = """
import sys
from pathlib import Path
import numpy as np
from gnn.registry.refreshed import append
for n in range(100_000):
    row = np.full((1, 2), n, np.float32)
    append(Path(sys.argv[1]), [f"p{n % 20}"], row, row, [], batch=n, consents=0)
    print(n, flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_what_it_had_said(tmp_path: Path) -> None:
    for round_ in range(2):
        folder = tmp_path / str(round_)
        folder.mkdir()
        with subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            said = next(n for n in map(int, writer.stdout) if n >= 31 + 3 * round_)
            writer.kill()
            said = max([said, *map(int, writer.stdout)])
        found = read(folder)
        assert found.batch in (said, said + 1)
        values = dict(zip(found.person_ids.to_pylist(), found.probabilities[:, 0].tolist(), strict=True))
        last = int(found.batch)
        assert values == {f"p{n % 20}": n for n in range(last - 19, last + 1)}
        append(folder, ["again"], np.zeros((1, 2), np.float32), np.zeros((1, 2), np.float32), [], batch=last + 1, consents=0)
        assert read(folder).batch == last + 1

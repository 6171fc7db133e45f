"""A live Ladybug store: what it changes in place, what others see of it and when, and what a crash leaves."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import ladybug
import pytest
from graphs import BELONGS_D, HOME, INTERESTED, MEMBER, SAME_DD, D, P, changed, delta, expected, held, snapshot, town
from test_store import BOOLS, CHANGES, INTEGERS, REALS, TEXTS, TIMES

from graph.errors import StoreError, StoreUnavailable
from graph.schema import Label
from graph.snapshot import Delta
from graph.store import GraphStore, LadybugStore
from graph.store.ladybug_files import GraphFiles
from graph.store.ladybug_live import LiveDatabase

NEW = delta({P: [{"person_id": "new", "devices": 1}]}, {MEMBER: [{"source": "new", "target": "u1"}]})
AFTER_NEW = changed(expected(town()), NEW)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LadybugStore]:
    """A live store over `tmp_path` that holds `town`."""
    store = LadybugStore(tmp_path, live=True)
    store.replace(town())
    yield store
    store.close()


def others(folder: Path) -> dict[object, object]:
    """What another process would see."""
    reader = LadybugStore(folder, read_only=True)
    try:
        return held(reader)
    finally:
        reader.close()


def test_others_see_a_change_after_a_flush(live: LadybugStore, tmp_path: Path) -> None:
    live.apply(NEW)
    assert held(live) == AFTER_NEW
    assert others(tmp_path) == expected(town())
    live.flush()
    assert others(tmp_path) == held(live) == AFTER_NEW


def test_a_flush_of_nothing_makes_no_file(live: LadybugStore, tmp_path: Path) -> None:
    live.flush()
    live.apply(NEW)
    live.flush()
    before = (tmp_path / "current").read_text()
    live.flush()
    live.close()
    assert (tmp_path / "current").read_text() == before


def test_closing_flushes_and_leaves_one_file(live: LadybugStore, tmp_path: Path) -> None:
    live.apply(NEW)
    live.close()
    assert others(tmp_path) == AFTER_NEW
    assert len(list(tmp_path.glob("*.lbug*"))) == 1
    assert not list(tmp_path.glob("working-*"))
    live.apply(delta(deleted_nodes={P: ["new"]}))  # it opens again
    live.close()
    assert others(tmp_path) == expected(town())


def test_small_changes_are_made_in_place_and_large_ones_in_another_file(live: LadybugStore, tmp_path: Path) -> None:
    current = (tmp_path / "current").read_text()
    live.apply(NEW)
    assert (tmp_path / "current").read_text() == current
    live.apply(delta({P: [{"person_id": f"p{i}", "devices": i} for i in range(3_000)]}))
    assert (tmp_path / "current").read_text() != current
    assert (live.counts()["Person"], others(tmp_path)) == (3_001, held(live))
    live.apply(delta(deleted_nodes={P: ["new"]}))
    assert live.counts()["Person"] == 3_000


def test_a_change_that_fails_leaves_the_others(live: LadybugStore, tmp_path: Path) -> None:
    live.apply(NEW)
    dangling = delta(
        {D: [{"device_id": "d1", "kind": "tv"}, {"device_id": "d99"}]},
        {SAME_DD: [{"source": "d99", "target": "d1", "method": "m"}], BELONGS_D: [{"source": "d99", "target": "nobody"}]},
        {P: ["p2"]},
        {BELONGS_D: [{"source": "d1", "target": "p1"}]},
    )
    for _ in range(3):
        with pytest.raises(StoreError, match="is no node"):
            live.apply(dangling)
        assert held(live) == AFTER_NEW
    live.flush()
    assert others(tmp_path) == AFTER_NEW
    live.apply(delta({P: [{"person_id": "nobody"}]}))
    live.apply(dangling)
    assert "d99" in held(live)[D]


def test_a_replacement_that_fails_leaves_what_was_applied(live: LadybugStore, tmp_path: Path) -> None:
    live.apply(NEW)
    with pytest.raises(StoreError):
        live.replace(snapshot({P: [{"person_id": "p"}, {"person_id": "p"}]}, {}))
    assert held(live) == AFTER_NEW
    second = snapshot({P: [{"person_id": "only"}]}, {})
    live.replace(second)
    assert held(live) == others(tmp_path) == expected(second)
    live.apply(delta({P: [{"person_id": "p"}]}))
    assert live.counts()["Person"] == 2


def test_an_operators_write_keeps_what_was_applied(live: LadybugStore, tmp_path: Path) -> None:
    live.apply(NEW)
    live.execute("MATCH (p:Person {person_id: 'new'}) SET p.class = 'shared'", {}, mode="write")
    assert held(live)[P]["new"]["class"] == "shared"
    assert others(tmp_path) == held(live)


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from graphs import P, delta
from graph.store import LadybugStore

store = LadybugStore(Path(sys.argv[1]), live=True)
store.apply(delta({P: [{"person_id": "flushed"}]}))
store.flush()
store.apply(delta({P: [{"person_id": "lost"}]}))
assert store.counts()["Person"] == 7
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_crash_leaves_the_graph_of_the_last_flush(tmp_path: Path) -> None:
    LadybugStore(tmp_path).replace(town())
    child = subprocess.run([sys.executable, "-c", KILLED, tmp_path, Path(__file__).parent], capture_output=True)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    store = LadybugStore(tmp_path, live=True)
    flushed = changed(expected(town()), delta({P: [{"person_id": "flushed"}]}))
    assert held(store) == flushed
    assert list(tmp_path.glob("working-*"))
    again = delta({P: [{"person_id": "lost"}]})
    store.apply(again)
    assert held(store) == changed(flushed, again)
    assert len(list(tmp_path.glob("working-*.lbug"))) == 1
    store.close()
    assert not list(tmp_path.glob("working-*"))


def test_others_write_only_between_flush_and_change(live: LadybugStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.store.ladybug_files._WAIT_SECONDS", 0)
    other = LadybugStore(tmp_path)
    live.apply(NEW)
    with pytest.raises(StoreUnavailable, match="another process is writing"):
        other.apply(delta({P: [{"person_id": "other"}]}))
    live.flush()
    other.apply(delta({P: [{"person_id": "other"}]}))
    both = changed(AFTER_NEW, delta({P: [{"person_id": "other"}]}))
    assert held(live) == both
    live.apply(delta(deleted_nodes={P: ["new"]}))
    live.flush()
    assert held(other) == held(live) == changed(both, delta(deleted_nodes={P: ["new"]}))
    other.close()


def test_a_living_working_file_is_not_swept(live: LadybugStore, tmp_path: Path) -> None:
    live.apply(NEW)
    live.flush()
    [working] = tmp_path.glob("working-*.lbug")
    other = LadybugStore(tmp_path)
    other.apply(delta({P: [{"person_id": "other"}]}))
    assert working.exists()
    other.close()


def test_readers_go_on_while_changes_and_flushes_happen(tmp_path: Path) -> None:
    """Every answer is that of a whole graph: the count of people and the largest number move together, and never back."""
    store, stop, wrong = LadybugStore(tmp_path, live=True), threading.Event(), []
    store.replace(snapshot({P: [{"person_id": "p0", "devices": 0}]}, {}))
    seen: set[int] = set()

    def read() -> None:
        last = 0
        while not stop.is_set():
            try:
                [row] = store.execute("MATCH (p:Person) RETURN count(p) AS people, max(p.devices) AS devices", {})
            except StoreError as error:
                wrong.append(str(error))
                return
            if row["people"] != row["devices"] + 1 or row["people"] < last:
                wrong.append(str(row))
            last = row["people"]
            seen.add(last)

    def flush() -> None:
        while not stop.wait(0.02):
            store.flush()

    threads = [*(threading.Thread(target=read) for _ in range(4)), threading.Thread(target=flush)]
    for thread in threads:
        thread.start()
    for i in range(1, 200):
        store.apply(delta({P: [{"person_id": f"p{i}", "devices": i}]}))
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(seen) > 5
    store.close()
    assert len(others(tmp_path)[P]) == 200  # type: ignore[arg-type]


def test_many_threads_may_apply_at_once(live: LadybugStore, tmp_path: Path) -> None:
    def put(thread: int) -> None:
        for i in range(20):
            live.apply(delta({P: [{"person_id": f"q{thread}-{i}"}]}, {MEMBER: [{"source": f"q{thread}-{i}", "target": "u1"}]}))

    threads = [threading.Thread(target=put, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    live.flush()
    assert (live.counts()["Person"], live.counts()["MEMBER_OF"]) == (85, 82)
    assert others(tmp_path) == held(live)


def test_a_full_log_is_written_into_the_file(live: LadybugStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.store.ladybug_live._MOST_LOG_BYTES", 0)
    for i in range(5):
        live.apply(delta({P: [{"person_id": f"p{i}", "devices": i}]}))
        assert not sum(log.stat().st_size for log in tmp_path.glob("working-*.wal"))
    assert held(live)[P]["p4"]["devices"] == 4


def test_full_memory_is_emptied_by_a_checkpoint(live: LadybugStore, tmp_path: Path) -> None:
    """What fills the memory is a gigabyte of changes, so the change itself says that it is full, in Ladybug's words."""
    live.apply(NEW)
    live.flush()
    database = LiveDatabase(GraphFiles(tmp_path), 256 << 20)
    tries = []

    def work(connection: ladybug.Connection) -> int:
        tries.append(sum(log.stat().st_size for log in tmp_path.glob("working-*.wal")))
        connection.execute(f"CREATE (:Person {{person_id: 'try{len(tries)}'}})")
        if len(tries) % 2:
            raise RuntimeError("Buffer manager exception: Unable to allocate memory!")
        return len(tries)

    assert [database.change(HOME, work) for _ in range(2)] == [2, 4]
    assert (tries[2] > 0, tries[1], tries[3]) == (True, 0, 0)  # the log is empty after a checkpoint
    database.close()
    assert set(held(live)[P]) == set(AFTER_NEW[P]) | {"try2", "try4"}


def test_a_small_change_keeps_every_value(store: GraphStore) -> None:
    def tables(shift: int) -> Delta:
        tags = [{"tag_id": f"t{i}", "name": t, "sensitive": BOOLS[(i + shift) % 3]} for i, t in enumerate(TEXTS)]
        people = [
            {"person_id": f"p{i}", "devices": INTEGERS[(i + shift) % 9], "created_at": TIMES[(i + shift) % 6]} for i in range(9)
        ]
        interests = [
            {
                "source": f"p{i}",
                "target": "t0",
                "probability": REALS[(i + shift) % 9],
                "model": TEXTS[(i + shift) % 12],
                "at": TIMES[(i + shift) % 6],
            }
            for i in range(9)
        ]
        keys = [{"content_id": text} for text in TEXTS if len(text) < 1000]
        return delta({Label.TAG: tags, P: people, Label.CONTENT: keys}, {INTERESTED: interests})

    for shift in range(3):
        whole = tables(shift)
        store.apply(whole)
        assert held(store) == changed(expected(snapshot({}, {})), whole)
    store.flush()


@pytest.mark.parametrize("name", CHANGES)
def test_tables_do_what_single_rows_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The way of large tables, on the changes that `test_store` has go in row by row."""
    monkeypatch.setattr("graph.store.ladybug_write._POINT_NODES", 0)
    monkeypatch.setattr("graph.store.ladybug_write._POINT_RELATIONSHIPS", 0)
    store = LadybugStore(tmp_path)
    store.replace(town())
    for _ in range(2):
        store.apply(CHANGES[name])
        assert held(store) == changed(expected(town()), CHANGES[name])
    store.close()


def test_flush_may_be_called_on_any_store(store: GraphStore) -> None:
    store.flush()
    store.apply(NEW_ALONE)
    store.flush()
    assert (store.home_id(), store.counts()["Person"]) == (HOME, 1)


NEW_ALONE = delta({P: [{"person_id": "p"}]})

"""What a store does when something breaks: the server is away or dies, the process is killed, files are damaged or read-only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from graphs import HOME, P, delta, expected, held, snapshot, town

from graph.errors import HomeNotWritable, MissingExtra, SettingsError, StoreError, StoreRefused, StoreUnavailable
from graph.home import Home
from graph.snapshot import Snapshot
from graph.store import LadybugStore, Neo4jStore, open_store, server

SECRET = "hunter2-and-more"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_an_address_where_nobody_answers() -> None:
    port = free_port()
    store = Neo4jStore(f"neo4j://neo4j:{SECRET}@127.0.0.1:{port}")
    for attempt in (
        store.home_id,
        store.counts,
        lambda: store.replace(town()),
        lambda: store.query("person", {"person_id": "p"}),
    ):
        with pytest.raises(StoreUnavailable, match=rf"neo4j://127\.0\.0\.1:{port} does not answer") as caught:
            attempt()
        assert SECRET not in str(caught.value)
        assert "\n" not in str(caught.value)
    store.close()


def test_a_wrong_password(neo4j_url: str) -> None:
    parts = urlsplit(neo4j_url)
    store = Neo4jStore(f"{parts.scheme}://{parts.username}:{SECRET}@{parts.hostname}:{parts.port}")
    with pytest.raises(StoreRefused, match="refused the user or password") as caught:
        store.home_id()
    assert SECRET not in str(caught.value)
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        f"http://neo4j:{SECRET}@host:7474",
        f"neo4j://{SECRET}@host",
        f"bolt://neo4j:{SECRET}@",
        f"bolt://neo4j:{SECRET}@host:99999",
        f"bolt://neo4j:{SECRET}@host/db?x=1",
        f"ladybugs-{SECRET}",
        "",
    ],
)
def test_a_url_that_is_none_is_not_repeated(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        open_store(url, Home.open(tmp_path))
    assert SECRET not in str(caught.value)


def test_without_the_driver_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "neo4j", None)
    with pytest.raises(MissingExtra, match=r"pip install 'tessera\[neo4j\]'"):
        open_store(f"neo4j://neo4j:{SECRET}@host", Home.open(tmp_path))


@pytest.fixture
def own_server(neo4j_possible: None, tmp_path: Path) -> Iterator[tuple[Home, str, int]]:
    """A server that a test may kill."""
    home = Home.open(tmp_path / "home")
    status = server.start(home, ports_free=True, short_lived=True)
    assert status.url is not None
    assert status.pid is not None
    yield home, status.url, status.pid
    server.stop(home)


@pytest.mark.neo4j
def test_a_server_killed_in_the_middle_of_a_replacement(own_server: tuple[Home, str, int]) -> None:
    home, url, pid = own_server
    store = Neo4jStore(url)
    store.replace(town())
    large = snapshot({P: [{"person_id": f"p{i}"} for i in range(20_000)]}, {})
    more = Snapshot(HOME, {**large.nodes, **{label: t for label, t in town().nodes.items() if label != P}}, {})

    def kill(what: str, done: int, total: int) -> None:
        if done:
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(StoreUnavailable):
        store.replace(more, progress=kill)
    store.close()
    url = str(server.start(home, ports_free=True, short_lived=True).url)
    store = Neo4jStore(url)
    assert store.home_id() == HOME
    with pytest.raises(StoreError, match="half filled"):
        store.apply(delta({P: [{"person_id": "p"}]}))
    store.replace(more)
    assert store.counts()["Person"] == 20_000
    store.replace(town())
    assert held(store) == expected(town())
    store.close()


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
import graph.store.ladybug_files as files
import graph.store.ladybug_write as write
from graphs import P, delta, snapshot
from graph.store import LadybugStore

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

moment, store = sys.argv[3], LadybugStore(Path(sys.argv[1]))
if moment == "while it loads":
    store.replace(snapshot({P: [{"person_id": "new"}]}, {}), progress=lambda what, done, total: done and die())
elif moment == "before the swap":
    files.replace_file = die
    store.replace(snapshot({P: [{"person_id": "new"}]}, {}))
else:
    import graph.store.ladybug as module
    real = module.write_delta
    module.write_delta = lambda connection, change: (real(connection, change), die())
    store.apply(delta({P: [{"person_id": "new"}]}))
"""


@pytest.mark.parametrize("moment", ["while it loads", "before the swap", "in a change"])
def test_a_process_killed_while_it_writes_leaves_the_old_graph(tmp_path: Path, moment: str) -> None:
    folder = tmp_path / "graph"
    store = LadybugStore(folder)
    store.replace(town())
    child = subprocess.run([sys.executable, "-c", KILLED, folder, Path(__file__).parent, moment], capture_output=True)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    assert held(LadybugStore(folder)) == held(store) == expected(town())
    assert len(list(folder.glob("*.lbug"))) == 2
    store.apply(delta(deleted_nodes={P: ["p5"]}))
    assert store.counts()["Person"] == 4
    assert len(list(folder.glob("*.lbug"))) == 1
    store.close()


def test_readers_go_on_while_one_writes(tmp_path: Path) -> None:
    """Every answer is that of a whole graph: the counts of people and of households move together."""
    folder, stop, wrong, seen = tmp_path / "graph", threading.Event(), [], set()
    writer = LadybugStore(folder)
    writer.replace(snapshot({P: [{"person_id": "p0"}]}, {}))

    def read() -> None:
        reader = LadybugStore(folder, read_only=True)
        while not stop.is_set():
            [row] = reader.execute("MATCH (p:Person) RETURN count(p) AS people, max(p.devices) AS devices", {})
            seen.add(row["people"])
            if row["people"] != (row["devices"] or 0) + 1:
                wrong.append(row)
        reader.close()

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for i in range(1, 9):
        writer.apply(delta({P: [{"person_id": f"p{i}", "devices": i}]}))
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong
    assert len(seen) > 1
    writer.close()


def test_another_process_sees_a_swap(tmp_path: Path) -> None:
    writer, reader = LadybugStore(tmp_path), LadybugStore(tmp_path, read_only=True)
    assert reader.counts()["Person"] == 0
    for count in (1, 2, 3):
        writer.apply(delta({P: [{"person_id": f"p{count}"}]}))
        assert reader.counts()["Person"] == count
    writer.close()
    reader.close()


def test_a_failed_write_leaves_no_file(tmp_path: Path) -> None:
    store = LadybugStore(tmp_path)
    store.replace(town())
    with pytest.raises(StoreError):
        store.replace(snapshot({P: [{"person_id": "p"}, {"person_id": "p"}]}, {}))
    assert len(list(tmp_path.glob("graph-*"))) == 1
    assert held(store) == expected(town())
    store.close()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "writer.lock").mkdir()
    with pytest.raises(HomeNotWritable, match="give write permission"):
        LadybugStore(tmp_path).apply(delta({P: [{"person_id": "p"}]}))
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="cannot be read"):
        LadybugStore(tmp_path / "file").counts()


FULL = """
import resource, signal, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from graphs import P, snapshot
from graph.errors import HomeNotWritable
from graph.store import LadybugStore

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = LadybugStore(Path(sys.argv[1]))
many = snapshot({P: [{"person_id": f"p{i:050}"} for i in range(200_000)]}, {})
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    store.replace(many)
except HomeNotWritable as error:
    print(error)
    sys.exit(7)
"""


def test_a_full_disk_leaves_the_old_graph(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk's end: both fail in the middle of a write."""
    store = LadybugStore(tmp_path)
    store.replace(town())
    child = subprocess.run([sys.executable, "-c", FULL, tmp_path, Path(__file__).parent], capture_output=True, text=True)
    assert (child.returncode, child.stdout.count("\n")) == (7, 1), child.stderr
    assert held(store) == expected(town())
    assert len(list(tmp_path.glob("graph-*"))) == 1
    store.close()


def test_a_damaged_note_is_named(tmp_path: Path) -> None:
    LadybugStore(tmp_path).replace(town())
    (tmp_path / "current").write_text("{}")
    with pytest.raises(StoreError, match="current is damaged"):
        LadybugStore(tmp_path).counts()


def test_too_little_memory_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.store.ladybug.LEAST_BYTES", 16 << 20)
    store = LadybugStore(tmp_path, memory_bytes=16 << 20)
    people = [{"person_id": f"p{i:030}"} for i in range(400_000)]
    with pytest.raises(StoreError, match="needs more memory than the 16 MiB"):
        store.replace(snapshot({P: people}, {}))
    assert store.home_id() is None

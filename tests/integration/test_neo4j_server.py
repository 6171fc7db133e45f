"""`graph.store.server` on a real server: what it offers, what it keeps secret, and what it does when processes are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import neo4j
import psutil
import pytest

from graph.errors import ServerError
from graph.home import Home
from graph.store import server
from graph.store.server import ServerStatus
from graph.store.server.java import find_java
from graph.store.server.process import ADMIN, find, folder_option

STARTER = """
import sys, pathlib
from graph.home import Home
from graph.store import server
server.start(Home.open(pathlib.Path(sys.argv[1])), ports_free=True, short_lived=True)
"""


@pytest.fixture
def own_home(neo4j_possible: None, tmp_path: Path) -> Iterator[Home]:
    """A home with a server of its own, for tests that kill it."""
    home = Home.open(tmp_path / "home")
    yield home
    server.stop(home)
    shutil.rmtree(home.path)


def query(status: ServerStatus, statement: str) -> list[dict[str, Any]]:
    assert status.url is not None
    parts = urlsplit(status.url)
    address, secret = f"{parts.scheme}://{parts.hostname}:{parts.port}", (parts.username, parts.password)
    with neo4j.GraphDatabase.driver(address, auth=secret) as driver:
        return [record.data() for record in driver.execute_query(statement).records]


def test_the_server_is_neo4j_5_community_with_its_browser(neo4j_server: ServerStatus) -> None:
    rows = query(neo4j_server, "CALL dbms.components() YIELD versions, edition")
    assert rows == [{"versions": [neo4j_server.version], "edition": "community"}]
    assert neo4j_server.browser is not None
    with urllib.request.urlopen(neo4j_server.browser) as page:
        assert page.status == 200
        assert b"Neo4j Browser" in page.read()


def test_status_and_a_second_start_give_the_same_address(neo4j_server: ServerStatus, neo4j_home: Home) -> None:
    again, found = server.start(neo4j_home), server.status(neo4j_home)
    assert (again.note, found.note) == ("already running", "running")
    for status in (again, found):
        assert status.running
        assert (status.url, status.browser) == (neo4j_server.url, neo4j_server.browser)
        assert status.pid is None or psutil.pid_exists(status.pid)


def test_a_wrong_password_is_refused(neo4j_server: ServerStatus) -> None:
    assert neo4j_server.url is not None
    parts = urlsplit(neo4j_server.url)
    with (
        neo4j.GraphDatabase.driver(f"neo4j://{parts.hostname}:{parts.port}", auth=("neo4j", "wrong-password")) as driver,
        pytest.raises(neo4j.exceptions.AuthError),
    ):
        driver.verify_connectivity()


def test_the_password_is_in_no_log_and_no_command_line(neo4j_server: ServerStatus, neo4j_home: Home) -> None:
    assert neo4j_server.url is not None
    secret = urlsplit(neo4j_server.url).password
    assert secret
    readable = [p for name in ("conf", "logs") for p in (neo4j_home.neo4j / name).rglob("*") if p.is_file()]
    assert {"neo4j.conf", "neo4j.log", "debug.log"} <= {p.name for p in readable}
    assert not [p for p in readable if secret in p.read_text(errors="replace")]
    process = find(neo4j_home.neo4j)
    if process is not None:  # with Docker there is none of ours
        assert secret not in " ".join(process.cmdline())


def test_a_server_that_dies_at_once_says_why(own_home: Home) -> None:
    find_java()
    with pytest.raises(
        ServerError, match=r"^the Neo4j server in \S+ ended while starting: .*Invalid maximum heap size: -Xmx1parsec"
    ) as caught:
        server.start(own_home, ports_free=True, short_lived=True, heap="1parsec")
    assert "\n" not in str(caught.value)
    assert not server.status(own_home).running


def test_a_server_that_cannot_open_its_data_says_why(own_home: Home) -> None:
    (own_home.neo4j / "data").mkdir(parents=True)
    (own_home.neo4j / "data" / "transactions").write_text("a file, not a folder")
    with pytest.raises(ServerError, match=r"^the Neo4j server in \S+ ended while starting: .*transactions") as caught:
        server.start(own_home, ports_free=True, short_lived=True)
    assert "\n" not in str(caught.value)
    assert not server.status(own_home).running


def test_killed_starters_servers_and_imports(own_home: Home) -> None:
    """A starter killed while it waits leaves a server that the next start takes over; an import killed half-way leaves an
    empty database; a server killed is one that does not run."""
    with subprocess.Popen([sys.executable, "-c", STARTER, str(own_home.path)]) as starter:
        while not (own_home.neo4j / "server.json").exists():
            assert starter.poll() is None
            time.sleep(0.05)
        starter.kill()
    assert server.status(own_home).running
    taken_over = server.start(own_home)
    assert taken_over.note == "already running"
    query(taken_over, "CREATE (:Thing)")
    assert server.stop(own_home).note == "stopped"
    assert server.status(own_home).note == "not running"
    assert taken_over.pid is None or not psutil.pid_exists(taken_over.pid)

    (own_home.neo4j / "import-unfinished").touch()  # as import_full leaves it when it is killed, its tool still at work
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", folder_option(own_home.neo4j), ADMIN]) as tool:
        fresh = server.start(own_home, ports_free=True, short_lived=True)
        assert not psutil.pid_exists(tool.pid)
    assert query(fresh, "MATCH (n) RETURN count(n) AS n") == [{"n": 0}]
    if fresh.pid is not None:
        os.kill(fresh.pid, signal.SIGKILL)
        psutil.wait_procs([p for p in psutil.process_iter() if p.pid == fresh.pid], timeout=10)
        assert not server.status(own_home).running
        assert server.stop(own_home).note == "not running"

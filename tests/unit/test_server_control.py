"""Start, stop and status without a server: what is refused before anything is started, and what is never signalled."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from graph.errors import HomeNotWritable, ServerError
from graph.home import Home
from graph.store import server
from graph.store.server.configuration import HOST, Ports, configure, configured_ports, password
from graph.store.server.process import SERVER, find, folder_option
from graph.store.server.ready import free_ports, is_free, last_words


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


def test_stop_and_status_where_nothing_runs(home: Home) -> None:
    for found in (server.stop(home), server.status(home)):
        assert not found.running
        assert found.url is None
        assert found.note == "not running"
    assert not home.neo4j.exists()
    assert set(server.status(home).to_json()) >= {"running", "url", "browser", "pid", "version", "data"}


def test_stop_twice_leaves_no_record(home: Home) -> None:
    home.neo4j.mkdir()
    (home.neo4j / "server.json").write_text('{"pid": 1, "created": 0}')
    assert server.stop(home).note == "not running"
    assert not (home.neo4j / "server.json").exists()


@pytest.mark.parametrize("option", ["--bolt-port", "--http-port"])
def test_a_port_that_is_taken(home: Home, option: str) -> None:
    ports = free_ports()
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        chosen = (
            {"bolt_port": taken, "http_port": ports.http}
            if option == "--bolt-port"
            else {"bolt_port": ports.bolt, "http_port": taken}
        )
        with pytest.raises(ServerError, match=rf"^port {taken} is taken by another program; .* choose another with {option}$"):
            server.start(home, **chosen)
    assert is_free(taken)


def test_a_stale_record_is_never_signalled(home: Home) -> None:
    """The recorded pid now belongs to another program: this very test."""
    home.neo4j.mkdir()
    me = psutil.Process()
    (home.neo4j / "server.json").write_text(json.dumps({"pid": me.pid, "created": me.create_time()}))
    assert find(home.neo4j) is None
    assert server.stop(home).note == "not running"
    assert me.is_running()


@pytest.mark.parametrize("record", ["", "[]", '{"pid": "x", "created": 0}', '{"pid": 999999999, "created": 0}', "\x00"])
def test_a_damaged_record_is_no_server(home: Home, record: str) -> None:
    home.neo4j.mkdir()
    (home.neo4j / "server.json").write_text(record)
    assert not server.status(home).running


def test_a_server_without_record_is_found_by_its_command_line_and_ended(home: Home) -> None:
    """Its starter was killed before it could write the record down. The program here only sleeps; its arguments count."""
    home.neo4j.mkdir()
    script = "import time; print(1, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", script, folder_option(home.neo4j), SERVER], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        other = Home.open(home.path.with_name("other"))
        other.neo4j.mkdir()
        assert not server.status(other).running
        assert server.status(home).pid == process.pid
        assert server.stop(home).note == "stopped"
        assert not psutil.pid_exists(process.pid)


def test_a_home_that_cannot_be_written(home: Home) -> None:
    home.neo4j.write_text("a file, not a folder")
    with pytest.raises(HomeNotWritable, match=r"neo4j: .*; free space, give write permission"):
        server.start(home, ports_free=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_home(home: Home) -> None:
    home.path.chmod(0o500)
    try:
        with pytest.raises(HomeNotWritable):
            server.start(home, ports_free=True)
    finally:
        home.path.chmod(0o700)


def test_the_password_is_kept_private_and_stays(home: Home) -> None:
    first = password(home.neo4j)
    assert len(first) == 32
    assert password(home.neo4j) == first
    assert (home.neo4j / "password").stat().st_mode & 0o777 == 0o600


def test_a_lost_password_is_said_and_not_replaced(home: Home) -> None:
    (home.neo4j / "data" / "databases" / "system").mkdir(parents=True)
    with pytest.raises(ServerError, match=r"password is missing; restore it, or remove .* to begin again"):
        password(home.neo4j)


def test_the_configuration_keeps_the_ports(home: Home) -> None:
    assert configured_ports(home.neo4j) is None
    configure(home.neo4j, Ports(1234, 5678))
    assert configured_ports(home.neo4j) == Ports(1234, 5678)
    text = (home.neo4j / "conf" / "neo4j.conf").read_text()
    assert "server.default_listen_address=127.0.0.1\n" in text
    assert "dbms.usage_report.enabled=false\n" in text


def test_the_last_words_of_a_log_are_one_line() -> None:
    log = ["INFO Starting...", "ERROR Failed to start", "\tat org.neo4j.X", "Caused by: broken", "\t... 12 more", "INFO Stopped."]
    assert last_words(log) == "ERROR Failed to start | Caused by: broken"
    assert last_words(["one", "", "two"]) == "one | two"
    assert last_words([]) == "its log is empty"


def test_the_url_is_not_in_the_representation() -> None:
    assert "secret" not in repr(server.ServerStatus(True, url="neo4j://neo4j:secret@127.0.0.1:7687"))

"""The command lines for a Docker engine. `docker` on PATH is a script that records how it was called and answers as an engine."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from graph.errors import ServerError
from graph.progress import ignore_progress
from graph.store.server.configuration import Ports, configured_ports, password
from graph.store.server.docker import IMAGE, DockerRunner, engine

ROOT = Path(__file__).parents[2]

DOCKER = """
printf '%s\\n' "$*" >> "$CALLS"
case "$1 $2" in
    "run --detach") cp "$(echo "$*" | sed 's/.*--env-file \\([^ ]*\\).*/\\1/')" "$CALLS.environment"; touch "$CALLS.running" ;;
    "inspect --format") test -e "$CALLS.running" && echo true ;;
    "stop --time") rm "$CALLS.running" ;;
    "image inspect") exit 1 ;;
    "logs --tail") echo 'ERROR Failed to start' ;;
    "pull --quiet") test -z "$OFFLINE" || { echo 'Error response from daemon: no route'; exit 1; } ;;
esac
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(f"#!/bin/sh\n{DOCKER}")
    (tmp_path / "bin" / "docker").chmod(0o755)
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("OFFLINE", "")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "calls"


@pytest.fixture
def runner(tmp_path: Path, calls: Path) -> DockerRunner:
    docker = engine()
    assert docker == str(tmp_path / "bin" / "docker")
    return DockerRunner(docker, tmp_path / "neo4j", "0123abcd")


def test_the_image_is_that_of_docker_compose() -> None:
    assert f"image: {IMAGE}\n" in (ROOT / "docker-compose.yml").read_text()


def test_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2; exit 1\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert engine() is None
    monkeypatch.setenv("PATH", "/nowhere")
    assert engine() is None


def test_start_look_and_stop(runner: DockerRunner, calls: Path, tmp_path: Path) -> None:
    ports = Ports(17687, 17474)
    assert not runner.running()
    runner.prepare(ports, ignore_progress)
    runner.launch(ports, "2g")
    assert runner.running()
    assert runner.log() == ["ERROR Failed to start"]
    runner.end()
    assert not runner.running()
    said = calls.read_text()
    start = next(line for line in said.splitlines() if line.startswith("run --detach"))
    folder = tmp_path / "neo4j"
    assert f"--name {runner.name} --user {os.getuid()}:{os.getgid()} " in start
    assert f"--volume {folder}/data:/data" in start
    assert "--publish 127.0.0.1:17687:7687 --publish 127.0.0.1:17474:7474" in start
    assert start.endswith(f" {IMAGE}")
    assert f"pull --quiet {IMAGE}" in said
    assert f"stop --time 60 {runner.name}" in said
    assert configured_ports(folder) == ports


def test_the_password_is_in_no_command_line_and_in_no_file_that_stays(runner: DockerRunner, calls: Path, tmp_path: Path) -> None:
    runner.prepare(Ports(1, 2), ignore_progress)
    runner.launch(Ports(1, 2), "1g")
    secret = password(tmp_path / "neo4j")
    given = (tmp_path / "calls.environment").read_text()
    assert f"NEO4J_AUTH=neo4j/{secret}\n" in given
    assert "NEO4J_server_memory_heap_max__size=1g\n" in given
    assert secret not in calls.read_text()
    holders = [p for p in (tmp_path / "neo4j").rglob("*") if p.is_file() and secret in p.read_text(errors="replace")]
    assert holders == [tmp_path / "neo4j" / "password"]
    assert holders[0].stat().st_mode & 0o777 == 0o600


def test_an_admin_command_runs_where_the_files_are_as_the_container_sees_them(
    runner: DockerRunner, calls: Path, tmp_path: Path
) -> None:
    runner.admin(
        ["database", "import", "full", "--nodes=Person=Person.csv"],
        folder=tmp_path / "neo4j" / "import" / "new",
        heap="3g",
        said=lambda line: None,
    )
    removed, ran = calls.read_text().splitlines()[-2:]
    assert removed == f"rm --force {runner.name}-admin"
    words = shlex.split(ran)
    assert words[words.index("--workdir") + 1] == "/var/lib/neo4j/import/new"
    assert "HEAP_SIZE=3g" in words
    assert words[-5:] == ["neo4j-admin", "database", "import", "full", "--nodes=Person=Person.csv"]


def test_an_engine_that_refuses(runner: DockerRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFLINE", "1")
    with pytest.raises(ServerError, match=r"^docker pull failed: Error response from daemon: no route$"):
        runner.prepare(Ports(1, 2), ignore_progress)

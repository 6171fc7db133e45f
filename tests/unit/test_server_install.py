"""The cache of jars: whole or not there, filled once by however many processes ask for it. The `mvn` on PATH is a script that
takes the real one's options and leaves one jar where the real one leaves 214."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from graph.errors import ServerError
from graph.store.server.install import VERSION, install

FILLS = f"""
echo call >> "$CALLS"
echo 'Downloaded from central: x/y.jar (1 kB at 1 kB/s)'
sleep "${{PAUSE:-0.3}}"
mkdir lib && touch lib/neo4j-server-{VERSION}.jar
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "calls"


def maven(tmp_path: Path, script: str) -> None:
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "bin" / "mvn").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "bin" / "mvn").chmod(0o755)


def test_installs_once_and_then_needs_no_maven(tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maven(tmp_path, FILLS)
    seen: list[tuple[str, int, int]] = []
    jars = install(tmp_path / "cache", lambda *step: seen.append(step))
    assert [p.name for p in jars.iterdir()] == [f"neo4j-server-{VERSION}.jar"]
    assert seen[0][1] == 0
    assert seen[-1][1] == seen[-1][2] > 0
    assert any(0 < done < total for _, done, total in seen)
    monkeypatch.setenv("PATH", "/nowhere")
    assert install(tmp_path / "cache") == jars
    assert calls.read_text().split() == ["call"]


def test_two_processes_at_once_install_once(tmp_path: Path, calls: Path) -> None:
    maven(tmp_path, FILLS)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.map(install, [tmp_path / "cache"] * 2, chunksize=1)
    assert found[0] == found[1]
    assert found[0].is_dir()
    assert calls.read_text().split() == ["call"]


def test_killed_half_way_leaves_nothing_that_counts(tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maven(tmp_path, FILLS)
    monkeypatch.setenv("PAUSE", "60")
    process = multiprocessing.get_context("spawn").Process(target=install, args=(tmp_path / "cache",))
    process.start()
    while not calls.exists():
        assert process.is_alive()
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not (tmp_path / "cache" / f"neo4j-{VERSION}").exists()
    monkeypatch.setenv("PAUSE", "0")
    assert install(tmp_path / "cache").is_dir()


def test_maven_fails(tmp_path: Path, calls: Path) -> None:
    maven(tmp_path, "echo '[ERROR] Could not resolve org.neo4j.app:neo4j-server'; echo '[ERROR] more'; exit 1")
    with pytest.raises(
        ServerError, match=r"^Maven could not fetch Neo4j \S+ \(Could not resolve \S+\); check the network"
    ) as caught:
        install(tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert [p.suffix for p in (tmp_path / "cache").iterdir()] in ([], [".lock"])


def test_maven_says_that_it_worked_and_did_not(tmp_path: Path, calls: Path) -> None:
    maven(tmp_path, "mkdir lib")
    with pytest.raises(ServerError, match="Maven ended without neo4j-server"):
        install(tmp_path / "cache")


def test_a_cache_that_cannot_be_written(tmp_path: Path, calls: Path) -> None:
    maven(tmp_path, FILLS)
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(ServerError, match=r"cannot be written \(.*\); free space or give write permission$"):
        install(tmp_path / "cache")

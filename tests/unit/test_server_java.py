"""Java and Maven: what is there, what is missing, what is too old. Executables on PATH are small scripts that answer as the
real ones do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from graph.errors import ServerError
from graph.store.server.java import find_java, find_maven, java_version

OPENJDK = 'openjdk version "{}" 2025-04-15\nOpenJDK Runtime Environment (build {})\n'


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def only_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/nowhere")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        (OPENJDK.format("17.0.15", "17.0.15+6-Debian-1deb12u1"), 17),
        (OPENJDK.format("21-ea", "21-ea"), 21),
        ('java version "1.8.0_292"\nJava(TM) SE Runtime Environment', 8),
        ("Picked up JAVA_TOOL_OPTIONS: -Dx=1\n" + OPENJDK.format("25", "25"), 25),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.", None),
        ("", None),
    ],
)
def test_version_is_read_from_what_java_prints(text: str, version: int | None) -> None:
    assert java_version(text) == version


def test_a_good_java_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "java", f"echo '{OPENJDK.format('21.0.2', '21.0.2')}' >&2")
    only_path(monkeypatch, tmp_path / "bin")
    assert find_java().version == 21
    assert find_java().command == str(tmp_path / "bin" / "java")


def test_no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_path(monkeypatch, tmp_path)
    with pytest.raises(
        ServerError, match=r"^the local Neo4j server needs Java 17 or newer, and there is no java in PATH; install"
    ):
        find_java()


def test_java_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "java", f"echo '{OPENJDK.format('11.0.22', '11.0.22')}' >&2")
    only_path(monkeypatch, tmp_path / "bin")
    with pytest.raises(ServerError, match=r"bin/java is Java 11, and the local Neo4j server needs 17 or newer; install"):
        find_java()


def test_a_java_that_only_says_that_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin", "java", "echo 'Unable to locate a Java Runtime.' >&2; exit 1")
    only_path(monkeypatch, tmp_path / "bin")
    with pytest.raises(ServerError, match=r"bin/java does not work, .*; install"):
        find_java()


def test_no_maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_path(monkeypatch, tmp_path)
    with pytest.raises(ServerError, match=r"needs Maven, and there is no mvn in PATH; install"):
        find_maven()

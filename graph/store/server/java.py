"""The machine's Java and Maven. In: what PATH says. Out: commands that work, or a one-line error that names what is missing."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from graph.errors import ServerError

__all__ = ["MADE_FOR", "Java", "find_java", "find_maven", "java_version"]

OLDEST = 17
MADE_FOR = (17, 21)
"""Java versions that Neo4j 5.26 is released for. Newer ones are let through: if the server dies on one, the error says so."""

_VERSION = re.compile(r'version "(\d+)(?:\.(\d+))?')


@dataclass(frozen=True)
class Java:
    """A Java that can run the server: `version` is the feature release (17, 21)."""

    command: str
    version: int


def java_version(text: str) -> int | None:
    """Feature release in what `java -version` prints: 8 for 1.8.0_292, 17 for 17.0.15, 21 for 21-ea; None where there is none."""
    found = _VERSION.search(text)
    if found is None:
        return None
    major = int(found[1])
    return int(found[2]) if major == 1 and found[2] else major


def find_java() -> Java:
    """The `java` of PATH. Raises ServerError where there is none, or it is too old."""
    advice = f"install Java 17 or 21 (Debian: openjdk-{OLDEST}-jre-headless, macOS: brew install openjdk@21)"
    command = shutil.which("java")
    if command is None:
        raise ServerError(f"the local Neo4j server needs Java {OLDEST} or newer, and there is no java in PATH; {advice}")
    answer = subprocess.run([command, "-version"], capture_output=True, text=True, errors="replace", check=False)
    version = java_version(answer.stderr + answer.stdout)
    if answer.returncode != 0 or version is None:  # macOS has a /usr/bin/java that only says that there is no Java
        raise ServerError(f"{command} does not work, and the local Neo4j server needs Java {OLDEST} or newer; {advice}")
    if version < OLDEST:
        raise ServerError(f"{command} is Java {version}, and the local Neo4j server needs {OLDEST} or newer; {advice}")
    return Java(command, version)


def find_maven() -> str:
    """The `mvn` of PATH. Raises ServerError where there is none."""
    command = shutil.which("mvn")
    if command is None:
        raise ServerError(
            "installing the local Neo4j server needs Maven, and there is no mvn in PATH; "
            "install it (Debian: maven, macOS: brew install maven), or start a Docker engine"
        )
    return command

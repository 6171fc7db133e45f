"""A way to run the server of one folder, and how this machine does it: Docker where an engine answers, else Java."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from graph.home import Home
from graph.progress import Progress
from graph.store.server.configuration import Ports
from graph.store.server.docker import DockerRunner, engine
from graph.store.server.jvm import JavaRunner

__all__ = ["Runner", "choose", "running"]


class Runner(Protocol):
    """A way to run the server of one folder."""

    def pid(self) -> int | None:
        """The server's process, where it is one of this machine."""

    def running(self) -> bool:
        """Whether the server is there; it may not answer yet."""

    def prepare(self, ports: Ports, progress: Progress) -> None:
        """Everything before the first start: install, configure, set the password. Raises ServerError, HomeNotWritable."""

    def launch(self, ports: Ports, heap: str, *, short_lived: bool = False) -> None:
        """Start it; it is not ready when this returns. A short-lived one compiles less: sooner up, slower under load."""

    def end(self) -> None:
        """End it; nothing to do where it does not run."""

    def log(self) -> list[str]:
        """What it said since its last start, oldest first."""

    def admin(self, arguments: Sequence[str], *, folder: Path, heap: str, said: Callable[[str], None]) -> None:
        """Run an admin command on the stopped server, in `folder`; `said` gets each line. Raises ServerError."""

    def end_admin(self) -> None:
        """End an admin command that outlived the process which had started it."""


def choose(home: Home, cache: Path | None = None) -> Runner:
    """How a server of this home is run on this machine."""
    docker = engine()
    return JavaRunner(home.neo4j, cache) if docker is None else DockerRunner(docker, home.neo4j, home.home_id)


def running(home: Home, cache: Path | None = None) -> Runner | None:
    """What runs the home's server now, however it was started; None where it does not run."""
    if not home.neo4j.is_dir():
        return None
    java = JavaRunner(home.neo4j, cache)
    if java.running():
        return java
    chosen = choose(home, cache)
    return chosen if chosen.running() else None

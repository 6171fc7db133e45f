"""The server as a container, where there is a Docker engine: the image that docker-compose.yml names.

The data lie in the same folder as those of a server on the machine's Java, owned by the same user.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from graph.errors import ServerError
from graph.files import replace_file
from graph.progress import Progress
from graph.store.server.configuration import HOST, PAGE_CACHE, USER, Ports, configure, password
from graph.store.server.install import VERSION

__all__ = ["IMAGE", "DockerRunner", "engine"]

IMAGE = f"neo4j:{VERSION}-community"

_MOUNTED = {"data": "/data", "logs": "/logs", "import": "/var/lib/neo4j/import"}


def engine() -> str | None:
    """The docker command where an engine answers it, else None."""
    command = shutil.which("docker")
    if command is None:
        return None
    answer = subprocess.run([command, "info"], capture_output=True, check=False)
    return command if answer.returncode == 0 else None


class DockerRunner:
    """Runs the server of one folder as a container, named after the home."""

    def __init__(self, docker: str, folder: Path, home_id: str) -> None:
        self._docker = docker
        self._folder = folder
        self.name = f"tessera-neo4j-{home_id}"

    def pid(self) -> int | None:
        """None: the process is the engine's."""
        return None

    def running(self) -> bool:
        """Whether the container is there; it may not answer yet."""
        answer = self._call(["inspect", "--format", "{{.State.Running}}", self.name], check=False)
        return answer.returncode == 0 and answer.stdout.strip() == "true"

    def prepare(self, ports: Ports, progress: Progress) -> None:
        """Fetch the image and make the folders. Raises ServerError, HomeNotWritable."""
        configure(self._folder, ports)
        password(self._folder)
        if self._call(["image", "inspect", IMAGE], check=False).returncode != 0:
            progress(f"pull {IMAGE}", 0, 1)
            self._call(["pull", "--quiet", IMAGE])
            progress(f"pull {IMAGE}", 1, 1)

    def launch(self, ports: Ports, heap: str, *, short_lived: bool = False) -> None:
        """Start the container; the image's own Java options hold for a short-lived one too."""
        self._remove(self.name)
        file = self._folder / "conf" / "environment"
        try:  # through a file, since a command line is anybody's to read
            replace_file(file, self.environment(ports, heap).encode(), mode=0o600)
            self._call(self.run_arguments(ports, file))
        finally:
            file.unlink(missing_ok=True)

    def end(self) -> None:
        """Stop and remove the container; nothing to do where there is none."""
        if self.running():
            self._call(["stop", "--time", "60", self.name])
        self._remove(self.name)

    def log(self) -> list[str]:
        """What the server said since its start, oldest first."""
        return self._call(["logs", "--tail", "50", self.name], check=False).stdout.splitlines()

    def admin(self, arguments: Sequence[str], *, folder: Path, heap: str, said: Callable[[str], None]) -> None:
        """Run an admin command in a container of its own on the stopped server's data. Raises ServerError."""
        self.end_admin()
        for line in self._call(self.admin_arguments(arguments, folder=folder, heap=heap)).stdout.splitlines():
            said(line)

    def end_admin(self) -> None:
        """Remove the container of an admin command that outlived the process which had started it."""
        self._remove(f"{self.name}-admin")

    def run_arguments(self, ports: Ports, environment_file: Path) -> list[str]:
        """Arguments of `docker` that start the server."""
        return [
            "run",
            "--detach",
            "--name",
            self.name,
            *self._user_and_volumes(),
            "--publish",
            f"{HOST}:{ports.bolt}:7687",
            "--publish",
            f"{HOST}:{ports.http}:7474",
            "--env-file",
            str(environment_file),
            IMAGE,
        ]

    def admin_arguments(self, arguments: Sequence[str], *, folder: Path, heap: str) -> list[str]:
        """Arguments of `docker` that run an admin command in `folder`, which lies in one of the mounted folders."""
        mounted, *rest = folder.relative_to(self._folder).parts
        return [
            "run",
            "--rm",
            "--name",
            f"{self.name}-admin",
            *self._user_and_volumes(),
            "--workdir",
            "/".join([_MOUNTED[mounted], *rest]),
            "--env",
            f"HEAP_SIZE={heap}",
            IMAGE,
            "neo4j-admin",
            *arguments,
        ]

    def environment(self, ports: Ports, heap: str) -> str:
        """Settings of the container, password included, one `NAME=value` a line."""
        settings = {
            "NEO4J_AUTH": f"{USER}/{password(self._folder)}",
            "NEO4J_server_bolt_advertised__address": f"{HOST}:{ports.bolt}",
            "NEO4J_server_http_advertised__address": f"{HOST}:{ports.http}",
            "NEO4J_server_memory_heap_max__size": heap,
            "NEO4J_server_memory_pagecache_size": PAGE_CACHE,
            "NEO4J_dbms_usage__report_enabled": "false",
            "NEO4J_client_allow__telemetry": "false",
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    def _user_and_volumes(self) -> list[str]:
        volumes = [v for name, inside in _MOUNTED.items() for v in ("--volume", f"{self._folder / name}:{inside}")]
        return ["--user", f"{os.getuid()}:{os.getgid()}", *volumes]

    def _remove(self, name: str) -> None:
        self._call(["rm", "--force", name], check=False)

    def _call(self, arguments: list[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self._docker, *arguments],
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if check and done.returncode != 0:
            lines = [line.strip() for line in done.stdout.splitlines() if line.strip()] or ["no output"]
            raise ServerError(f"docker {arguments[0]} failed: {lines[-1][:300]}")
        return done

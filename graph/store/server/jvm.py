"""The server on the machine's own Java, with jars from Maven Central."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from graph.errors import ServerError
from graph.files import replace_file
from graph.store.protocol import Progress
from graph.store.server.configuration import Ports, configure, password
from graph.store.server.install import install
from graph.store.server.java import MADE_FOR, Java, find_java
from graph.store.server.process import ENTRY_POINT, end, find, home_argument, launch, server_log

__all__ = ["JavaRunner"]

_OPENED = ("java.base/java.nio", "java.base/java.io", "java.base/sun.nio.ch", "java.base/java.util.concurrent")
_ADMIN = "org.neo4j.cli.AdminTool"


class JavaRunner:
    """Runs the server of one folder as a process of this machine."""

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        self._folder = folder
        self._cache = cache
        self._installed: tuple[Java, Path] | None = None

    def pid(self) -> int | None:
        """The server's process, None while it does not run."""
        process = find(self._folder)
        return None if process is None else process.pid

    def running(self) -> bool:
        """Whether the process is there; it may not answer yet."""
        return self.pid() is not None

    def prepare(self, ports: Ports, progress: Progress) -> None:
        """Install, configure, and set the password of a server that never ran. Raises ServerError, HomeNotWritable."""
        self._tools(progress)
        configure(self._folder, ports)
        self._set_first_password()

    def launch(self, ports: Ports, heap: str) -> None:
        """Start the process."""
        java, jars = self._tools()
        server_log(self._folder).write_bytes(b"")
        arguments = [home_argument(self._folder), f"--config-dir={self._folder / 'conf'}"]
        launch(self._folder, [java.command, *_options(jars, heap), ENTRY_POINT, *arguments])

    def end(self) -> None:
        """End the process; nothing to do where there is none."""
        process = find(self._folder)
        if process is not None:
            end(self._folder, process)

    def log(self) -> list[str]:
        """What the server said since its last start, oldest first."""
        files = (server_log(self._folder), self._folder / "logs" / "neo4j.log")
        lines = [line for f in files if f.is_file() for line in f.read_text(errors="replace").splitlines()]
        java, _ = self._tools()
        if java.version not in MADE_FOR:
            lines.append(f"Neo4j 5.26 is made for Java {' and '.join(map(str, MADE_FOR))}, {java.command} is {java.version}")
        return lines

    def admin(self, arguments: Sequence[str], *, heap: str) -> str:
        """Run an admin command on the stopped server and return what it printed. Raises ServerError with its last lines."""
        java, jars = self._tools()
        environment = {**os.environ, "NEO4J_HOME": str(self._folder), "NEO4J_CONF": str(self._folder / "conf")}
        done = java.run([*_options(jars, heap), _ADMIN, *arguments], environment=environment, folder=self._folder)
        if done.returncode != 0:
            lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
            raise ServerError(f"neo4j-admin {' '.join(arguments[:2])} failed in {self._folder}: {' | '.join(lines[-3:])[:500]}")
        return done.stdout

    def path(self, file: Path) -> str:
        """How an admin command names a file of the server's folder."""
        return str(file)

    def _tools(self, progress: Progress | None = None) -> tuple[Java, Path]:
        if self._installed is None:
            java = find_java()
            self._installed = java, install(self._cache, progress) if progress else install(self._cache)
        return self._installed

    def _set_first_password(self) -> None:
        secret = password(self._folder)
        if (self._folder / "data" / "databases" / "system").exists():
            return
        file = self._folder / "conf" / "first-password"
        try:  # through a file, since a command line is anybody's to read
            replace_file(file, secret.encode(), mode=0o600)
            self.admin(["dbms", "set-initial-password", f"@{file}"], heap="256m")
        finally:
            file.unlink(missing_ok=True)


def _options(jars: Path, heap: str) -> list[str]:
    return [
        f"-Xmx{heap}",
        "-XX:+ExitOnOutOfMemoryError",
        "-Dfile.encoding=UTF-8",
        *(f"--add-opens={name}=ALL-UNNAMED" for name in _OPENED),
        "--enable-native-access=ALL-UNNAMED",
        "-cp",
        f"{jars}/*",
    ]

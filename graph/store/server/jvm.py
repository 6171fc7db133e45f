"""The server on the machine's own Java, with jars from Maven Central."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from graph.errors import ServerError
from graph.files import replace_file
from graph.progress import Progress, ignore_progress
from graph.store.server.configuration import Ports, configure, password
from graph.store.server.install import install
from graph.store.server.java import MADE_FOR, Java, find_java
from graph.store.server.process import ADMIN, SERVER, end, find, folder_option, launch, server_log

__all__ = ["JavaRunner"]

_OPENED = ("java.base/java.nio", "java.base/java.io", "java.base/sun.nio.ch", "java.base/java.util.concurrent")
_FIRST_LINE = "Logging config in use"


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

    def launch(self, ports: Ports, heap: str, *, short_lived: bool = False) -> None:
        """Start the process."""
        for left in (self._folder / "run").iterdir():  # temporary files of a server that was killed
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        server_log(self._folder).write_bytes(b"")
        arguments = [f"--home-dir={self._folder}", f"--config-dir={self._folder / 'conf'}"]
        launch(self._folder, [*self._java(heap, short_lived), SERVER, *arguments])

    def end(self) -> None:
        """End the process; nothing to do where there is none."""
        process = find(self._folder)
        if process is not None:
            end(self._folder, process)

    def log(self) -> list[str]:
        """What the server said since its last start, oldest first."""
        file = self._folder / "logs" / "neo4j.log"
        lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
        first = max((i for i, line in enumerate(lines) if _FIRST_LINE in line), default=0)
        lines = [*server_log(self._folder).read_text(errors="replace").splitlines(), *lines[first:]]
        java, _ = self._tools()
        if java.version not in MADE_FOR:
            lines.append(f"Neo4j 5.26 is made for Java {' and '.join(map(str, MADE_FOR))}, {java.command} is {java.version}")
        return lines

    def admin(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        heap: str,
        short_lived: bool = False,
        said: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Run an admin command on the stopped server, in `folder`; `said` gets each line that it prints.

        Raises ServerError with its last lines.
        """
        environment = {**os.environ, "NEO4J_HOME": str(self._folder), "NEO4J_CONF": str(self._folder / "conf")}
        lines: list[str] = []
        with subprocess.Popen(
            [*self._java(heap, short_lived), ADMIN, *arguments],
            env=environment,
            cwd=folder,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            for line in process.stdout or ():
                said(line)
                lines.append(line.strip())
        if process.returncode != 0:
            last = [line for line in lines if line and not line.startswith("at ")][-3:]
            raise ServerError(f"neo4j-admin {' '.join(arguments[:2])} failed in {self._folder}: {' | '.join(last)[:500]}")

    def end_admin(self) -> None:
        """End an admin command that outlived the process which had started it."""
        process = find(self._folder, ADMIN)
        if process is not None:
            end(self._folder, process)

    def _tools(self, progress: Progress = ignore_progress) -> tuple[Java, Path]:
        if self._installed is None:
            java = find_java()
            self._installed = java, install(self._cache, progress)
        return self._installed

    def _java(self, heap: str, short_lived: bool) -> list[str]:
        java, jars = self._tools()
        return [
            java.command,
            f"-Xmx{heap}",
            "-XX:+ExitOnOutOfMemoryError",
            *(["-XX:TieredStopAtLevel=1"] if short_lived else []),  # the quick compiler only: half the CPU time to come up
            "-Dfile.encoding=UTF-8",
            folder_option(self._folder),
            f"-Djava.io.tmpdir={self._folder / 'run'}",
            *(f"--add-opens={name}=ALL-UNNAMED" for name in _OPENED),
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            f"{jars}/*",
        ]

    def _set_first_password(self) -> None:
        secret = password(self._folder)
        if (self._folder / "data" / "databases" / "system").exists():
            return
        file = self._folder / "conf" / "first-password"
        try:  # through a file, since a command line is anybody's to read
            replace_file(file, secret.encode(), mode=0o600)
            self.admin(["dbms", "set-initial-password", f"@{file}"], folder=self._folder, heap="256m", short_lived=True)
        finally:
            file.unlink(missing_ok=True)

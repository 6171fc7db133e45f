"""Start, stop and look at the local server of a home. In: the home. Out: a `ServerStatus`, or a one-line ServerError.

One lock file makes two processes that start or stop the same server do it one after the other.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock

from graph.errors import HomeNotWritable, MissingExtra, ServerError
from graph.home import Home
from graph.store.protocol import Progress, ignore_progress
from graph.store.server.configuration import HOST, USER, Ports, configured_ports, password
from graph.store.server.docker import DockerRunner, engine
from graph.store.server.install import VERSION
from graph.store.server.jvm import JavaRunner

__all__ = ["BOLT_PORT", "HTTP_PORT", "Runner", "ServerStatus", "runner", "start", "status", "stop"]

BOLT_PORT = 7687
HTTP_PORT = 7474


class Runner(Protocol):
    """A way to run the server of one folder."""

    def pid(self) -> int | None: ...  # noqa: D102
    def running(self) -> bool: ...  # noqa: D102
    def prepare(self, ports: Ports, progress: Progress) -> None: ...  # noqa: D102
    def launch(self, ports: Ports, heap: str) -> None: ...  # noqa: D102
    def end(self) -> None: ...  # noqa: D102
    def log(self) -> list[str]: ...  # noqa: D102
    def admin(self, arguments: Sequence[str], *, heap: str) -> str: ...  # noqa: D102
    def path(self, file: Path) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class ServerStatus:
    """What `tessera neo4j status --json` prints. `url` is fit for TESSERA_GRAPH_URL and holds the password: show it to the
    operator only, never log it. `note` says in words what was done or found."""

    running: bool
    url: str | None = field(default=None, repr=False)
    browser: str | None = None
    pid: int | None = None
    version: str = VERSION
    data: str | None = None
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return asdict(self)


def start(
    home: Home,
    *,
    bolt_port: int = BOLT_PORT,
    http_port: int = HTTP_PORT,
    ports_free: bool = False,
    heap: str = "1g",
    timeout_seconds: float = 180,
    cache: Path | None = None,
    progress: Progress = ignore_progress,
) -> ServerStatus:
    """Start the home's server and wait until Bolt answers; a server that already runs is left as it is.

    `ports_free` takes two free ports instead of the given ones. `heap` caps the Java heap. `cache` is the folder of the
    jars (default: per user). Raises ServerError, HomeNotWritable, MissingExtra.
    """
    _driver_module()
    with _locked(home):
        running = _running(home, cache)
        if running is not None:
            _wait(home, running, _ports(home), timeout_seconds, progress)
            return _status(home, running, "already running")
        ports = _free_ports() if ports_free else Ports(bolt_port, http_port)
        for option, port in (("--bolt-port", ports.bolt), ("--http-port", ports.http)):
            if not _is_free(port):
                raise ServerError(f"port {port} is taken by another program; end that one, or choose another with {option}")
        chosen = runner(home, cache)
        chosen.prepare(ports, progress)
        chosen.launch(ports, heap)
        try:
            _wait(home, chosen, ports, timeout_seconds, progress)
        except BaseException:
            chosen.end()
            raise
        return _status(home, chosen, "started")


def stop(home: Home) -> ServerStatus:
    """Stop the home's server and wait until it has ended; fine where it does not run. Raises ServerError, HomeNotWritable."""
    if not home.neo4j.is_dir():
        return ServerStatus(False, data=str(home.neo4j / "data"), note="not running")
    with _locked(home):
        running = _running(home)
        if running is not None:
            running.end()
        (home.neo4j / "server.json").unlink(missing_ok=True)
        return ServerStatus(False, data=str(home.neo4j / "data"), note="not running" if running is None else "stopped")


def status(home: Home) -> ServerStatus:
    """Whether the home's server runs, and where it answers."""
    running = _running(home) if home.neo4j.is_dir() else None
    if running is None:
        return ServerStatus(False, data=str(home.neo4j / "data"), note="not running")
    answers = not _is_free(_ports(home).bolt)
    return _status(home, running, "running" if answers else "starting")


def runner(home: Home, cache: Path | None = None) -> Runner:
    """How a server of this home is run on this machine: Docker where an engine answers, else Java."""
    docker = engine()
    return JavaRunner(home.neo4j, cache) if docker is None else DockerRunner(docker, home.neo4j, home.home_id)


def _running(home: Home, cache: Path | None = None) -> Runner | None:
    java = JavaRunner(home.neo4j, cache)
    if java.running():
        return java
    chosen = runner(home, cache)
    return chosen if chosen.running() else None


def _status(home: Home, running: Runner, note: str) -> ServerStatus:
    ports = _ports(home)
    return ServerStatus(
        running=True,
        url=f"neo4j://{USER}:{password(home.neo4j)}@{HOST}:{ports.bolt}",
        browser=f"http://{HOST}:{ports.http}/browser/",
        pid=running.pid(),
        data=str(home.neo4j / "data"),
        note=note,
    )


def _ports(home: Home) -> Ports:
    return configured_ports(home.neo4j) or Ports(BOLT_PORT, HTTP_PORT)


def _wait(home: Home, running: Runner, ports: Ports, timeout_seconds: float, progress: Progress) -> None:
    """Return when a query is answered. Raises ServerError when the server ends before that, or takes too long."""
    neo4j = _driver_module()
    address, begun, what = f"neo4j://{HOST}:{ports.bolt}", time.monotonic(), "start Neo4j"
    with neo4j.GraphDatabase.driver(address, auth=(USER, password(home.neo4j))) as driver:
        while True:
            waited = time.monotonic() - begun
            progress(what, min(int(waited), int(timeout_seconds)), int(timeout_seconds))
            if not _is_free(ports.bolt):
                try:
                    driver.execute_query("RETURN 1", database_="neo4j")
                except neo4j.exceptions.AuthError:
                    raise ServerError(
                        f"the Neo4j server in {home.neo4j} refuses the password in {home.neo4j / 'password'}; put the one there "
                        "that was set, or remove the folder to begin again with an empty database"
                    ) from None
                except (neo4j.exceptions.DriverError, neo4j.exceptions.Neo4jError):
                    pass  # listens already, not ready yet
                else:
                    progress(what, int(timeout_seconds), int(timeout_seconds))
                    return
            if not running.running():
                raise ServerError(f"the Neo4j server in {home.neo4j} ended while starting: {_last_words(running.log())}")
            if waited > timeout_seconds:
                raise ServerError(
                    f"the Neo4j server in {home.neo4j} does not answer after {timeout_seconds:.0f} s: {_last_words(running.log())}"
                )
            time.sleep(0.2)


def _last_words(log: list[str]) -> str:
    """The lines of a log that say why a server ended, as one line."""
    lines = [line.strip() for line in log if line.strip() and not line.lstrip().startswith(("at ", "... "))]
    telling = [line for line in lines if "ERROR" in line or "Caused by" in line or "rror:" in line or "made for Java" in line]
    return " | ".join(dict.fromkeys((telling or lines)[-3:]))[:600] or "its log is empty"


@contextmanager
def _locked(home: Home) -> Iterator[None]:
    try:
        home.neo4j.mkdir(parents=True, exist_ok=True)
        lock = FileLock(home.neo4j / "server.lock")
        lock.acquire()
    except OSError as error:
        raise HomeNotWritable(home.neo4j, error.strerror or str(error)) from error
    try:
        yield
    finally:
        lock.release()


def _free_ports() -> Ports:
    with socket.socket() as bolt, socket.socket() as http:  # both open at once, so that they differ
        bolt.bind((HOST, 0))
        http.bind((HOST, 0))
        return Ports(bolt.getsockname()[1], http.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) != 0


def _driver_module() -> Any:
    try:
        import neo4j
    except ImportError:
        raise MissingExtra("the local Neo4j server", "neo4j") from None
    return neo4j

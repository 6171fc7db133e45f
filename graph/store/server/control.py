"""Start, stop and look at the local server of a home. In: the home. Out: a `ServerStatus`, or a one-line ServerError.

One lock file makes two processes that start or stop the same server do it one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from graph.errors import HomeNotWritable, ServerError
from graph.home import Home
from graph.progress import Progress, ignore_progress
from graph.store.server.configuration import HOST, USER, Ports, configured_ports, password
from graph.store.server.install import VERSION
from graph.store.server.offline import discard_unfinished, import_offline, unfinished
from graph.store.server.ready import driver_module, free_ports, is_free, wait_until_ready
from graph.store.server.runner import Runner, choose, running

__all__ = ["BOLT_PORT", "HTTP_PORT", "ServerStatus", "holds_data", "import_full", "start", "start_again", "status", "stop"]

BOLT_PORT = 7687
HTTP_PORT = 7474
_IMPORT_HEAP = "2g"  # the import tool runs while the server does not


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
    short_lived: bool = False,
    timeout_seconds: float = 180,
    cache: Path | None = None,
    progress: Progress = ignore_progress,
) -> ServerStatus:
    """Start the home's server and wait until it answers; a server that already runs is left as it is.

    `ports_free` takes two free ports instead of the given ones. `heap` caps the Java heap. A
    `short_lived` server compiles less: sooner up, slower under load. `cache` is the folder of the
    jars (default: per user). Raises ServerError, HomeNotWritable, MissingExtra.
    """
    driver_module()
    with _locked(home):
        found = running(home, cache)
        if found is not None:
            wait_until_ready(home.neo4j, found, _ports(home), timeout_seconds, progress)
            return _status(home, found, "already running")
        runner = choose(home, cache)
        discard_unfinished(home.neo4j, runner)
        ports = free_ports() if ports_free else Ports(bolt_port, http_port)
        _run(home, runner, ports, heap, short_lived, timeout_seconds, progress)
        return _status(home, runner, "started")


def start_again(home: Home, *, progress: Progress = ignore_progress) -> ServerStatus:
    """Start the home's server on the ports of its last start. Raises as `start` does."""
    ports = _ports(home)
    return start(home, bolt_port=ports.bolt, http_port=ports.http, progress=progress)


def holds_data(home: Home) -> bool:
    """Whether the server ever made its database; an import that was killed half-way does not count."""
    return (home.neo4j / "data" / "databases" / "neo4j").exists() and not unfinished(home.neo4j)


def stop(home: Home) -> ServerStatus:
    """Stop the home's server and wait until it has ended; fine where it does not run. Raises ServerError, HomeNotWritable."""
    stopped = False
    if home.neo4j.is_dir():
        with _locked(home):
            found = running(home)
            if found is not None:
                found.end()
                stopped = True
            (home.neo4j / "server.json").unlink(missing_ok=True)
    return _not_running(home, "stopped" if stopped else "not running")


def status(home: Home) -> ServerStatus:
    """Whether the home's server runs, and where it answers."""
    found = running(home)
    if found is None:
        return _not_running(home, "not running")
    return _status(home, found, "starting" if is_free(_ports(home).bolt) else "running")


def import_full(
    home: Home,
    arguments: list[str],
    folder: Path,
    *,
    heap: str = "1g",
    short_lived: bool = False,
    timeout_seconds: float = 180,
    progress: Progress = ignore_progress,
) -> ServerStatus:
    """Stop the server, replace its database by what `neo4j-admin database import full` makes of the files in `folder`, and
    start it again on the ports it had. Where this process ends half-way, the next start begins with an empty database.

    `arguments` name the files relative to `folder`, which lies in the home's `neo4j/import`. Raises ServerError,
    HomeNotWritable, MissingExtra.
    """
    driver_module()
    with _locked(home):
        found = running(home)
        if found is not None:
            found.end()
        runner, ports = choose(home), _ports(home)
        runner.prepare(ports, progress)
        import_offline(home.neo4j, runner, arguments, folder, _IMPORT_HEAP, progress)
        _run(home, runner, ports, heap, short_lived, timeout_seconds, progress)
        return _status(home, runner, "started")


def _run(
    home: Home, runner: Runner, ports: Ports, heap: str, short_lived: bool, timeout_seconds: float, progress: Progress
) -> None:
    for option, port in (("--bolt-port", ports.bolt), ("--http-port", ports.http)):
        if not is_free(port):
            raise ServerError(f"port {port} is taken by another program; end that one, or choose another with {option}")
    runner.prepare(ports, progress)
    runner.launch(ports, heap, short_lived=short_lived)
    try:
        wait_until_ready(home.neo4j, runner, ports, timeout_seconds, progress)
    except BaseException:  # Ctrl-C too: nothing that does not answer is left behind
        runner.end()
        raise


def _status(home: Home, runner: Runner, note: str) -> ServerStatus:
    ports = _ports(home)
    return ServerStatus(
        running=True,
        url=f"neo4j://{USER}:{password(home.neo4j)}@{HOST}:{ports.bolt}",
        browser=f"http://{HOST}:{ports.http}/browser/",
        pid=runner.pid(),
        data=str(home.neo4j / "data"),
        note=note,
    )


def _not_running(home: Home, note: str) -> ServerStatus:
    return ServerStatus(running=False, data=str(home.neo4j / "data"), note=note)


def _ports(home: Home) -> Ports:
    return configured_ports(home.neo4j) or Ports(BOLT_PORT, HTTP_PORT)


@contextmanager
def _locked(home: Home) -> Iterator[None]:
    try:
        home.neo4j.mkdir(parents=True, exist_ok=True)
        with FileLock(home.neo4j / "server.lock"):
            yield
    except OSError as error:
        raise HomeNotWritable(home.neo4j, error.strerror or str(error)) from error

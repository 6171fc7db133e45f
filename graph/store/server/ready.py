"""Whether the server answers. In: its runner and ports. Out: nothing, once it does, or a ServerError with its last words."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

from graph.errors import MissingExtra, ServerError
from graph.progress import Progress
from graph.store.server.configuration import HOST, USER, Ports, password
from graph.store.server.runner import Runner

__all__ = ["driver_module", "free_ports", "is_free", "last_words", "wait_until_ready"]

_PAUSE_SECONDS = 0.2
_SIGNS = ("ERROR", "rror:", "Invalid", "Caused by", "made for Java")


def wait_until_ready(folder: Path, runner: Runner, ports: Ports, timeout_seconds: float, progress: Progress) -> None:
    """Return when a query is answered and the Browser's port is open.

    Raises ServerError when the server ends before that, takes too long, or has another password than the folder's.
    """
    neo4j, begun, limit = driver_module(), time.monotonic(), int(timeout_seconds)
    with neo4j.GraphDatabase.driver(f"neo4j://{HOST}:{ports.bolt}", auth=(USER, password(folder))) as driver:
        while True:
            waited = time.monotonic() - begun
            progress("start Neo4j", min(int(waited), limit), limit)
            if not is_free(ports.bolt) and not is_free(ports.http) and _answers(neo4j, driver, folder):
                progress("start Neo4j", limit, limit)
                return
            if not runner.running():
                raise ServerError(f"the Neo4j server in {folder} ended while starting: {last_words(runner.log())}")
            if waited > timeout_seconds:
                words = last_words(runner.log())
                raise ServerError(f"the Neo4j server in {folder} does not answer after {limit} s: {words}")
            time.sleep(_PAUSE_SECONDS)


def _answers(neo4j: Any, driver: Any, folder: Path) -> bool:
    try:
        driver.execute_query("RETURN 1", database_="neo4j")
    except neo4j.exceptions.AuthError:
        raise ServerError(
            f"the Neo4j server in {folder} refuses the password in {folder / 'password'}; put the one there that was set, "
            "or remove the folder to begin again with an empty database"
        ) from None
    except (neo4j.exceptions.DriverError, neo4j.exceptions.Neo4jError):
        return False  # listens already, not ready yet
    return True


def last_words(log: list[str]) -> str:
    """The lines of a log that say why a server ended, as one line."""
    lines = [line.strip() for line in log if line.strip() and not line.lstrip().startswith(("at ", "... "))]
    telling = [line for line in lines if any(sign in line for sign in _SIGNS)]
    return " | ".join(dict.fromkeys((telling or lines)[-3:]))[:600] or "its log is empty"


def free_ports() -> Ports:
    """Two ports that nothing listens on now."""
    with socket.socket() as bolt, socket.socket() as http:  # both open at once, so that they differ
        bolt.bind((HOST, 0))
        http.bind((HOST, 0))
        return Ports(bolt.getsockname()[1], http.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether nothing listens on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) != 0


def driver_module() -> Any:
    """The official driver, imported at use. Raises MissingExtra."""
    try:
        import neo4j
    except ImportError:
        raise MissingExtra("the local Neo4j server", "neo4j") from None
    return neo4j

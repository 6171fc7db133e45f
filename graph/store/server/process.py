"""The server's process. In: a Java command. Out: a process that outlives the one that started it, and its record on disk.

The record (`server.json`) holds pid and creation time. A pid is believed only while psutil says that the process of that
pid runs Neo4j for this very folder, so a number that the system has given to another program is never signalled.
A server whose starter was killed before the record was written is found by its command line.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import psutil

from graph.errors import ServerError
from graph.files import replace_file

__all__ = ["ADMIN", "SERVER", "end", "find", "folder_option", "launch", "server_log"]

SERVER = "org.neo4j.server.CommunityEntryPoint"
ADMIN = "org.neo4j.cli.AdminTool"

_DETACH = '"$@" >>"$0" 2>&1 </dev/null & echo $!'
"""The shell starts the server in the background and ends, so the server's parent is init and no zombie is left behind."""


def folder_option(folder: Path) -> str:
    """The Java option by which a process says which server's folder it works on."""
    return f"-Dtessera.neo4j={folder}"


def server_log(folder: Path) -> Path:
    """What the process writes to its standard streams: errors before the server's own log is open."""
    return folder / "logs" / "console.log"


def launch(folder: Path, command: list[str]) -> None:
    """Start the server in a session of its own and record it. Raises OSError."""
    started = subprocess.run(
        ["/bin/sh", "-c", _DETACH, str(server_log(folder)), *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        start_new_session=True,
    )
    try:
        process = psutil.Process(int(started.stdout))
        record = {"pid": process.pid, "created": process.create_time()}
    except psutil.NoSuchProcess:
        return  # ended at once: its log says why
    replace_file(folder / "server.json", json.dumps(record).encode())


def find(folder: Path, program: str = SERVER) -> psutil.Process | None:
    """The process that runs `program` on this folder, by the record, else by command line; None where there is none."""
    record = _recorded(folder)
    if record is not None and _runs(record, program, folder):
        return record
    return next((p for p in psutil.process_iter() if _runs(p, program, folder)), None)


def end(folder: Path, process: psutil.Process, *, patience_seconds: float = 60) -> None:
    """Ask the process to end, wait, then force it; the record goes with it. Raises ServerError where it cannot be ended."""
    try:
        process.terminate()
        try:
            process.wait(patience_seconds)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(10)
    except psutil.NoSuchProcess:
        pass
    except (psutil.AccessDenied, psutil.TimeoutExpired) as error:
        raise ServerError(
            f"process {process.pid} of the Neo4j server in {folder} cannot be ended ({error}); end it by hand"
        ) from error
    (folder / "server.json").unlink(missing_ok=True)


def _recorded(folder: Path) -> psutil.Process | None:
    try:
        record = json.loads((folder / "server.json").read_text())
        process = psutil.Process(int(record["pid"]))
        return process if abs(process.create_time() - float(record["created"])) < 2 else None
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None  # no record, or a stale one: the command line decides


def _runs(process: psutil.Process, program: str, folder: Path) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        arguments = process.cmdline()
    except psutil.Error:
        return False
    return program in arguments and folder_option(folder) in arguments

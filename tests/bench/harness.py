"""What the benchmarks share: the line that says which machine and commit, child processes measured by the kernel, tables.

A figure is the wall-clock time, CPU time and peak resident memory of a child process (wait4: its own waited-for children are
in it), so that nothing a benchmark does before or beside it is counted.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["ROOT", "Measured", "failed", "machine", "measure", "python", "show", "tessera"]

ROOT = Path(__file__).resolve().parents[2]
_KIB = 1 if sys.platform == "darwin" else 1024  # unit of ru_maxrss


@dataclass(frozen=True)
class Measured:
    """One child process. `killed` where it was ended for going over its memory limit."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    code: int
    killed: bool
    output: str
    errors: str


def machine() -> str:
    """One line: processor, cores, memory, Python, commit."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    memory = psutil.virtual_memory().total / 2**30
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run(["git", "-C", str(ROOT), "status", "--porcelain"], capture_output=True, text=True)
    commit = head.stdout.strip() or "no commit"
    state = " with changes" if changed.stdout.strip() else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = os.getloadavg()[0]
    return (
        f"{model}, {cores} cores, {memory:.0f} GiB, Python {platform.python_version()}, {commit}{state}, load before {load:.1f}"
    )


def python(*arguments: str) -> list[str]:
    """Command line of this interpreter."""
    return [sys.executable, *arguments]


def tessera(*arguments: str) -> list[str]:
    """Command line of the product, by this interpreter."""
    return python("-c", "from api.cli.main import main; main()", *arguments)


def measure(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    memory_limit: int | None = None,
    address_limit: int | None = None,
) -> Measured:
    """Run a command to its end. With `memory_limit` (bytes of resident memory, looked at twenty times a second) it is killed
    when it goes over; `address_limit` bounds its address space (RLIMIT_AS), which the kernel enforces without fail."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:

        def limit() -> None:
            if address_limit is not None:
                resource.setrlimit(resource.RLIMIT_AS, (address_limit, address_limit))

        begin = time.perf_counter()
        child = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=out, stderr=err, preexec_fn=limit
        )
        killed = threading.Event()
        ended = threading.Event()
        watcher = None
        if memory_limit is not None:
            watcher = threading.Thread(target=_watch, args=(child.pid, memory_limit, ended, killed), daemon=True)
            watcher.start()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begin
        ended.set()
        if watcher is not None:
            watcher.join()
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        return Measured(
            wall_seconds=wall,
            cpu_seconds=usage.ru_utime + usage.ru_stime,
            peak_bytes=usage.ru_maxrss * _KIB,
            code=child.returncode,
            killed=killed.is_set(),
            output=out.read().decode(errors="replace"),
            errors=err.read().decode(errors="replace"),
        )


def _watch(pid: int, limit: int, ended: threading.Event, killed: threading.Event) -> None:
    try:
        process = psutil.Process(pid)
        while not ended.wait(0.05):
            family = [process, *process.children(recursive=True)]
            if sum(p.memory_info().rss for p in family) > limit:
                killed.set()
                for member in family:
                    member.kill()
                return
    except psutil.NoSuchProcess:
        return


def failed(what: str, run: Measured) -> str:
    """One paragraph about a child that did not succeed."""
    why = "killed for its memory" if run.killed else f"exit code {run.code}"
    return f"{what}: {why} after {run.wall_seconds:.1f} s\n{run.errors.strip()[-2000:]}"


def show(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print a Markdown table; columns are those of the first row."""
    print(f"\n## {title}\n")
    columns = list(rows[0])
    cells = [[str(row.get(c, "")) for c in columns] for row in rows]
    widths = [max(len(c), *(len(r[i]) for r in cells)) for i, c in enumerate(columns)]
    for line in (columns, ["-" * w for w in widths], *cells):
        print("| " + " | ".join(value.ljust(w) for value, w in zip(line, widths, strict=True)) + " |")
    sys.stdout.flush()

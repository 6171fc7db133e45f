"""A bounded closed loop of HTTP GET requests: `connections` clients, each with one request under way.

With `wrk` where it is installed (its latency report is HdrHistogram's), else with httpx under asyncio, which is itself the
limit at about a thousand requests a second: the table says which.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Load", "drive"]


@dataclass(frozen=True)
class Load:
    """Result of one run; latencies in milliseconds. `refused` counts answers outside 2xx and 3xx."""

    client: str
    requests: int
    per_second: float
    p50: float
    p99: float
    refused: int


def drive(
    base: str, paths: Sequence[str], headers: dict[str, str], *, connections: int, seconds: float, pause_seconds: float = 0.0
) -> Load:
    """Ask for the paths in turn; each client pauses so long after an answer, which bounds the rate."""
    if shutil.which("wrk"):
        return _wrk(base, paths, headers, connections, seconds, pause_seconds)
    return asyncio.run(_httpx(base, paths, headers, connections, seconds, pause_seconds))


def _wrk(
    base: str, paths: Sequence[str], headers: dict[str, str], connections: int, seconds: float, pause_seconds: float
) -> Load:
    script = (
        "local paths = {}\nfor line in io.lines('PATHS') do paths[#paths + 1] = line end\n"
        "local at, wanted = 0, {}\n"
        + "".join(f"wanted['{name}'] = '{value}'\n" for name, value in headers.items())
        + "request = function() at = at % #paths + 1; return wrk.format('GET', paths[at], wanted) end\n"
        + (f"delay = function() return {round(pause_seconds * 1000)} end\n" if pause_seconds else "")
        + "done = function(summary, latency, requests)\n"
        "  io.write(string.format('RESULT %d %f %f %f %d\\n', summary.requests, summary.requests / summary.duration * 1e6,\n"
        "    latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.errors.status))\nend\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        listing, lua = Path(folder) / "paths", Path(folder) / "script.lua"
        listing.write_text("\n".join(paths) + "\n")
        lua.write_text(script.replace("PATHS", str(listing)))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(lua), base]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"RESULT (\d+) (\S+) (\S+) (\S+) (\d+)", out)
    if found is None:
        raise RuntimeError(f"wrk gave no result: {out[-500:]}")
    return Load("wrk", int(found[1]), float(found[2]), float(found[3]), float(found[4]), int(found[5]))


async def _httpx(
    base: str, paths: Sequence[str], headers: dict[str, str], connections: int, seconds: float, pause_seconds: float
) -> Load:
    import httpx

    latencies: list[float] = []
    refused = 0
    end = time.perf_counter() + seconds

    async def client(offset: int) -> None:
        nonlocal refused
        async with httpx.AsyncClient(base_url=base, headers=headers) as session:
            i = offset
            while time.perf_counter() < end:
                begin = time.perf_counter()
                answer = await session.get(paths[i % len(paths)])
                latencies.append((time.perf_counter() - begin) * 1000)
                refused += answer.status_code >= 400
                i += connections
                await asyncio.sleep(pause_seconds)

    begin = time.perf_counter()
    await asyncio.gather(*(client(k) for k in range(connections)))
    spent = time.perf_counter() - begin
    cuts = statistics.quantiles(latencies, n=100)
    return Load("httpx", len(latencies), len(latencies) / spent, cuts[49], cuts[98], refused)

"""Identity look-ups a second over HTTP on loopback, with p50 and p99, against a FastAPI application that answers a constant on
the same server software, asked by the same client in the same run.

    python -m tests.bench.bench_api [--people 20000] [--connections 16] [--seconds 10] [--keep FOLDER]

`tessera serve` runs on a home made from a synthetic population. Client, server and benchmark share the machine's cores.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyarrow.parquet as pq

from graph.synth import Population, generate
from tests.bench.harness import ROOT, failed, machine, measure, python, show, tessera
from tests.bench.load_client import Load, drive

# Made by a process of its own, which is gone before the server starts.
MAKE_KEY = """
import sys
from datetime import UTC, datetime
from api.settings import load_settings
from api.workspace import Workspace
from graph.control import Scope
with Workspace.open(load_settings()).control() as control:
    now = datetime.now(UTC)
    control.tenants.ensure("bench", now=now)
    print(control.keys.create("bench", set(Scope), now=now)[1])
"""
CONSTANT = """
import sys
import uvicorn
from fastapi import FastAPI
app = FastAPI()
@app.get("/{path:path}")
def constant(path: str) -> dict[str, str]:
    return {"path": path}
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_config=None, access_log=False)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: Sequence[str], port: int, path: str, environment: dict[str, str], log: Path) -> Iterator[psutil.Process]:
    """A server process that answers `path`; ended on leaving."""
    with log.open("wb") as out:
        child = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=out, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 120
        while True:
            if child.poll() is not None:
                raise SystemExit(f"the server ended with {child.returncode}:\n{log.read_text()[-2000:]}")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > end:
                    raise SystemExit(f"the server does not answer:\n{log.read_text()[-2000:]}") from None
                time.sleep(0.2)
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def make_home(folder: Path, people: int) -> tuple[dict[str, str], list[str], str]:
    """A home with a resolved population. Returns its environment, look-up paths, and an API key."""
    kept = folder / "made.json"
    if kept.exists():
        found = json.loads(kept.read_text())
        return found["environment"], found["paths"], found["key"]
    made = generate(folder / "population", Population(people=people, devices=people * 3, events=people * 15, contents=2_000))
    environment = {
        "TESSERA_HOME": str(folder / "home"),
        "TESSERA_RATE_LIMIT_PER_MINUTE": "100000000",
        "TESSERA_SUBJECT_LIMIT_PER_MINUTE": "100000000",
        "TESSERA_LEGAL_BASIS": "contract",
        "OMP_NUM_THREADS": "2",
    }
    for arguments in (("ingest", str(made.source), "--quiet", "--json"), ("resolve", "--quiet", "--json")):
        run = measure(tessera(*arguments), environment=environment)
        if run.code:
            raise SystemExit(failed(f"tessera {arguments[0]}", run))
        print(f"tessera {arguments[0]}: {run.wall_seconds:.1f} s, {run.peak_bytes / 1e9:.2f} GB")
    run = measure(python("-c", MAKE_KEY), environment=environment)
    if run.code:
        raise SystemExit(failed("API key", run))
    rows = pq.read_table(made.truth / "identities.parquet", columns=["kind", "id"]).slice(0, 20_000).to_pylist()
    paths, key = [f"/v1/identities/{r['kind']}/{r['id']}" for r in rows], run.output.strip()
    kept.write_text(json.dumps({"environment": environment, "paths": paths, "key": key}))
    return environment, paths, key


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--keep", type=Path, help="folder to work in, kept afterwards and used again")
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        environment, paths, key = make_home(folder, options.people)
        rows = []
        peer_rate = 0.0
        for name, command, ready in (
            ("FastAPI and uvicorn, a constant", python("-c", CONSTANT), "/"),
            ("tessera serve, identity look-up", tessera("serve", "--port"), "/readyz"),
        ):
            port = free_port()
            with serving([*command, str(port)], port, ready, environment, folder / "server.log") as process:
                base = f"http://127.0.0.1:{port}"
                headers = {"Authorization": f"Bearer {key}"}
                drive(base, paths, headers, connections=options.connections, seconds=2)  # warm up
                before = sum(process.cpu_times()[:2])
                load = drive(base, paths, headers, connections=options.connections, seconds=options.seconds)
                spent = (sum(process.cpu_times()[:2]) - before) / load.requests
                peer_rate = peer_rate or load.per_second
                rows.append(_row(name, load, process, peer_rate, spent, options.connections))
                # A pause after each answer, so that the clients together ask half as often as they could.
                pause = max(0.0, options.connections / (load.per_second / 2) - load.p50 / 1000 / 2)
                before = sum(process.cpu_times()[:2])
                load = drive(base, paths, headers, connections=options.connections, seconds=options.seconds, pause_seconds=pause)
                spent = (sum(process.cpu_times()[:2]) - before) / load.requests
                rows.append(_row("the same, at about half that rate", load, process, peer_rate, spent, options.connections))
        show("HTTP API on loopback", rows)
    return 0


def _row(
    name: str, load: Load, process: psutil.Process, peer_rate: float, cpu_seconds: float, connections: int
) -> dict[str, object]:
    return {
        "what": name,
        "requests/s": f"{load.per_second:,.0f}",
        "of the constant": f"{load.per_second / peer_rate:.2f}",
        "p50 ms": f"{load.p50:.2f}",
        "p99 ms": f"{load.p99:.2f}",
        "refused": f"{load.refused / load.requests:.1%}",
        "CPU µs": f"{cpu_seconds * 1e6:.0f}",
        "server MB": f"{process.memory_info().rss / 1e6:.0f}",
        "client": f"{load.client}, {connections} connections",
    }


if __name__ == "__main__":
    sys.exit(main())

"""Schemathesis against the running API: in, a planted home and how long; out, what it found, as lines.

All checks, valid and invalid data, examples, boundary values, random data and chains of calls. For an hour of it:

    python -m tests.integration.api_fuzzing --examples 2000
"""

from __future__ import annotations

import argparse
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from api.http.app import create_app
from api.settings import Settings

__all__ = ["Found", "fuzz", "running"]


@dataclass(frozen=True)
class Found:
    """What came of a run: its exit code (0: nothing found), what it printed, and what defects the server logged."""

    code: int
    output: str
    defects: tuple[str, ...]


@contextmanager
def running(settings: Settings, log: io.StringIO) -> Iterator[str]:
    """The application under uvicorn, on loopback; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(create_app(settings, log_stream=log), log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                if not thread.is_alive():
                    raise RuntimeError("the server did not start")
                time.sleep(0.02)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def fuzz(
    home: Path,
    token: str,
    known: dict[str, list[str]],
    *,
    examples: int,
    seed: int,
    hasty: bool = False,
    report: Path | None = None,
) -> Found:
    """Serve the home and let Schemathesis at it, with a key that may do everything; `examples` cases an operation and phase.
    `known` holds values of path parameters that exist, by name: half of the cases use them. In haste the hundreds of boundary
    values of an audience's rule are left out: each makes an audience."""
    log = io.StringIO()
    settings = Settings(home=home, rate_limit_per_minute=10_000_000, subject_limit_per_minute=10_000_000)
    with running(settings, log) as address, tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json", "--no-color"),
            *("--checks", "all", "--mode", "all", "--phases", "examples,coverage,fuzzing,stateful"),
            *("--max-examples", str(examples), "--seed", str(seed), "--generation-database", "none"),
            *(
                "--header",
                f"Authorization: Bearer {token}",
                "--output-truncate",
                "true",
                "--request-timeout",
                "60",
                "--max-response-time",
                "60",
            ),
            *(("--report", "json", "--report-json-path", str(report.absolute())) if report else ()),
        ]
        (Path(folder) / "schemathesis.toml").write_text(_configuration(known, hasty=hasty))
        environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.integration.api_fuzzing_checks", "PYTHONPATH": _path()}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in log.getvalue().splitlines() if '"defect"' in line]
    return Found(done.returncode, done.stdout + done.stderr, tuple(f"{line['error']} at {line['place']}" for line in lines))


def _configuration(known: dict[str, list[str]], *, hasty: bool) -> str:
    """Schemathesis' own settings. 422 for valid data is looked at by `api_fuzzing_checks`, which knows for what it is right."""
    lines = ["[checks.positive_data_acceptance]"]
    lines.append('expected-statuses = ["2xx", "304", "401", "403", "404", "409", "422", "429"]')
    for name, values in known.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    lines.append("[parameters]")
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.5 }}' for name in known]
    if hasty:
        lines += ["[[operations]]", 'include-operation-id = "createAudience"', "phases.coverage.enabled = false"]
    return "\n".join(lines) + "\n"


def _path() -> str:
    """Where the run finds the checks beside what this process finds."""
    return os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])


def main() -> int:
    from tests.integration.api_home import known_values, plant

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100, help="cases an operation and phase")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, help="JSON file for everything found")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        planted = plant(Path(folder) / "home")
        found = fuzz(
            planted.home, planted.full, known_values(planted), examples=options.examples, seed=options.seed, report=options.report
        )
    print(found.output)
    print("defects:", found.defects or "none")
    return found.code or bool(found.defects)


if __name__ == "__main__":
    sys.exit(main())

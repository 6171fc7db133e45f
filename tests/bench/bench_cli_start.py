"""How long `tessera --help` takes, against `python -c pass` in the same run: the median and the worst of several starts.

    python -m tests.bench.bench_cli_start [--times 15]

Fails where the median is over half a second of processor time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.harness import failed, machine, measure, python, show

LIMIT_SECONDS = 0.5
SCRIPT = Path(sys.executable).with_name("tessera")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=15)
    times = parser.parse_args(arguments).times
    print(machine())
    rows, medians = [], {}
    for name, command in (("tessera --help", [str(SCRIPT), "--help"]), ("python -c pass", python("-c", "pass"))):
        runs = [measure(command) for _ in range(times)]
        if bad := [run for run in runs if run.code]:
            print(failed(name, bad[0]), file=sys.stderr)
            return 1
        medians[name] = statistics.median(run.cpu_seconds for run in runs)
        rows.append(
            {
                "command": name,
                "median wall s": f"{statistics.median(run.wall_seconds for run in runs):.3f}",
                "worst wall s": f"{max(run.wall_seconds for run in runs):.3f}",
                "median CPU s": f"{medians[name]:.3f}",
                "ratio": f"{medians[name] / medians['tessera --help']:.2f}",
            }
        )
    show("Start of the command line", rows)
    return int(medians["tessera --help"] > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())

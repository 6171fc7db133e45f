"""Ingest, resolve and load of a large synthetic source, against the time in which DuckDB reads the same files and writes them
as Parquet in the same run.

    python -m tests.bench.bench_pipeline [--preset million] [--source FOLDER] [--keep FOLDER] [--bound 40] [--memory 8]

Exit code 1 where a stage fails, or the stages together go over the bound (times the yardstick) or over the memory (GB).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from graph.synth import PRESETS, Population, generate
from tests.bench.harness import Measured, failed, machine, measure, python, show, tessera

# Prints the seconds of reading and writing alone: neither the interpreter's start nor the import is in the yardstick.
YARDSTICK = """
import sys, time
from pathlib import Path
import duckdb
source, target = Path(sys.argv[1]), Path(sys.argv[2])
with duckdb.connect() as connection:
    connection.execute("SET enable_progress_bar = false")
    begin = time.perf_counter()
    for file in sorted(source.iterdir()):
        name, form = file.name.split(".")[:2]
        reader = {"parquet": "read_parquet", "csv": "read_csv", "jsonl": "read_json"}[form]
        connection.execute(f"COPY (SELECT * FROM {reader}('{file}')) TO '{target / name}.parquet' (FORMAT parquet)")
    print(time.perf_counter() - begin)
"""


def yardstick(source: Path, target: Path) -> tuple[float, Measured]:
    """Seconds inside, and the child."""
    target.mkdir(parents=True)
    run = measure(python("-c", YARDSTICK, str(source), str(target)))
    if run.code:
        raise SystemExit(failed("yardstick", run))
    return float(run.output), run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="million")
    parser.add_argument("--source", type=Path, help="an existing source folder instead of a synthetic one")
    parser.add_argument("--keep", type=Path, help="folder to work in, kept afterwards")
    parser.add_argument("--bound", type=float, default=40.0)
    parser.add_argument("--memory", type=float, default=8.0)
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        return _run(folder, options.source, PRESETS[options.preset], options.bound, options.memory * 1e9)


def _run(folder: Path, source: Path | None, population: Population, bound: float, memory: float) -> int:
    if source is None:
        made = generate(folder / "population", population)
        source = made.source
        print(", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in made.summary().items()))
    environment = {"TESSERA_HOME": str(folder / "home"), "OMP_NUM_THREADS": "2"}
    found: list[tuple[str, float, Measured, str]] = []
    units = [yardstick(source, folder / "yardstick-0")]
    for name, arguments in (
        ("tessera ingest", ("ingest", str(source), "--json", "--quiet")),
        ("tessera resolve (with snapshot and load)", ("resolve", "--json", "--quiet")),
        ("tessera ingest, the same again", ("ingest", str(source), "--json", "--quiet")),
    ):
        run = measure(tessera(*arguments), environment=environment)
        if run.code:
            print(failed(name, run), file=sys.stderr)
            return 1
        found.append((name, run.wall_seconds, run, _rates(_report(name, run), run.wall_seconds)))
        units.append(yardstick(source, folder / f"yardstick-{len(units)}"))
    for stage in ("resolve", "snapshot", "load"):  # on the same home; seconds of the stage alone
        run = measure(python("-m", "tests.bench.stage", stage), environment=environment)
        if run.code:
            print(failed(stage, run), file=sys.stderr)
            return 1
        made = _report(stage, run)
        seconds = float(made.pop("seconds"))
        rates = ", ".join(f"{n:,} {what} ({n / seconds:,.0f}/s)" for what, n in made.items())
        found.append((f"of which: {stage}", seconds, run, rates))
    unit, fastest = min(units, key=lambda pair: pair[0])
    total = sum(seconds for _, seconds, _, _ in found[:2])
    peak = max(run.peak_bytes for _, _, run, _ in found)
    rows = [_row("DuckDB reads and writes Parquet", unit, fastest, unit, f"the yardstick, best of {len(units)}")]
    rows += [_row(name, seconds, run, unit, notes) for name, seconds, run, notes in found]
    bounds = f"bounds: {bound:g} ×, {memory / 1e9:g} GB"
    result = {"what": "ingest + resolve + load", "seconds": f"{total:.1f}", "CPU s": "", "peak GB": f"{peak / 1e9:.2f}"}
    rows.append({**result, "× yardstick": f"{total / unit:.1f}", "notes": bounds})
    show("Pipeline, embedded", rows)
    return int(total > bound * unit or peak > memory)


def _row(name: str, seconds: float, run: Measured, unit: float, notes: str) -> dict[str, object]:
    return {
        "what": name,
        "seconds": f"{seconds:.2f}",
        "CPU s": f"{run.cpu_seconds:.1f}",
        "peak GB": f"{run.peak_bytes / 1e9:.2f}",
        "× yardstick": f"{seconds / unit:.1f}",
        "notes": notes,
    }


def _report(name: str, run: Measured) -> dict[str, Any]:
    """The JSON document that is all a command may print with --json."""
    try:
        found: dict[str, Any] = json.loads(run.output)
    except ValueError:
        raise SystemExit(f"{name}: standard output is not one JSON document: {run.output[:200]!r}") from None
    return found


def _rates(report: dict[str, Any], seconds: float) -> str:
    """What the command says it took or made, a second of the whole command."""
    counts = {
        "rows read": sum(int(row.get("read", 0)) for row in report.get("ingest", [])),
        "evidence": int(report.get("identities", {}).get("evidence", 0)),
        "nodes": sum(n for name, n in report.get("graph", {}).items() if not name.isupper()),
        "relationships": sum(n for name, n in report.get("graph", {}).items() if name.isupper()),
    }
    return ", ".join(f"{n:,} {what} ({n / seconds:,.0f}/s)" for what, n in counts.items() if n)


if __name__ == "__main__":
    sys.exit(main())

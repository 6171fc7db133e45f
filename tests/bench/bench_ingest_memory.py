"""A CSV of many gigabytes through `tessera ingest` in a child that may hold no more than a given resident memory.

    python -m tests.bench.bench_ingest_memory [--gigabytes 1] [--memory-gb 2] [--keep FOLDER]

Also prints the time that DuckDB takes to read the same file and write it as Parquet, within the same memory. Exit code 1 where
the ingest fails or goes over its memory.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from graph.synth import Population, generate
from tests.bench.bench_pipeline import YARDSTICK
from tests.bench.harness import failed, machine, measure, python, show, tessera


def write_source(folder: Path, size: int) -> int:
    """events.csv of about `size` bytes: the events of one synthetic population again and again, each time with fresh event ids,
    device ids and URLs, so that nothing that remembers values can stay small by chance. Returns the number of rows."""
    made = generate(folder / "seed", Population(people=7_000, devices=20_000, events=200_000, contents=2_000, days=60))
    table = pq.read_table(made.source / "events.parquet")
    rounds, rows = 0, 0
    source = folder / "source"
    source.mkdir()
    with (source / "events.csv").open("wb") as out:
        while out.tell() < size:
            part = table
            for name, separator in (("event_id", "-"), ("device_id", "-"), ("url", "/")):
                fresh = pc.binary_join_element_wise(table[name], str(rounds), separator)
                part = part.set_column(table.column_names.index(name), name, fresh)
            pacsv.write_csv(part, out, pacsv.WriteOptions(include_header=rounds == 0))
            rounds, rows = rounds + 1, rows + table.num_rows
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--memory-gb", type=float, default=2.0)
    parser.add_argument("--keep", type=Path, help="folder to work in, kept afterwards")
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        rows = write_source(folder, int(options.gigabytes * 1e9))
        size = (folder / "source" / "events.csv").stat().st_size
        print(f"events.csv: {size / 1e9:.2f} GB, {rows:,} rows")
        limit = int(options.memory_gb * 1e9)
        (folder / "duckdb").mkdir()
        capped = YARDSTICK.replace("begin =", f"connection.execute(\"SET memory_limit = '{limit // 2**20} MiB'\"); begin =")
        peer = measure(python("-c", capped, str(folder / "source"), str(folder / "duckdb")), memory_limit=limit)
        run = measure(
            tessera("ingest", str(folder / "source"), "--json", "--quiet"),
            environment={"TESSERA_HOME": str(folder / "home"), "OMP_NUM_THREADS": "2"},
            memory_limit=limit,
        )
        unit = float(peer.output) if peer.code == 0 else float("nan")
        if peer.code:
            print(failed("DuckDB", peer), file=sys.stderr)
        show(
            f"Ingest of {size / 1e9:.2f} GB CSV within {options.memory_gb:g} GB",
            [
                {
                    "what": name,
                    "seconds": f"{seconds:.1f}",
                    "peak GB": f"{done.peak_bytes / 1e9:.2f}",
                    "rows/s": f"{rows / seconds:,.0f}",
                    "MB/s": f"{size / 1e6 / seconds:.0f}",
                    "× DuckDB": f"{seconds / unit:.1f}",
                    "ended": "well" if done.code == 0 else "killed for its memory" if done.killed else f"exit code {done.code}",
                }
                for name, seconds, done in (
                    ("DuckDB reads and writes Parquet", unit, peer),
                    ("tessera ingest", run.wall_seconds, run),
                )
            ],
        )
        if run.code:
            print(failed("tessera ingest", run), file=sys.stderr)
        return int(run.code != 0)


if __name__ == "__main__":
    sys.exit(main())

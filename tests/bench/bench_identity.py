"""Identity of customer records: Tessera, Splink 5 on DuckDB and goldenmatch on the same input, through the same evaluator.

    python -m tests.bench.bench_identity [--only febrl3,fake_1000,synthetic] [--records 50000] [--seed 0]
        [--peers splink,goldenmatch,goldenmatch-probabilistic] [--peer-python PYTHON] [--without-tessera] [--keep FOLDER]

`synthetic` is `record_population` at --records; the two others are read from ../shared/data where that is there. Splink has two
rows: its clusters at a probability of .5, and at the threshold that is best in hindsight, which takes the truth to know. Nothing
else sees the truth before it is scored. Times are of whole processes, one after the other; Tessera's is `tessera resolve`, with
log, tables and the embedded graph, and its ingest stands beside it. Where other work shares the machine, CPU
seconds say more than wall time. Exit code 1 where a tool fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from graph.evaluation import evaluate_partition, interval
from graph.evaluation_probability import evaluate_probabilities
from tests.bench.harness import ROOT, machine, show
from tests.bench.peers.runs import PEERS, Found, ToolFailed, at_threshold, best_threshold, run_peer, run_tessera
from tests.bench.record_population import generate

SHARED = ROOT.parent / "shared" / "data"
SETS = ("febrl3", "fake_1000", "synthetic")


def sources(only: list[str], records: int, seed: int, folder: Path) -> Iterator[tuple[str, Path, pa.Table]]:
    """Name, source folder and truth of each data set; one that is not there is said and left out."""
    for name in only:
        if name == "synthetic":
            accounts, truth = generate(records, seed)
            source = folder / f"synthetic-{records}" / "records"
            source.mkdir(parents=True, exist_ok=True)
            pq.write_table(accounts, source / "accounts.parquet")
            yield f"synthetic, {records:,} records", source, truth
        elif (SHARED / name).is_dir():
            yield name, SHARED / name / "input", pq.read_table(SHARED / name / "truth" / "identities.parquet")
        else:
            print(f"{name}: left out, {SHARED / name} is not there")


def scored(found: Found, truth: pa.Table, yardstick: float | None) -> dict[str, object]:
    """One row of the table; `yardstick` is the seconds that ratios are of."""
    metrics = evaluate_partition(found.identities, truth)
    low, high = interval(found.identities, truth)
    pairs = {} if found.pairs is None else evaluate_probabilities(found.pairs, truth)
    timed = found.seconds > 0
    return {
        "tool": found.tool,
        "F1": f"{metrics['pair_f1']:.4f}",
        "95 %": f"{low:.4f} to {high:.4f}",
        "precision": f"{metrics['pair_precision']:.4f}",
        "recall": f"{metrics['pair_recall']:.4f}",
        "B³": f"{metrics['b3_f1']:.4f}",
        "ARI": f"{metrics['ari']:.4f}",
        "largest": f"{metrics['largest_cluster']:.0f}",
        "mixed": f"{metrics['share_in_mixed_clusters']:.4f}",
        "calibration": _number(pairs.get("calibration_error")),
        "Brier skill": _number(pairs.get("brier_skill")),
        "seconds": f"{found.seconds:.1f}" if timed else "",
        "CPU s": f"{found.cpu_seconds:.1f}" if timed else "",
        "× Splink": f"{found.seconds / yardstick:.2f}" if timed and yardstick else "",
        "peak GB": f"{found.peak_bytes / 1e9:.2f}" if timed else "",
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SETS), help=f"of {', '.join(SETS)}")
    parser.add_argument("--records", type=int, default=50_000, help="size of the synthetic set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers", default=",".join(PEERS), help=f"of {', '.join(PEERS)}; empty for none")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has the peers installed")
    parser.add_argument("--without-tessera", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder to work in, kept afterwards")
    options = parser.parse_args()
    only, peers = ([x for x in text.split(",") if x] for text in (options.only, options.peers))
    if unknown := [*(set(only) - set(SETS)), *(set(peers) - set(PEERS))]:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    print(machine())
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        for name, source, truth in sources(only, options.records, options.seed, folder):
            failures += _compare(name, source, truth, peers, options.peer_python, not options.without_tessera, folder)
    return 1 if failures else 0


def _compare(name: str, source: Path, truth: pa.Table, peers: list[str], interpreter: str, tessera: bool, folder: Path) -> int:
    """Run every tool on one set and print its table; returns how many failed."""
    work = folder / name.split(",")[0]
    work.mkdir(parents=True, exist_ok=True)
    found: list[Found] = []
    failures = 0
    runs = [lambda: run_tessera(source, work)] if tessera else []
    runs += [lambda peer=peer: run_peer(peer, source, work, interpreter) for peer in peers]  # type: ignore[misc]
    for run in runs:
        try:
            found.append(run())
        except ToolFailed as error:
            failures += 1
            print(error, file=sys.stderr)
    yardstick = next((f.seconds for f in found if f.tool.startswith("splink")), None)
    rows = []
    for one in found:
        rows.append(scored(one, truth, yardstick))
        if one.tool.startswith("splink") and one.pairs is not None:
            best = best_threshold(one.pairs, truth)
            hindsight = at_threshold(one.pairs, truth["id"].combine_chunks(), best)
            rows.append(
                scored(Found(f"{one.tool.split(',')[0]}, best in hindsight (log2 odds {best})", hindsight, 0, 0, 0), truth, None)
            )
    if rows:
        show(name, rows)
    for one in found:
        if one.parts:
            print(f"\n{one.tool}: " + ", ".join(f"{part} {seconds:.1f} s" for part, seconds in one.parts.items()))
    return failures


if __name__ == "__main__":
    sys.exit(main())

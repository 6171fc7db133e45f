"""Tessera and its peers on one accounts.parquet, each in a process of its own: what they found, in what time and memory.

In: a folder with accounts.parquet. Out: `Found`, with the partition as (kind, id, person_id) and, where the tool gives them, the
probabilities of its pairs. Peak memory is VmHWM as the child itself reads it at its end: what wait4 tells includes the peak of
the process that started it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from graph.evaluation_probability import pair_probabilities
from graph.home import Home
from graph.resolve import load
from tests.bench.harness import Measured, failed, measure, python

__all__ = ["PEERS", "Found", "ToolFailed", "at_threshold", "best_threshold", "run_peer", "run_tessera", "tessera_command"]

_PEERS = Path(__file__).parent
_COMMAND = """
import sys
from pathlib import Path
from api.cli.main import main
try:
    main()
finally:
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else []:
        if line.startswith("VmHWM"):
            print("peak_kib", line.split()[1], file=sys.stderr)
"""


class ToolFailed(Exception):
    """A child that did not succeed; the text says why."""


@dataclass(frozen=True)
class Found:
    """What one tool found. `seconds` (wall), `cpu_seconds` and `peak_bytes` of the child; `pairs` has left_kind, left_id,
    right_kind, right_id, probability; `parts` are the seconds of the steps, where there are several."""

    tool: str
    identities: pa.Table
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    pairs: pa.Table | None = None
    parts: dict[str, float] | None = None


def tessera_command(home: Path, *arguments: str) -> tuple[Measured, int]:
    """One command on a home; the child and its peak memory in bytes. Raises ToolFailed."""
    run = measure(python("-c", _COMMAND, *arguments), environment={"TESSERA_HOME": str(home), "OMP_NUM_THREADS": "2"})
    if run.code:
        raise ToolFailed(failed(f"tessera {arguments[0]}", run))
    peaks = [int(line.split()[1]) * 1024 for line in run.errors.splitlines() if line.startswith("peak_kib")]
    return run, peaks[-1] if peaks else run.peak_bytes


def run_tessera(source: Path, folder: Path, resolve: tuple[str, ...] = ("resolve",)) -> Found:
    """`ingest` and `resolve` of a source in the home `folder/home`, then `export identities`; `seconds` are those of `resolve`,
    with everything it does: evidence, clusters, log, tables and the embedded graph. Raises ToolFailed."""
    home, out = folder / "home", folder / "identities.parquet"
    ingest, most = tessera_command(home, "ingest", str(source), "--json", "--quiet")
    run, peak = tessera_command(home, *resolve, "--json", "--quiet")
    tessera_command(home, "export", "identities", "--out", str(out))
    return Found(
        "tessera",
        pq.read_table(out, columns=["kind", "id", "person_id"]),
        run.wall_seconds,
        run.cpu_seconds,
        max(most, peak),
        pair_probabilities(load(Home.open(home)).evidence),
        {"ingest": ingest.wall_seconds, "resolve": run.wall_seconds},
    )


def _splink(source: Path, folder: Path, interpreter: str) -> Found:
    clusters, pairs = folder / "splink_clusters.parquet", folder / "splink_pairs.parquet"
    run, peak, version = _peer(interpreter, "splink_records.py", str(source / "accounts.parquet"), str(clusters), str(pairs))
    scored = pq.read_table(pairs)
    kind = pa.array(["account"]).take(pa.array(np.zeros(scored.num_rows, np.int8)))
    ends = {"left_kind": kind, "left_id": scored["left"], "right_kind": kind, "right_id": scored["right"]}
    return Found(
        f"splink {version}, p at least .5",
        _identities(clusters),
        run.wall_seconds,
        run.cpu_seconds,
        peak,
        pa.table({**ends, "probability": scored["probability"]}),
    )


def _goldenmatch(mode: str) -> Callable[[Path, Path, str], Found]:
    def run(source: Path, folder: Path, interpreter: str) -> Found:
        clusters = folder / "goldenmatch_clusters.parquet"
        child, peak, version = _peer(interpreter, "goldenmatch_records.py", str(source / "accounts.parquet"), str(clusters), mode)
        return Found(f"goldenmatch {version}, {mode}", _identities(clusters), child.wall_seconds, child.cpu_seconds, peak)

    return run


PEERS: dict[str, Callable[[Path, Path, str], Found]] = {
    "splink": _splink,
    "goldenmatch": _goldenmatch("plain"),
    "goldenmatch-probabilistic": _goldenmatch("probabilistic"),
}
"""By the name that `--peers` takes."""


def run_peer(name: str, source: Path, folder: Path, interpreter: str) -> Found:
    """Run a peer on `source/accounts.parquet`. Raises ToolFailed, with what to install where the tool is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    return PEERS[name](source, folder, interpreter)


def _peer(interpreter: str, script: str, *arguments: str) -> tuple[Measured, int, str]:
    if shutil.which(interpreter) is None:
        raise ToolFailed(f"{interpreter}: no such interpreter; correct --peer-python")
    run = measure([interpreter, str(_PEERS / script), *arguments], environment={"PYTHONPATH": "", "GOLDEN_DIAGNOSTICS": "0"})
    if run.code:
        raise ToolFailed(failed(script, run))
    said = json.loads(run.output.strip().splitlines()[-1])
    return run, said["peak_bytes"], said["version"]


def _identities(clusters: Path) -> pa.Table:
    table = pq.read_table(clusters)
    kind = pa.array(["account"]).take(pa.array(np.zeros(table.num_rows, np.int8)))
    return pa.table({"kind": kind, "id": table["id"], "person_id": table["cluster"]})


def at_threshold(pairs: pa.Table, ids: pa.Array, odds: int) -> pa.Table:
    """Connected components of the pairs of at least these log2 odds, as identities of these accounts."""
    left, right = (pc.index_in(pairs[end].combine_chunks(), value_set=ids).to_numpy() for end in ("left_id", "right_id"))
    cluster = _components(left, right, pairs["probability"].to_numpy() >= 1 / (1 + 2.0**-odds), len(ids))
    kind = pa.array(["account"]).take(pa.array(np.zeros(len(ids), np.int8)))
    return pa.table({"kind": kind, "id": ids, "person_id": pa.array(cluster).cast(pa.string())})


def best_threshold(pairs: pa.Table, truth: pa.Table) -> int:
    """The whole log2 odds, from -5 to 24, at which connected components have the best pairwise F1 by the truth: what nobody
    without it can know."""
    ids = truth["id"].combine_chunks()
    person = truth["person"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    left, right = (pc.index_in(pairs[end].combine_chunks(), value_set=ids).to_numpy() for end in ("left_id", "right_id"))
    probability = pairs["probability"].to_numpy()
    scores = {}
    for odds in range(-5, 25):
        cluster = _components(left, right, probability >= 1 / (1 + 2.0**-odds), len(ids))
        scores[odds] = _f1(person, cluster)
    return max(scores, key=lambda odds: scores[odds])


def _components(left: NDArray[np.int64], right: NDArray[np.int64], kept: NDArray[np.bool_], records: int) -> NDArray[np.int64]:
    edges = coo_array((np.ones(kept.sum(), np.int8), (left[kept], right[kept])), shape=(records, records))
    _, cluster = connected_components(edges, directed=False)
    return cluster.astype(np.int64)


def _f1(person: NDArray[np.int64], cluster: NDArray[np.int64]) -> float:
    def pairs(codes: NDArray[np.int64]) -> float:
        _, count = np.unique(codes, return_counts=True)
        return float((count * (count - 1.0) / 2).sum())

    total = pairs(person) + pairs(cluster)
    return 2 * pairs(person * len(person) + cluster) / total if total else 1.0

"""A lookalike of 1 % of everybody, end to end, against one torch matrix–vector product and top-k on the same matrix.

    python -m tests.bench.bench_lookalike_scan [--sizes 1000000] [--seeds 1000] [--repeats 15]

Ours: person ids and seeds as Arrow in, cross-validation of the ways, scan of everybody, table of the best out. All take turns
`--repeats` times and each is told by its fastest. The matrix is stored as float32 and as float16 (the same numbers, halved);
peers are torch on that very matrix, and on float32. Seeds of several tastes are scored along several directions and pooled. With
engagements: ten a person with 50,000 contents at random, the worst case for memory; the peer stays the same. Each row is a child
process, whose peak memory the kernel counts; `inputs_MB` is what the matrix, the ids and the engagements take of it. Fails where
the ratio on float32, of one taste and without engagements, is over 1.5.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from tests.bench.harness import failed, machine, measure, python, show

LIMIT = 1.5
_ROWS_OF_TABLE = (
    ("float32", 1, "without"),
    ("float16", 1, "without"),
    ("float32", 6, "without"),
    ("float32", 1, "with"),
)
_WIDTH, _CONTENTS, _EACH, _ROWS = 128, 50_000, 10, 65_536


def population(size: int, tastes: int) -> tuple[np.ndarray, pa.Array]:
    """Unit rows, of which the first tenth are of that many tastes, each a shift along an axis; and ids."""
    generator = np.random.default_rng(0)
    vectors = np.empty((size, _WIDTH), np.float32)
    for start in range(0, size, _ROWS):
        part = generator.standard_normal((min(_ROWS, size - start), _WIDTH), dtype=np.float32)
        alike = np.arange(max(0, min(len(part), size // 10 - start)))
        part[alike, alike % tastes] += 3 if tastes > 1 else 2
        vectors[start : start + _ROWS] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return vectors, pa.array([f"p{i:015x}" for i in generator.permutation(size)])


def row(size: int, seeds: int, repeats: int, kind: str, tastes: int, engagements: bool) -> dict[str, object]:
    """One row of the table, as seconds; runs in a child."""
    import torch

    from gnn.lookalike import Engagements, Positions, Reach, build

    vectors, ids = population(size, tastes)
    engaged = None
    if engagements:
        columns = np.random.default_rng(1).integers(0, _CONTENTS, size * _EACH, dtype=np.int32)
        pointers = np.arange(0, size * _EACH + 1, _EACH, dtype=np.int32)
        ones = np.ones(1, np.float32).repeat(len(columns))
        engaged = Engagements(sp.csr_matrix((ones, columns, pointers), shape=(size, _CONTENTS)))
    chosen = ids.take(pa.array(np.random.default_rng(2).choice(size // 10, seeds, replace=False)))
    stored = vectors.astype(np.float16) if kind == "float16" else vectors
    positions = Positions(stored, engaged)
    same, plain = torch.from_numpy(stored), torch.from_numpy(vectors)
    count = size // 100
    ways = {
        "ours_s": lambda: build(positions, ids, chosen, Reach(count)),
        "torch_s": lambda: torch.topk(same @ same[0], count),
        "torch_float32_s": lambda: torch.topk(plain @ plain[0], count),
    }
    trial = build(positions, ids, chosen, Reach(count)).trial
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(repeats):
        for name, way in ways.items():
            begin = time.perf_counter()
            way()
            best[name] = min(best[name], time.perf_counter() - begin)
    held = stored.nbytes + ids.nbytes + (0 if engaged is None else engaged.matrix.indices.nbytes * 2)
    held += vectors.nbytes if kind == "float16" else 0
    ratios = {"ratio": best["ours_s"] / best["torch_s"], "of_float32": best["ours_s"] / best["torch_float32_s"]}
    return {**best, **ratios, "method": trial.method, "auc": trial.aucs[trial.method], "inputs_MB": held / 1e6}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000_000])
    parser.add_argument("--seeds", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--one", nargs=4, metavar=("SIZE", "KIND", "TASTES", "ENGAGEMENTS"))
    given = parser.parse_args(arguments)
    if given.one:
        size, kind, tastes, engagements = given.one
        print(json.dumps(row(int(size), given.seeds, given.repeats, kind, int(tastes), engagements == "with")))
        return 0
    print(machine())
    rows, slow = [], False
    for size in given.sizes:
        for kind, tastes, engagements in _ROWS_OF_TABLE:
            own = [
                "--seeds",
                str(given.seeds),
                "--repeats",
                str(given.repeats),
                "--one",
                str(size),
                kind,
                str(tastes),
                engagements,
            ]
            run = measure(python("-m", "tests.bench.bench_lookalike_scan", *own))
            if run.code:
                print(failed(f"{size} {kind} {tastes} {engagements}", run), file=sys.stderr)
                return 1
            told = json.loads(run.output.strip().splitlines()[-1])
            slow |= kind == "float32" and tastes == 1 and engagements == "without" and told["ratio"] > LIMIT
            shown = {name: f"{value:.3g}" if isinstance(value, float) and value < 1000 else value for name, value in told.items()}
            peak = f"{run.peak_bytes / 1e6:,.0f}"
            rows.append(
                {"people": f"{size:,}", "stored": kind, "tastes": tastes, "engagements": engagements, **shown, "peak_MB": peak}
            )
    show(f"Lookalike of 1 % from {given.seeds:,} seeds, {_WIDTH} dimensions", rows)
    return int(slow)


if __name__ == "__main__":
    raise SystemExit(main())

"""Recommendations at scale: choosing and fitting, everybody's offers, one person's offers, and the selection of the best few.

    python -m tests.bench.bench_recommend [--sizes 20000x3000 1000000x100000] [--offered 20000]

Ten engagements a person, in 50 tastes, of which each person leaves one for another halfway. Each size runs in a child process,
whose peak memory the kernel counts. Offers are made for the first `--offered` persons (0: everybody). Peers, in the same child:
what is popular and the same model without time (NDCG at 20 on hidden engagements), and NumPy's argpartition of whole rows.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from tests.bench.harness import failed, machine, measure, python, show

EACH, TASTES = 10, 50


def made_up(persons: int, contents: int, seed: int = 0) -> Any:
    """A population of that size; the first half of a person's engagements is to one taste, the second to another."""
    from gnn.features.population import Population, Tagging

    generator = np.random.default_rng(seed)
    rows = np.repeat(np.arange(persons), EACH)
    late = np.tile(np.arange(EACH) >= EACH // 2, persons)
    taste = np.where(late, generator.integers(0, TASTES, persons)[rows], generator.integers(0, TASTES, persons)[rows])
    place = (generator.pareto(1.0, len(rows)) * 10).astype(np.int64) % (contents // TASTES)
    columns = np.where(generator.random(len(rows)) < 0.8, place * TASTES + taste, generator.integers(0, contents, len(rows)))
    at = np.tile(np.arange(EACH), persons) * 86_400_000_000
    _, first = np.unique(rows * contents + columns, return_index=True)  # sorted by person and content
    engagement = sp.csr_matrix((np.ones(len(first), np.float32), (rows[first], columns[first])), shape=(persons, contents))
    nothing = np.zeros(0, np.int64)
    return Population(
        person_ids=pa.array([f"p{i:07d}" for i in range(persons)]),
        content_ids=[f"c{i:06d}" for i in range(contents)],
        engagement=engagement,
        relations=sp.csr_matrix((persons, persons), dtype=np.float32),
        tags=[],
        skipped=[],
        labels=np.zeros((persons, 0), np.float32),
        labelled=np.zeros(persons, np.bool_),
        tagged=Tagging(nothing, nothing, nothing, nothing.astype(np.float32)),
        texts=[""] * contents,
        categories=[],
        content_category=sp.csr_matrix((contents, 0), dtype=np.float32),
        as_of=None,
        engaged_at=at[first],
    )


def recommending(persons: int, contents: int, offered: int) -> dict[str, Any]:
    """Everything for one size."""
    from gnn.recommend import fit_recommender
    from gnn.recommend.items import offers
    from gnn.recommend.ranking import best_first
    from gnn.recommend.stored import open_recommender, recommender_files

    data = made_up(persons, contents)
    begin = time.perf_counter()
    fitted = fit_recommender(data)
    fit = time.perf_counter() - begin
    told, begin, first = 0, 0.0, 0
    for table in offers(fitted, data, 20):
        told += table.num_rows
        if not first:  # the clock starts when everybody's history stands
            first, begin = told, time.perf_counter()
        if offered and told >= 20 * offered:
            break
    offering = time.perf_counter() - begin
    with tempfile.TemporaryDirectory() as folder:
        for name, write in recommender_files(fitted, data, 1).items():
            write(Path(folder) / name)
        stored = open_recommender(lambda name: Path(folder) / name)
        times = []
        for person in np.random.default_rng(0).choice(persons, 300):
            begin = time.perf_counter()
            rows = stored.past.of(f"p{person:07d}")
            assert rows is not None
            stored.offers([rows], 20)
            times.append(time.perf_counter() - begin)
        megabytes = sum(f.stat().st_size for f in Path(folder).iterdir()) / 1e6
    scores = np.random.default_rng(0).standard_normal((200, contents), dtype=np.float32)
    begin = time.perf_counter()
    best_first(scores, 20)
    ours = time.perf_counter() - begin
    begin = time.perf_counter()
    np.argpartition(-scores, 19, axis=1)
    peer = time.perf_counter() - begin
    quality = {f"{name} ndcg": m["ndcg"] for name, m in fitted.metrics.items()}
    return {
        "model": fitted.model,
        "fit_s": fit,
        "offers_persons_per_s": (told - first) / 20 / offering,
        "one_person_p50_ms": 1e3 * float(np.quantile(times, 0.5)),
        "one_person_p99_ms": 1e3 * float(np.quantile(times, 0.99)),
        "stored_MB": megabytes,
        "best_20_vs_argpartition": peer / ours,
        **quality,
    }


def child(size: str, offered: int) -> dict[str, Any]:
    """Run one size in a process of its own."""
    run = measure(python("-m", "tests.bench.bench_recommend", "--size", size, "--offered", str(offered)))
    if run.code != 0:
        raise SystemExit(failed(size, run))
    figures: dict[str, Any] = json.loads(run.output.strip().splitlines()[-1])
    shown = {n: v if isinstance(v, str) else f"{v:.3g}" if v < 1000 else f"{v:,.0f}" for n, v in figures.items()}
    return {"persons x contents": size, **shown, "wall_s": f"{run.wall_seconds:.0f}", "peak_MB": f"{run.peak_bytes / 1e6:,.0f}"}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="*", default=["20000x3000", "1000000x100000"])
    parser.add_argument("--offered", type=int, default=20_000)
    parser.add_argument("--size")
    arguments = parser.parse_args()
    if arguments.size:
        persons, contents = (int(n) for n in arguments.size.split("x"))
        print(json.dumps(recommending(persons, contents, arguments.offered)))
        return
    print(machine())
    for size in arguments.sizes:
        show(f"Recommendations, {size}", [child(size, arguments.offered)])


if __name__ == "__main__":
    main()

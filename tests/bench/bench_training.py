"""Training and tagging of a synthetic population, every way of message passing, person embeddings of a large population.

    python -m tests.bench.bench_training [--persons 20000] [--batches 1024 4096] [--embeddings 1000000]

Each part runs in a child process, whose peak memory the kernel counts. Peers, in the same child: for message passing, PyG's
SAGEConv on the same samples and the whole graph edge by edge (`tests.bench.training_ways`); for an epoch of taggers, the same
epoch with every message gathered and scattered edge by edge (PyG's own path, without the cached CSR arrays). Runs on CUDA
where there is one, else on the CPU.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from tests.bench.harness import failed, machine, measure, python, show


def timed(action: Callable[[], Any], repeats: int = 3) -> float:
    """Best wall time of a few, in seconds."""
    best = float("inf")
    for _ in range(repeats):
        begin = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - begin)
    return best


def made_up(persons: int, seed: int = 0) -> Any:
    """A population of that many persons in 20 tastes: ten engagements each, labels for 70 %."""
    from gnn.features.population import Population, Tagging

    generator = np.random.default_rng(seed)
    contents, tags, each = max(200, persons // 5), 50, 10
    taste = generator.integers(0, 20, persons)
    rows = np.repeat(np.arange(persons), each)
    own = (generator.integers(0, contents // 20, len(rows)) * 20 + taste[rows]) % contents
    columns = np.where(generator.random(len(rows)) < 0.7, own, generator.integers(0, contents, len(rows)))
    engagement = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape=(persons, contents))
    labels = ((np.arange(tags)[None, :] % 20 == taste[:, None]) & (generator.random((persons, tags)) < 0.6)).astype(np.float32)
    labelled = generator.random(persons) < 0.7
    labels[~labelled] = 0
    nothing = np.zeros(0, np.int64)
    return Population(
        person_ids=pa.array([f"p{i}" for i in range(persons)]),
        content_ids=[f"c{i}" for i in range(contents)],
        engagement=engagement,
        relations=sp.csr_matrix((persons, persons), dtype=np.float32),
        tags=[f"t{i}" for i in range(tags)],
        skipped=[],
        labels=labels,
        labelled=labelled,
        tagged=Tagging(nothing, nothing, nothing, nothing.astype(np.float32)),
        texts=[""] * contents,
        categories=[],
        content_category=sp.csr_matrix((contents, 0), dtype=np.float32),
        as_of=None,
    )


def training(persons: int) -> dict[str, float]:
    """Features, one epoch, the whole ensemble and the tagging of everybody."""
    import torch

    from gnn.features.channels import Surroundings
    from gnn.features.hetero import interest_graph
    from gnn.models.device import choose_device
    from gnn.training.fit import fit_tagger
    from gnn.training.options import TrainingOptions

    device = choose_device()
    begin = time.perf_counter()
    data = made_up(persons)
    around = Surroundings(data, dimensions=64, seed=0)
    built = interest_graph(data, None, dimensions=64, seed=0).to(str(device))
    features = time.perf_counter() - begin
    sources = np.flatnonzero(data.labelled)

    def fit(epochs: int) -> float:
        start = time.perf_counter()
        options = TrainingOptions(folds=2, epochs=epochs, patience=epochs)
        fit_tagger(data, built, around, sources, options, device, lambda *a: None, "bench")
        return time.perf_counter() - start

    fit(1)
    one, three = fit(1), fit(3)
    epoch = (three - one) / 4
    for edge_type in built.edge_types:
        for name in ("pointers", "columns", "shares", "pointers_t", "columns_t", "shares_t"):
            del built[edge_type][name]
    edgewise = (fit(3) - fit(1)) / 4
    return {
        "features_s": features,
        "epoch_s": epoch,
        "edgewise_epoch_s": edgewise,
        "persons_per_s": len(sources) / 2 / epoch,
        "channels_and_tagging_s": one - 2 * epoch,
        "threads": float(torch.get_num_threads()),
    }


def embeddings(persons: int) -> dict[str, float]:
    """Person embeddings of a population with ten engagements a person."""
    from gnn.features.hetero import interest_graph
    from gnn.models.device import choose_device
    from gnn.training.link import embed_persons
    from gnn.training.options import TrainingOptions
    from tests.bench.training_ways import peak

    begin, device = time.perf_counter(), choose_device()
    data = made_up(persons)
    built = interest_graph(data, None, dimensions=64, seed=0).to(str(device))
    features, before = time.perf_counter() - begin, peak(device)
    begin = time.perf_counter()
    trained: list[float] = []

    def progress(what: str, done: int, total: int) -> None:
        if done == total:
            trained.append(time.perf_counter() - begin)

    vectors = embed_persons(data, built, TrainingOptions(), device, progress)
    taken = time.perf_counter() - begin
    assert vectors.shape[0] == persons
    return {
        "features_s": features,
        "training_s": trained[0],
        "inference_s": taken - trained[0],
        "embedding_s": taken,
        "nodes_per_s": (persons + data.contents) / taken,
        "peak_with_features_MB": before,
        "peak_embedding_MB": peak(device),
    }


def ran(part: str, size: int) -> tuple[Any, float]:
    """One part in a process of its own: what it said, and its peak memory in MB."""
    run = measure(python("-m", "tests.bench.bench_training", "--part", part, "--size", str(size)))
    if run.code != 0:
        raise SystemExit(failed(f"{part} {size}", run))
    return json.loads(run.output.strip().splitlines()[-1]), run.peak_bytes / 1e6


def child(part: str, size: int) -> dict[str, Any]:
    """One row of a part's table."""
    figures, peak = ran(part, size)
    shown = {name: f"{value:.3g}" if value < 1000 else f"{value:,.0f}" for name, value in figures.items()}
    return {"part": part, "size": f"{size:,}", **shown, "peak_MB": f"{peak:,.0f}"}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=20_000)
    parser.add_argument("--batches", type=int, nargs="*", default=[1024, 4096])
    parser.add_argument("--embeddings", type=int, nargs="*", default=[1_000_000])
    parser.add_argument("--part", choices=["training", "ways", "embeddings"])
    parser.add_argument("--size", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.part == "ways":
        from tests.bench.training_ways import ways

        print(json.dumps(ways(arguments.size, 10)))
        return
    if arguments.part:
        parts = {"training": training, "embeddings": embeddings}
        print(json.dumps(parts[arguments.part](arguments.size)))
        return
    print(machine())
    for batch in arguments.batches:
        *rows, loader = ran("ways", batch)[0]
        show(f"Message passing at Gowalla's size, width 128, fan-out 15,10, batches of {batch:,}", rows)
        print(f"\n{loader['note']}")
    show("Training", [child("training", arguments.persons)])
    if arguments.embeddings:
        show("Person embeddings", [child("embeddings", n) for n in arguments.embeddings])


if __name__ == "__main__":
    main()

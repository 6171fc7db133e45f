"""A synthetic population from files to everybody's tags: wall time and peak memory of each stage, and quality on hidden people.

    python -m tests.bench.bench_scale [--persons 1000000] [--keep FOLDER] [--memory 8] [--train]

Ten events a person. Every stage is a child process, whose peak memory the kernel counts; what one hands to the next is on disk,
and reading it is not in the seconds. A fifth of the labelled people (20,000 at most) is hidden from features, training and peers.
Peers, in the same run and on the same people: popularity, and propagation over two hops (person, content, labelled audience) and
over the most similar people. With `--keep`, stages that a former run ended are not run again; `--train` adds `tessera train`
itself. Exit code 1 where a stage fails or needs more than the memory (GB), or the tags are not better than every peer's.
"""

from __future__ import annotations

import argparse
import json
import pickle
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from graph.synth import Population, generate
from tests.bench.harness import failed, machine, measure, python, show, tessera
from tests.bench.populations import hidden_and_kept, without_labels

STAGES = ("ingest", "resolve", "population", "features", "learning")
_HIDDEN = 20_000
_DATABASE = "3GB"  # DuckDB's own; by default it takes what the machine has
_FEATURES, _PEOPLE, _FIGURES = "features.pickle", "population.pickle", "figures.json"


def population_of(persons: int) -> Population:
    """Two devices and ten events a person, a content for every eight people."""
    return Population(
        people=persons, devices=persons * 22 // 10, events=10 * persons, contents=max(1200, persons * 3 // 25), days=90
    )


def read_population(folder: Path) -> dict[str, float]:
    """The lake and its resolution to matrices."""
    from api import pipeline
    from api.settings import load_settings
    from api.workspace import Workspace
    from gnn.features.population import population
    from graph import resolve
    from graph.privacy import Use

    workspace = Workspace.open(load_settings())
    resolution = resolve.load(workspace.home)
    people = pipeline.eligible(workspace, resolution, Use.TRAINING)
    with workspace.connection() as connection:
        begin = time.perf_counter()
        data = population(connection, resolution, people, key=workspace.key)
        seconds = time.perf_counter() - begin
    with (folder / _PEOPLE).open("wb") as file:
        pickle.dump(data, file, protocol=5)
    counts = {
        "persons": data.persons,
        "contents": data.contents,
        "engagements": data.engagement.nnz,
        "relations": data.relations.nnz,
    }
    return {"seconds": seconds, **counts, "labelled": int(data.labelled.sum())}


def features(folder: Path) -> dict[str, float]:
    """What holds no labels: positions, weighted matrices, the interest graph."""
    from gnn.features.hetero import interest_graph
    from gnn.features.surroundings import Surroundings
    from gnn.training.options import TrainingOptions

    data, dimensions = _loaded(folder / _PEOPLE), TrainingOptions().position_dimensions
    begin = time.perf_counter()
    around = Surroundings(data, dimensions=dimensions, seed=0)
    middle = time.perf_counter()
    built = interest_graph(data, None, dimensions=dimensions, seed=0, around=around)
    end = time.perf_counter()
    with (folder / _FEATURES).open("wb") as file:
        pickle.dump((around, built), file, protocol=5)
    return {"seconds": end - begin, "surroundings_s": middle - begin, "graph_s": end - middle}


def learning(folder: Path) -> dict[str, Any]:
    """Channels, the ensemble, everybody's tags; and how good they are on hidden people, beside the peers."""
    from gnn.evaluate import tag_metrics
    from gnn.models.device import choose_device, few_threads
    from gnn.tags.propagated import baselines
    from gnn.training.fit import fit_tagger
    from gnn.training.options import TrainingOptions

    whole = _loaded(folder / _PEOPLE)
    around, built = _loaded(folder / _FEATURES)
    labels = whole.labels
    share = min(0.2, _HIDDEN / max(int(whole.labelled.sum()), 1))
    hidden, kept = hidden_and_kept(whole, seed=0, share=share)
    data = without_labels(whole, hidden)
    labels = labels[hidden]
    del whole
    device, steps = choose_device(), []
    begin = time.perf_counter()

    def progress(_what: str, done: int, total: int) -> None:
        steps.append(time.perf_counter())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{done} of {total}: {steps[-1] - begin:.0f} s, {peak:.2f} GB", file=sys.stderr, flush=True)

    with few_threads(data.persons + data.contents):
        fitted = fit_tagger(data, built, around, kept, TrainingOptions(), device, progress, "tags")
    end = time.perf_counter()
    found = {"tessera": fitted.probabilities[hidden], **baselines(data, around, kept, hidden)}
    quality = {name: tag_metrics(labels, values).as_dict() for name, values in found.items()}
    return {
        "seconds": end - begin,
        "channels_s": steps[0] - begin,
        "training_s": steps[-1] - steps[0],
        "tagging_s": end - steps[-1],
        "hidden": len(hidden),
        "taught": int((fitted.fold >= 0).sum()),
        "quality": quality,
    }


def _loaded(path: Path) -> Any:
    with path.open("rb") as file:
        return pickle.load(file)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="folder to work in, kept afterwards")
    parser.add_argument("--memory", type=float, default=8.0)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--stage", choices=["population", "features", "learning"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        parts: dict[str, Callable[[Path], dict[str, Any]]] = {
            "population": read_population,
            "features": features,
            "learning": learning,
        }
        print(json.dumps(parts[options.stage](options.keep)))
        return 0
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="tessera-scale-") as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        return _run(folder, options.persons, options.memory, options.train)


def _run(folder: Path, persons: int, memory: float, train: bool) -> int:
    if not (folder / "input").exists():
        made = generate(folder, population_of(persons))
        print(", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in made.summary().items()), flush=True)
    environment = {"TESSERA_HOME": str(folder / "home"), "TESSERA_MEMORY_LIMIT": _DATABASE}
    kept = folder / _FIGURES
    figures: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    commands = {
        "ingest": python("-m", "tests.bench.stage", "ingest", str(folder / "input")),
        "resolve": python("-m", "tests.bench.stage", "resolve"),
        **{s: python("-m", "tests.bench.bench_scale", "--stage", s, "--keep", str(folder)) for s in STAGES[2:]},
        **({"tessera train": tessera("train", "--json", "--quiet")} if train else {}),
    }
    for stage, command in commands.items():
        if stage in figures:
            continue
        run = measure(command, environment=environment)
        if run.code:
            print(failed(stage, run), file=sys.stderr)
            return 1
        found = {"seconds": run.wall_seconds} if stage == "tessera train" else json.loads(run.output.strip().splitlines()[-1])
        figures[stage] = {**found, "cpu": run.cpu_seconds, "peak_gb": run.peak_bytes / 1e9}
        kept.write_text(json.dumps(figures, indent=1))
        print(f"{stage}: {found['seconds']:.0f} s, {figures[stage]['peak_gb']:.2f} GB", flush=True)
    show(f"{persons:,} people", [_row(stage, dict(figures[stage])) for stage in commands])
    quality: dict[str, dict[str, float]] = figures["learning"]["quality"]
    names = sorted(quality, key=lambda name: -quality[name]["map"])
    show(
        f"{figures['learning']['hidden']:,} hidden people",
        [{"method": n, "mAP": f"{quality[n]['map']:.4f}", "AUC": f"{quality[n]['auc']:.4f}"} for n in names],
    )
    return int(max(figures[s]["peak_gb"] for s in commands) > memory or names[0] != "tessera")


def _row(stage: str, figures: dict[str, Any]) -> dict[str, object]:
    seconds, cpu, peak = (figures.pop(name) for name in ("seconds", "cpu", "peak_gb"))
    told = ", ".join(
        f"{n.removesuffix('_s').replace('_', ' ')} {v:,.0f}{' s' * n.endswith('_s')}"
        for n, v in figures.items()
        if n != "quality"
    )
    return {"stage": stage, "seconds": f"{seconds:.0f}", "CPU s": f"{cpu:.0f}", "peak GB": f"{peak:.2f}", "notes": told}


if __name__ == "__main__":
    sys.exit(main())

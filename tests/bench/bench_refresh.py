"""Milliseconds from one new event to its person's new tags, without training, against a training.

    python -m tests.bench.bench_refresh [SOURCE] [--persons 200] [--preset demo]

The home is made of SOURCE, a folder of input tables, or of a synthetic population. It is ingested, resolved and trained; then
people are drawn, and each in turn has an event with a content of somebody else. Timed, one person at a time: the scoring of a
person whose row is at hand (wall and CPU), and the whole refresh as the worker does it, from the event in the lake to the flushed
row beside the version. The peer, in the same run, is the training that gave the version. People are also scored as if the
training had not known them: the embedding of such a person is what their position alone says. Everybody is scored once more
without any event: nothing may change by more than 1e-5, else the benchmark fails.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from api import pipeline
from api.refreshing import Refreshing
from api.settings import Settings
from api.workspace import Workspace
from gnn import registry
from gnn.interests import TrainingOptions, learn
from gnn.online.scorer import Scorer
from graph.privacy import Use
from graph.progress import ignore_progress
from graph.synth import PRESETS, generate
from tests.bench.harness import machine, show

_CLOSE = 1e-5


def trained(workspace: Workspace, source: Path) -> float:
    """Seconds of the training."""
    pipeline.ingest(workspace, [source], progress=ignore_progress)
    pipeline.resolved(workspace, ignore_progress)
    found = pipeline.resolved(workspace, ignore_progress)  # from the second time on there is a key index
    begin = time.perf_counter()
    with workspace.connection() as lake:
        people = pipeline.eligible(workspace, found, Use.TRAINING)
        options = TrainingOptions(report_share=0.0)
        learn(lake, found, people, key=workspace.key, models=workspace.home.models, cache=workspace.home.cache, options=options)
    return time.perf_counter() - begin


def alone(scorer: Scorer, places: np.ndarray) -> tuple[list[float], list[float]]:
    """Wall and CPU seconds of each person's scoring."""
    wall, cpu = [], []
    for place in places:
        begin, used = time.perf_counter(), time.process_time()
        scorer.score(scorer.as_trained(np.array([place])))
        wall.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - used)
    return wall, cpu


def followed(workspace: Workspace, scorer: Scorer, places: np.ndarray, generator: np.random.Generator) -> list[float]:
    """Seconds from one event in the lake to the row beside the version, for each person."""
    with workspace.connection() as lake:
        rows = lake.sql("SELECT content_id FROM events WHERE content_id IS NOT NULL").to_arrow_table()
    members = pipeline.load(workspace).members
    accounts = members.filter(pc.equal(members["kind"], "account")).to_pylist()
    account_of = {m["person_id"]: m["id"] for m in accounts}
    ids = scorer.version.person_ids
    seconds: list[float] = []
    source = workspace.home.path.parent / "new"
    source.mkdir()
    latest = datetime.now(UTC)
    with closing(Refreshing(workspace)) as following:
        for n, place in enumerate(places):
            account = account_of.get(ids[int(place)].as_py())
            if account is None:
                continue
            like = rows.slice(int(generator.integers(rows.num_rows)), 1).to_pylist()[0]
            event = {"event_id": f"bench-refresh-{n}", "at": (latest + timedelta(seconds=n)).isoformat(), "account_id": account}
            event |= {"content_id": like["content_id"], "type": "view"}
            (source / "events.jsonl").write_text(json.dumps(event) + "\n")
            pipeline.ingest(workspace, [source], progress=ignore_progress)
            begin = time.perf_counter()
            following.step(ignore_progress)
            seconds.append(time.perf_counter() - begin)
    return seconds[1:]  # the first opens the scorer


def milliseconds(what: str, seconds: list[float], training: float) -> dict[str, object]:
    p50, p95 = (1000 * float(np.quantile(seconds, q)) for q in (0.5, 0.95))
    return {"what": what, "persons": len(seconds), "p50 ms": f"{p50:.1f}", "p95 ms": f"{p95:.1f}",
            "training ÷ p50": f"{1000 * training / p50:,.0f}"}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?")
    parser.add_argument("--persons", type=int, default=200)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="demo")
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="tessera-bench-") as folder:
        source = options.source
        if source is None:
            source = generate(Path(folder) / "population", PRESETS[options.preset]).source
        workspace = Workspace.open(Settings(home=Path(folder) / "home"))
        training = trained(workspace, source)
        version = registry.current(workspace.home.models)
        begin = time.perf_counter()
        scorer = Scorer.open(version)
        opened = time.perf_counter() - begin
        everybody = np.arange(len(version.person_ids))
        begin = time.perf_counter()
        probabilities, _ = scorer.score(scorer.as_trained(everybody))
        whole = time.perf_counter() - begin
        apart = float(np.abs(probabilities - version.probabilities).max())
        generator = np.random.default_rng(0)
        places = generator.permutation(everybody)[: options.persons]
        asked = scorer.as_trained(places)
        told, vectors = scorer.score(replace(asked, places=np.full(len(places), -1)))
        strangers = float(np.abs(told - version.probabilities[places]).max())
        likeness = float((vectors * version.embeddings[places]).sum(axis=1).mean())
        alone(scorer, places[:10])
        wall, cpu = alone(scorer, places)
        steps = followed(workspace, scorer, places, generator)
    print(
        f"{len(everybody):,} persons, {len(scorer.frozen.content_ids):,} contents, {len(version.tag_ids)} tags, "
        f"{len(scorer.ensemble.members)} members; training {training:.1f} s, scorer opened in {1000 * opened:.0f} ms, "
        f"everybody scored in {whole:.1f} s; largest difference to the training {apart:.1e}"
    )
    print(
        f"the same rows as of somebody whom the training did not know: largest difference {strangers:.1e}, mean cosine of the "
        f"embeddings {likeness:.3f}"
    )
    rows = [
        milliseconds("scoring, one person, wall", wall, training),
        milliseconds("scoring, one person, CPU", cpu, training),
        milliseconds("event in the lake to row on disk", steps, training),
    ]
    show("One person's tags without training", rows)
    if apart > _CLOSE:
        print(f"somebody changed without any event, by {apart:.1e}")
    return int(apart > _CLOSE)


if __name__ == "__main__":
    sys.exit(main())

"""Tags of persons whose labels are hidden: the tagger beside every baseline on the same persons, and whether anything leaks.

    python -m tests.bench.bench_interests SOURCE [--seeds 5] [--future]

For each seed 30 % of SOURCE's labelled persons are hidden, with their tagging events; the truth of a data set is never read.
Means over the seeds with the 95 % interval of the mean. Peers: popularity, and each label channel by itself (2-hop propagation
is `tagging_plain`, a vote of friends `friends`, kNN `neighbours_*`, logistic regression `structure`).
Leakage: mAP of the learned-from persons by cross-fitting must lie where that of the hidden ones lies, over the same tags.
`--future`: labels and tagging events up to the time before which 70 % of the labels fall are learned from; judged are the tags
that labelled persons take up later, among those that a person did not have before. The paired difference to a peer counts.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gnn.evaluate import tag_metrics
from gnn.evaluate.paired import paired_difference
from gnn.features.channels import Surroundings
from gnn.features.population import Population
from gnn.tags.propagated import baselines
from gnn.training.options import TrainingOptions
from tests.bench.harness import machine, show
from tests.bench.populations import Floats, hidden_and_kept, population_of, tagged, without_labels

_SHARE_BEFORE = 0.7
_FIGURES = {"mAP": "map", "AUC": "auc", "P@5": "p_at_5", "calibration error": "calibration_error", "Brier skill": "brier_skill"}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--future", action="store_true")
    arguments = parser.parse_args()
    print(machine())
    if arguments.future:
        future(arguments.source, arguments.seeds)
        return
    whole = population_of(arguments.source)
    figures: dict[str, list[dict[str, Any]]] = {}
    apart = []
    for seed in range(arguments.seeds):
        hidden, kept = hidden_and_kept(whole, seed=seed)
        data = without_labels(whole, hidden)
        scores = tagged(data, TrainingOptions(seed=seed), kept)
        around = Surroundings(data, dimensions=64, seed=seed)
        for name, values in {"tagger": scores[hidden], **baselines(data, around, kept, hidden)}.items():
            figures.setdefault(name, []).append(tag_metrics(whole.labels[hidden], values).as_dict())
        apart.append(same_tags(whole.labels, scores, kept, hidden, seed))
        print(f"seed {seed}: mAP {figures['tagger'][-1]['map']:.4f}, cross-fitted {apart[-1][0]:.4f}", flush=True)
    table = [
        {"method": name, **{title: interval([row[key] for row in rows]) for title, key in _FIGURES.items()}}
        for name, rows in figures.items()
    ]
    show(f"Hidden persons, {arguments.seeds} seeds", sorted(table, key=lambda row: (row["method"] != "tagger", row["method"])))
    cross, unseen = zip(*apart, strict=True)
    show("Leakage", [{"cross-fitted": interval(list(cross)), "hidden": interval(list(unseen))}])


def interval(values: list[float]) -> str:
    """Mean ± half the width of the 95 % interval of the mean (normal)."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return f"{np.mean(values):.4f} ± {1.96 * spread / len(values) ** 0.5:.4f}"


def same_tags(
    labels: Floats, scores: Floats, kept: npt.NDArray[np.int64], hidden: npt.NDArray[np.int64], seed: int
) -> tuple[float, float]:
    """mAP of equally many learned-from persons (cross-fitted) and of the hidden ones, over tags common among both."""
    drawn = np.random.default_rng(seed).permutation(kept)[: len(hidden)]
    common = (labels[drawn].sum(axis=0) >= 10) & (labels[hidden].sum(axis=0) >= 10)
    return (
        tag_metrics(labels[drawn][:, common], scores[drawn][:, common]).map,
        tag_metrics(labels[hidden][:, common], scores[hidden][:, common]).map,
    )


def future(source: Path, seeds: int) -> None:
    """Learn from the past, judge by what comes after."""
    past, later = split_by_time(source)
    rows = np.flatnonzero(past.labelled & (later > 0).any(axis=1))
    truth, had = later[rows], past.labels[rows] >= 0.5
    table: dict[str, list[str]] = {}
    for seed in range(seeds):
        scores = tagged(past, TrainingOptions(seed=seed), np.flatnonzero(past.labelled))[rows]
        peers = {n: v for n, v in cross_fitted(past, rows, seed).items() if n in ("popularity", "tagging_plain", "tagging_any")}
        for name, values in peers.items():
            masked = [np.where(had, -1.0, v) for v in (values, scores)]  # what a person had already is neither right nor wrong
            pair = paired_difference(truth, *masked, seed=seed)
            line = f"{pair.second:.4f} against {pair.first:.4f}: {pair.difference:+.4f} ({pair.low:+.4f} to {pair.high:+.4f})"
            table.setdefault(name, []).append(line)
    show(
        f"Future tags of {len(rows)} persons, mAP",
        [{"peer": name, "seed": seed, "tagger": line} for name, lines in table.items() for seed, line in enumerate(lines)],
    )


def cross_fitted(data: Population, rows: npt.NDArray[np.int64], seed: int) -> dict[str, Floats]:
    """Baselines of labelled persons, each from the other folds' labels and tagging events."""
    around = Surroundings(data, dimensions=64, seed=seed)
    dealt = np.random.default_rng([seed, 5]).integers(0, 5, data.persons)
    out: dict[str, Floats] = {}
    for fold in range(5):
        mine = dealt[rows] == fold
        kept = np.flatnonzero(data.labelled & (dealt != fold))
        for name, values in baselines(data, around, kept, rows[mine]).items():
            out.setdefault(name, np.zeros((len(rows), len(data.tags)), np.float32))[mine] = values
    return out


def split_by_time(source: Path) -> tuple[Population, Floats]:
    """The population of the past, and (n, k) the tags that its persons take up later."""
    labels = pq.read_table(source / "labels.parquet")
    at = labels["at"].take(pc.sort_indices(labels["at"]))[int(_SHARE_BEFORE * len(labels))]
    with tempfile.TemporaryDirectory(prefix="tessera-past-") as folder:
        past = Path(folder)
        for file in source.glob("*.parquet"):
            if file.name == "labels.parquet":
                pq.write_table(labels.filter(pc.less(labels["at"], at)), past / file.name)
            elif file.name == "events.parquet":
                events = pq.read_table(file)
                pq.write_table(
                    events.filter(pc.or_(pc.not_equal(events["type"], "tag"), pc.less(events["at"], at))), past / file.name
                )
            else:
                shutil.copy(file, past / file.name)
        data = population_of(past)
    whole = population_of(source)
    place = {person: i for i, person in enumerate(whole.person_ids.to_pylist())}
    column = {tag: i for i, tag in enumerate(whole.tags)}
    rows = np.array([place[p] for p in data.person_ids.to_pylist()])
    after = whole.labels[rows][:, [column[t] for t in data.tags]]
    return data, np.where(data.labels < 0.5, after, 0).astype(np.float32)


if __name__ == "__main__":
    main()

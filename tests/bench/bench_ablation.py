"""What each part is worth: the ensemble with everything against the ensemble without one part, on persons it has not seen.

    python -m tests.bench.bench_ablation SOURCE [--seeds 5] [--without tagging friends trees … ] [--with sequence texts … ]

For each seed 30 % of SOURCE's labelled persons are hidden, the rest are learned from; the truth of a data set is never read.
Names of `--without`: channels (`gnn.features.channels.CHANNELS`), towers (position, propagation) and kinds of members (evidence,
towers, trees). Names of `--with`, parts that are off by default and therefore *added*: messages, network, sequence, texts.
The cost of a part is the mAP lost without it, the gain of an added one the mAP won with it: mean over seeds, with a 95 % interval
that takes in both the draw of the persons (paired bootstrap) and the seeds. Parts that SOURCE has no data for are left out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from gnn.evaluate import tag_metrics
from gnn.evaluate.paired import paired_difference
from gnn.features.channels import CHANNELS
from gnn.features.population import Population
from gnn.interests import content_vectors
from gnn.training.options import ADDED, TrainingOptions
from graph.progress import ignore_progress
from tests.bench.harness import machine, show
from tests.bench.populations import Floats, hidden_and_kept, population_of, tagged, without_labels

KINDS = ("evidence", "towers", "trees")


def cost(differences: list[float], errors: list[float]) -> str:
    """Mean ± half the width of the interval: variance between seeds and, within, of the bootstrap."""
    count = len(differences)
    between = float(np.var(differences, ddof=1)) if count > 1 else 0.0
    half = 1.96 * float(np.sqrt((between + np.mean(np.square(errors))) / count))
    return f"{np.mean(differences):+.4f} ± {half:.4f}"


def with_part(options: TrainingOptions, name: str) -> TrainingOptions:
    """The options with a part that is off by default."""
    return replace(options, message_passing=True) if name == "messages" else replace(options, added=frozenset({name}))


def vectors(data: Population) -> Floats | None:
    """Text vectors of the contents."""
    with tempfile.TemporaryDirectory(prefix="tessera-texts-") as folder:
        return content_vectors(data, TrainingOptions(), Path(folder), [], ignore_progress)[1]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--without", nargs="*", default=[*CHANNELS, "propagation", *KINDS])
    parser.add_argument("--with", dest="added", nargs="*", default=[], choices=["messages", *ADDED])
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    whole = population_of(arguments.source, recent_events=TrainingOptions(added=frozenset(ADDED)).recent_events)
    text = vectors(whole) if "texts" in arguments.added else None
    print(machine())
    print(f"{whole.persons} persons, {int(whole.labelled.sum())} labelled, {len(whole.tags)} tags", flush=True)
    found: dict[str, tuple[list[float], list[float]]] = {}
    full_map, seconds = [], []
    for seed in range(arguments.seeds):
        hidden, kept = hidden_and_kept(whole, seed=seed)
        data = without_labels(whole, hidden)
        options = TrainingOptions(seed=seed, device=arguments.device)

        begin = time.perf_counter()
        truth, full = whole.labels[hidden], tagged(data, options, kept)[hidden]
        seconds.append(time.perf_counter() - begin)
        full_map.append(tag_metrics(truth, full).map)
        variants = [(name, replace(options, without_channels=frozenset({name}))) for name in arguments.without]
        variants += [(f"+{name}", with_part(options, name)) for name in arguments.added]
        for name, chosen in variants:
            other = tagged(data, chosen, kept, text)[hidden]
            if np.array_equal(other, full):
                continue  # nothing of it in this source
            pair = paired_difference(truth, full, other, seed=seed)
            lost, errors = found.setdefault(name, ([], []))
            lost.append(pair.difference if name.startswith("+") else -pair.difference)
            errors.append((pair.high - pair.low) / 3.92)
            print(f"seed {seed} {name}: {lost[-1]:+.4f}", flush=True)
    table = [{"part": name, "mAP lost without, or won with": cost(*values)} for name, values in found.items()]
    show(f"mAP with everything {np.mean(full_map):.4f}, {np.mean(seconds):.0f} s a training", table)


if __name__ == "__main__":
    main()

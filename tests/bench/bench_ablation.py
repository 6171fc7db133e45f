"""What each channel is worth: the tagger with everything against the tagger without one channel, on persons it has not seen.

    python -m tests.bench.bench_ablation SOURCE [--seeds 5] [--without tagging friends … ]

For each seed 30 % of SOURCE's labelled persons are hidden, the rest are learned from; the truth of a data set is never read.
Names are those of `--without`: channels (`gnn.features.channels.CHANNELS`), towers (position, propagation) and `messages`, which
is off by default and therefore *added*. The cost of a channel is the mAP lost without it: mean over seeds, with a 95 % interval
that takes in both the draw of the persons (paired bootstrap) and the seeds. Channels that SOURCE has no data for are left out.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from gnn.evaluate import tag_metrics
from gnn.evaluate.paired import paired_difference
from gnn.features.channels import CHANNELS
from gnn.training.options import TrainingOptions
from tests.bench.harness import machine, show
from tests.bench.populations import hidden_and_kept, population_of, tagged, without_labels

ADDED = "messages"


def cost(differences: list[float], errors: list[float]) -> str:
    """Mean ± half the width of the interval: variance between seeds and, within, of the bootstrap."""
    count = len(differences)
    between = float(np.var(differences, ddof=1)) if count > 1 else 0.0
    half = 1.96 * float(np.sqrt((between + np.mean(np.square(errors))) / count))
    return f"{np.mean(differences):+.4f} ± {half:.4f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--without", nargs="*", default=[*CHANNELS, "propagation", ADDED])
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    whole = population_of(arguments.source)
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
        for name in arguments.without:
            added = name == ADDED
            chosen = replace(options, message_passing=True) if added else replace(options, without_channels=frozenset({name}))
            other = tagged(data, chosen, kept)[hidden]
            if np.array_equal(other, full):
                continue  # nothing of it in this source
            pair = paired_difference(truth, full, other, seed=seed)
            lost, errors = found.setdefault(name, ([], []))
            lost.append(-pair.difference)
            errors.append((pair.high - pair.low) / 3.92)
            print(f"seed {seed} without {name}: {-pair.difference:+.4f}", flush=True)
    table = [
        {"channel": n + (" (added: gain is negative)" if n == ADDED else ""), "mAP lost": cost(*v)} for n, v in found.items()
    ]
    show(f"mAP with everything {np.mean(full_map):.4f}, {np.mean(seconds):.0f} s a training", table)


if __name__ == "__main__":
    main()

"""Cross-device pairs without sign-ins: simulated worlds, and a real panel where its files are at hand.

    python -m tests.bench.bench_cross_device worlds [--first 300] [--count 20]
    python -m tests.bench.bench_cross_device base
    python -m tests.bench.bench_cross_device panel --home DIR --truth FILE

`worlds`: F1, calibration and Brier skill on simulated worlds. `base`: fits the figures of graph/resolve/cross_device/base.py, on
other worlds than those of `worlds` (some ten minutes). `panel`: a home into which the panel was ingested; device-pair F1 with a
bootstrap interval over people, F1 at neighbouring thresholds, Brier skill over candidates. The truth is read only to score; what
is fixed comes from simulated worlds and from the input alone.

Looks at the truth of the 77-device panel, in order, six in all; at 2 log2 odds unless said. The target of F1 .86 is missed.

1  base and threshold fixed: F1 .686, Brier skill .50
2  from the input alone: telephones without any browsing have nothing to compare with a desktop, so contents of types that only
   one device has count as unknown, and what is unknown weighs nothing; base fitted anew on simulated worlds: F1 .757, Brier .72
3  with the threshold of the best expected F1 (-0.56): F1 .780. In hindsight 0 would give .821
4  the state of the second, by the neutral referee: F1 .757, precision .933, recall .636
5  views learned by expectation-maximisation given up for traits of the lake, with simulated panels of strangers among the worlds;
   expected matches among pairs that never met bounded; a margin in the weight for the best expected F1, not under even odds; all
   chosen on simulated worlds: F1 .769, precision .882, recall .682
6  base fitted anew on worlds that reach farther towards panels of dense use, otherwise as the fifth: F1 .769, the same figures
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import pyarrow.parquet as pq

from graph.lake import Lake
from graph.resolve.cluster import cluster
from graph.resolve.contraction import ClusterRules
from graph.resolve.cross_device import FEATURES, FeatureParameters, PairFeatures, fit_views, measure_parameters, pair_features
from graph.resolve.cross_device.base import LAKE, MOVED, TRAITS
from graph.resolve.cross_device.lake import lake_references, lake_traits
from graph.resolve.cross_device.logistic import fit_logistic
from tests.bench.harness import machine, show
from tests.unit.cross_device_world import World, prepare, simulate

Reals = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

HOUSEHOLDS = ((1.0,), (0.3, 0.3, 0.2, 0.2), (0.6, 0.25, 0.1, 0.05), (0.1, 0.4, 0.25, 0.25))


def draw(seed: int) -> World:
    """A world of some kind: sparse or dense use, panel or town, apps and sites in common or not."""
    rng = np.random.default_rng([7, seed])
    households = HOUSEHOLDS[rng.integers(len(HOUSEHOLDS))]
    observed, panel = float(rng.choice([0.3, 0.6, 0.85, 1.0])), float(rng.choice([0.08, 0.2, 0.5, 1.0]))
    return World(
        household_sizes=households,
        people=int(min(1_500, rng.integers(60, 160) / observed**0.7 / panel)),
        days=int(rng.integers(10, 40)),
        seed=seed,
        events_per_day=float(np.exp(rng.uniform(np.log(3), np.log(60)))),
        observed_share=observed,
        panel_share=panel,
        cities=int(rng.integers(1, 5)),
        office_people=int(rng.choice([6, 25, 80])),
        cafes=int(rng.choice([15, 40, 150])),
        away_share=float(rng.uniform(0.03, 0.2)),
        carrier_addresses=int(rng.choice([20, 300, 3_000])),
        household_taste=float(rng.uniform(0.05, 0.5)),
        favourite_share=float(rng.uniform(0.2, 0.7)),
        sites=int(rng.choice([500, 3_000, 20_000])),
        app_share=float(rng.choice([0.3, 0.7, 0.9, 1.0])),
        device_taste=float(rng.choice([0.1, 0.3, 1.0])),
        second_id_share=float(rng.choice([0.0, 0.1, 0.5])),
        wrong_zone_share=float(rng.choice([0.0, 0.03])),
    )


def strangers(seed: int) -> World:
    """A panel of one person here and there out of a large town, few of whom know each other, used a lot or not."""
    rng = np.random.default_rng([9, seed])
    panel, observed = float(rng.choice([0.01, 0.02, 0.04])), float(rng.choice([0.6, 0.85, 1.0]))
    return replace(
        draw(seed),
        panel_share=panel,
        observed_share=observed,
        people=int(rng.integers(40, 140) / observed**0.7 / panel),
        cities=int(rng.integers(1, 3)),
        days=int(rng.integers(14, 40)),
        second_id_share=float(rng.choice([0.0, 0.0, 0.05, 0.2])),
        household_sizes=HOUSEHOLDS[rng.integers(len(HOUSEHOLDS))],
        events_per_day=float(np.exp(rng.uniform(np.log(10), np.log(120)))),
        mobile_data_share=float(rng.choice([0.1, 0.25, 0.5, 0.8])),
    )


def drawn_pairs(
    seed: int, kind: Callable[[int], World]
) -> tuple[World, FeatureParameters, PairFeatures, npt.NDArray[np.bool_], int]:
    """A world, its candidate pairs, which of them are one person's, and how many pairs of devices are."""
    world = kind(seed)
    simulated = simulate(world)
    prepare(simulated.connection)
    parameters = measure_parameters(simulated.connection)
    features = pair_features(simulated.connection, parameters)
    same = _same(features, simulated.owner)
    held = np.bincount(list(simulated.owner.values()))
    return world, parameters, features, same, int((held * (held - 1) // 2).sum())


def _same(features: PairFeatures, owner: dict[str, int]) -> npt.NDArray[np.bool_]:
    return np.array(
        [owner[a] == owner[b] for a, b in zip(features.left_id.to_pylist(), features.right_id.to_pylist(), strict=True)], bool
    )


def pair_f1(chosen: npt.NDArray[np.bool_], same: npt.NDArray[np.bool_], total: int) -> float:
    """F1 over pairs of devices."""
    return float(2 * (chosen & same).sum() / max(int(chosen.sum()) + total, 1))


def brier_skill(probability: Reals, same: npt.NDArray[np.bool_]) -> float:
    """1 - Brier score / that of the base rate."""
    rate = same.mean()
    return float(1 - ((probability - same) ** 2).mean() / (rate * (1 - rate)))


def worlds(first: int, count: int, kind: Callable[[int], World]) -> None:
    """One row a world, and calibration over all of them."""
    rows, probabilities, truths = [], [], []
    for seed in range(first, first + count):
        world, parameters, features, same, total = drawn_pairs(seed, kind)
        model = fit_views(features, parameters)
        scores = None if model is None else model.score(features.values)
        weight = np.full(len(same), -99.0) if scores is None else scores.weight
        probability = np.zeros(len(same)) if scores is None else scores.probability
        joined = weight >= 2
        rows.append(
            {
                "seed": seed,
                "panel": world.panel_share,
                "observed": world.observed_share,
                "homes of one": world.household_sizes[0],
                "pairs": len(same),
                "true": total,
                "precision": round(float(same[joined].mean()), 3) if joined.any() else None,
                "F1": round(pair_f1(joined, same, total), 3),
                "F1 from 4 to 1": round(pair_f1(probability >= 0.8, same, total), 3),
                "best F1": round(max(pair_f1(probability >= t, same, total) for t in np.linspace(0.05, 0.95, 19)), 3),
                "Brier skill": round(brier_skill(probability, same), 3),
            }
        )
        probabilities.append(probability)
        truths.append(same)
    show("worlds without sign-ins", rows)
    p, y = np.concatenate(probabilities), np.concatenate(truths)
    claims = np.flatnonzero(p >= 0.1)
    parts = np.array_split(claims[np.argsort(p[claims], kind="stable")], 15)
    error = sum(len(part) / len(claims) * abs(p[part].mean() - y[part].mean()) for part in parts)
    show(
        "all of them",
        [{"calibration error (p >= .1)": round(float(error), 4), "mean F1": np.mean([r["F1"] for r in rows]).round(3)}],
    )


def base() -> None:
    """Print LAKE and TRAITS; each world weighs as much as a hundred pairs."""
    seeds: list[tuple[int, Callable[[int], World]]] = [(seed, draw) for seed in (*range(200, 300), *range(1000, 1100))]
    drawn = [drawn_pairs(seed, kind)[1:4] for seed, kind in [*seeds, *((seed, strangers) for seed in range(3000, 3040))]]
    traits = np.array([lake_traits(features, parameters) for parameters, features, _ in drawn])
    mean, deviation = np.round(traits.mean(0), 2), np.round(traits.std(0), 2)
    moved = [FEATURES.index(name) for name in MOVED]
    rows = []
    for (_, features, _), z in zip(drawn, np.clip((traits - mean) / deviation, -2, 2), strict=True):
        x = np.nan_to_num(features.values - lake_references(features))
        by_trait = [np.column_stack([np.full(len(x), value), value * x[:, moved]]) for value in z]
        rows.append(np.column_stack([x, *by_trait]))
    y = np.concatenate([same for *_, same in drawn]).astype(np.float64)
    w = np.concatenate([np.full(len(same), 100 / len(same)) for *_, same in drawn])
    precision = np.array([1e-6, *[0.04] * len(FEATURES), *[1.0] * (len(TRAITS) * (1 + len(moved)))])
    fitted = fit_logistic(np.concatenate(rows), y, np.zeros(len(precision)), precision, w) / np.log(2)
    print(f"LAKE_PRIOR = {fitted[0]:.2f}\nLAKE = ({', '.join(f'{c:.2f}' for c in fitted[1 : 1 + len(LAKE)])})")
    for trait, m, d, effect in zip(TRAITS, mean, deviation, fitted[1 + len(LAKE) :].reshape(len(TRAITS), -1), strict=True):
        slopes = ", ".join(f"{c:.2f}" for c in effect[1:])
        print(f'Trait("{trait.name}", {m:.2f}, {d:.2f}, {effect[0]:.2f}, ({slopes})),')


def panel(home: Path, truth: Path) -> None:
    """Score a real panel."""
    connection = Lake(home / "lake").connect()
    prepare(connection)
    parameters = measure_parameters(connection)
    features = pair_features(connection, parameters)
    model = fit_views(features, parameters)
    if model is None:
        print("the data support no model")
        return
    scores = model.score(features.values)
    table = pq.read_table(truth)
    table = table.filter(pc.equal(table["kind"], "device"))
    people = table["person"].dictionary_encode().combine_chunks().indices.to_numpy()
    owner = dict(zip(table["id"].to_pylist(), people.tolist(), strict=True))
    ids = sorted(owner)
    number = {device: k for k, device in enumerate(ids)}
    left = np.array([number[d] for d in features.left_id.to_pylist()])
    right = np.array([number[d] for d in features.right_id.to_pylist()])
    person = np.array([owner[d] for d in ids])

    def clusters(threshold: float) -> Integers:
        rules = ClusterRules(join_log2_odds=threshold, strong_log2_odds=max(threshold, 4.0))
        return np.asarray(cluster(np.zeros(len(ids), bool), left, right, scores.weight, rules).anchor)

    rng = np.random.default_rng(0)
    _, person = np.unique(person, return_inverse=True)
    people_drawn = rng.multinomial(person.max() + 1, np.full(person.max() + 1, 1 / (person.max() + 1)), 1_000)
    rows = []
    for threshold in (-1.0, 0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0):
        anchor = clusters(threshold)
        drawn = [_drawn_f1(anchor, person, times) for times in people_drawn]
        precision, recall, f1 = _precision_recall(anchor, person)
        low, high = np.quantile(drawn, [0.025, 0.975])
        rows.append(
            {"threshold": round(threshold, 2), "precision": round(precision, 3), "recall": round(recall, 3), "F1": round(f1, 3),
             "95 % of people drawn": f"{low:.3f}-{high:.3f}"}
        )  # fmt: skip
    show("panel, device pairs", rows)
    same = _same(features, owner)
    show("candidates", [{"pairs": len(same), "true": int(same.sum()), "expected": round(float(scores.probability.sum()), 1),
                         "Brier skill": round(brier_skill(scores.probability, same), 3)}])  # fmt: skip


def _precision_recall(anchor: Integers, person: Integers) -> tuple[float, float, float]:
    upper = np.triu_indices(len(anchor), 1)
    found, true = anchor[upper[0]] == anchor[upper[1]], person[upper[0]] == person[upper[1]]
    both = (found & true).sum()
    precision, recall = both / max(found.sum(), 1), both / max(true.sum(), 1)
    return float(precision), float(recall), float(2 * both / max(found.sum() + true.sum(), 1))


def _drawn_f1(anchor: Integers, person: Integers, times: Integers) -> float:
    """F1 where person p was drawn times[p] times: a pair between two people counts for each pair of their copies, a pair within
    one for each copy."""
    upper = np.triu_indices(len(anchor), 1)
    found, true = anchor[upper[0]] == anchor[upper[1]], person[upper[0]] == person[upper[1]]
    weight = np.where(true, times[person[upper[0]]], times[person[upper[0]]] * times[person[upper[1]]])
    return float(2 * weight[found & true].sum() / max(weight[found].sum() + weight[true].sum(), 1))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("base")
    command = commands.add_parser("worlds")
    command.add_argument("--kind", choices=("any", "strangers"), default="any")
    command.add_argument("--first", type=int, default=300)
    command.add_argument("--count", type=int, default=20)
    command = commands.add_parser("panel")
    command.add_argument("--home", type=Path, required=True)
    command.add_argument("--truth", type=Path, required=True)
    options = parser.parse_args()
    print(machine())
    if options.command == "panel":
        panel(options.home, options.truth)
    elif options.command == "base":
        base()
    else:
        worlds(options.first, options.count, strangers if options.kind == "strangers" else draw)


if __name__ == "__main__":
    main()

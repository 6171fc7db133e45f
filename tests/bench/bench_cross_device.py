"""Cross-device pairs without sign-ins: simulated worlds, and a real panel where its files are at hand.

    python -m tests.bench.bench_cross_device worlds [--first 300] [--count 20]
    python -m tests.bench.bench_cross_device base [--first 200] [--count 26]
    python -m tests.bench.bench_cross_device panel --home DIR --truth FILE

`worlds`: F1, calibration and Brier skill on simulated worlds. `base`: fits the figures of graph/resolve/cross_device/base.py, on
other worlds than those of `worlds`. `panel`: a home into which the panel was ingested; device-pair F1 with a bootstrap interval
over people, F1 at neighbouring thresholds, of which the first is that of the best expected F1, Brier skill over candidates. The
truth is read only to score; what is fixed comes from simulated worlds, the threshold from the clustering rules (2 log2 odds).

Order of events on the 77-device panel. Base and threshold fixed, first look: F1 .686 at 2 log2 odds, Brier skill .50. Then, from
the input alone: telephones without any browsing have nothing to compare with a desktop, so contents of types that only one
device has count as unknown, and what is unknown weighs nothing; base fitted anew on simulated worlds. Second look: F1 .757,
Brier skill .72. Third, with the threshold of the best expected F1 (-0.56): F1 .780. In hindsight 0 would give .821.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import pyarrow.parquet as pq

from graph.lake import Lake
from graph.resolve.cluster import cluster
from graph.resolve.contraction import ClusterRules
from graph.resolve.cross_device import FEATURES, FeatureParameters, PairFeatures, fit_views, measure_parameters, pair_features
from graph.resolve.cross_device.base import BEHAVIOUR, REFERENCES
from graph.resolve.cross_device.logistic import fit_logistic
from graph.resolve.cross_device.threshold import expected_f1_threshold
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


def drawn_pairs(seed: int) -> tuple[World, FeatureParameters, PairFeatures, npt.NDArray[np.bool_], int]:
    """A world, its candidate pairs, which of them are one person's, and how many pairs of devices are."""
    world = draw(seed)
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


def _best(probability: Reals) -> float:
    return expected_f1_threshold(probability, probability)


def brier_skill(probability: Reals, same: npt.NDArray[np.bool_]) -> float:
    """1 - Brier score / that of the base rate."""
    rate = same.mean()
    return float(1 - ((probability - same) ** 2).mean() / (rate * (1 - rate)))


def worlds(first: int, count: int) -> None:
    """One row a world, and calibration over all of them."""
    rows, probabilities, truths = [], [], []
    for seed in range(first, first + count):
        world, parameters, features, same, total = drawn_pairs(seed)
        model = fit_views(features, parameters)
        probability = np.zeros(len(same)) if model is None else model.score(features.values).probability
        rows.append(
            {
                "seed": seed,
                "panel": world.panel_share,
                "observed": world.observed_share,
                "homes of one": world.household_sizes[0],
                "pairs": len(same),
                "true": total,
                "F1": round(pair_f1(probability >= 0.8, same, total), 3),
                "F1 at expected best": round(pair_f1(probability >= _best(probability), same, total), 3),
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


def base(first: int, count: int) -> None:
    """Print PRIOR and coefficients, joint and of the first view; each world weighs as much as a hundred pairs."""
    values, targets, weights = [], [], []
    for seed in range(first, first + count):
        _, _, features, same, _ = drawn_pairs(seed)
        values.append(np.nan_to_num(features.values - np.array(REFERENCES)))
        targets.append(same)
        weights.append(np.full(len(same), 100 / len(same)))
    x, y, w = np.concatenate(values), np.concatenate(targets).astype(np.float64), np.concatenate(weights)
    for name, left_out in (("JOINT", ()), ("PLACES", tuple(name for view in BEHAVIOUR for name in view))):
        kept = np.array([f not in left_out for f in FEATURES])
        precision = np.array([1e-6, *np.where(kept, 0.04, 1e9)])
        fitted = fit_logistic(x, y, np.zeros(1 + len(FEATURES)), precision, w) / np.log(2)
        print(f"{name}_PRIOR = {fitted[0]:.2f}\n{name} = ({', '.join(f'{c:.2f}' for c in fitted[1:])})")


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
    best = expected_f1_threshold(scores.weight, scores.probability)
    for threshold in (best, -1.0, 0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0):
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
    for name, start, number in (("worlds", 300, 20), ("base", 200, 26)):
        command = commands.add_parser(name)
        command.add_argument("--first", type=int, default=start)
        command.add_argument("--count", type=int, default=number)
    command = commands.add_parser("panel")
    command.add_argument("--home", type=Path, required=True)
    command.add_argument("--truth", type=Path, required=True)
    options = parser.parse_args()
    print(machine())
    if options.command == "panel":
        panel(options.home, options.truth)
    else:
        {"worlds": worlds, "base": base}[options.command](options.first, options.count)


if __name__ == "__main__":
    main()

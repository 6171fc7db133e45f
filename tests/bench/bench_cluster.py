"""Clustering against the exact optimum, bare components and greedy contraction alone, and its time on one very large component.

    python -m tests.bench.bench_cluster [--nodes 100000] [--pairs 1000000] [--problems 2000]

Quality: the share of the best possible sum of scores that is reached on random signed graphs of 5 to 9 nodes, where the optimum
under the rules is known, by the method for large components (`cluster` itself is exact there; contraction may break the rule
on weak chains, so its sum is not quite comparable); and pairwise F1 on planted people whose pairs are scored with noise, in the
last case with so much of it across that all are one component. Peer: connected components of the supporting pairs (scipy).
Exits with 1 where clustering is no better than its peers, or slower than 60 s.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from graph.resolve.cluster import cluster, components, objective, score_pairs, solve_large
from graph.resolve.cluster_exact import solve_exactly
from graph.resolve.contraction import MILLION, ClusterRules, contract
from tests.bench.harness import machine, show

RULES = ClusterRules()
Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
Reals = np.ndarray[tuple[int], np.dtype[np.float64]]


def random_graphs(problems: int) -> list[dict[str, object]]:
    """How near to the optimum contraction and improvement come."""
    rows = []
    for density in (0.4, 0.7, 1.0):
        rng = np.random.default_rng(7)
        best = greedy = improved = 0
        same = [0, 0]
        for _ in range(problems // 3):
            nodes = int(rng.integers(5, 10))
            left, right = (x.astype(np.int64) for x in np.triu_indices(nodes, 1))
            kept = rng.random(len(left)) < density
            left, right = left[kept], right[kept]
            score = np.rint(rng.normal(0, 5, len(left)) * MILLION).astype(np.int64)
            facts = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64), RULES.integers()
            between = np.zeros((nodes, nodes), np.int64)
            between[left, right] = between[right, left] = score
            exact = solve_exactly(between, *facts)
            one = contract(nodes, left, right, score, *facts, np.arange(nodes))
            other = solve_large(nodes, (left, right, score), facts, True)
            best += objective(exact, left, right, score)
            greedy += objective(one, left, right, score)
            improved += objective(other, left, right, score)
            same[0] += bool((one == exact).all())
            same[1] += bool((other == exact).all())
        count = problems // 3
        rows.append(
            {
                "density": density,
                "contraction / optimum": f"{greedy / best:.4f}",
                "with improvement / optimum": f"{improved / best:.4f}",
                "contraction optimal": f"{same[0] / count:.3f}",
                "with improvement optimal": f"{same[1] / count:.3f}",
            }
        )
    return rows


def planted(nodes: int, pairs: int, flipped: float, seed: int, stray: float) -> tuple[Ints, Ints, Ints, Reals]:
    """Persons of 1 to 9 members; scores about 5 inside and -5 across with a standard deviation of 2, a share of them flipped."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(nodes), rng.integers(1, 10, nodes))[:nodes]
    near = rng.integers(0, nodes, pairs)
    other = np.clip(near + rng.integers(-8, 9, pairs), 0, nodes - 1)
    other = np.where(rng.random(pairs) < stray, rng.integers(0, nodes, pairs), other)
    sign = (person[near] == person[other]) ^ (rng.random(pairs) < flipped)
    return person, near, other, rng.normal(0, 2, pairs) + np.where(sign, 5, -5)


def f1(found: Ints, person: Ints) -> tuple[float, float, float]:
    """Pairwise precision, recall, F1."""

    def pairs(values: Ints) -> int:
        count = np.unique(values, return_counts=True)[1]
        return int((count * (count - 1) // 2).sum())

    both = pairs(found * (person.max() + 1) + person)
    return both / pairs(found), both / pairs(person), 2 * both / (pairs(found) + pairs(person))


def planted_people(nodes: int, pairs: int) -> list[dict[str, object]]:
    """F1 and time, by how many scores are wrong."""
    rows = []
    for flipped, stray in ((0.0, 0.02), (0.01, 0.02), (0.03, 0.02), (0.06, 0.02), (0.06, 0.4)):
        person, left, right, weight = planted(nodes, pairs, flipped, 1, stray)
        low, high, score = score_pairs(nodes, left, right, weight)
        supports = score >= RULES.integers()[0]
        nothing = np.zeros(nodes, np.int64)
        begin = time.perf_counter()
        bare = components(nodes, low[supports], high[supports])
        bare_seconds = time.perf_counter() - begin
        begin = time.perf_counter()
        greedy = contract(nodes, low, high, score, nothing, nothing, RULES.integers(), np.arange(nodes))
        greedy_seconds = time.perf_counter() - begin
        begin = time.perf_counter()
        found = cluster(np.zeros(nodes, bool), left, right, weight, RULES)
        seconds = time.perf_counter() - begin
        for name, anchor, took in (
            ("bare components", bare, bare_seconds),
            ("contraction", greedy, greedy_seconds),
            ("cluster", found.anchor, seconds),
        ):
            precision, recall, both = f1(anchor, person)
            rows.append(
                {
                    "wrong scores": flipped,
                    "method": name,
                    "largest component": int(np.bincount(bare).max()),
                    "precision": f"{precision:.4f}",
                    "recall": f"{recall:.4f}",
                    "F1": f"{both:.4f}",
                    "sum of scores": f"{objective(anchor, low, high, score) / MILLION:.0f}",
                    "seconds": f"{took:.2f}",
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=100_000)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--problems", type=int, default=2_000)
    options = parser.parse_args()
    print(machine())
    begin = time.perf_counter()
    planted_people(500, 3_000)
    print(f"first use, compilation or reading of its cache: {time.perf_counter() - begin:.1f} s")
    small = random_graphs(options.problems)
    show("Share of the optimum on random signed graphs of 5 to 9 nodes, by the method for large components", small)
    large = planted_people(options.nodes, options.pairs)
    show(f"Planted people, {options.nodes:,} nodes, {options.pairs:,} pairs", large)
    improves = all(r["with improvement optimal"] >= r["contraction optimal"] for r in small)  # type: ignore[operator]
    better = all(float(str(large[i + 2]["F1"])) >= float(str(large[i]["F1"])) for i in range(0, len(large), 3))
    quick = all(float(str(r["seconds"])) < 60 for r in large)
    if not (improves and better and quick):
        sys.exit(1)


if __name__ == "__main__":
    main()

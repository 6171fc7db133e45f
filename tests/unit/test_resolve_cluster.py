from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.resolve.cluster import cluster, components
from graph.resolve.contraction import MILLION, ClusterRules, contract

RULES = ClusterRules(max_members=6, max_accounts=4)


def naive(nodes: int, pairs: dict[tuple[int, int], int], accounts: list[int], rules: ClusterRules) -> list[int]:
    """The same greedy rule without a heap: look at all pairs of clusters again before each join."""
    clusters = [[n] for n in range(nodes)]
    while True:
        best = None
        for i, one in enumerate(clusters):
            for other in clusters[i + 1 :]:
                known = [p for a in one for b in other if (p := (min(a, b), max(a, b))) in pairs]
                score = sum(pairs[p] for p in known)
                needed = rules.join_log2_odds if min(len(one), len(other)) == 1 else rules.strong_log2_odds
                both = one + other
                if not known or score < needed * MILLION or len(both) > rules.max_members:
                    continue
                if sum(accounts[n] for n in both) > rules.max_accounts:
                    continue
                key = (-score, min(known))
                if best is None or key < best[0]:
                    best = (key, one, other)
        if best is None:
            break
        clusters = sorted([c for c in clusters if c not in best[1:]] + [sorted(best[1] + best[2])])
    leader = [0] * nodes
    for group in clusters:
        for node in group:
            leader[node] = min(group)
    return leader


@st.composite
def problems(draw: st.DrawFn) -> tuple[int, dict[tuple[int, int], int], list[int]]:
    nodes = draw(st.integers(1, 9))
    every = [(a, b) for a in range(nodes) for b in range(a + 1, nodes)]
    chosen = draw(st.lists(st.sampled_from(every), unique=True, max_size=16)) if every else []
    scores = draw(st.lists(st.integers(-8, 9), min_size=len(chosen), max_size=len(chosen)))
    accounts = draw(st.lists(st.integers(0, 1), min_size=nodes, max_size=nodes))
    return nodes, {p: s * MILLION for p, s in zip(chosen, scores, strict=True)}, accounts


@settings(max_examples=300, deadline=None)
@given(problems(), st.randoms(use_true_random=False))
def test_contraction_equals_the_naive_one_in_any_order(
    problem: tuple[int, dict[tuple[int, int], int], list[int]], generator: random.Random
) -> None:
    nodes, pairs, accounts = problem
    listed = [(a, b, s) for (a, b), s in pairs.items()]
    generator.shuffle(listed)
    assert contract(nodes, listed, accounts, RULES) == naive(nodes, pairs, accounts, RULES)


@settings(max_examples=200, deadline=None)
@given(problems(), st.randoms(use_true_random=False))
def test_clusters_equal_contraction_of_everything_whatever_the_order_and_the_split_of_weights(
    problem: tuple[int, dict[tuple[int, int], int], list[int]], generator: random.Random
) -> None:
    nodes, pairs, accounts = problem
    rows = []
    for (a, b), score in pairs.items():
        half = score // 2
        rows += [(a, b, half / MILLION), (b, a, (score - half) / MILLION), (a, a, 9.0)]
    generator.shuffle(rows)
    left, right, weight = (np.array([r[i] for r in rows]) for i in range(3))
    found = cluster(np.array(accounts, bool), left.astype(np.int64), right.astype(np.int64), weight.astype(np.float64), RULES)
    assert found.anchor.tolist() == naive(nodes, pairs, accounts, RULES)
    for node in range(nodes):
        miss = 1.0
        for (a, b), score in pairs.items():
            if node in (a, b) and found.anchor[a] == found.anchor[b] and score > 0:
                miss *= 1 - 1 / (1 + 2 ** (-score / MILLION))
        linked = miss < 1
        assert abs(found.confidence[node] - (1 - miss if linked else 1.0)) < 1e-9


def test_a_chain_of_weak_links_does_not_join_two_strong_groups() -> None:
    strong = [(0, 1, 6.0), (1, 2, 6.0), (3, 4, 6.0), (4, 5, 6.0)]

    def anchors(*extra: tuple[int, int, float]) -> list[int]:
        left, right, weight = zip(*strong, *extra, strict=True)
        return cluster(np.zeros(7, bool), np.array(left), np.array(right), np.array(weight), ClusterRules()).anchor.tolist()

    assert anchors((2, 3, 3.0)) == [0, 0, 0, 3, 3, 3, 6]
    assert anchors((2, 3, 4.0)) == [0, 0, 0, 0, 0, 0, 6]  # strong enough by itself
    assert anchors((2, 3, 3.0), (1, 4, 3.0)) == [0, 0, 0, 0, 0, 0, 6]  # two weak links add up
    assert anchors((2, 3, 4.0), (0, 5, -3.0)) == [0, 0, 0, 3, 3, 3, 6]  # evidence against counts
    assert anchors((2, 6, 3.0)) == [0, 0, 0, 3, 3, 3, 0]  # a single node may join by a weak link
    assert anchors((2, 6, 3.0), (6, 3, 3.0)) == [0, 0, 0, 3, 3, 3, 0]  # but does not bridge


def test_a_cluster_stops_at_its_largest_size() -> None:
    rules = ClusterRules(max_members=5)
    left = np.zeros(9, np.int64)
    right = np.arange(1, 10)
    found = cluster(np.zeros(10, bool), left, right, np.linspace(9, 5, 9), rules)
    assert found.anchor.tolist() == [0, 0, 0, 0, 0, 5, 6, 7, 8, 9]


def test_a_hub_of_very_many_links_is_no_stall() -> None:
    nodes = 20_000
    links = np.arange(nodes - 1)
    found = cluster(np.zeros(nodes, bool), np.full(nodes - 1, nodes - 1), links, 4 + links / nodes, ClusterRules())
    size = np.bincount(found.anchor)
    assert size.max() == ClusterRules().max_members
    assert (size == 1).sum() == nodes - ClusterRules().max_members


def test_nothing_to_cluster() -> None:
    nothing = np.zeros(0, np.int64)
    assert cluster(np.zeros(0, bool), nothing, nothing, nothing.astype(float), RULES).anchor.tolist() == []
    alone = cluster(np.zeros(3, bool), nothing, nothing, nothing.astype(float), RULES)
    assert alone.anchor.tolist() == [0, 1, 2]
    assert alone.confidence.tolist() == [1.0, 1.0, 1.0]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 12), st.data())
def test_components_are_those_of_a_walk(nodes: int, data: st.DataObject) -> None:
    pairs = data.draw(st.lists(st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1)), max_size=15))
    label = list(range(nodes))
    for _ in range(nodes):
        for a, b in pairs:
            label[a] = label[b] = min(label[a], label[b])
    left, right = (np.array([p[i] for p in pairs], np.int64) for i in range(2))
    assert components(nodes, left, right).tolist() == label

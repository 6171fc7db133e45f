"""Clusters: exactness, rules that hold whatever happens, independence of order and surroundings, and no stall."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.resolve.cluster import Clusters, cluster, components, objective, score_pairs
from graph.resolve.cluster_exact import EXACT_NODES
from graph.resolve.contraction import MILLION, NEVER, ClusterRules, contract

RULES = ClusterRules(max_members=6, max_accounts=4)
LARGE = ClusterRules()
Pairs = dict[tuple[int, int], int]
Problem = tuple[int, Pairs, list[int], list[int]]


def naive_contraction(nodes: int, pairs: Pairs, accounts: list[int], occupied: list[int], rules: ClusterRules) -> list[int]:
    """The greedy rule without a heap: look at all pairs of clusters again before each join."""
    clusters = [[n] for n in range(nodes)]
    while True:
        best = None
        for i, one in enumerate(clusters):
            for other in clusters[i + 1 :]:
                known = [p for a in one for b in other if (p := (min(a, b), max(a, b))) in pairs]
                score = sum(pairs[p] for p in known)
                needed = rules.join_log2_odds if min(len(one), len(other)) == 1 else rules.strong_log2_odds
                both = one + other
                if not known or score < needed * MILLION or not allowed(both, pairs, accounts, occupied, rules):
                    continue
                key = (-score, min(known))
                if best is None or key < best[0]:
                    best = (key, one, other)
        if best is None:
            break
        clusters = sorted([c for c in clusters if c not in best[1:]] + [sorted(best[1] + best[2])])
    return leaders(nodes, clusters)


def leaders(nodes: int, clusters: list[list[int]]) -> list[int]:
    leader = [0] * nodes
    for group in clusters:
        for node in group:
            leader[node] = min(group)
    return leader


def allowed(group: list[int], pairs: Pairs, accounts: list[int], occupied: list[int], rules: ClusterRules) -> bool:
    if len(group) > rules.max_members or sum(accounts[n] for n in group) > rules.max_accounts:
        return False
    return not any(pairs.get((min(a, b), max(a, b)), 0) <= NEVER or occupied[a] & occupied[b] for a, b in combinations(group, 2))


def cohesive(group: list[int], pairs: Pairs, rules: ClusterRules) -> bool:
    """Every way to cut the group in two, by hand."""
    for size in range(1, len(group) // 2 + 1):
        for part in combinations(group, size):
            across = sum(pairs.get((min(a, b), max(a, b)), 0) for a in part for b in group if b not in part)
            if across < (rules.join_log2_odds if size == 1 else rules.strong_log2_odds) * MILLION:
                return False
    return True


def partitions(nodes: list[int]) -> list[list[list[int]]]:
    if not nodes:
        return [[]]
    rest = nodes[1:]
    found = []
    for size in range(len(rest) + 1):
        for others in combinations(rest, size):
            left = [n for n in rest if n not in others]
            found += [[[nodes[0], *others], *p] for p in partitions(left)]
    return found


def run(problem: Problem, rules: ClusterRules, generator: random.Random | None = None) -> Clusters:
    _, pairs, accounts, occupied = problem
    rows = []
    for (a, b), score in pairs.items():
        half = score // 2
        rows += [(a, b, half / MILLION), (b, a, (score - half) / MILLION), (a, a, 9.0)]
    if generator:
        generator.shuffle(rows)
    left, right, weight = (np.array([r[i] for r in rows]) for i in range(3))
    return cluster(
        np.array(accounts, bool),
        left.astype(np.int64),
        right.astype(np.int64),
        weight.astype(np.float64),
        rules,
        occupied=np.array(occupied, np.int64),
    )


def groups_of(anchor: list[int]) -> list[list[int]]:
    return [[n for n, a in enumerate(anchor) if a == top] for top in sorted(set(anchor))]


@st.composite
def problems(draw: st.DrawFn, least: int = 1, most: int = 7) -> Problem:
    nodes = draw(st.integers(least, most))
    every = [(a, b) for a in range(nodes) for b in range(a + 1, nodes)]
    chosen = draw(st.lists(st.sampled_from(every), unique=True, max_size=3 * nodes)) if every else []
    points = st.integers(-8, 9) | st.just(-600_000)
    scores = draw(st.lists(points, min_size=len(chosen), max_size=len(chosen)))
    accounts = draw(st.lists(st.integers(0, 1), min_size=nodes, max_size=nodes))
    occupied = draw(st.lists(st.sampled_from([0, 0, 0, 1, 2, 3]), min_size=nodes, max_size=nodes))
    return nodes, {p: s * MILLION for p, s in zip(chosen, scores, strict=True)}, accounts, occupied


@settings(max_examples=200, deadline=None)
@given(problems(most=9))
def test_contraction_equals_the_naive_one(problem: Problem) -> None:
    nodes, pairs, accounts, occupied = problem
    listed = sorted((a, b, s) for (a, b), s in pairs.items())
    left, right, score = (np.array([p[i] for p in listed], np.int64) for i in range(3))
    facts = np.array(accounts, np.int64), np.array(occupied, np.int64)
    found = contract(nodes, left, right, score, *facts, RULES.integers(), np.arange(nodes))
    assert found.tolist() == naive_contraction(nodes, pairs, accounts, occupied, RULES)


@settings(max_examples=60, deadline=None)
@given(problems(most=6), st.randoms(use_true_random=False))
def test_small_components_are_the_best_of_all_partitions_that_keep_the_rules(problem: Problem, generator: random.Random) -> None:
    nodes, pairs, accounts, occupied = problem
    supports = [p for p, s in pairs.items() if s >= 2 * MILLION and not occupied[p[0]] & occupied[p[1]]]
    around = components(nodes, *(np.array([p[i] for p in supports], np.int64) for i in range(2))).tolist()
    found = run(problem, RULES, generator).anchor.tolist()

    def inside(groups: list[list[int]]) -> int:
        return sum(pairs.get(p, 0) for g in groups for p in combinations(g, 2))

    for component in groups_of(around):
        mine = [g for g in groups_of(found) if g[0] in component]
        good = [
            p
            for p in partitions(component)
            if all(allowed(g, pairs, accounts, occupied, RULES) and cohesive(g, pairs, RULES) for g in p)
        ]
        assert sorted(n for g in mine for n in g) == component
        assert mine in [[sorted(g) for g in sorted(p)] for p in good]
        assert inside(mine) == max(inside(p) for p in good)


@settings(max_examples=40, deadline=None)
@given(problems(least=EXACT_NODES + 1, most=24), st.randoms(use_true_random=False), st.integers(0, 50))
def test_rules_hold_in_large_components_in_any_order_at_any_offset(
    problem: Problem, generator: random.Random, offset: int
) -> None:
    nodes, pairs, accounts, occupied = problem
    found = run(problem, RULES, generator).anchor.tolist()
    for group in groups_of(found):
        assert allowed(group, pairs, accounts, occupied, RULES)
        if len(group) <= EXACT_NODES:
            assert cohesive(group, pairs, RULES)
    moved = {(a + offset, b + offset): s for (a, b), s in pairs.items()}
    zeros = [0] * offset
    shifted = run((nodes + offset, moved, zeros + accounts, zeros + occupied), RULES).anchor.tolist()
    assert shifted[offset:] == [a + offset for a in found]


def planted(
    people: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Persons of 1 to 9 members, whose pairs score about 5 inside and about -5 across, and one in fifty wrong."""
    generator = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), generator.integers(1, 10, people))
    nodes = len(person)
    near = generator.integers(0, nodes, 8 * nodes)
    other = np.clip(near + generator.integers(-8, 9, len(near)), 0, nodes - 1)
    stray = generator.random(len(near)) < 0.1
    other = np.where(stray, generator.integers(0, nodes, len(near)), other)
    same = person[near] == person[other]
    flipped = generator.random(len(near)) < 0.02
    weight = generator.normal(0, 2, len(near)) + np.where(same ^ flipped, 5, -5)
    pair = np.minimum(near, other) * nodes + np.maximum(near, other)
    _, once = np.unique(pair, return_index=True)
    once = once[near[once] != other[once]]
    return person, near[once], other[once], weight[once]


def pair_f1(found: npt.NDArray[np.int64], person: npt.NDArray[np.int64]) -> float:
    def pairs(values: npt.NDArray[np.int64]) -> int:
        count = np.unique(values, return_counts=True)[1]
        return int((count * (count - 1) // 2).sum())

    both = pairs(found * (person.max() + 1) + person)
    return 2 * both / (pairs(found) + pairs(person))


@pytest.mark.parametrize("clustering", [True, False])
def test_noise_that_ruins_components_costs_little_here(clustering: bool) -> None:
    person, left, right, weight = planted(400, 3)
    nodes = len(person)
    if clustering:
        found = cluster(np.zeros(nodes, bool), left, right, weight, LARGE).anchor
        assert pair_f1(found, person) > 0.9
    else:
        supports = weight >= LARGE.join_log2_odds
        assert pair_f1(components(nodes, left[supports], right[supports]), person) < 0.6


def test_improvement_raises_the_sum_over_contraction_alone() -> None:
    better = 0
    for seed in range(6):
        person, left, right, weight = planted(150, seed)
        nodes = len(person)
        low, high, score = score_pairs(nodes, left, right, weight)
        nothing = np.zeros(nodes, np.int64)
        greedy = contract(nodes, low, high, score, nothing, nothing, LARGE.integers(), np.arange(nodes))
        found = cluster(np.zeros(nodes, bool), left, right, weight, LARGE).anchor
        better += objective(found, low, high, score) > objective(greedy, low, high, score)
    assert better >= 4


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
    assert sorted(np.bincount(anchors((2, 6, 3.0), (6, 3, 3.0))).tolist())[-2:] == [3, 4]  # but does not bridge


@pytest.mark.parametrize("length", [3, 8])
def test_a_chain_of_single_weak_links_does_not_either(length: int) -> None:
    """Two strong groups of seven, and a chain of so many single nodes between them."""
    members = 7
    links = [(a, b, 6.0) for g in (0, members) for a, b in combinations(range(g, g + members), 2)]
    chain = [0, *range(2 * members, 2 * members + length), members]
    links += [(a, b, 3.0) for a, b in pairwise(chain)]
    left, right, weight = (np.array(x) for x in zip(*links, strict=True))
    found = cluster(np.zeros(2 * members + length, bool), left, right, weight, LARGE).anchor
    assert found[0] != found[members]
    assert len(set(found[:members].tolist())) == len(set(found[members : 2 * members].tolist())) == 1


@pytest.mark.parametrize("forbidden", [True, False])
@pytest.mark.parametrize("bridge", [1, 12])
def test_never_is_kept_whatever_speaks_for_it(forbidden: bool, bridge: int) -> None:
    """Two operators' decisions against each other, and other members that would join the two indirectly."""
    nodes = 2 + bridge
    pairs = [(0, n, 1000.0) for n in range(2, nodes)] + [(1, n, 1000.0) for n in range(2, nodes)] + [(0, 1, 1000.0)]
    if forbidden:
        pairs.append((0, 1, -1_000_000.0))
    left, right, weight = (np.array(x) for x in zip(*pairs, strict=True))
    found = cluster(np.zeros(nodes, bool), left, right, weight, LARGE).anchor
    assert (found[0] != found[1]) == forbidden


@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("size", [4, 30])
def test_a_person_has_one_id_of_a_unique_namespace(unique: bool, size: int) -> None:
    pairs = list(combinations(range(size), 2))
    left, right = (np.array([p[i] for p in pairs]) for i in range(2))
    weight = np.where((left // 2 == right // 2), 9.0, 5.0)
    bits = np.where(np.arange(size) % 2 == 0, 1, 0) if unique else np.zeros(size, np.int64)
    found = cluster(np.ones(size, bool), left, right, weight, LARGE, occupied=bits).anchor
    held = [int(bits[found == top].sum()) for top in set(found.tolist())]
    assert max(held) == (1 if unique else 0)
    assert len(set(found.tolist())) == (size // 2 if unique else 1)


def test_confidence_is_that_of_the_sum_of_scores_to_the_rest() -> None:
    left, right, weight = np.array([0, 0, 1, 3]), np.array([1, 2, 2, 4]), np.array([5.0, 4.0, -1.0, 3.0])
    found = cluster(np.zeros(6, bool), left, right, weight, LARGE)
    assert found.anchor.tolist() == [0, 0, 0, 3, 3, 5]
    expected = [1 / (1 + 2.0**-s) for s in (9, 4, 3, 3, 3)]
    assert found.confidence.tolist() == pytest.approx([*expected, 1.0])
    certain = cluster(np.zeros(2, bool), np.array([0]), np.array([1]), np.array([400_000.0]), LARGE)
    assert certain.confidence.tolist() == [1.0, 1.0]


def test_a_cluster_stops_at_its_largest_size() -> None:
    found = cluster(
        np.zeros(10, bool), np.zeros(9, np.int64), np.arange(1, 10), np.linspace(9, 5, 9), ClusterRules(max_members=5)
    )
    assert found.anchor.tolist() == [0, 0, 0, 0, 0, 5, 6, 7, 8, 9]


def test_a_hub_of_very_many_links_is_no_stall() -> None:
    nodes = 20_000
    links = np.arange(nodes - 1)
    found = cluster(np.zeros(nodes, bool), np.full(nodes - 1, nodes - 1), links, 4 + links / nodes, LARGE)
    size = np.bincount(found.anchor)
    assert size.max() == LARGE.max_members
    assert (size == 1).sum() == nodes - LARGE.max_members


def test_a_component_that_is_too_large_is_contracted_and_said() -> None:
    person, left, right, weight = planted(100, 1)
    nodes = len(person)
    assert cluster(np.zeros(nodes, bool), left, right, weight, LARGE).unrefined == ()
    found = cluster(np.zeros(nodes, bool), left, right, weight, ClusterRules(max_refined_pairs=50))
    assert len(found.unrefined) >= 1
    assert pair_f1(found.anchor, person) > 0.8


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

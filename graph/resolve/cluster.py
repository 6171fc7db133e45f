"""Clusters of devices and accounts from scored pairs: who is one person. Correlation clustering under constraints.

In: per node whether it is an account; pairs of node numbers with summed weights, positive and negative. Out: per node the
smallest node of its cluster, and the confidence that it belongs there. The sum of scores inside clusters is made as high as the
rules allow (`ClusterRules`, `NEVER`, unique namespaces).

Components of supporting pairs (score ≥ join) come first, since a cluster is held together by such pairs. In a component where
nothing speaks against joining everything, the component is the cluster. Of the others, small ones are solved exactly
(`cluster_exact`) and larger ones by contraction (`contraction`) and local improvement (`improve`, `improve_pairs`). The result
does not depend on the order of the pairs, and that of a component on nothing but its own nodes, in their order, and their pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from graph.resolve.cluster_exact import EXACT_NODES, solve_exactly
from graph.resolve.contraction import MILLION, NEVER, ClusterRules, contract
from graph.resolve.improve import move_nodes, split_clusters
from graph.resolve.improve_pairs import solve_neighbours

__all__ = ["Clusters", "cluster", "components", "objective", "score_pairs", "solve_large"]

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

_ROUNDS = 20  # of moving and joining; each raises the sum of scores, and two or three end it

_SOLUTIONS = 50_000  # of neighbouring clusters in one component: five seconds at most


@dataclass(frozen=True)
class Clusters:
    """`anchor`: per node the smallest node of its cluster. `confidence`: per node the probability that it belongs with the rest
    of its cluster, 1 / (1 + 2^-s), s the sum of its scores to the other members: the odds of being in over being out, all else
    as it is; 1 for a cluster of one. `unrefined`: smallest nodes of components too large for local improvement."""

    anchor: Integers
    confidence: Reals
    unrefined: tuple[int, ...] = ()


def components(nodes: int, left: Integers, right: Integers) -> Integers:
    """Per node the smallest node of its connected component."""
    matrix = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(nodes, nodes))
    _, label = connected_components(matrix.tocsr(), directed=False)
    smallest = np.full(int(label.max(initial=-1)) + 1, nodes, np.int64)
    np.minimum.at(smallest, label, np.arange(nodes, dtype=np.int64))
    anchor: Integers = smallest[label]
    return anchor


def objective(anchor: Integers, left: Integers, right: Integers, score: Integers) -> int:
    """Sum of the scores (millionths) of pairs inside clusters."""
    return int(score[anchor[left] == anchor[right]].sum())


def cluster(
    is_account: npt.NDArray[np.bool_],
    left: Integers,
    right: Integers,
    weight: Reals,
    rules: ClusterRules,
    *,
    occupied: Integers | None = None,
) -> Clusters:
    """Cluster the nodes 0 … len(is_account) - 1.

    `left`, `right`, `weight`: pairs, possibly repeated, whose weights (log2 odds) add up to the score of the pair; a weight at
    or under `NEVER` forbids the two, whatever else is said. `occupied`: per node a bit for each unique namespace that it is an
    id of (`guards.namespace_bits`); a cluster holds one id of each at most.
    """
    nodes = len(is_account)
    account = is_account.astype(np.int64)
    occupied = np.zeros(nodes, np.int64) if occupied is None else occupied.astype(np.int64)
    left, right, score = score_pairs(nodes, left, right, weight)
    limits = rules.integers()
    join, strong = limits[0], limits[1]
    supports = (score >= join) & (occupied[left] & occupied[right] == 0)
    anchor = components(nodes, left[supports], right[supports])

    inside = anchor[left] == anchor[right]
    size = np.bincount(anchor, minlength=nodes)
    careful = (size > rules.max_members) | (np.bincount(anchor, weights=account, minlength=nodes) > rules.max_accounts)
    for bit in range(int(occupied.max(initial=0)).bit_length()):
        careful |= np.bincount(anchor, weights=occupied >> bit & 1, minlength=nodes) > 1
    careful[anchor[left[inside & (score < strong)]]] = True
    careful &= size > 2  # a component of two is one supporting pair
    unrefined = _solve(anchor, careful, (account, occupied), (left[inside], right[inside], score[inside]), rules)
    return Clusters(anchor, _confidence(anchor, left, right, score), unrefined)


def score_pairs(nodes: int, left: Integers, right: Integers, weight: Reals) -> tuple[Integers, Integers, Integers]:
    """Each pair once, smaller node first, in order, with its score in millionths; a node says nothing about itself."""
    other = left != right
    left, right, weight = left[other], right[other], weight[other]
    low, high = np.minimum(left, right), np.maximum(left, right)
    pair, position = np.unique(low * np.int64(max(nodes, 1)) + high, return_inverse=True)
    part = np.rint(weight * MILLION).astype(np.int64)
    score = np.zeros(len(pair), np.int64)
    np.add.at(score, position, part)
    score[position[part <= NEVER]] = 2 * NEVER
    return pair // max(nodes, 1), pair % max(nodes, 1), score


def _solve(
    anchor: Integers,
    careful: npt.NDArray[np.bool_],
    node_facts: tuple[Integers, Integers],
    pairs: tuple[Integers, Integers, Integers],
    rules: ClusterRules,
) -> tuple[int, ...]:
    """Replace the anchors of every component marked `careful`, in place."""
    left, right, score = pairs
    chosen = careful[anchor[left]]
    left, right, score = left[chosen], right[chosen], score[chosen]
    pair_order = np.argsort(anchor[left], kind="stable")
    left, right, score = left[pair_order], right[pair_order], score[pair_order]
    nodes = np.flatnonzero(careful[anchor])
    nodes = nodes[np.argsort(anchor[nodes], kind="stable")]
    roots, node_start = np.unique(anchor[nodes], return_index=True)
    pair_roots = anchor[left]
    pair_start, pair_end = np.searchsorted(pair_roots, roots, "left"), np.searchsorted(pair_roots, roots, "right")
    node_end = np.append(node_start[1:], len(nodes))
    account, occupied = node_facts
    limits = rules.integers()
    place = np.empty(len(anchor), np.int64)
    place[nodes] = np.arange(len(nodes)) - np.repeat(node_start, node_end - node_start)
    left, right = place[left], place[right]
    unrefined = []
    for i in range(len(roots)):
        own = nodes[node_start[i] : node_end[i]]
        part = slice(pair_start[i], pair_end[i])
        facts = account[own], occupied[own], limits
        if len(own) <= EXACT_NODES:
            between = np.zeros((len(own), len(own)), np.int64)
            between[left[part], right[part]] = between[right[part], left[part]] = score[part]
            leader = solve_exactly(between, *facts)
        else:
            refine = pair_end[i] - pair_start[i] <= rules.max_refined_pairs
            leader = solve_large(len(own), (left[part], right[part], score[part]), facts, refine)
            if not refine:
                unrefined.append(int(roots[i]))
        anchor[own] = own[leader]
    return tuple(unrefined)


def solve_large(
    nodes: int, pairs: tuple[Integers, Integers, Integers], facts: tuple[Integers, Integers, Integers], refine: bool
) -> Integers:
    """Contract a component, move nodes and contract again while that raises the sum, cut what hangs together too little, and
    solve small neighbours again."""
    label: Integers = contract(nodes, *pairs, *facts, np.arange(nodes))
    if not refine:
        return label
    left, right, score = pairs
    order = np.argsort(np.concatenate([left, right]), kind="stable")
    first = np.searchsorted(np.concatenate([left, right])[order], np.arange(nodes + 1)).astype(np.int64)
    rows = first, np.concatenate([right, left])[order], np.concatenate([score, score])[order]
    for _ in range(_ROUNDS):
        if not move_nodes(*rows, *facts, label):
            break
        label = contract(nodes, *pairs, *facts, _members_first(label))
    split_clusters(*pairs, np.argsort(-score, kind="stable"), facts[2], label)
    solve_neighbours(*rows, *facts, label, _SOLUTIONS)
    return label


def _members_first(label: Integers) -> Integers:
    """Clusters by their smallest member instead of by any number."""
    smallest = np.full(len(label), len(label), np.int64)
    np.minimum.at(smallest, label, np.arange(len(label)))
    named: Integers = smallest[label]
    return named


def _confidence(anchor: Integers, left: Integers, right: Integers, score: Integers) -> Reals:
    """1 / (1 + 2^-s) of the sum of each node's scores inside its cluster."""
    used = anchor[left] == anchor[right]
    left, right, inside = left[used], right[used], score[used]
    total = np.zeros(len(anchor), np.int64)
    np.add.at(total, left, inside)
    np.add.at(total, right, inside)
    alone = np.bincount(anchor, minlength=len(anchor))[anchor] == 1
    probability = 1 / (1 + np.exp2(-np.clip(total / MILLION, -1000, 1000)))
    return np.where(alone, 1.0, probability)

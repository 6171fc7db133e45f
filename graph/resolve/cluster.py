"""Clusters of devices and accounts from scored pairs: who is one person.

In: per node whether it is an account and whether it must stay alone; pairs of node numbers with summed weights. Out: per node
the smallest node of its cluster, and the confidence that it belongs there. Components of supporting pairs are split first
(`scipy.sparse.csgraph`), since clusters never cross them; in a component where nothing speaks against joining everything, the
component is the cluster, and the others are contracted one by one (`contraction`). The result does not depend on the order
of the pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from graph.resolve.contraction import MILLION, ClusterRules, contract

__all__ = ["Clusters", "cluster", "components"]

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Clusters:
    """`anchor`: per node the smallest node of its cluster. `confidence`: per node the probability that at least one of its
    links into the cluster is true, 1 - product of (1 - p); 1 for a cluster of one."""

    anchor: Integers
    confidence: Reals


def components(nodes: int, left: Integers, right: Integers) -> Integers:
    """Per node the smallest node of its connected component."""
    matrix = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(nodes, nodes))
    _, label = connected_components(matrix.tocsr(), directed=False)
    smallest = np.full(int(label.max(initial=-1)) + 1, nodes, np.int64)
    np.minimum.at(smallest, label, np.arange(nodes, dtype=np.int64))
    anchor: Integers = smallest[label]
    return anchor


def cluster(is_account: npt.NDArray[np.bool_], left: Integers, right: Integers, weight: Reals, rules: ClusterRules) -> Clusters:
    """Cluster the nodes 0 … len(is_account) - 1. `left`, `right`, `weight`: pairs, possibly repeated, whose weights (log2 odds)
    add up to the score of the pair."""
    nodes = len(is_account)
    left, right, score = _scored(nodes, left, right, weight)
    join, strong = round(rules.join_log2_odds * MILLION), round(rules.strong_log2_odds * MILLION)
    supports = score >= join
    anchor = components(nodes, left[supports], right[supports])

    inside = anchor[left] == anchor[right]
    size = np.bincount(anchor, minlength=nodes)
    accounts = np.bincount(anchor, weights=is_account, minlength=nodes)
    careful = (size > rules.max_members) | (accounts > rules.max_accounts)
    careful[anchor[left[inside & (score < strong)]]] = True
    careful &= size > 2  # a component of two is one supporting pair
    _contract_components(anchor, careful, is_account, (left[inside], right[inside], score[inside]), rules)
    return Clusters(anchor, _confidence(anchor, left, right, score))


def _scored(nodes: int, left: Integers, right: Integers, weight: Reals) -> tuple[Integers, Integers, Integers]:
    """Each pair once, smaller node first, in order, with its score in millionths; a node says nothing about itself."""
    other = left != right
    left, right, weight = left[other], right[other], weight[other]
    low, high = np.minimum(left, right), np.maximum(left, right)
    pair, position = np.unique(low * np.int64(max(nodes, 1)) + high, return_inverse=True)
    score = np.zeros(len(pair), np.int64)
    np.add.at(score, position, np.rint(weight * MILLION).astype(np.int64))
    return pair // max(nodes, 1), pair % max(nodes, 1), score


def _contract_components(
    anchor: Integers,
    careful: npt.NDArray[np.bool_],
    is_account: npt.NDArray[np.bool_],
    pairs: tuple[Integers, Integers, Integers],
    rules: ClusterRules,
) -> None:
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
    for i in range(len(roots)):
        own = nodes[node_start[i] : node_end[i]]
        part = slice(pair_start[i], pair_end[i])
        local = zip(
            np.searchsorted(own, left[part]).tolist(),
            np.searchsorted(own, right[part]).tolist(),
            score[part].tolist(),
            strict=True,
        )
        leader = contract(len(own), list(local), is_account[own].astype(int).tolist(), rules)
        anchor[own] = own[leader]


def _confidence(anchor: Integers, left: Integers, right: Integers, score: Integers) -> Reals:
    """1 - product over the node's supporting pairs inside its cluster of (1 - p), p = 1 / (1 + 2^-score)."""
    used = (anchor[left] == anchor[right]) & (score > 0)
    left, right = left[used], right[used]
    log_miss = -np.log1p(np.exp2(score[used] / MILLION))  # log(1 - p), exact for large scores
    total = np.bincount(left, log_miss, len(anchor)) + np.bincount(right, log_miss, len(anchor))
    linked = np.bincount(left, minlength=len(anchor)) + np.bincount(right, minlength=len(anchor)) > 0
    return np.where(linked, -np.expm1(total), 1.0)

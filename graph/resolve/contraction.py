"""Greedy additive edge contraction of one component, compiled (Keuper et al., ICCV 2015).

In: the nodes of a component, numbered from zero, and the score (sum of weights, log2 odds as whole millionths, so that sums do
not depend on their order) of every pair that has evidence. Out: the smallest node of each node's cluster. Repeatedly the two
clusters whose summed score is highest are joined, as long as the rules allow; after each join the scores towards every other
cluster add up, so that negative evidence between any two members counts against a join. A score at or under `NEVER` is no
number but a prohibition: it stays one in every sum. Ties go to the clusters between which the smallest pair lies: the result
is a function of the input set, whatever its order.

Time O(E log² E) for E pairs: at each join the cluster with fewer pairs is moved into the other.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = ["MILLION", "NEVER", "ClusterRules", "contract"]

MILLION = 1_000_000
NEVER = -500_000 * MILLION
"""Score (millionths) at or under which two nodes can never be of one person: half of the weight of an operator's `never`, so
that no sum of other evidence about the same pair lifts it above."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ClusterRules:
    """When nodes may be of one cluster. Scores are sums of match weights, in log2 odds."""

    join_log2_odds: float = 2.0
    """Score that must tie a single node to the rest of its cluster: 4 to 1."""
    strong_log2_odds: float = 4.0
    """Score that must tie two groups of two or more nodes: a chain of weak links does not join strong groups."""
    max_members: int = 500
    """Devices and accounts of one person; cookies that change often make many devices."""
    max_accounts: int = 50
    """Accounts of one person."""
    max_refined_pairs: int = 5_000_000
    """A component with more pairs is contracted only, and said so: its local improvement would take minutes."""

    def integers(self) -> Integers:
        """join, strong (millionths), max_members, max_accounts, for the compiled parts."""
        join, strong = round(self.join_log2_odds * MILLION), round(self.strong_log2_odds * MILLION)
        return np.array([join, strong, self.max_members, self.max_accounts], np.int64)


@njit(cache=True)
def _slot(keys: Integers, key: int) -> int:
    """Where `key` stands in the open-addressing table, or the empty place for it."""
    last = len(keys) - 1
    place = ((key * -7046029254386353131) >> 20) & last
    while keys[place] >= 0 and keys[place] != key:
        place = (place + 1) & last
    return place


@njit(cache=True)
def contract(
    nodes: int,
    left: Integers,
    right: Integers,
    score: Integers,
    account: Integers,
    occupied: Integers,
    rules: Integers,
    start: Integers,
) -> Integers:
    """Cluster `nodes` nodes, int64 arrays throughout.

    `left` < `right`, `score`: pairs, each once. `account`: 1 for an account, 0 for a device. `occupied`: a bit for each unique
    namespace that the node is an id of; two nodes with a common bit are never joined. `rules`: `ClusterRules.integers()`.
    `start`: clusters to begin with, any member's number standing for the cluster (`arange(nodes)`: none).
    """
    join, strong, max_members, max_accounts = rules[0], rules[1], rules[2], rules[3]
    edges = len(left)
    value, low, high = score.copy(), left.copy(), right.copy()
    end_a, end_b = left.copy(), right.copy()
    alive = np.ones(edges, np.bool_)
    size, held, taken = np.ones(nodes, np.int64), account.copy(), occupied.copy()
    parent = np.arange(nodes)
    degree = np.zeros(nodes, np.int64)
    head, tail = np.full(nodes, -1, np.int64), np.full(nodes, -1, np.int64)
    following = np.full(2 * edges, -1, np.int64)
    capacity = 16
    while capacity < 4 * edges:
        capacity *= 2
    keys, edge_at = np.full(capacity, -1, np.int64), np.zeros(capacity, np.int64)
    filled = 0
    heap = [(np.int64(0), np.int64(0), np.int64(0), np.int64(0)) for _ in range(0)]
    for e in range(edges):
        place = _slot(keys, left[e] * nodes + right[e])
        keys[place], edge_at[place] = left[e] * nodes + right[e], e
        filled += 1
        for side in range(2):
            node = left[e] if side == 0 else right[e]
            half = 2 * e + side
            if head[node] < 0:
                head[node] = half
            else:
                following[tail[node]] = half
            tail[node] = half
            degree[node] += 1
        if score[e] >= join:
            heap.append((-score[e], left[e], right[e], np.int64(e)))
    heapq.heapify(heap)
    given = 0  # the next node to be put into its starting cluster
    while given < nodes or len(heap) > 0:
        if given < nodes:
            a, b = given, start[given]
            given += 1
            while parent[a] != a:
                a = parent[a]
            while parent[b] != b:
                b = parent[b]
            if a == b:
                continue
        else:
            negative, first, second, best = heapq.heappop(heap)
            if not alive[best] or value[best] != -negative or low[best] != first or high[best] != second:
                continue  # one of the two has been joined since, and what is between them was put again
            a, b = end_a[best], end_b[best]
            if size[a] + size[b] > max_members or held[a] + held[b] > max_accounts or taken[a] & taken[b] != 0:
                continue
            if size[a] > 1 and size[b] > 1 and -negative < strong:
                continue
        keep, gone = (a, b) if degree[a] > degree[b] or (degree[a] == degree[b] and a < b) else (b, a)
        parent[gone] = keep
        size[keep] += size[gone]
        held[keep] += held[gone]
        taken[keep] |= taken[gone]
        half = head[gone]
        while half >= 0:
            after = following[half]
            e = half // 2
            if alive[e]:
                other = end_b[e] if end_a[e] == gone else end_a[e]
                if other == keep:
                    alive[e] = False
                    degree[keep] -= 1
                else:
                    if 3 * filled > 2 * capacity:  # most keys name clusters that are gone
                        keys[:] = -1
                        filled = 0
                        for x in range(edges):
                            if alive[x] and end_a[x] != gone and end_b[x] != gone:
                                key = min(end_a[x], end_b[x]) * nodes + max(end_a[x], end_b[x])
                                place = _slot(keys, key)
                                keys[place], edge_at[place] = key, x
                                filled += 1
                    key = min(keep, other) * nodes + max(keep, other)
                    place = _slot(keys, key)
                    if keys[place] == key and alive[edge_at[place]]:
                        known = edge_at[place]
                        value[known] = NEVER if min(value[known], value[e]) <= NEVER else value[known] + value[e]
                        if (low[e], high[e]) < (low[known], high[known]):
                            low[known], high[known] = low[e], high[e]
                        alive[e] = False
                        degree[other] -= 1
                    else:
                        if keys[place] != key:
                            filled += 1
                        keys[place], edge_at[place] = key, e
                        end_a[e], end_b[e] = keep, other
                        following[half] = -1
                        if head[keep] < 0:
                            head[keep] = half
                        else:
                            following[tail[keep]] = half
                        tail[keep] = half
                        degree[keep] += 1
                        known = e
                    if value[known] >= join:
                        heapq.heappush(heap, (-value[known], low[known], high[known], known))
            half = after
    leader = np.full(nodes, nodes, np.int64)
    root = np.empty(nodes, np.int64)
    for node in range(nodes):
        top = node
        while parent[top] != top:
            top = parent[top]
        while parent[node] != top and node != top:
            parent[node], node = top, parent[node]
    for node in range(nodes):
        root[node] = parent[node]
        leader[root[node]] = min(leader[root[node]], node)
    return leader[root]

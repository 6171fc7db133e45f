"""Local improvement of the clusters of a large component, compiled.

In: a component's pairs as rows of neighbours, and the clusters that contraction found. Out: clusters whose sum of scores inside
is no smaller, and then such that no rule is broken. Two parts:

`move_nodes`     a node goes to the neighbouring cluster to which it is tied most, or alone, where that raises the sum, the
                 limits allow it and at least `join` ties it there; in rounds, in the order of the nodes, until no node gains.
                 Every move raises the sum, so it ends.
`split_clusters` each cluster is cut where it hangs together least: candidates are the cuts along the edges of its maximum
                 spanning tree (Kruskal 1956), each with the score of all pairs across it, not of the tree's edge alone. A cut
                 that falls short of what the rules ask for (`join` for a single node, `strong` for two groups) is made, the
                 one that falls short most first, until there is none. Chains of weak links end here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from graph.resolve.contraction import NEVER

__all__ = ["move_nodes", "split_clusters"]

Integers = npt.NDArray[np.int64]


@njit(cache=True)
def move_nodes(
    first: Integers, other: Integers, score: Integers, account: Integers, occupied: Integers, rules: Integers, label: Integers
) -> int:
    """Change `label` (any number under the number of nodes per cluster) in place; returns the number of moves.

    `first[n] : first[n + 1]` are the places of node n's pairs in `other` and `score`; each pair stands there twice.
    """
    nodes = len(label)
    join, max_members, max_accounts = rules[0], rules[2], rules[3]
    size, held, taken = np.zeros(nodes, np.int64), np.zeros(nodes, np.int64), np.zeros(nodes, np.int64)
    for node in range(nodes):
        size[label[node]] += 1
        held[label[node]] += account[node]
        taken[label[node]] |= occupied[node]
    free = [np.int64(c) for c in range(nodes) if size[c] == 0]
    tie = np.zeros(nodes, np.int64)
    seen = np.zeros(nodes, np.bool_)
    waiting = np.ones(nodes, np.bool_)  # a node is looked at again only after something around it has moved
    moves = 0
    for _ in range(100):
        moved = False
        for node in range(nodes):
            if not waiting[node]:
                continue
            waiting[node] = False
            own = label[node]
            around = [np.int64(own) for _ in range(0)]
            for place in range(first[node], first[node + 1]):
                where = label[other[place]]
                if not seen[where]:
                    seen[where] = True
                    around.append(where)
                tie[where] = NEVER if min(tie[where], score[place]) <= NEVER else tie[where] + score[place]
            target, gain = np.int64(-1), np.int64(0)
            if size[own] > 1 and -tie[own] > gain:
                target, gain = np.int64(-2), -tie[own]
            for where in around:
                if where == own or tie[where] < join or taken[where] & occupied[node] != 0:
                    continue
                if size[where] + 1 > max_members or held[where] + account[node] > max_accounts:
                    continue
                better = tie[where] - tie[own] > gain
                same = tie[where] - tie[own] == gain and target >= 0 and where < target
                if better or same:
                    target, gain = where, tie[where] - tie[own]
            for where in around:
                tie[where], seen[where] = 0, False
            if target == -1:
                continue
            if target == -2:
                target = free.pop()
            label[node] = target
            size[own] -= 1
            held[own] -= account[node]
            taken[own] ^= occupied[node]
            size[target] += 1
            held[target] += account[node]
            taken[target] |= occupied[node]
            if size[own] == 0:
                free.append(own)
            for place in range(first[node], first[node + 1]):
                waiting[other[place]] = True
            moved = True
            moves += 1
        if not moved:
            break
    return moves


@njit(cache=True)
def _forest(
    nodes: int, left: Integers, right: Integers, order: Integers, label: Integers, up: Integers, depth: Integers
) -> Integers:
    """Maximum spanning tree of every cluster into `up` (parent, -1 for a root) and `depth`; returns nodes, parents first."""
    root = np.arange(nodes)
    beside = np.full(2 * nodes, -1, np.int64)
    following = np.full(2 * nodes, -1, np.int64)
    head = np.full(nodes, -1, np.int64)
    halves = 0
    for e in order:
        a, b = left[e], right[e]
        if label[a] != label[b]:
            continue
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        while root[b] != b:
            root[b] = root[root[b]]
            b = root[b]
        if a == b:
            continue
        root[max(a, b)] = min(a, b)
        for x, y in ((left[e], right[e]), (right[e], left[e])):
            beside[halves], following[halves], head[x] = y, head[x], halves
            halves += 1
    reached = np.empty(nodes, np.int64)
    depth[:] = -1
    count = 0
    for start in range(nodes):
        if depth[start] >= 0:
            continue
        depth[start], up[start], reached[count] = 0, -1, start
        at = count
        count += 1
        while at < count:
            node = reached[at]
            at += 1
            half = head[node]
            while half >= 0:
                if depth[beside[half]] < 0:
                    depth[beside[half]], up[beside[half]], reached[count] = depth[node] + 1, node, beside[half]
                    count += 1
                half = following[half]
    return reached


@njit(cache=True)
def split_clusters(left: Integers, right: Integers, score: Integers, order: Integers, rules: Integers, label: Integers) -> int:
    """Cut what does not hang together. `order`: places of the pairs, highest score first. `label` becomes the smallest node of
    each node's cluster; returns the number of cuts."""
    nodes = len(label)
    join, strong = rules[0], rules[1]
    up, depth = np.full(nodes, -1, np.int64), np.zeros(nodes, np.int64)
    cuts = 0
    while True:
        reached = _forest(nodes, left, right, order, label, up, depth)
        for node in reached:  # parts that no pair ties together are clusters of their own
            label[node] = node if up[node] < 0 else label[up[node]]
        across = np.zeros(nodes, np.int64)  # of the edge from the node upwards
        below = np.ones(nodes, np.int64)
        for e in range(len(left)):
            a, b = left[e], right[e]
            if label[a] == label[b]:
                across[a] += score[e]
                across[b] += score[e]
                while a != b:
                    if depth[a] < depth[b]:
                        a, b = b, a
                    a = up[a]
                across[a] -= 2 * score[e]
        for i in range(nodes - 1, -1, -1):
            node = reached[i]
            if up[node] >= 0:
                across[up[node]] += across[node]
                below[up[node]] += below[node]
        worst, short = np.full(nodes, -1, np.int64), np.zeros(nodes, np.int64)
        found = False
        for node in range(nodes):
            if up[node] >= 0:
                top = label[node]
                single = below[node] == 1 or below[top] - below[node] == 1
                lacks = (join if single else strong) - across[node]
                if lacks > short[top]:
                    worst[top], short[top] = node, lacks
                    found = True
        if not found:
            break
        whole = label.copy()
        for node in reached:
            if up[node] >= 0:
                cut = worst[whole[node]] == node
                label[node] = node if cut else label[up[node]]
                cuts += cut
    return cuts

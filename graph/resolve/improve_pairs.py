"""Neighbouring clusters of a large component, solved again exactly, compiled.

In: clusters, after `split_clusters`. Out: clusters with a higher sum of scores inside or fewer breaches of the rules: for each
cluster, and for each two between which some pair is in favour, together no more than `EXACT_NODES` nodes, the best clustering of
their nodes alone (`cluster_exact`) replaces them where its sum is higher. In rounds over the clusters by their smallest node,
until a round gains nothing or the budget of solutions is spent, which bounds the time and depends on the component only.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from graph.resolve.cluster_exact import EXACT_NODES, solve_exactly

__all__ = ["solve_neighbours"]

Integers = npt.NDArray[np.int64]

_NEIGHBOURS = 64  # of one cluster, those of its nodes' first pairs


@njit(cache=True)
def solve_neighbours(
    first: Integers,
    other: Integers,
    score: Integers,
    account: Integers,
    occupied: Integers,
    rules: Integers,
    label: Integers,
    budget: int,
) -> int:
    """Change `label` (smallest node of each cluster) in place; arguments as of `move_nodes`. Returns how often it gained."""
    nodes = len(label)
    following = np.full(nodes, -1, np.int64)  # members of a cluster, linked from its smallest node
    last = np.arange(nodes)
    size = np.zeros(nodes, np.int64)
    for each in range(nodes):
        where = label[each]
        size[where] += 1
        if each != where:
            following[last[where]] = each
            last[where] = each
    place = np.full(nodes, -1, np.int64)
    waiting = size > 0  # a cluster is looked at again only after it or a neighbour has changed
    near = np.empty(_NEIGHBOURS, np.int64)
    gains = 0
    for _ in range(20):
        gained = False
        for top in range(nodes):
            if not waiting[top] or label[top] != top:
                continue
            waiting[top] = False
            count = 1
            near[0] = top
            node = np.int64(top)
            while node >= 0:
                for at in range(first[node], first[node + 1]):
                    beside = label[other[at]]
                    if score[at] > 0 and beside != top and size[top] + size[beside] <= EXACT_NODES:
                        known = False
                        for i in range(count):
                            known = known or near[i] == beside
                        if not known and count < len(near):
                            near[count] = beside
                            count += 1
                node = following[node]
            for chosen in range(count):
                beside = near[chosen]
                if label[top] != top or label[beside] != beside or budget <= 0:
                    continue
                together = size[top] + (size[beside] if beside != top else 0)
                if together < 3 or together > EXACT_NODES:
                    continue
                budget -= 1
                own = np.empty(together, np.int64)
                filled = 0
                for start in (np.int64(top), beside):
                    node = start if filled == 0 or beside != top else np.int64(-1)
                    while node >= 0:
                        at = filled  # insertion in order
                        while at > 0 and own[at - 1] > node:
                            own[at] = own[at - 1]
                            at -= 1
                        own[at] = node
                        filled += 1
                        node = following[node]
                for i in range(together):
                    place[own[i]] = i
                between = np.zeros((together, together), np.int64)
                before = 0
                for i in range(together):
                    for at in range(first[own[i]], first[own[i] + 1]):
                        j = place[other[at]]
                        if j >= 0:
                            between[i, j] = score[at]
                            before += score[at] if label[own[i]] == label[other[at]] else 0
                leader = solve_exactly(between, account[own], occupied[own], rules)
                after = 0
                for i in range(together):
                    for j in range(together):
                        after += between[i, j] if leader[i] == leader[j] else 0
                if after > before or (beside == top and after < before):  # a single cluster loses only what broke a rule
                    gained = True
                    gains += 1
                    for i in range(together):
                        size[own[i]] = 0
                        following[own[i]] = -1
                        last[own[i]] = own[i]
                    for i in range(together):
                        new = own[leader[i]]
                        label[own[i]] = new
                        size[new] += 1
                        if own[i] != new:
                            following[last[new]] = own[i]
                            last[new] = own[i]
                    for i in range(together):
                        for at in range(first[own[i]], first[own[i] + 1]):
                            waiting[label[other[at]]] = True
                        waiting[label[own[i]]] = True
                for i in range(together):
                    place[own[i]] = -1
        if not gained or budget <= 0:
            break
    return gains

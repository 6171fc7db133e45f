"""The best clustering of a small component, by dynamic programming over sets of nodes, compiled.

In: up to `EXACT_NODES` nodes and the score of each pair. Out: the clustering of the highest sum of scores inside clusters among
all that keep the rules. A cluster keeps them when no two members are forbidden each other, it is within the size limits, and
it is cohesive: into whatever two groups it is cut, the scores across sum to `join` at least where one group is a single node,
and to `strong` where both are larger. best(S) = max over the cluster C of S's first node of inside(C) + best(S minus C): 3^n
steps (as in exact clique partitioning; Grötschel and Wakabayashi 1989 give the problem).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from graph.resolve.contraction import NEVER

__all__ = ["EXACT_NODES", "solve_exactly"]

Integers = npt.NDArray[np.int64]

EXACT_NODES = 9
"""3^9 steps take a tenth of a millisecond; each node more, three times that."""


@njit(cache=True)
def solve_exactly(between: Integers, account: Integers, occupied: Integers, rules: Integers) -> Integers:
    """`between`: nodes × nodes scores in millionths, symmetric, 0 where nothing is known. Other arguments as in `contract`.
    Returns the smallest node of each node's cluster."""
    nodes = len(between)
    join, strong, max_members, max_accounts = rules[0], rules[1], rules[2], rules[3]
    sets = 1 << nodes
    inside, size, held, taken = (
        np.zeros(sets, np.int64),
        np.zeros(sets, np.int64),
        np.zeros(sets, np.int64),
        np.zeros(sets, np.int64),
    )
    allowed = np.ones(sets, np.bool_)
    best, chosen = np.zeros(sets, np.int64), np.zeros(sets, np.int64)
    for members in range(1, sets):
        first = 0
        while not (members >> first) & 1:
            first += 1
        rest = members ^ (1 << first)
        size[members], held[members] = size[rest] + 1, held[rest] + account[first]
        taken[members] = taken[rest] | occupied[first]
        fits = allowed[rest] and size[members] <= max_members and held[members] <= max_accounts
        fits = fits and taken[rest] & occupied[first] == 0
        total = inside[rest]
        for node in range(first + 1, nodes):
            if (rest >> node) & 1:
                total += between[first, node]
                fits = fits and between[first, node] > NEVER
        allowed[members], inside[members] = fits or rest == 0, total
    cohesive = allowed.copy()
    for members in range(1, sets):
        low = members & -members
        rest = members ^ low
        if cohesive[members]:
            other = rest
            while other > 0:  # every group without the first node
                group = members ^ other
                needed = strong if size[group] > 1 and size[other] > 1 else join
                if inside[members] - inside[group] - inside[other] < needed:
                    cohesive[members] = False
                    break
                other = (other - 1) & rest
        best[members] = -1
        other = rest
        while True:
            group = low | other
            if cohesive[group] and inside[group] + best[members ^ group] > best[members]:
                best[members], chosen[members] = inside[group] + best[members ^ group], group
            if other == 0:
                break
            other = (other - 1) & rest
    leader = np.empty(nodes, np.int64)
    left = sets - 1
    while left > 0:
        group, first = chosen[left], -1
        for node in range(nodes):
            if (group >> node) & 1:
                first = node if first < 0 else first
                leader[node] = first
        left ^= group
    return leader

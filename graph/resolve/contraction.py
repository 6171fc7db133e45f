"""Correlation clustering of one component by greedy additive edge contraction (Keuper et al., ICCV 2015).

In: nodes, and the score (sum of weights, log2 odds as whole millionths so that sums do not depend on their order) of every
pair that has evidence. Out: a cluster number per node. Repeatedly the two clusters whose summed score is highest are joined,
as long as the rules allow; after each join the scores towards every other cluster add up, so that negative evidence between
any two members counts against a join. Ties go to the clusters between which the smallest pair lies: the result is a function
of the input set, whatever its order.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["MILLION", "ClusterRules", "contract"]

MILLION = 1_000_000

Between = tuple[int, int, int]
"""What lies between two clusters: their score, and the smallest of its pairs (left, right)."""


@dataclass(frozen=True)
class ClusterRules:
    """When two clusters may be joined. Scores are sums of match weights, in log2 odds."""

    join_log2_odds: float = 2.0
    """Score from which a single node joins another node or a cluster: 4 to 1."""
    strong_log2_odds: float = 4.0
    """Score from which two clusters of two or more nodes are joined: a chain of weak links does not join strong groups."""
    max_members: int = 500
    """Devices and accounts of one person; cookies that change often make many devices."""
    max_accounts: int = 50
    """Accounts of one person."""


def contract(nodes: int, pairs: Sequence[tuple[int, int, int]], accounts: Sequence[int], rules: ClusterRules) -> list[int]:
    """Cluster `nodes` nodes numbered from zero.

    `pairs` are (left, right, score in millionths), left < right, each once; `accounts` is 1 for an account and 0 for a device.
    Returns the smallest node of each node's cluster. Time O(E log² E) for E pairs: at each join the smaller number moves.
    """
    join, strong = round(rules.join_log2_odds * MILLION), round(rules.strong_log2_odds * MILLION)
    members: list[list[int]] = [[n] for n in range(nodes)]
    held = list(accounts)
    between: list[dict[int, Between]] = [{} for _ in range(nodes)]
    heap: list[tuple[int, int, int, int, int]] = []

    def put(a: int, b: int, link: Between) -> None:
        between[a][b] = between[b][a] = link
        if link[0] >= join:
            heapq.heappush(heap, (-link[0], link[1], link[2], a, b))

    for left, right, score in pairs:
        put(left, right, (score, left, right))
    while heap:
        negative, low, high, a, b = heapq.heappop(heap)
        if between[a].get(b) != (-negative, low, high):
            continue  # one of the two has been joined since, and what is between them was put again
        if len(members[a]) + len(members[b]) > rules.max_members or held[a] + held[b] > rules.max_accounts:
            continue
        if min(len(members[a]), len(members[b])) > 1 and -negative < strong:
            continue
        keep, gone = (a, b) if len(between[a]) >= len(between[b]) else (b, a)
        members[keep] += members[gone]
        held[keep] += held[gone]
        moved, between[gone], members[gone] = between[gone], {}, []
        del between[keep][gone], moved[keep]
        for other, link in moved.items():
            del between[other][gone]
            known = between[keep].get(other)
            put(keep, other, link if known is None else (known[0] + link[0], *min(known[1:], link[1:])))
    leader = list(range(nodes))
    for group in members:
        smallest = min(group, default=0)
        for node in group:
            leader[node] = smallest
    return leader

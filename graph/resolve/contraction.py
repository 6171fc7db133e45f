"""Correlation clustering of one component by greedy additive edge contraction (Keuper et al., ICCV 2015).

In: nodes, and the score (sum of weights, log2 odds as whole millionths so that sums do not depend on their order) of every
pair that has evidence. Out: a cluster number per node. Repeatedly the two clusters whose summed score is highest are joined,
as long as the rules allow; after each join the scores towards every other cluster add up, so that negative evidence between
any two members counts against a join. Ties go to the smallest node numbers: the result is a function of the input set.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["MILLION", "ClusterRules", "contract"]

MILLION = 1_000_000


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

    `pairs` are (left, right, score in millionths), each pair once; `accounts` is 1 for an account and 0 for a device. Returns
    the smallest node of each node's cluster. Time O(E log E) for E pairs, with the smaller cluster's pairs moved at each join.
    """
    join, strong = round(rules.join_log2_odds * MILLION), round(rules.strong_log2_odds * MILLION)
    leader = list(range(nodes))
    members: list[list[int]] = [[n] for n in range(nodes)]
    held = list(accounts)
    scores: list[dict[int, int]] = [{} for _ in range(nodes)]
    heap: list[tuple[int, int, int, int, int]] = []

    def push(a: int, b: int) -> None:
        score = scores[a][b]
        if score >= join:
            low, high = sorted((members[a][0], members[b][0]))
            heapq.heappush(heap, (-score, low, high, a, b))

    for left, right, score in pairs:
        scores[left][right] = scores[right][left] = score
        push(left, right)
    while heap:
        negative, low, high, a, b = heapq.heappop(heap)
        if scores[a].get(b) != -negative or sorted((members[a][0], members[b][0])) != [low, high]:
            continue  # one of the two has been joined since, and its new pairs were pushed
        if len(members[a]) + len(members[b]) > rules.max_members or held[a] + held[b] > rules.max_accounts:
            continue
        if min(len(members[a]), len(members[b])) > 1 and -negative < strong:
            continue
        keep, gone = (a, b) if len(scores[a]) >= len(scores[b]) else (b, a)
        before = members[keep][0]
        members[keep] = sorted(members[keep] + members[gone])
        held[keep] += held[gone]
        moved, scores[gone] = scores[gone], {}
        members[gone] = []
        del scores[keep][gone]
        for other, score in moved.items():
            if other != keep:
                del scores[other][gone]
                scores[keep][other] = scores[other][keep] = scores[keep].get(other, 0) + score
                push(keep, other)
        if members[keep][0] != before:  # keys of the heap name the smallest member, so all of its pairs are pushed again
            for other in scores[keep].keys() - moved.keys():
                push(keep, other)
    for group in members:
        for node in group:
            leader[node] = group[0]
    return leader

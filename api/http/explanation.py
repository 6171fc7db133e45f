"""Why two devices or accounts are one person: the strongest chain of evidence between them, or that there is none.

Evidence joins pairs, and a person of many members need not have any between two given ones. The chain shown is the widest
path: of all chains, the one whose weakest link weighs most (Pollack 1960, "The maximum capacity through a network"), found as
Dijkstra does, over links that speak for the pair.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["EvidenceIndex", "Found", "Link"]

Node = tuple[str, str]


@dataclass(frozen=True)
class Link:
    """One piece of evidence, as `graph.resolution.EVIDENCE` has it."""

    left_kind: str
    left_id: str
    right_kind: str
    right_id: str
    method: str
    weight: float
    probability: float
    first_seen: datetime | None
    last_seen: datetime | None


@dataclass(frozen=True)
class Found:
    """The answer: a sentence, and the links it rests on."""

    reason: str
    links: tuple[Link, ...]


class EvidenceIndex:
    """Evidence by either end. Look-ups read only the links of the nodes that they pass."""

    def __init__(self, evidence: pa.Table) -> None:
        self._evidence = evidence.combine_chunks()
        ends = [pc.binary_join_element_wise(evidence[f"{s}_kind"], evidence[f"{s}_id"], ":") for s in ("left", "right")]
        keys = pa.chunked_array([chunk for column in ends for chunk in column.chunks], pa.string()).combine_chunks()
        order = pc.sort_indices(keys)
        self._keys = keys.take(order)
        self._rows = order.to_numpy() % max(1, evidence.num_rows)

    def explain(self, left: Node, right: Node) -> Found:
        """The direct evidence for and against, else the widest chain."""
        direct = sorted(
            (link for link in self._links(left) if _other(link, left) == right), key=lambda x: (-abs(x.weight), x.method)
        )
        if left == right:
            return Found("They are the same.", ())
        if direct:
            return Found("There is direct evidence between the two; weights add up.", tuple(direct))
        chain = self._widest(left, right)
        if chain:
            return Found("A chain of evidence links the two; the weakest link decides.", tuple(chain))
        return Found("No evidence links the two.", ())

    def _links(self, node: Node) -> list[Link]:
        key = ":".join(node)
        first = int(pc.call_function("search_sorted", [self._keys, pa.scalar(key)]).as_py()) if False else self._lower(key)
        links = []
        for place in range(first, len(self._keys)):
            if self._keys[place].as_py() != key:
                break
            row = self._evidence.slice(int(self._rows[place]), 1).to_pylist()[0]
            row.pop("sources", None)
            links.append(Link(**row))
        return links

"""The row-level subgraph: every person's star, generalised until at least k people have the same one, or left out.

k-anonymity (Samarati and Sweeney 1998) over the whole star, since structure identifies as well as attributes do; local
recoding: each person keeps the most detailed of the rungs below that k people share. There is no relationship between two
people in it, so that a planted pattern of people cannot be found again. Tags are nodes that many people point at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from graph.privacy.payloads import Subgraph, SubgraphEdge, SubgraphLevel, SubgraphNode, Value
from graph.privacy.pseudonyms import pseudonym
from graph.privacy.stars import Device, Star

__all__ = ["Row", "anonymous", "person_graph"]

_Told = tuple[tuple[str, Value], ...]


def _all(device: Device) -> _Told:
    return (("kind", device.kind), ("os", device.os))


def _kind(device: Device) -> _Told:
    return (("kind", device.kind),)


def _nothing(device: Device) -> _Told:
    return ()


# Rungs from detailed to coarse: how devices are told, whether the household is, whether the tag is.
_RUNGS: tuple[tuple[Callable[[Device], _Told], bool, bool], ...] = (
    (_all, True, True),
    (_all, True, False),
    (_kind, True, False),
    (_nothing, False, False),
)


class Row:
    """A star on one rung."""

    def __init__(self, star: Star, rung: int) -> None:
        device, household, tag = _RUNGS[rung]
        self.star = star
        self.devices = [device(d) for d in star.devices]
        self.tag = star.tag if tag else None
        self.properties: dict[str, Value] = {
            "devices": f"{len(star.devices)}{'+' if star.more_devices else ''}",
            "accounts": f"{len(star.accounts)}{'+' if star.more_accounts else ''}",
        }
        if household:
            self.properties["household"] = star.household

    def signature(self) -> tuple[object, ...]:
        """Everything that is told of the person: two rows with one signature cannot be told apart."""
        return tuple(sorted(self.devices)), tuple(sorted(self.properties.items())), self.tag


def anonymous(people: Sequence[Star], k: int) -> list[Row]:
    """Rows of which each equals at least k - 1 others; people whom no rung hides are left out."""
    kept: list[Row] = []
    waiting = list(people)
    for rung in range(len(_RUNGS)):
        rows = [Row(star, rung) for star in waiting]
        classes = Counter(row.signature() for row in rows)
        kept += [row for row in rows if classes[row.signature()] >= k]
        waiting = [row.star for row in rows if classes[row.signature()] < k]
    return kept


def person_graph(rows: Sequence[Row], key: bytes, k: int) -> Subgraph:
    """Nodes and edges of the rows, under pseudonyms of one export's key and in their order."""
    nodes: dict[str, SubgraphNode] = {}
    edges: list[SubgraphEdge] = []
    for row in rows:
        for node, edge in _parts(row, key):
            nodes[node.node_id] = node
            if edge is not None:
                edges.append(edge)
    return Subgraph(
        SubgraphLevel.PERSON,
        tuple(nodes[n] for n in sorted(nodes)),
        tuple(sorted(edges, key=lambda e: (e.source, e.target, e.type))),
        k,
    )


def _parts(row: Row, key: bytes) -> Iterator[tuple[SubgraphNode, SubgraphEdge | None]]:
    person = pseudonym(f"person:{row.star.person_id}", key)
    yield SubgraphNode(person, "Person", row.properties), None
    for device, told in zip(row.star.devices, row.devices, strict=True):
        node = pseudonym(f"device:{device.device_id}", key)
        yield SubgraphNode(node, "Device", dict(told)), SubgraphEdge(node, person, "BELONGS_TO", {})
    for account in row.star.accounts:
        node = pseudonym(f"account:{account}", key)
        yield SubgraphNode(node, "Account", {}), SubgraphEdge(node, person, "BELONGS_TO", {})
    if row.tag is not None:
        node = pseudonym(f"tag:{row.tag}", key)
        yield SubgraphNode(node, "Tag", {"name": row.tag}), SubgraphEdge(person, node, "INTERESTED_IN", {})

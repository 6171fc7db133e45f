"""Person ids over time: which cluster keeps which id, and what that changes.

In: the clusters of a run and the person of each member before it. Out: a person id for every cluster and the `Changes` that
lead there, a pure function of both. A cluster keeps the id of the earlier person with which it shares most members; an id goes
to one cluster only, so a split leaves it with the larger part and a merge retires the smaller person's id, which becomes an
alias. Ties go to the smaller id, then to the smaller anchor. A new person's id is a hash of the cluster's anchor, its smallest
(kind, id) at that time: the same input in a fresh home gives the same ids.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Changes", "Merge", "Split", "new_person_id", "plan"]

Integers = npt.NDArray[np.int64]

_ID_BYTES = 10  # 80 bits, 16 base32 characters: with 10^9 persons a collision has odds of 4 in 10^7, and is caught


@dataclass(frozen=True)
class Merge:
    """`retired` is an alias of `survivor` now."""

    retired: str
    survivor: str


@dataclass(frozen=True)
class Split:
    """`created` was made of members of `parent`."""

    created: str
    parent: str


@dataclass(frozen=True)
class Changes:
    """What a run changes. Node numbers index the run's subjects; all sequences are in order of node or id."""

    person_of_cluster: dict[int, str]
    """Person id by anchor node, for every cluster."""
    created: list[int]
    """Anchors of clusters with a new person id."""
    merges: list[Merge]
    splits: list[Split]
    emptied: list[str]
    """Persons none of whose members are left in the lake."""
    joined: list[int]
    """Nodes new in the lake that became members of a person that was there."""
    moved: list[tuple[int, str]]
    """Nodes whose person changed, with the earlier person."""


def new_person_id(kind: str, id_: str, taken: Callable[[str], bool]) -> str:
    """`p` and 16 characters of base32(BLAKE2b(anchor)); where that id was ever used, the next of a counted series."""
    counter = 0
    while True:
        anchor = f"{kind}:{id_}" if counter == 0 else f"{kind}:{id_}\0{counter}"
        digest = hashlib.blake2b(anchor.encode(), digest_size=_ID_BYTES).digest()
        person_id = "p" + base64.b32encode(digest).decode().lower()
        if not taken(person_id):
            return person_id
        counter += 1


def plan(
    anchor: Integers,
    earlier: Integers,
    earlier_ids: Sequence[str],
    subject: Callable[[int], tuple[str, str]],
    taken: Callable[[str], bool],
) -> Changes:
    """`anchor`: per node the smallest node of its cluster. `earlier`: per node the index of its person in `earlier_ids`
    (sorted), -1 for a node that is new. `subject`: kind and id of a node. `taken`: whether an id was ever used."""
    kept, shares = _assign(anchor, earlier, len(earlier_ids))
    person_of_cluster: dict[int, str] = {}
    created: list[int] = []
    splits: list[Split] = []
    fresh: set[str] = set()
    parents = _largest(shares, by=1)
    for root in np.unique(anchor).tolist():
        if root in kept:
            person_of_cluster[root] = earlier_ids[kept[root]]
            continue
        person_id = new_person_id(*subject(root), lambda candidate: candidate in fresh or taken(candidate))
        fresh.add(person_id)
        person_of_cluster[root] = person_id
        created.append(root)
        if root in parents:
            splits.append(Split(person_id, earlier_ids[parents[root]]))
    survivors = _largest(shares, by=0)
    retired = sorted(set(range(len(earlier_ids))) - set(kept.values()))
    merges = [Merge(earlier_ids[c], person_of_cluster[survivors[c]]) for c in retired if c in survivors]
    emptied = [earlier_ids[c] for c in retired if c not in survivors]

    code_of_root = np.full(len(anchor), -1, np.int64)
    if kept:
        code_of_root[np.fromiter(kept, np.int64)] = np.fromiter(kept.values(), np.int64)
    code = code_of_root[anchor]
    has_parent = np.zeros(len(anchor), bool)
    has_parent[list(parents)] = True
    joined = np.flatnonzero((earlier < 0) & ((code >= 0) | has_parent[anchor])).tolist()
    moved = [(node, earlier_ids[earlier[node]]) for node in np.flatnonzero((earlier >= 0) & (earlier != code)).tolist()]
    return Changes(person_of_cluster, created, merges, splits, emptied, joined, moved)


def _assign(anchor: Integers, earlier: Integers, persons: int) -> tuple[dict[int, int], list[tuple[int, int, int]]]:
    """Which cluster (by anchor) keeps which earlier person (by code), and (person, cluster, members) of every overlap that is
    not one person in one cluster."""
    known = np.flatnonzero(earlier >= 0)
    nodes = np.int64(max(len(anchor), 1))
    pair, count = np.unique(earlier[known] * nodes + anchor[known], return_counts=True)
    person, root = pair // nodes, pair % nodes
    plain = (np.bincount(person, minlength=persons)[person] == 1) & (np.bincount(root, minlength=len(anchor))[root] == 1)
    kept = dict(zip(root[plain].tolist(), person[plain].tolist(), strict=True))
    shares = list(zip(person[~plain].tolist(), root[~plain].tolist(), count[~plain].tolist(), strict=True))
    given: set[int] = set()
    for code, where, _ in sorted(shares, key=lambda s: (-s[2], s[0], s[1])):
        if code not in given and where not in kept:
            kept[where] = code
            given.add(code)
    return kept, shares


def _largest(shares: Sequence[tuple[int, int, int]], by: int) -> dict[int, int]:
    """For each person (by=0) the cluster, or for each cluster (by=1) the person, with which it shares most."""
    found: dict[int, int] = {}
    for share in sorted(shares, key=lambda s: (-s[2], s[0], s[1])):
        found.setdefault(share[by], share[1 - by])
    return found

"""Former persons: who was exactly what, so that a change that is taken back leaves everything as before (see `lifecycle`).

In: nodes with their earlier persons and their clusters, the log. Out: the persons that change as they are before that, for the
log, and the clusters that are a person of before, with the retired ids that led to it and the origins of its members.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence

import numpy as np
import numpy.typing as npt

from graph.resolve.changes import Former, History

__all__ = ["as_before", "former_persons", "origins_back"]

Integers = npt.NDArray[np.int64]
_SHAPE_BYTES = 16


def _shapes(nodes: Integers, group: Integers, subject: Callable[[int], tuple[str, str]]) -> dict[int, bytes]:
    """For each group of these nodes a hash of who they are."""
    members: dict[int, list[tuple[str, str]]] = {}
    for node, of in zip(nodes.tolist(), group[nodes].tolist(), strict=True):
        members.setdefault(of, []).append(subject(node))
    # JSON: no two sets of kinds and ids are the same text.
    return {of: hashlib.blake2b(json.dumps(sorted(m)).encode(), digest_size=_SHAPE_BYTES).digest() for of, m in members.items()}


def as_before(
    origin: dict[int, str],
    earlier: Integers,
    earlier_ids: Sequence[str],
    subject: Callable[[int], tuple[str, str]],
    history: History,
) -> list[Former]:
    """The persons of these nodes, as they are before the change."""
    others: dict[int, dict[tuple[str, str], str]] = {}
    for node, name in sorted(origin.items()):
        if name != earlier_ids[code := int(earlier[node])]:
            others.setdefault(code, {})[subject(node)] = name
    shapes = _shapes(np.array(sorted(origin), np.int64), earlier, subject)
    return [
        Former(shape, name, 0, tuple(r.person_id for r in history.retired_into(name)), others.get(code, {}))
        for code, shape in sorted(shapes.items())
        for name in (earlier_ids[code],)
    ]


def former_persons(
    roots: Collection[int],
    anchor: Integers,
    earlier: Integers,
    codes: Collection[int],
    earlier_ids: Sequence[str],
    subject: Callable[[int], tuple[str, str]],
    history: History,
) -> dict[int, Former]:
    """Clusters (of these) that are a person of before: one that is living and changes, or retired under such a one. Members that
    are new in the lake are left out: whoever joins at the same time changes nothing in who is back."""
    nodes = np.flatnonzero(np.isin(anchor, np.fromiter(roots, np.int64, len(roots))) & (earlier >= 0))
    changing = {earlier_ids[code] for code in codes}
    found = {root: former for root, shape in _shapes(nodes, anchor, subject).items() if (former := history.former(shape))}
    persons: dict[int, Former] = {}
    given: set[str] = set()
    for root, person in sorted(found.items(), key=lambda item: (-item[1].run, item[0])):
        if person.person_id not in given and history.current(person.person_id) in changing:
            persons[root] = person
            given.add(person.person_id)
    return persons


def origins_back(former: dict[int, Former], anchor: Integers, subject: Callable[[int], tuple[str, str]]) -> dict[int, str | None]:
    """For the nodes of clusters that are a person of before the origin of then; None where it was the person itself."""
    nodes = np.flatnonzero(np.isin(anchor, np.fromiter(former, np.int64, len(former)))).tolist() if former else []
    return {node: former[int(anchor[node])].origins.get(subject(node)) for node in nodes}

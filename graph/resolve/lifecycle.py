"""Person ids over time: which cluster keeps or gets back which id, and what that changes.

In: the clusters of a run, the person of each member before it, and from the log what retired persons are made of. Out: a person
id for every cluster and the `Changes` that lead there, a pure function of the three.

Persons form a forest: a merge puts the retired person under the survivor. Every member has an origin, the person, living or
retired, that it last came to by other ways than a merge of persons; the members of a retired person are those whose origin is it
or lies under it. That is what an un-merge needs, whatever joined, left or merged in between.

A person whose members are all in one cluster of its own keeps its id; the rest is settled in this order:

0. Former persons. A cluster of exactly the members that a person had when a run last changed them is that person again, with
   the retired ids and the origins of then. So a change that is taken back, whatever it was, gives everybody the person of
   before: those that it left alone kept theirs, and the others were written down as they were.
1. Living persons. A cluster keeps the id of the person with most members in it. Where a person falls apart, only those count
   whose origin it is: its id goes with them, however few they are, so that an un-merge gives back what was there before the
   merge. Ties go to the older person (earlier run that made it, then smaller id), then to the part with more members, then to
   the smaller anchor.
2. Retired persons. Where a person falls apart, an id under it is revived for the retired person's home, unless that part has its
   id already. As for a living person, its home is where most of its own members are, however few, and among equals where most
   of all its members are. Of several ids the one with most members there is taken, then the one under fewer others (in a chain
   of merges the outer one), then the older one.
3. Living persons that found no place in 1, by all their members.
4. New ids: a hash of the cluster's anchor, its smallest (kind, id) at that time, so that the same input in a fresh home gives the
   same ids.

A retired id that is not revived goes under the person of its home.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graph.resolve.changes import Changes, History, Merge, Part, Redirect, Retired
from graph.resolve.former import as_before, former_persons, origins_back

__all__ = ["new_person_id", "plan"]

Integers = npt.NDArray[np.int64]

_ID_BYTES = 10  # 80 bits, 16 base32 characters: with 10^9 persons a collision has odds of 4 in 10^7, and is caught


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


@dataclass(frozen=True)
class _Share:
    """How many nodes of an earlier person (by code) are in a cluster (by anchor), and how many of them are its own."""

    code: int
    root: int
    own: int
    total: int


def plan(
    anchor: Integers,
    earlier: Integers,
    earlier_ids: Sequence[str],
    subject: Callable[[int], tuple[str, str]],
    taken: Callable[[str], bool],
    history: History,
) -> Changes:
    """`anchor`: per node the smallest node of its cluster. `earlier`: per node the index of its person in `earlier_ids`
    (sorted), -1 for a node that is new. `subject`: kind and id of a node. `taken`: whether an id was ever used."""
    kept, overlaps = _overlaps(anchor, earlier, len(earlier_ids))
    codes = sorted({code for code, _, _ in overlaps})
    age = dict(zip(codes, history.created_runs([earlier_ids[c] for c in codes]), strict=True))
    pieces = Counter(code for code, _, _ in overlaps)
    divided = {c: history.retired_into(earlier_ids[c]) for c in codes if pieces[c] > 1}
    origin = _origins(earlier, codes, earlier_ids, subject, history)
    homes, shares = _count(anchor, earlier, overlaps, divided, origin, earlier_ids)

    former = former_persons([root for _, root, _ in overlaps], anchor, earlier, codes, earlier_ids, subject, history)
    code_of = {earlier_ids[code]: code for code in codes}
    kept |= {root: code_of[person.person_id] for root, person in former.items() if person.person_id in code_of}
    revived = {root: person.person_id for root, person in former.items() if person.person_id not in code_of}
    _keep_own(kept, set(revived), shares, age)
    _revive(revived, [person for persons in divided.values() for person in persons], homes, kept)
    _keep_rest(kept, set(revived), shares, age)
    parents = {root: earlier_ids[code] for root, code in _largest(shares, age, of_cluster=True).items()}
    names = {root: earlier_ids[code] for root, code in kept.items()} | revived
    created = [root for root in np.unique(anchor).tolist() if root not in names]
    fresh: set[str] = set()
    for root in created:
        names[root] = new_person_id(*subject(root), lambda candidate: candidate in fresh or taken(candidate))
        fresh.add(names[root])

    survivors = _largest(shares, age, of_cluster=False)
    lost = sorted(set(range(len(earlier_ids))) - set(kept.values()))
    back = {retired: person.person_id for person in former.values() for retired in person.retired}
    merges = [Merge(earlier_ids[c], back.get(earlier_ids[c], names[survivors[c]])) for c in lost if c in survivors]
    leads = {earlier_ids[c]: earlier_ids[c] for c in codes} | {m.retired: m.survivor for m in merges}
    under = [
        r for c in codes for r in divided.get(c, history.retired_into(earlier_ids[c])) if c in divided or r.person_id in back
    ]
    redirected = _redirect(under, homes, names, leads, back)
    code = np.full(len(anchor), -1, np.int64)
    if kept:
        code[np.fromiter(kept, np.int64)] = np.fromiter(kept.values(), np.int64)
    code = code[anchor]
    has_parent = np.zeros(len(anchor), bool)
    has_parent[list(parents)] = True
    return Changes(
        person_of_cluster={root: names[root] for root in sorted(names)},
        created=created,
        merges=merges,
        splits=[Part(names[root], parents[root]) for root in created if root in parents],
        revived=sorted((Part(name, parents[root]) for root, name in revived.items()), key=lambda part: part.person_id),
        redirected=redirected,
        emptied=[earlier_ids[c] for c in lost if c not in survivors],
        joined=np.flatnonzero((earlier < 0) & ((code >= 0) | has_parent[anchor])).tolist(),
        moved=[(node, earlier_ids[earlier[node]]) for node in np.flatnonzero((earlier >= 0) & (earlier != code)).tolist()],
        origins=_new_origins(origin, anchor, earlier, earlier_ids, names, leads, origins_back(former, anchor, subject)),
        former=as_before(origin, earlier, earlier_ids, subject, history),
    )


def _overlaps(anchor: Integers, earlier: Integers, persons: int) -> tuple[dict[int, int], list[tuple[int, int, int]]]:
    """Persons (by code) that are one cluster (by anchor) as they were, and (person, cluster, members) of all other overlaps."""
    known = np.flatnonzero(earlier >= 0)
    nodes = np.int64(max(len(anchor), 1))
    pair, count = np.unique(earlier[known] * nodes + anchor[known], return_counts=True)
    person, root = pair // nodes, pair % nodes
    plain = (np.bincount(person, minlength=persons)[person] == 1) & (np.bincount(root, minlength=len(anchor))[root] == 1)
    kept = dict(zip(root[plain].tolist(), person[plain].tolist(), strict=True))
    return kept, list(zip(person[~plain].tolist(), root[~plain].tolist(), count[~plain].tolist(), strict=True))


def _origins(
    earlier: Integers,
    codes: Sequence[int],
    earlier_ids: Sequence[str],
    subject: Callable[[int], tuple[str, str]],
    history: History,
) -> dict[int, str]:
    """The origin of every node of these persons."""
    nodes = np.flatnonzero(np.isin(earlier, np.array(codes, np.int64)))
    origin = {node: earlier_ids[earlier[node]] for node in nodes.tolist()}
    others = {(kind, id_): person for c in codes for kind, id_, person in history.origins(earlier_ids[c])}
    if others:
        origin |= {node: others[subject(node)] for node in origin if subject(node) in others}
    return origin


def _count(
    anchor: Integers,
    earlier: Integers,
    overlaps: Sequence[tuple[int, int, int]],
    divided: dict[int, list[Retired]],
    origin: dict[int, str],
    earlier_ids: Sequence[str],
) -> tuple[dict[str, dict[int, int]], list[_Share]]:
    """For each retired person under one that falls apart the clusters that may be its home, with the number of its members there;
    and the shares of the living ones."""
    into = {person.person_id: person.into_id for persons in divided.values() for person in persons}
    places: dict[str, Counter[int]] = {name: Counter() for name in into}
    own_places: dict[str, Counter[int]] = {name: Counter() for name in into}
    own: dict[int, Counter[int]] = {code: Counter() for code in divided}
    for node, name in origin.items():
        code, root = int(earlier[node]), int(anchor[node])
        if code in divided and name == earlier_ids[code]:
            own[code][root] += 1
        if name in into:
            own_places[name][root] += 1
        while name in into:
            places[name][root] += 1
            name = into[name]
    homes = {name: _most(found, own_places[name]) for name, found in places.items()}
    return homes, [_Share(c, root, own[c][root] if own.get(c) else total, total) for c, root, total in overlaps]


def _most(members: Counter[int], own: Counter[int]) -> dict[int, int]:
    """The clusters with most own members, of those with most members, with the number of these."""
    best = max(((own[root], count) for root, count in members.items()), default=None)
    return {root: count for root, count in members.items() if (own[root], count) == best}


def _keep_own(kept: dict[int, int], revived: Collection[int], shares: Sequence[_Share], age: dict[int, int]) -> None:
    """Step 1: adds to `kept`, cluster to person."""
    given = set(kept.values())
    for s in sorted(shares, key=lambda s: (-s.own, age[s.code], s.code, -s.total, s.root)):
        if s.own and s.code not in given and s.root not in kept and s.root not in revived:
            kept[s.root] = s.code
            given.add(s.code)


def _revive(revived: dict[int, str], retired: Sequence[Retired], homes: dict[str, dict[int, int]], kept: dict[int, int]) -> None:
    """Step 2: adds to `revived`, cluster to person."""
    into = {person.person_id: person.into_id for person in retired}
    claims = []
    for person in retired:
        depth, above = 0, person.into_id
        while above in into:
            depth, above = depth + 1, into[above]
        claims += [
            (-count, depth, person.created_run, person.person_id, root)
            for root, count in homes[person.person_id].items()
            if root not in kept
        ]
    given = set(revived.values())
    for *_, name, root in sorted(claims):
        if root not in revived and name not in given:
            revived[root] = name
            given.add(name)


def _keep_rest(kept: dict[int, int], revived: set[int], shares: Sequence[_Share], age: dict[int, int]) -> None:
    """Step 3: adds to `kept`."""
    given = set(kept.values())
    for s in sorted(shares, key=lambda s: (-s.total, age[s.code], s.code, s.root)):
        if s.code not in given and s.root not in kept and s.root not in revived:
            kept[s.root] = s.code
            given.add(s.code)


def _largest(shares: Sequence[_Share], age: dict[int, int], *, of_cluster: bool) -> dict[int, int]:
    """For each cluster the person with most members in it, or for each person the cluster with most of its own."""
    found: dict[int, int] = {}
    if of_cluster:
        for s in sorted(shares, key=lambda s: (-s.total, age[s.code], s.code)):
            found.setdefault(s.root, s.code)
    else:
        for s in sorted(shares, key=lambda s: (-s.own, -s.total, s.root)):
            found.setdefault(s.code, s.root)
    return found


def _redirect(
    retired: Sequence[Retired],
    homes: dict[str, dict[int, int]],
    names: dict[int, str],
    leads: dict[str, str],
    back: dict[str, str],
) -> list[Redirect]:
    """Retired ids that would be under another than the person of their home, or not under that which is `back` and had them.
    `leads`: the living person now at the end of each id; has those of the earlier living ones and is given the retired ones."""
    living = set(names.values())
    found: list[Redirect] = []
    for person in sorted(retired, key=lambda r: -r.retired_run):  # from the roots on
        name = person.person_id
        leads[name] = name if name in living else leads[person.into_id]
        hosts = {back[name]: 0} if name in back else {names[root]: root for root in homes[name]}
        if name not in living and hosts and leads[name] not in hosts:
            leads[name] = min(hosts, key=hosts.__getitem__)
            found.append(Redirect(name, leads[name]))
    return sorted(found, key=lambda redirect: redirect.retired)


def _new_origins(
    origin: dict[int, str],
    anchor: Integers,
    earlier: Integers,
    earlier_ids: Sequence[str],
    names: dict[int, str],
    leads: dict[str, str],
    back: dict[int, str | None],
) -> list[tuple[int, str | None]]:
    """Changed origins: one that is not under the node's person is no origin of it any more; `back` are those of before."""
    found: list[tuple[int, str | None]] = []
    for node, name in sorted(origin.items()):
        was, now = earlier_ids[earlier[node]], names[int(anchor[node])]
        # Under a person that does not fall apart everything goes where that person goes, and `leads` need not hold it.
        is_under = leads.get(name, leads[was]) == now
        before = None if name == was else name
        after = name if is_under and name != now else None
        if node in back and leads.get(back[node] or now, now) == now:
            after = back[node]
        if before != after:
            found.append((node, after))
    return found

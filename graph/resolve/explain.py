"""Why two devices or accounts are one person, or why not; and why one belongs to its person.

In: a `Resolution`, one or two subjects, and the `Grounds` on which pieces can be opened into their comparisons. Out: an
`Explanation`. For two of one person: the strongest chain of evidence through the person's members, the one whose links are most
probably all true (Dijkstra on -log probability). For two persons: the strongest evidence between them and what kept them apart.
Either may be a person, which stands for its members. The pieces of a link add up to its score, and the links of a member to the
score of its belonging.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from graph.errors import InputError
from graph.resolution import Resolution
from graph.resolve.contraction import MILLION, ClusterRules
from graph.resolve.explain_blocks import blocks_between, blocks_of
from graph.resolve.explain_grounds import Grounds
from graph.resolve.explain_rows import count, either, rows
from graph.resolve.explanation import Explanation, Link, Part, Piece, Subject, probability

__all__ = ["Explanation", "Link", "Part", "Piece", "Subject", "explain", "explain_member"]

_BESIDE = 5  # links towards others that are shown


@dataclass(frozen=True)
class _End:
    """One of the two that are asked about, its person, and that person's members."""

    subject: Subject
    person: str
    members: frozenset[Subject]


def explain(
    resolution: Resolution,
    left: tuple[str, str],
    right: tuple[str, str],
    rules: ClusterRules | None = None,
    *,
    grounds: Grounds | None = None,
) -> Explanation:
    """Explain a pair of (kind, id), kind being device, account or person. `rules`: those of the run. Raises InputError for one
    that is not there."""
    a, b = _end(resolution, Subject(*left)), _end(resolution, Subject(*right))
    if a.person != b.person:
        return _apart(resolution, a, b, rules or ClusterRules(), grounds)
    kinds = (a.subject.kind, b.subject.kind)
    if kinds == ("person", "person"):
        links = _links(resolution, a.members, a.members, grounds)
        summary = f"one person, {a.person}, of {count(len(a.members), 'member')}"
        return Explanation(a.subject, b.subject, a.person, b.person, True, summary, tuple(links), ())
    if "person" in kinds:
        return explain_member(resolution, left if kinds[1] == "person" else right, grounds=grounds)
    return _together(resolution, a, b, grounds)


def explain_member(resolution: Resolution, subject: tuple[str, str], *, grounds: Grounds | None = None) -> Explanation:
    """Why a device or account belongs to its person: its links to the other members. Raises InputError for one that is not
    there."""
    end = _end(resolution, Subject(*subject))
    found = _all_links(resolution, end.subject)
    own = [link for link in found if end.members.issuperset((link.left, link.right))]
    beside = [link for link in found if link not in own and link.score > 0][:_BESIDE]
    links = _opened(own, grounds)
    person = Subject("person", end.person)
    score = math.fsum(link.score for link in links)
    # Clustering adds whole millionths, so that the order of addition does not matter: the confidence is of that sum.
    millionths = sum(round(piece.weight * MILLION) for link in links for piece in link.pieces)
    certain = 1.0 if len(end.members) == 1 else probability(millionths / MILLION)
    if len(end.members) == 1:
        summary = f"a person of its own, {end.person}"
    else:
        summary = f"of person {end.person}, by {count(len(links), 'link')} to {count(len(end.members) - 1, 'other member')}"
    blocks = blocks_of(resolution, end.subject)
    if blocks:
        summary = f"{summary}: {blocks[0]}"
    return Explanation(
        end.subject,
        person,
        end.person,
        end.person,
        True,
        summary,
        tuple(links),
        tuple(blocks),
        score,
        certain,
        tuple(_opened(beside, grounds)),
    )


def _together(resolution: Resolution, a: _End, b: _End, grounds: Grounds | None) -> Explanation:
    found = _links(resolution, a.members, a.members, None)
    chain = _chain(found, a.subject, b.subject)
    direct = [link for link in found if {link.left, link.right} == {a.subject, b.subject} and link not in chain]
    same = a.subject == b.subject
    summary = "they are the same" if same else f"one person, {a.person}, by {count(len(chain), 'link')} of evidence"
    return Explanation(
        a.subject,
        b.subject,
        a.person,
        b.person,
        True,
        summary,
        tuple(_opened(chain, grounds)),
        (),
        beside=tuple(_opened(direct, grounds)),
    )


def _apart(resolution: Resolution, a: _End, b: _End, rules: ClusterRules, grounds: Grounds | None) -> Explanation:
    between = _links(resolution, a.members, b.members, grounds)
    blocks = blocks_between(resolution, (a.subject, b.subject), between, (a.members, b.members), rules, grounds)
    score = math.fsum(link.score for link in between)
    summary = f"two persons, {a.person} and {b.person}: {blocks[0] if blocks else 'nothing links them'}"
    return Explanation(
        a.subject, b.subject, a.person, b.person, False, summary, tuple(between), tuple(blocks), score, probability(score)
    )


def _end(resolution: Resolution, subject: Subject) -> _End:
    person = subject.id
    if subject.kind != "person":
        found = rows(resolution.members, kind=[subject.kind], id=[subject.id])
        if not found:
            raise InputError(f"{subject} is no device or account of this home; check kind and id, or run `tessera resolve` again")
        person = str(found[0]["person_id"])
    members = frozenset(Subject(r["kind"], r["id"]) for r in rows(resolution.members, person_id=[person]))
    if not members:
        raise InputError(f"{subject} is no person of this home; `tessera export identities` lists them")
    return _End(subject, person, members)


def _all_links(resolution: Resolution, subject: Subject) -> list[Link]:
    """All evidence with this end, strongest first."""
    found = either(resolution.evidence, ("left_id", "right_id"), subject.id)
    return _grouped(r for r in found if subject in ((r["left_kind"], r["left_id"]), (r["right_kind"], r["right_id"])))


def _links(resolution: Resolution, these: frozenset[Subject], those: frozenset[Subject], grounds: Grounds | None) -> list[Link]:
    """All evidence between a member of the one and a member of the other, strongest first."""
    ids = {s.id for s in these | those}
    found = []
    for r in rows(resolution.evidence, left_id=ids, right_id=ids):
        left, right = Subject(r["left_kind"], r["left_id"]), Subject(r["right_kind"], r["right_id"])
        if (left in these and right in those) or (left in those and right in these):
            found.append(r)
    return _opened(_grouped(found), grounds)


def _grouped(found: Iterable[dict[str, Any]]) -> list[Link]:
    """Rows of evidence as links."""
    pieces: dict[tuple[Subject, Subject], list[Piece]] = defaultdict(list)
    for r in found:
        pair = Subject(r["left_kind"], r["left_id"]), Subject(r["right_kind"], r["right_id"])
        seen = tuple(r["sources"]), r["first_seen"], r["last_seen"]
        pieces[pair].append(Piece(r["method"], r["weight"], r["probability"], *seen, weight_before=r["weight"]))
    links = [Link.of(left, right, given) for (left, right), given in pieces.items()]
    return sorted(links, key=lambda link: (-link.score, link.left, link.right))


def _opened(links: Sequence[Link], grounds: Grounds | None) -> list[Link]:
    return list(links) if grounds is None else grounds.opened(links)


def _chain(links: Sequence[Link], start: Subject, end: Subject) -> list[Link]:
    around: dict[Subject, list[tuple[Subject, Link]]] = defaultdict(list)
    for link in links:
        if link.score > 0:
            around[link.left].append((link.right, link))
            around[link.right].append((link.left, link))
    waiting: list[tuple[float, int, Subject, list[Link]]] = [(0.0, 0, start, [])]
    settled: set[Subject] = set()
    pushed = 0
    while waiting:
        cost, _, subject, path = heapq.heappop(waiting)
        if subject == end:
            return path
        if subject in settled:
            continue
        settled.add(subject)
        for other, link in around[subject]:
            if other not in settled:
                pushed += 1  # equal costs go in the order of the links
                heapq.heappush(waiting, (cost - math.log(link.probability), pushed, other, [*path, link]))
    return []

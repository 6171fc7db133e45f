"""Why two devices or accounts are one person, or why not.

In: a `Resolution` and two subjects. Out: an `Explanation`. For one person: the strongest chain of evidence through the person's
members, the one whose links are most probably all true (Dijkstra on -log probability); each link with its pieces, whose
weights add up to the link's score. For two persons: the strongest evidence between them and what kept them apart.
"""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from graph.errors import InputError
from graph.resolution import Resolution
from graph.resolve.contraction import ClusterRules

__all__ = ["Explanation", "Link", "Piece", "Subject", "explain"]


class Subject(NamedTuple):
    """A device or an account."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True)
class Piece:
    """One piece of evidence; `weight` in log2 odds, negative where it speaks against."""

    method: str
    weight: float
    probability: float
    sources: tuple[str, ...]
    first_seen: datetime | None
    last_seen: datetime | None


@dataclass(frozen=True)
class Link:
    """All evidence between two subjects; `score` is the sum of the pieces' weights, `probability` 1 / (1 + 2^-score)."""

    left: Subject
    right: Subject
    score: float
    probability: float
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Explanation:
    """`links`: for one person the chain from left to right, for two persons all evidence between them, strongest first.
    `blocks`: for two persons, what kept them apart, in words."""

    left: Subject
    right: Subject
    left_person: str
    right_person: str
    same: bool
    summary: str
    links: tuple[Link, ...]
    blocks: tuple[str, ...]


def explain(
    resolution: Resolution, left: tuple[str, str], right: tuple[str, str], rules: ClusterRules | None = None
) -> Explanation:
    """Explain a pair of (kind, id). `rules`: those of the run. Raises InputError for a subject that is not there."""
    a, b = Subject(*left), Subject(*right)
    person_a, person_b = _person(resolution, a), _person(resolution, b)
    members_a, members_b = _members(resolution, person_a), _members(resolution, person_b)
    if person_a == person_b:
        path = _chain(_links(resolution, members_a, members_a), a, b)
        summary = "they are the same" if a == b else f"one person, {person_a}, by {_count(len(path), 'link')} of evidence"
        return Explanation(a, b, person_a, person_b, True, summary, tuple(path), ())
    between = _links(resolution, members_a, members_b)
    blocks = _blocks(resolution, a, b, between, (members_a, members_b), rules or ClusterRules())
    summary = f"two persons, {person_a} and {person_b}: {blocks[0] if blocks else 'nothing links them'}"
    return Explanation(a, b, person_a, person_b, False, summary, tuple(between), tuple(blocks))


def _person(resolution: Resolution, subject: Subject) -> str:
    found = _rows(resolution.members, kind=[subject.kind], id=[subject.id])
    if not found:
        raise InputError(f"{subject} is no device or account of this home; check kind and id, or run `tessera resolve` again")
    return str(found[0]["person_id"])


def _members(resolution: Resolution, person_id: str) -> frozenset[Subject]:
    return frozenset(Subject(r["kind"], r["id"]) for r in _rows(resolution.members, person_id=[person_id]))


def _rows(table: pa.Table, **wanted: Iterable[str]) -> list[dict[str, Any]]:
    """Rows whose columns are each among the wanted values."""
    masks = [pc.is_in(table[name], pa.array(sorted(set(values)), pa.string())) for name, values in wanted.items()]
    mask = masks[0]
    for other in masks[1:]:
        mask = pc.and_(mask, other)
    return list(table.filter(mask).to_pylist())


def _links(resolution: Resolution, these: frozenset[Subject], those: frozenset[Subject]) -> list[Link]:
    """All evidence between a member of the one and a member of the other, strongest first."""
    ids = {s.id for s in these | those}
    pieces: dict[tuple[Subject, Subject], list[Piece]] = defaultdict(list)
    for r in _rows(resolution.evidence, left_id=ids, right_id=ids):
        left, right = Subject(r["left_kind"], r["left_id"]), Subject(r["right_kind"], r["right_id"])
        if (left in these and right in those) or (left in those and right in these):
            pieces[left, right].append(
                Piece(r["method"], r["weight"], r["probability"], tuple(r["sources"]), r["first_seen"], r["last_seen"])
            )
    links = []
    for (left, right), found in pieces.items():
        score = math.fsum(p.weight for p in found)
        ordered = tuple(sorted(found, key=lambda p: (-abs(p.weight), p.method)))
        links.append(Link(left, right, score, 1 / (1 + 2.0 ** min(-score, 1000.0)), ordered))
    return sorted(links, key=lambda link: (-link.score, link.left, link.right))


def _chain(links: list[Link], start: Subject, end: Subject) -> list[Link]:
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


def _blocks(
    resolution: Resolution,
    a: Subject,
    b: Subject,
    between: list[Link],
    members: tuple[frozenset[Subject], frozenset[Subject]],
    rules: ClusterRules,
) -> list[str]:
    """What kept two persons apart, the most direct first."""
    guarded = {Subject(r["kind"], r["id"]): r for r in _rows(resolution.guarded, id={s.id for s in members[0] | members[1]})}
    found = [f"{s} is {guarded[s]['class']}: {guarded[s]['reason']}" for s in (a, b) if s in guarded]
    held = [{r["identifier_id"] for r in _rows(resolution.has_identifier, id={s.id for s in side})} for side in members]
    for r in _rows(resolution.identifiers, identifier_id=held[0] & held[1]):
        if r["generic"]:
            found.append(f"both hold one {r['kind']}, which is generic with {_count(r['degree'], 'holder')}")
    used = [{r["device_id"] for r in _rows(resolution.signed_in, account_id=_ids(side, "account"))} for side in members]
    for r in _rows(resolution.guarded, kind=["device"], id=used[0] & used[1]):
        found.append(f"both signed in on device:{r['id']}, which is {r['class']}: {r['reason']}")
    opposed = sorted((p for link in between for p in link.pieces if p.weight < 0), key=lambda p: (p.weight, p.method))
    if opposed:
        methods = ", ".join(dict.fromkeys(p.method for p in opposed))
        found.append(f"evidence against: {methods} ({math.fsum(p.weight for p in opposed):+.1f} in all)")
    total = math.fsum(link.score for link in between)
    if total > 0:
        found.append(_rule(total, members, rules))
    return found


def _rule(total: float, members: tuple[frozenset[Subject], frozenset[Subject]], rules: ClusterRules) -> str:
    """Which clustering rule the evidence between two persons does not meet."""
    both = members[0] | members[1]
    needed = rules.join_log2_odds if min(map(len, members)) == 1 else rules.strong_log2_odds
    if total < needed:
        return f"the evidence between them adds up to {total:.1f} log2 odds, a join needs {needed:.1f}"
    if len(both) > rules.max_members or len(_ids(both, "account")) > rules.max_accounts:
        return f"together they would have {_count(len(both), 'member')}, more than a person may"
    return f"the evidence between them adds up to {total:.1f} log2 odds, but other links of theirs were joined first"


def _ids(subjects: frozenset[Subject], kind: str) -> set[str]:
    return {s.id for s in subjects if s.kind == kind}


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"

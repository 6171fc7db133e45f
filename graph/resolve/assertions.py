"""Operator assertions: what may be said, what cannot be met, and how the clusters hear of it.

In: two subjects as (kind, id), who says so, why and when. Out: an `Assertion` in the identity log; rows of the temporary table
`evidence` for the clusterer. Assertions outlive everything: they name subjects, not persons, so that re-runs, growth and new
fits leave them as they are, and one about a subject that the lake does not know takes effect once it appears.

`same` is evidence of +1000 log2 odds, more than all other evidence of a pair could add up to. `never` is evidence of -1,000,000,
which stands for a constraint: no clustering puts the two into one person. `apart` is a `never` for every pair between two
groups: a constraint between two anchors alone would let other members of the groups chain, and any rule about persons would
end with the persons. `never` wins: the oldest `same` first, each is taken as long as no `never` is between the groups that it
joins (constrained agglomeration as in COP-KMEANS: Wagstaff et al., ICML 2001); the others are contradictions, said and left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import NamedTuple

import duckdb
import pyarrow as pa

from graph.errors import InputError
from graph.resolve.log import IdentityLog
from graph.resolve.log_assertions import NEVER, SAME, Assertion, add, all_assertions, mark_revoked, standing
from graph.tables import TIME

__all__ = [
    "ASSERTED_NEVER",
    "ASSERTED_SAME",
    "Contradiction",
    "EvidenceRow",
    "add_evidence",
    "assert_never",
    "assert_same",
    "contradictions",
    "evidence_rows",
    "revoke",
]

ASSERTED_SAME, ASSERTED_NEVER = "asserted_same", "asserted_never"
_SAME_LOG2_ODDS, _NEVER_LOG2_ODDS = 1_000.0, -1_000_000.0

Subject = tuple[str, str]


@dataclass(frozen=True)
class Contradiction:
    """`same` cannot be met, since it would join groups that `never`, a `never` or `apart`, holds apart."""

    same: Assertion
    never: Assertion


class EvidenceRow(NamedTuple):
    """Evidence of an assertion between two subjects, left before right; `weight` in log2 odds."""

    left_kind: str
    left_id: str
    right_kind: str
    right_id: str
    method: str
    weight: float
    said: datetime


def assert_same(
    log: IdentityLog, left: Subject, right: Subject, *, at: datetime, by: str, reason: str | None = None
) -> Assertion:
    """Say that two subjects are one person; repeated, it is the same assertion. Raises InputError."""
    return _assert(log, SAME, left, right, by, reason, at)


def assert_never(
    log: IdentityLog, left: Subject, right: Subject, *, at: datetime, by: str, reason: str | None = None
) -> Assertion:
    """Say that two subjects are never one person; repeated, it is the same assertion. Raises InputError."""
    return _assert(log, NEVER, left, right, by, reason, at)


def revoke(log: IdentityLog, number: int, *, at: datetime, by: str) -> Assertion:
    """Take an assertion back. Raises InputError for one that is not there or was revoked before."""
    with log.transaction():
        found = [a for a in all_assertions(log) if a.number == number]
        if not found:
            raise InputError(f"there is no assertion {number}; list them with `tessera identity assertions`")
        if found[0].revoked_at is not None:
            raise InputError(f"assertion {number} was revoked before, at {found[0].revoked_at}")
        return mark_revoked(log, found[0], by=by, at=at)


def contradictions(assertions: Iterable[Assertion]) -> list[Contradiction]:
    """Which `same` of these cannot be met, by number, each with the oldest `never` or `apart` against it."""
    return _divide(assertions)[1]


def add_evidence(connection: duckdb.DuckDBPyConnection, log: IdentityLog) -> None:
    """Add the standing assertions to the temporary table `evidence`. `same` says nothing of a shared device or a bot, which
    stays a person of its own."""
    rows = evidence_rows(log)
    if not rows:
        return
    columns = dict(zip(EvidenceRow._fields, zip(*rows, strict=True), strict=True))
    columns["said"] = pa.array(columns["said"], TIME)
    connection.register("asserted", pa.table({name: pa.array(column) for name, column in columns.items()}))
    connection.execute(
        """
        INSERT INTO evidence BY NAME
        SELECT least(l.number, r.number) AS left_number, greatest(l.number, r.number) AS right_number, method, weight,
               ['operator'] AS sources, said AS first_seen, said AS last_seen
        FROM asserted
        JOIN subjects l ON l.kind = left_kind AND l.id = left_id JOIN subjects r ON r.kind = right_kind AND r.id = right_id
        WHERE method = $never OR ((l.kind, l.id) NOT IN (SELECT (kind, id) FROM classes)
                                  AND (r.kind, r.id) NOT IN (SELECT (kind, id) FROM classes))
        ORDER BY left_number, right_number, method
        """,
        {"never": ASSERTED_NEVER},
    )
    connection.unregister("asserted")


def evidence_rows(log: IdentityLog) -> list[EvidenceRow]:
    """What the standing assertions are as evidence, whether or not their subjects are known."""
    return [EvidenceRow(*row[:-1], datetime.fromisoformat(row[-1])) for row in _evidence(standing(log))]


def _assert(log: IdentityLog, action: str, left: Subject, right: Subject, by: str, reason: str | None, at: datetime) -> Assertion:
    for kind, id_ in (left, right):
        if kind not in ("device", "account"):
            raise InputError(f"{kind!r} is no kind of subject; use device or account")
        if not id_:
            raise InputError(f"a {kind} needs an id")
    if left == right:
        raise InputError(f"{left[0]}:{left[1]} is one with itself; name two subjects")
    with log.transaction():
        return add(log, action, [left], [right], by=by, reason=reason, at=at)


def _evidence(assertions: Sequence[Assertion]) -> list[tuple[str, str, str, str, str, float, str]]:
    """Ends, method, weight and time of each piece of evidence; one per pair and method, with the earliest time."""
    rows: dict[tuple[Subject, Subject, str], tuple[float, str]] = {}
    met, _ = _divide(assertions)
    for a in (*met, *(a for a in assertions if a.action != SAME)):
        method, weight = (ASSERTED_SAME, _SAME_LOG2_ODDS) if a.action == SAME else (ASSERTED_NEVER, _NEVER_LOG2_ODDS)
        for pair in product(a.left, a.right):
            left, right = sorted(pair)
            rows.setdefault((left, right, method), (weight, a.at))
    return [(*left, *right, method, *told) for (left, right, method), told in rows.items()]


def _divide(assertions: Iterable[Assertion]) -> tuple[list[Assertion], list[Contradiction]]:
    """The `same` that can be met together, and the others."""
    ordered = sorted((a for a in assertions if a.revoked_at is None), key=lambda a: a.number)
    group: dict[Subject, set[Subject]] = {}
    against: dict[Subject, dict[Subject, Assertion]] = {}  # per member whom it must not join, and by which assertion
    for a in ordered:
        if a.action != SAME:
            for x, y in product(a.left, a.right):
                against.setdefault(x, {}).setdefault(y, a)
                against.setdefault(y, {}).setdefault(x, a)
    met: list[Assertion] = []
    contrary: list[Contradiction] = []
    for a in ordered:
        if a.action != SAME:
            continue
        one, other = (group.setdefault(side[0], {side[0]}) for side in (a.left, a.right))
        small, large = sorted((one, other), key=len)
        barred = [against[x][y] for x in small if x in against for y in against[x].keys() & large] if one is not other else []
        if barred:
            contrary.append(Contradiction(a, min(barred, key=lambda n: n.number)))
            continue
        met.append(a)
        if one is not other:
            large |= small
            group.update(dict.fromkeys(small, large))
    return met, contrary

"""What operators said about identities, as rows of the identity log's database: they are revoked, never changed or deleted.

In and out: `Assertion`s. An assertion is about two sides, each one subject or a group of them:

same    the two subjects are one person
never   the two subjects are never one person
apart   no member of the one group is ever one person with a member of the other; `left` and `right` of the table are the
        groups' smallest members, the rest is in `assertion_members`

Every assertion and revocation is a row of the log as well. Who said so is an argument: names are personal data, so callers give
a role such as `operator`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from graph.resolve.log import IdentityLog

__all__ = ["APART", "NEVER", "SAME", "Assertion", "Subjects", "add", "all_assertions", "mark_revoked", "standing"]

SAME, NEVER, APART = "same", "never", "apart"

Subjects = tuple[tuple[str, str], ...]
"""(kind, id) of one or more devices or accounts, in order."""


@dataclass(frozen=True)
class Assertion:
    """One assertion; `number` counts from one, `seq` is its row in the log, times are ISO 8601 in UTC."""

    number: int
    action: str
    left: Subjects
    right: Subjects
    by: str
    reason: str | None
    at: str
    seq: int
    revoked_at: str | None
    revoked_by: str | None


def all_assertions(log: IdentityLog) -> list[Assertion]:
    """Every assertion that was ever made, by number."""
    return _read(log, "")


def standing(log: IdentityLog) -> list[Assertion]:
    """The assertions that hold, by number."""
    return _read(log, "WHERE revoked_at IS NULL")


def add(
    log: IdentityLog,
    action: str,
    left: Iterable[tuple[str, str]],
    right: Iterable[tuple[str, str]],
    *,
    by: str,
    reason: str | None,
    at: datetime,
) -> Assertion:
    """Add an assertion, inside a transaction; one that stands already, sides swapped or not, is given back as it is."""
    a, b = sorted((tuple(sorted(left)), tuple(sorted(right))))
    for known in _read(
        log,
        "WHERE revoked_at IS NULL AND action = ? AND left_kind = ? AND left_id = ? AND right_kind = ? AND right_id = ?",
        action,
        *a[0],
        *b[0],
    ):
        if (known.left, known.right) == (a, b):
            return known
    said = at.astimezone(UTC).isoformat()
    number = log.change(
        "INSERT INTO assertions (action, left_kind, left_id, right_kind, right_id, made_by, reason, at, seq) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
        action,
        *a[0],
        *b[0],
        by,
        reason,
        said,
    )
    if action == APART:
        rows = [(number, side, kind, id_) for side, group in enumerate((a, b)) for kind, id_ in group]
        log.change_many("INSERT INTO assertion_members VALUES (?, ?, ?, ?)", rows)
    seq = _append(log, "assert", a[0], b[0], f"assertion {number}: {action}, by {by}", said)
    log.change("UPDATE assertions SET seq = ? WHERE number = ?", seq, number)
    return Assertion(number, action, a, b, by, reason, said, seq, None, None)


def mark_revoked(log: IdentityLog, assertion: Assertion, *, by: str, at: datetime) -> Assertion:
    """Take a standing assertion back, inside a transaction."""
    said = at.astimezone(UTC).isoformat()
    log.change("UPDATE assertions SET revoked_at = ?, revoked_by = ? WHERE number = ?", said, by, assertion.number)
    _append(log, "revoke", assertion.left[0], assertion.right[0], f"assertion {assertion.number} revoked, by {by}", said)
    (found,) = _read(log, "WHERE number = ?", assertion.number)
    return found


def _append(log: IdentityLog, action: str, left: tuple[str, str], right: tuple[str, str], cause: str, at: str) -> int:
    """Add the log's row; a subject that the lake does not know yet has no person, which an empty id says."""
    return log.change(
        "INSERT INTO log (run, at, action, person_id, other_id, kind, id, cause) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        log.state()[0],
        at,
        action,
        log.person_of(*left) or "",
        log.person_of(*right),
        *left,
        cause,
    )


def _read(log: IdentityLog, where: str, *values: str | int) -> list[Assertion]:
    if not log.has_assertions():
        return []
    rows = log.rows(
        "SELECT number, action, left_kind, left_id, right_kind, right_id, made_by, reason, at, seq, revoked_at, revoked_by "
        f"FROM assertions {where} ORDER BY number",
        *values,
    )
    groups: dict[tuple[int, int], list[tuple[str, str]]] = defaultdict(list)
    if any(row[1] == APART for row in rows):
        chosen = f"(SELECT number FROM assertions {where})"
        for number, side, kind, id_ in log.rows(
            f"SELECT number, side, kind, id FROM assertion_members WHERE number IN {chosen} ORDER BY number, side, kind, id",
            *values,
        ):
            groups[number, side].append((kind, id_))
    return [
        Assertion(number, action, tuple(groups.get((number, 0), [(lk, li)])), tuple(groups.get((number, 1), [(rk, ri)])), *rest)
        for number, action, lk, li, rk, ri, *rest in rows
    ]

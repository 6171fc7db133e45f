"""Undoing a merge, and taking members out of a person: by assertions, which the next run turns into persons.

In: a row of the identity log, or a person and some of its members. Out: the assertions made or revoked. A merge that stands on an
operator's `same` between the two parts is undone by revoking that; every other by one `apart` between the retired person's
members and everybody else that the survivor had right after the merge. `apart` holds for each pair between the two groups,
whatever other evidence there is or comes: no member of the one can be with a member of the other in any clustering, and so no
chain through later members can lead from part to part within one person. Members that came with or after the merge are in
neither group, and so are those that left their part since: evidence decides where they go. The next run finds the parts
apart, and `lifecycle` revives the retired id.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from graph.errors import InputError
from graph.resolve.assertions import ASSERTED_SAME
from graph.resolve.log import IdentityLog, LogEntry
from graph.resolve.log_assertions import APART, SAME, Assertion, add, all_assertions, mark_revoked, standing

__all__ = ["Undone", "split", "undo"]

Members = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Undone:
    """The assertions that came of it, by number."""

    made: tuple[Assertion, ...]
    revoked: tuple[Assertion, ...]


def undo(log: IdentityLog, seq: int, *, at: datetime, by: str, reason: str | None = None) -> Undone:
    """Undo a row of the log: a merge, or an operator's assertion. Where it turns out that a merge that was undone by revoking a
    `same` has other evidence besides, undoing it again makes the `apart`. Raises InputError where nothing can be undone."""
    with log.transaction():
        entry = log.entry(seq)
        if entry is None:
            raise InputError(f"the identity log has no entry {seq}; list them with `tessera identity log`")
        if entry.action == "assert":
            return Undone((), (_revoke_row(log, seq, by, at),))
        if entry.action != "merge":
            raise InputError(f"entry {seq} of the identity log is a {entry.action}; only a merge or an assertion can be undone")
        parted, rest, person = _parts(log, entry)
        crossing = _crossing(log, parted, Members(log.members_of(person)) | rest)
        revoked = tuple(mark_revoked(log, a, by=by, at=at) for a in crossing)
        if revoked and entry.cause == ASSERTED_SAME:
            return Undone((), revoked)
        return Undone((add(log, APART, parted, rest, by=by, reason=reason or f"merge {seq} undone", at=at),), revoked)


def split(
    log: IdentityLog, person_id: str, members: Collection[tuple[str, str]], *, at: datetime, by: str, reason: str | None = None
) -> Undone:
    """Take members out of a person, for ever. A retired id stands for the person that it leads to. Raises InputError."""
    with log.transaction():
        person = log.current(person_id)
        if person is None:
            raise InputError(f"{person_id!r} is no person of this home, or has no members left")
        everybody, parted = Members(log.members_of(person)), Members(members)
        foreign = sorted(parted - everybody)
        if foreign:
            raise InputError(f"{foreign[0][0]}:{foreign[0][1]} is no member of {person}; list them with `tessera cypher`")
        if not parted or parted == everybody:
            raise InputError(f"{'none' if not parted else 'all'} of the members of {person} are named; name some, but not all")
        revoked = tuple(mark_revoked(log, a, by=by, at=at) for a in _crossing(log, parted, everybody))
        return Undone((add(log, APART, parted, everybody - parted, by=by, reason=reason, at=at),), revoked)


def _revoke_row(log: IdentityLog, seq: int, by: str, at: datetime) -> Assertion:
    (found,) = (a for a in all_assertions(log) if a.seq == seq)
    if found.revoked_at is not None:
        raise InputError(f"assertion {found.number} was revoked before, at {found.revoked_at}")
    return mark_revoked(log, found, by=by, at=at)


def _parts(log: IdentityLog, merge: LogEntry) -> tuple[Members, Members, str]:
    """What a merge joined, as far as the lake still has it: the retired person's last members, the others that the survivor had
    right after, and the person that they are in now."""
    retired = str(merge.other_id)
    person = log.current(retired)
    if person is None:
        raise InputError(f"nothing is left of the merge of {retired} into {merge.person_id}")
    if person == retired or person != log.current(merge.person_id):
        raise InputError(f"the merge of {retired} into {merge.person_id} is undone already: {retired} leads to {person}")
    retired_run = log.one("SELECT retired_run FROM persons WHERE person_id = ?", retired)
    if retired_run != merge.run:
        raise InputError(f"the merge of {retired} into {merge.person_id} was undone; later ones are in `tessera identity log`")
    rows = log.rows(
        "SELECT kind, id FROM log WHERE seq > ? AND run = ? AND (person_id = ? AND action = 'join' "
        "OR other_id = ? AND action = 'move')",
        merge.seq,
        merge.run,
        merge.person_id,
        retired,
    )
    came = Members((kind, id_) for kind, id_ in rows)
    kinds, ids, _ = log.members()
    rest = (_members_after(log, merge.person_id, merge.run) & Members(zip(kinds, ids, strict=True))) - came
    parted = _members_under(log, retired, person)
    if not parted or not rest:
        raise InputError(f"one side of the merge of {retired} into {merge.person_id} has no members left in the lake")
    return parted, rest, person


def _members_under(log: IdentityLog, retired: str, person: str) -> Members:
    """Those of a living person's members whose origin is a retired person under it, or lies under that."""
    into = {r.person_id: r.into_id for r in log.retired_into(person)}
    found = set()
    for kind, id_, origin in log.origins(person):
        while origin != retired and origin in into:
            origin = into[origin]
        if origin == retired:
            found.add((kind, id_))
    return Members(found)


def _members_after(log: IdentityLog, person_id: str, run: int) -> Members:
    """A person's members right after a run: by the first later change of each subject, or as it is now."""
    first: dict[tuple[str, str], str | None] = {}
    for kind, id_, action, owner, other in log.rows(
        "SELECT kind, id, action, person_id, other_id FROM log WHERE run > ? AND action IN ('join', 'move', 'leave') "
        "ORDER BY seq",
        run,
    ):
        first.setdefault((kind, id_), {"join": None, "move": other, "leave": owner}[action])
    stayed = log.pairs("SELECT kind, id FROM members WHERE person_id = ? AND since_run <= ?", person_id, run)
    return Members(m for m in stayed if m not in first) | Members(m for m, owner in first.items() if owner == person_id)


def _crossing(log: IdentityLog, parted: Members, everybody: Members) -> list[Assertion]:
    """The standing `same` between a member of a part and another that is not of it."""
    return [
        a
        for a in standing(log)
        if a.action == SAME and {a.left[0], a.right[0]} <= parted | everybody and (a.left[0] in parted) != (a.right[0] in parted)
    ]

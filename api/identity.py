"""What the operator says about identities: assertions, undone merges, members taken out; and the identity log to look it up.

Each function that changes something holds the home's writer lock over the whole of it: the assertion is written to the identity
log, a line to the audit log, then the lake is resolved and the graph loaded. An assertion is whole on disk before anything
else happens, so that what was interrupted is made good by the next `tessera resolve`. Reports are plain values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from api import pipeline
from api.workspace import Workspace
from graph.control import AuditEntry
from graph.errors import InputError, NothingResolved
from graph.progress import Progress
from graph.resolve.assertions import assert_never, assert_same, contradictions
from graph.resolve.assertions import revoke as revoke_assertion
from graph.resolve.log import IdentityLog
from graph.resolve.log_assertions import SAME, Assertion, Subjects, all_assertions
from graph.resolve.undo import Undone
from graph.resolve.undo import split as split_person
from graph.resolve.undo import undo as undo_entry

__all__ = ["assertions", "entries", "never", "revoke", "same", "split", "undo"]

OPERATOR = "operator"
"""By whom: who sits at the keyboard is personal data, and the command line knows no accounts."""

Report = dict[str, Any]
Subject = tuple[str, str]


def same(workspace: Workspace, left: Subject, right: Subject, *, reason: str | None, progress: Progress) -> Report:
    """Say that two subjects are one person. Raises InputError, NothingResolved, StoreError, HomeLocked."""
    return _changed(workspace, "same", lambda log: _made(assert_same(log, left, right, **_now(), reason=reason)), progress)


def never(workspace: Workspace, left: Subject, right: Subject, *, reason: str | None, progress: Progress) -> Report:
    """Say that two subjects are never one person. Raises as `same`."""
    return _changed(workspace, "never", lambda log: _made(assert_never(log, left, right, **_now(), reason=reason)), progress)


def revoke(workspace: Workspace, number: int, *, progress: Progress) -> Report:
    """Take an assertion back. Raises as `same`."""
    return _changed(workspace, "revoke", lambda log: Undone((), (revoke_assertion(log, number, **_now()),)), progress)


def split(workspace: Workspace, person_id: str, members: Sequence[Subject], *, reason: str | None, progress: Progress) -> Report:
    """Take members out of a person, for ever. Raises as `same`."""
    return _changed(workspace, "split", lambda log: split_person(log, person_id, members, **_now(), reason=reason), progress)


def undo(workspace: Workspace, seq: int, *, reason: str | None, progress: Progress) -> Report:
    """Undo a merge, or an assertion, by its number in the log. Raises as `same`.

    A merge that an operator's `same` made is undone by revoking that; where other evidence joins the two all the same, the next
    run shows it, and the parts are held apart as well.
    """

    def again(log: IdentityLog) -> Undone | None:
        entry = log.entry(seq)
        if entry is None or entry.action != "merge" or log.current(str(entry.other_id)) != log.current(entry.person_id):
            return None
        return undo_entry(log, seq, **_now(), reason=reason)

    return _changed(workspace, "undo", lambda log: undo_entry(log, seq, **_now(), reason=reason), progress, again)


def entries(workspace: Workspace, person_id: str | None, limit: int) -> list[Report]:
    """The newest entries of the identity log first. Raises InputError, NothingResolved."""
    if limit < 1:
        raise InputError(f"--limit {limit} is not at least 1")
    with _log(workspace) as log:
        return [asdict(entry) for entry in log.entries(person_id=person_id, limit=limit)]


def assertions(workspace: Workspace) -> list[Report]:
    """Every assertion and what has become of it. Raises NothingResolved."""
    with _log(workspace) as log:
        return _rows(log, all_assertions(log))


def _changed(
    workspace: Workspace,
    command: str,
    change: Callable[[IdentityLog], Undone],
    progress: Progress,
    again: Callable[[IdentityLog], Undone | None] = lambda _: None,
) -> Report:
    """Change the assertions, resolve, load the graph; `again` may see from the result that a second change is needed."""
    _log(workspace).close()
    with workspace.home.writing(f"identity {command}"):
        with workspace.store() as store:
            store.home_id()  # a store that is away is said before anything is changed
        numbers: list[int] = []
        step: Callable[[IdentityLog], Undone | None] = change
        while True:
            with IdentityLog(workspace.home.identity) as log:
                undone = step(log)
            if undone is None:
                break
            touched = [a.number for a in (*undone.made, *undone.revoked)]
            numbers += touched
            _audit(workspace, command, touched)
            resolution = pipeline.resolved(workspace, progress)
            if step is again:
                break
            step = again
        counts = pipeline.publish(workspace, resolution, progress=progress)
        with IdentityLog(workspace.home.identity) as log:
            rows = _rows(log, [a for a in all_assertions(log) if a.number in numbers])
    return {"assertions": rows, "identities": {"persons": resolution.persons.num_rows}, "graph": counts}


def _log(workspace: Workspace) -> IdentityLog:
    """The log, to read. Raises NothingResolved before the first run."""
    try:
        return IdentityLog(workspace.home.identity, create=False)
    except FileNotFoundError:
        raise NothingResolved(workspace.home.path, "resolved identities", "tessera resolve") from None


def _audit(workspace: Workspace, command: str, numbers: Sequence[int]) -> None:
    with workspace.control() as control:
        for number in numbers:
            control.audit.append(
                AuditEntry(pipeline.now(), OPERATOR, f"identity {command}", "done", subject=f"assertion {number}")
            )


def _now() -> dict[str, Any]:
    return {"by": OPERATOR, "at": pipeline.now()}


def _made(assertion: Assertion) -> Undone:
    return Undone((assertion,), ())


def _rows(log: IdentityLog, chosen: Sequence[Assertion]) -> list[Report]:
    """A row for each assertion, with its state."""
    contrary = {c.same.number: c.never for c in contradictions(all_assertions(log))}
    return [
        {
            "number": a.number,
            "action": a.action,
            "left": _names(a.left),
            "right": _names(a.right),
            "state": _state(log, a, contrary.get(a.number)),
            "by": a.by,
            "reason": a.reason,
            "at": a.at,
            "revoked_at": a.revoked_at,
            "entry": a.seq,
        }
        for a in chosen
    ]


def _state(log: IdentityLog, assertion: Assertion, against: Assertion | None) -> str:
    """In words: whether it holds, and if not, why."""
    if assertion.revoked_at is not None:
        return "revoked"
    if against is not None:
        return f"cannot be met: assertion {against.number} ({against.action}) is against it"
    sides = [[log.person_of(*subject) for subject in side] for side in (assertion.left, assertion.right)]
    for side, persons in zip((assertion.left, assertion.right), sides, strict=True):
        if not any(persons):
            return f"waits for {side[0][0]}:{side[0][1]}, which the lake does not know"
    together = not (set(sides[0]) - {None}).isdisjoint(sides[1])
    if together == (assertion.action == SAME):
        return "holds"
    return "not met: a shared device, a bot, or a limit on a person's members" if assertion.action == SAME else "not yet resolved"


def _names(subjects: Subjects) -> list[str]:
    return [f"{kind}:{id_}" for kind, id_ in subjects]

"""Filling audiences again by themselves. In: what the control store says is due. Out: new versions, in the graph too.

One process at a time does it, by a lease of the control store that runs out when its holder is killed. A version, its members
and the time of the next are one transaction, so that a kill leaves an audience due, or done. What cannot be filled keeps its
people, says why and is tried again when it is next due; consent holds at every release all the same.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import duckdb

from api.audiences.building import publish, refill
from api.audiences.ground import Ground
from graph.control import Audience, AudienceVersion, AuditEntry, audiences_in
from graph.errors import MissingExtra, ModelError, NothingResolved, StoreError, TesseraError, TooFewSeeds, UnknownAudience

__all__ = ["Refilled", "Refiller", "refilling"]

_ROUND_SECONDS = 10.0
_LEASE = "audiences"
_LEASE_SECONDS = 600.0
"""Longer than filling one audience takes, and the longest wait after a kill."""

Refilled = tuple[Audience, AudienceVersion | None]
"""An audience after a round, and its new version; None where it could not be filled, which `refresh_problem` explains."""


class Refiller:
    """Fills what is due, round after round."""

    def __init__(self, ground: Ground, clock: Callable[[], datetime]) -> None:
        self._ground = ground
        self._clock = clock
        self._holder = secrets.token_hex(8)

    def round(self, stopped: Callable[[], bool] = lambda: False) -> list[Refilled]:
        """Fill what is due, those first that others are made from, and let the graph follow to what it lacks. Nothing where
        another process is at it. Ends after the audience at hand once `stopped` says so. Raises StoreError."""
        audiences = self._ground.control.audiences
        done: list[Refilled] = []
        behind, due = audiences.unpublished(), audiences.due(self._clock())
        if not (behind or due) or not self._lease():
            return done
        try:
            for audience in behind:
                publish(self._ground, audience)
            for audience in _in_order(due):
                if stopped() or not self._lease():
                    break
                done.append(self._refill(audience))
        finally:
            self._ground.control.leases.give_back(_LEASE, self._holder)
        return done

    def _lease(self) -> bool:
        return self._ground.control.leases.take(_LEASE, self._holder, now=self._clock(), seconds=_LEASE_SECONDS)

    def _refill(self, audience: Audience) -> Refilled:
        audiences, entry = self._ground.control.audiences, self._entry
        try:
            filled = refill(self._ground, audience)
        except StoreError:
            raise  # the next round finds it due
        except (TesseraError, duckdb.Error) as error:
            audiences.postpone(audience.audience_id, _problem(error), now=self._clock())
            self._ground.control.audit.append(entry(audience, "failed", type(error).__name__, None))
            return audiences.get(audience.audience_id, audience.tenant_id) or audience, None
        self._ground.control.audit.append(entry(audience, "done", None, filled.size))
        [version] = audiences.versions(audience.audience_id, before=filled.version + 1, limit=1)
        return filled, version

    def _entry(self, audience: Audience, outcome: str, reason: str | None, rows: int | None) -> AuditEntry:
        return AuditEntry(
            self._clock(), "schedule", "refresh audience", outcome, audience.tenant_id, reason, audience.audience_id, rows
        )


@contextmanager
def refilling(ground: Ground, clock: Callable[[], datetime], log: Any) -> Iterator[None]:
    """Rounds in a thread of its own while the block runs."""
    stop = threading.Event()
    thread = threading.Thread(target=_for_ever, args=(Refiller(ground, clock), log, stop), name="audiences", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=10)


def _for_ever(refiller: Refiller, log: Any, stop: threading.Event) -> None:
    while not stop.wait(_ROUND_SECONDS):
        try:
            for audience, version in refiller.round(stop.is_set):
                if version is None:
                    log.warning("audience not refreshed", audience=audience.audience_id, problem=audience.refresh_problem)
                else:
                    log.info(
                        "audience refreshed",
                        audience=audience.audience_id,
                        version=version.version,
                        people=version.size,
                        added=version.added,
                        removed=version.removed,
                    )
        except (TesseraError, OSError, duckdb.Error) as error:
            # What could not be done is still due; the next round does it.
            log.warning("audiences not refreshed", error=type(error).__name__)


def _in_order(due: Sequence[Audience]) -> list[Audience]:
    """Those first that others of them are made from."""
    by_id = {a.audience_id: a for a in due}
    placed: dict[str, Audience] = {}
    for audience in due:
        waiting = [audience]
        while waiting:
            missing = [
                other
                for name in audiences_in(waiting[-1].definition)
                if (other := by_id.get(name)) is not None and name not in placed and other not in waiting
            ]
            if missing:
                waiting.append(missing[0])
            else:
                last = waiting.pop()
                placed[last.audience_id] = last
    return list(placed.values())


def _problem(error: Exception) -> str:
    """Why an audience could not be filled, in words that name nothing and nobody."""
    match error:
        case UnknownAudience():
            return "an audience that it is made from is not there any more"
        case TooFewSeeds():
            return "too few of the seeds are people who permit this use"
        case NothingResolved() | ModelError() | MissingExtra():
            return "there is no usable model"
        case _:
            return f"it could not be filled ({type(error).__name__})"

"""Follow the lake into identity log and graph: step by step where that can be done, else by a full run.

The home's writer lock is the caller's. A change is in the identity log before it is in the graph store, and the log knows
whether the store has everything for good, so that what was interrupted is made good by a load of the whole graph.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from api import pipeline
from api.workspace import Workspace
from graph import project
from graph.errors import TesseraError
from graph.progress import Progress
from graph.resolve.incremental import CaughtUp, NeedsFullRun, catch_up, open_follower, set_published
from graph.resolve.log import IdentityLog
from graph.store.protocol import GraphStore

__all__ = ["Following", "resolve_and_publish"]

Report = dict[str, Any]

_FOLLOWED = frozenset({"events", "devices", "accounts", "consents"})
"""Lake tables whose rows change the graph around their subjects alone; those of others want a load of the whole graph."""


class Following:
    """Brings one home up to date, again and again, with one store."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._in_step = False  # the store has, durable or not, all that the log has
        self._durable = True

    def bring_up_to_date(self, store: GraphStore, progress: Progress) -> Report:
        """Resolve what is new in the lake, and let the graph follow; `flush` makes the graph durable. Raises NothingResolved,
        StoreError, ModelError."""
        try:
            return self.step(store, progress)
        except NeedsFullRun:
            resolution = pipeline.resolved(self._workspace, progress)
            counts = pipeline.publish(self._workspace, resolution, store=store, progress=progress)
            self._in_step = self._durable = True
            return {"identities": pipeline.identities(resolution), "graph": counts}
        except TesseraError:
            self._in_step = False
            raise

    @property
    def unflushed(self) -> bool:
        """Whether the store was told something that `flush` has not made durable."""
        return self._in_step and not self._durable

    def flush(self, store: GraphStore) -> None:
        """Make what the store was told durable. Raises StoreError, HomeNotWritable."""
        if not self.unflushed:
            return
        store.flush()
        with IdentityLog(self._workspace.home.identity) as log:
            set_published(log, published=True)
        self._durable = True

    def step(self, store: GraphStore, progress: Progress) -> Report:
        """The same, but only step by step. Raises NeedsFullRun too, and then has changed nothing."""
        workspace = self._workspace
        home = workspace.home
        try:
            log = IdentityLog(home.identity, create=False)
        except FileNotFoundError:
            raise NeedsFullRun("nothing was resolved yet") from None
        with log, IdentityLog(home.identity, create=False) as before:
            follower = open_follower(log, home, workspace.key, in_step=self._in_step)
            if store.home_id() != home.home_id:
                raise NeedsFullRun("the graph store does not hold this home's graph")
            progress("resolve: new rows", 0, 2)
            caught = catch_up(follower, workspace.lake, before)
            self._durable = False
            progress("resolve: graph", 1, 2)
            if caught.tables <= _FOLLOWED:
                self._apply(store, caught)
            else:
                pipeline.publish(workspace, pipeline.load(workspace), store=store, progress=progress)
            self._in_step = True
            progress("resolve", 2, 2)
        changed = caught.change.after.resolution
        return {
            "followed": {
                "tables": ", ".join(sorted(caught.tables)) or "none",
                "members changed": changed.members.num_rows,
                "persons changed": changed.persons.num_rows,
                "evidence": changed.evidence.num_rows,
            }
        }

    def _apply(self, store: GraphStore, caught: CaughtUp) -> None:
        workspace = self._workspace
        store.apply(project.change(workspace.home.home_id, caught.change))
        if caught.subjects.num_rows:
            with workspace.connection() as connection:
                engaged = project.engagement(connection, caught.subjects, home_id=workspace.home.home_id, key=workspace.key)
            store.apply(engaged)


def resolve_and_publish(workspace: Workspace, *, refit: bool, replace_graph: bool, progress: Progress) -> Report:
    """Resolve what is new, or with `refit` everything with parameters fitted anew, and let the graph follow. Raises
    NothingResolved, StoreError, HomeLocked."""
    with workspace.home.writing("resolve"):
        following = Following(workspace)
        with workspace.writable_store() as store:
            store.home_id()  # a store that is away is said before minutes of work
            with suppress(NeedsFullRun):
                if not (refit or replace_graph):
                    report = following.step(store, progress)
                    following.flush(store)
                    return report
        before = None if not refit else pipeline.persons_of(workspace)
        resolution = pipeline.resolved(workspace, progress, refit=refit)
        counts = pipeline.publish(workspace, resolution, replace_graph=replace_graph, progress=progress)
    report = {"identities": pipeline.identities(resolution), "graph": counts}
    return report if before is None else {"refitted": pipeline.moved(before, resolution), **report}

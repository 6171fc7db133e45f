"""What the application holds open while it runs: control store, graph store, inbox, door, and the newest view of the home.

Opened once when the application starts, closed when it ends. The graph store is opened at its first use, so that look-ups are
served while a Neo4j server is down, and found again when it is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from threading import Lock
from typing import Annotated, Any, TypeVar

import duckdb
from anyio.to_thread import run_sync
from fastapi import Depends, Request

from api.audiences.due import refilling
from api.http.door import Door
from api.http.inbox import Inbox
from api.http.metrics import Metrics
from api.http.oidc import Provider
from api.http.quota import WRITTEN_EVERY_SECONDS
from api.http.view import View, current_state, open_view
from api.inbox import draining
from api.pipeline import now
from api.settings import Settings
from api.workspace import Workspace
from graph.errors import NothingResolved, TesseraError
from graph.store.protocol import GraphStore

__all__ = ["Opened", "Resources", "resources_of"]


T = TypeVar("T")


class Resources:
    """Open stores and the newest view. Safe to share between threads."""

    def __init__(self, workspace: Workspace, metrics: Metrics, log: Any) -> None:
        """Opens what must be there. Raises HomeError, SettingsError, ControlUnavailable, MissingExtra."""
        self.workspace = workspace
        self.metrics = metrics
        self._writing = Lock()
        self._log = log
        self._exit = ExitStack()
        self._opening = Lock()
        self._store: GraphStore | None = None
        self._view: View | None = None
        with ExitStack() as opened:
            self.control = opened.enter_context(workspace.control())
            self.inbox = Inbox(workspace.home.path / "inbox")
            opened.callback(self.inbox.close)
            limits = workspace.settings.rate_limit_per_minute, workspace.settings.subject_limit_per_minute
            self.door = Door(self.control, *limits, _provider(workspace.settings))
            opened.callback(self.door.quotas.flush)
            self._exit = opened.pop_all()
        self.refresh()

    @classmethod
    def open(cls, settings: Settings, metrics: Metrics, log: Any) -> Resources:
        """Open the home of these settings. Raises as the constructor, and HomeNotWritable."""
        return cls(Workspace.open(settings), metrics, log)

    @property
    def view(self) -> View:
        """The newest view. Raises NothingResolved where no run has ended yet."""
        view = self._view
        if view is None:
            raise NothingResolved(self.workspace.home.path, "resolved identities", "tessera run SOURCE")
        return view

    @property
    def store(self) -> GraphStore:
        """The graph store. Raises StoreUnavailable, StoreRefused, MissingExtra."""
        with self._opening:
            if self._store is None:
                self._store = self._exit.enter_context(self.workspace.store(read_only=False))
            return self._store

    async def look_up(self, person_id: str | None, work: Callable[[], T]) -> T:
        """What `work` gives, which looks this person up in memory and asks the gate: at once where that takes microseconds, else
        in a thread. Handing a request to a thread and back costs more than such a look-up, and under load threads wait for each
        other."""
        view = self.view
        if view.gate.at_hand() and not view.identities.is_large(person_id):
            return work()
        return await run_sync(work)

    @contextmanager
    def lend(self) -> Iterator[GraphStore]:
        """The graph store for writing, one writer at a time. Raises as `store`."""
        with self._writing:
            yield self.store

    def check(self) -> None:
        """Ask the stores. Raises StoreUnavailable, StoreRefused, HomeNotWritable."""
        self.control.consents.last()
        self.store.home_id()

    def refresh(self) -> bool:
        """Take a newer state of the home, if there is one. Raises HomeError, ModelError."""
        try:
            if self._view is not None and current_state(self.workspace) == self._view.state:
                return False
            self._view = open_view(self.workspace, self.control, self._view)
        except NothingResolved:
            return False
        return True

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """While the block runs, take collected calls into the graph now and then, fill audiences again that are due, and follow
        the home: what this or another process writes is served within a second or so."""
        with ExitStack() as worker:
            await run_sync(worker.enter_context, draining(self.workspace, self.lend))
            await run_sync(worker.enter_context, refilling(self, now, self._log))
            task = asyncio.create_task(self._follow())
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                await run_sync(worker.close)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(WRITTEN_EVERY_SECONDS)
            try:
                await run_sync(self.door.quotas.flush)
                await run_sync(self.refresh)
            except (TesseraError, OSError, duckdb.Error) as error:
                # The view in use stays: a stage that is writing, or was killed, must not stop look-ups.
                self._log.warning("view not renewed", error=type(error).__name__)

    def close(self) -> None:
        """Write what the inbox still holds and close the stores."""
        self._exit.close()


def _provider(settings: Settings) -> Provider | None:
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    return Provider(
        settings.oidc_issuer,
        settings.oidc_audience,
        tenant_claim=settings.oidc_tenant_claim,
        scope_claim=settings.oidc_scope_claim,
    )


def resources_of(request: Request) -> Resources:
    """The resources of the request's application."""
    found: Resources = request.app.state.resources
    return found


async def _opened(request: Request) -> Resources:
    return resources_of(request)


Opened = Annotated[Resources, Depends(_opened)]

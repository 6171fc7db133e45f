"""What audiences are built on: the home's control store, its newest view and its graph store, lent for writing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from api.http.view import View, current_state, open_view
from api.workspace import Workspace
from graph.control import Control
from graph.store.protocol import GraphStore

__all__ = ["Ground", "HomeGround"]


class Ground(Protocol):
    """Open stores and the newest view, as the served application has them."""

    @property
    def workspace(self) -> Workspace:
        """The home."""

    @property
    def control(self) -> Control:
        """Its control store."""

    @property
    def view(self) -> View:
        """The newest view. Raises NothingResolved."""

    def lend(self) -> AbstractContextManager[GraphStore]:
        """The graph store for writing, one writer at a time. Raises StoreUnavailable, StoreRefused, MissingExtra."""

    def check(self) -> None:
        """Ask the stores. Raises StoreUnavailable, StoreRefused, HomeNotWritable."""


class HomeGround:
    """The same without a served application. Views are opened at use, and again when the home has changed."""

    def __init__(self, workspace: Workspace, control: Control, lend: Callable[[], AbstractContextManager[GraphStore]]) -> None:
        self.workspace = workspace
        self.control = control
        self.lend = lend
        self._view: View | None = None

    @property
    def view(self) -> View:
        """The newest view. Raises NothingResolved, HomeError, ModelError."""
        if self._view is None or current_state(self.workspace) != self._view.state:
            self._view = open_view(self.workspace, self.control, self._view)
        return self._view

    def check(self) -> None:
        """Ask the stores. Raises StoreUnavailable, StoreRefused, HomeNotWritable."""
        self.control.consents.last()
        with self.lend() as store:
            store.home_id()

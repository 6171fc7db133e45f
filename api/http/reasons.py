"""Why a person has a tag, for the API: the scorer of one model version, opened at the first question. Contents about a sensitive
tag are never told, nor is anything about other persons but counts, as the gate tells them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

import duckdb

from api.http.recommendations import about_sensitive
from api.reasons import because_of, rows_replaced
from api.workspace import Workspace
from gnn.registry import Version
from graph.errors import NothingResolved

if TYPE_CHECKING:
    from gnn.explain.reasons import Because
    from gnn.online.scorer import Scorer

__all__ = ["ReasonIndex"]

Connect = Callable[[], duckdb.DuckDBPyConnection]


class ReasonIndex:
    """Reasons by one model version and one state of the lake. Safe to share between threads."""

    def __init__(
        self, workspace: Workspace, version: Version | None, connect: Connect, before: ReasonIndex | None = None
    ) -> None:
        """Of the same version as `before`, its scorer is kept."""
        self._workspace, self._version, self._connect = workspace, version, connect
        same = before is not None and version is not None and before._version is not None and before._version.name == version.name
        self._scorer: Scorer | None = before._scorer if before is not None and same else None
        self._opening = Lock()

    def of_person(self, members: Sequence[tuple[str, str]], tag_id: str) -> Because | None:
        """Of the person of these members, (kind, id) each; None where there is no saying. Raises ModelError where the version has
        no scorer, MissingExtra, NothingResolved without a model."""
        scorer = self._open()
        replaced = rows_replaced(self._workspace, int(scorer.frozen.facts["batch"]))
        with self._connect() as connection:
            return because_of(scorer, connection, members, tag_id, key=self._workspace.key, replaced=replaced)

    @cached_property
    def withheld(self) -> frozenset[str]:
        """Contents that are never told."""
        return frozenset() if self._version is None else about_sensitive(self._version)

    def _open(self) -> Scorer:
        from gnn.online.scorer import Scorer

        if self._version is None:
            raise NothingResolved(self._workspace.home.path, "model", "tessera train")
        with self._opening:
            if self._scorer is None:
                self._scorer = Scorer.open(self._version)
            return self._scorer

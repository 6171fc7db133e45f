"""Follow the lake with tags and embeddings, without training: whoever new events, relations or consents touch is scored again.

In: the home's lake, identity log, consents and current model version. Out: rows beside that version, which itself stays as it is
(`gnn.registry.refreshed`). Only one human being who does not object to profiles is scored; of somebody who objects by now nothing
is told from the next refresh on. The home's writer lock is the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from api import pipeline
from api.workspace import Workspace
from gnn import registry
from graph import resolve
from graph.control import Control
from graph.database import connect
from graph.lake import latest
from graph.privacy import Consents, Use, legal_basis, purpose_of
from graph.progress import Progress

if TYPE_CHECKING:
    from gnn.online.scorer import Scorer
    from gnn.online.touched import Person

__all__ = ["Refreshing", "refresh"]

Report = dict[str, Any]
Member = tuple[str, str]


def refresh(workspace: Workspace, *, since: datetime | None = None, progress: Progress) -> Report:
    """Bring everybody up to date who was touched since the last refresh, or has events from `since` on. Raises NothingResolved,
    ModelError where the current version cannot score single persons, MissingExtra, HomeLocked, HomeNotWritable."""
    with workspace.home.writing("model refresh"), closing(Refreshing(workspace)) as refreshing:
        return refreshing.step(progress, since=since)


@dataclass(frozen=True)
class _Looked:
    """What a refresh has to know of the one before, as `gnn.registry.refreshed` keeps it."""

    version: str
    number: int
    batch: int | None
    consents: int
    withheld: frozenset[str]


class Refreshing:
    """Brings one home up to date again and again; control store and scorer are opened once. Close it in the end."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._opened = ExitStack()
        self._store: Control | None = None
        self._scorer: Scorer | None = None
        self._looked: _Looked | None = None

    def close(self) -> None:
        """Close the control store."""
        self._opened.close()
        self._store = None

    @property
    def _control(self) -> Control:
        if self._store is None:
            self._store = self._opened.enter_context(self._workspace.control())
        return self._store

    def possible(self) -> bool:
        """Whether the current version can score single persons, and what that needs is installed. Raises ModelError."""
        name = registry.current_name(self._workspace.home.models)
        if name is None or find_spec("torch") is None:
            return False
        if self._scorer is not None and self._scorer.version.name == name:
            return True
        from gnn.online.files import MANIFEST

        return MANIFEST in registry.describe(self._workspace.home.models, name)["files"]

    def follow(self, progress: Progress) -> None:
        """`step`, where the current version can score single persons."""
        if self.possible():
            self.step(progress)

    def step(self, progress: Progress, *, since: datetime | None = None) -> Report:
        """Raises as `refresh`, but for HomeLocked."""
        from gnn.online.refresh import refresh as refresh_persons
        from gnn.online.touched import subjects_after

        progress("refresh", 0, 3)
        workspace = self._workspace
        scorer = self._open()
        before = self._looked_at(scorer)
        trained = int(scorer.frozen.facts["batch"])
        known = trained if before.batch is None else before.batch
        files = workspace.lake.files()
        batch = max((f.batch for found in files.values() for f in found), default=0)
        with connect() as connection:
            for name in _READ:
                connection.execute(f"CREATE VIEW {name} AS {latest(name, files[name])}")
            seen = self._control.consents.last()
            touched = set(subjects_after(connection, known))
            if since is not None:
                touched |= {(str(k), str(i)) for k, i in connection.execute(_SINCE, {"since": since}).fetchall()}
            said = {(r.subject_kind, r.subject_id) for r in self._control.consents.since(before.consents)}
            said |= {(str(k), str(i)) for k, i in connection.execute(_CONSENTS, {"batch": known}).fetchall()}
            progress("refresh", 1, 3)
            persons, objecting = self._persons(connection, resolve.load_around(workspace.home, sorted(touched | said)))
            hidden = before.withheld
            chosen = [p for p in persons if p.person_id in hidden or not touched.isdisjoint(p.members)]
            withheld = [p for p in objecting if p not in hidden]
            if not chosen and not withheld and (batch, seen) == (before.batch, before.consents):
                return _report(scorer, (), (), ())
            progress("refresh", 2, 3)
            done = refresh_persons(
                scorer,
                connection,
                chosen,
                withheld,
                key=workspace.key,
                replaced=any(not f.fresh for f in files["events"] if f.batch > trained),
                batch=batch,
                consents=seen,
            )
        withheld_now = (hidden - set(done.scored)) | set(done.withheld)
        self._looked = _Looked(scorer.version.name, done.number, batch, seen, frozenset(withheld_now))
        progress("refresh", 3, 3)
        return _report(scorer, done.scored, done.withheld, done.kept)

    def _looked_at(self, scorer: Scorer) -> _Looked:
        """How far the rows beside the version go; read anew where somebody else has written some."""
        version, looked = scorer.version, self._looked
        if looked is None or (looked.version, looked.number) != (version.name, registry.newest_refresh(version.folder)):
            found = registry.refreshed(version.folder)
            withheld = frozenset(found.withheld.to_pylist())
            looked = _Looked(version.name, found.number, found.batch, found.consents, withheld)
        return looked

    def _open(self) -> Scorer:
        from gnn.online.scorer import Scorer

        models = self._workspace.home.models
        if self._scorer is None or self._scorer.version.name != registry.current_name(models):
            self._scorer = Scorer.open(registry.current(models))
        return self._scorer

    def _persons(self, connection: Any, members: pa.Table) -> tuple[list[Person], list[str]]:
        """Who may be profiled among the persons of these members, and the ids of those who object to it."""
        from gnn.online.touched import Person

        found: dict[str, list[Member]] = {}
        for row in members.to_pylist():
            found.setdefault(row["person_id"], []).append((row["kind"], row["id"]))
        if not found:
            return [], []
        consents = Consents(
            connection,
            members,
            self._control.consents,
            clock=pipeline.now,
            legal_basis=legal_basis(self._workspace.settings.legal_basis),
            vendor=self._workspace.settings.tcf_vendor,
        )
        ids = list(found)
        objected = consents.objected(ids, purpose_of(Use.TRAINING)).tolist()
        individual = consents.individuals(ids).tolist()
        persons = [Person(p, tuple(found[p])) for p, no, one in zip(ids, objected, individual, strict=True) if one and not no]
        return persons, [p for p, no in zip(ids, objected, strict=True) if no]


_READ = ("events", "relations", "consents", "labels")
"""What a refresh reads of the lake."""
_SINCE = """
SELECT DISTINCT CASE WHEN account_id IS NOT NULL THEN 'account' ELSE 'device' END, coalesce(account_id, device_id) FROM events
WHERE "at" >= $since
"""
_CONSENTS = "SELECT DISTINCT subject_kind, subject_id FROM consents WHERE _batch > $batch"


def _report(scorer: Scorer, scored: Sequence[str], withheld: Sequence[str], kept: Sequence[str]) -> Report:
    return {"version": scorer.version.name, "refreshed": len(scored), "withheld": len(withheld), "kept as they were": len(kept)}

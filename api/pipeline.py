"""The stages in their order: ingest, resolve, train, tag, publish. Each function holds the home's writer lock while it writes
and gives back a report of plain values, fit to be printed or sent.

Commit order: lake, identity log, model, graph. Whatever was interrupted is done again from what stands before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from api.workspace import Workspace
from graph import project, resolve
from graph.audiences import AUDIENCES, MEMBER_OF, Audiences
from graph.control import Control
from graph.privacy import Consents, Gate, Use, legal_basis, purpose_of
from graph.resolution import Resolution

if TYPE_CHECKING:
    from graph.interests import Interests

__all__ = ["audiences_of", "consents_of", "eligible", "gate_of", "ingest", "publish", "resolve_and_publish", "run"]

Progress = Callable[[str, int, int], None]
Report = dict[str, Any]


def now() -> datetime:
    """The time for records of what operators did; nothing that is computed from data depends on it."""
    return datetime.now(UTC)


def consents_of(workspace: Workspace, resolution: Resolution, control: Control) -> Consents:
    """Consent of everybody in a resolution, from the lake and the control store's log."""
    with workspace.connection() as connection:
        return Consents(
            connection,
            resolution.members,
            control.consents,
            clock=now,
            legal_basis=legal_basis(workspace.settings.legal_basis),
        )


def gate_of(workspace: Workspace, resolution: Resolution, control: Control, sensitive: frozenset[str]) -> Gate:
    """The privacy gate over a resolution. `sensitive` are the ids and names of sensitive tags."""
    return Gate(consents_of(workspace, resolution, control), control, workspace.key, sensitive=sensitive, clock=now)


def eligible(workspace: Workspace, resolution: Resolution, use: Use) -> pa.Array:
    """People who are one human being and did not object to the use: whom operator commands and training work on."""
    persons = resolution.persons
    ids = persons["person_id"].filter(pc.equal(persons["class"], "person")).combine_chunks()
    with workspace.control() as control:
        objected = consents_of(workspace, resolution, control).objected(ids, purpose_of(use))
    return ids.filter(pa.array(~objected))


def take(workspace: Workspace, source: Path, progress: Progress) -> IngestSummary:
    """Take one source into the lake; the home's writer lock is the caller's. Raises InputError, HomeNotWritable."""
    return ingest_source(source, workspace.lake, Cleaner(), progress)


def resolved(workspace: Workspace, progress: Progress) -> Resolution:
    """Resolve the lake; the home's writer lock is the caller's. Raises NothingResolved where the lake is empty."""
    if not any(workspace.lake.rows(name) for name in TABLES):
        raise NothingResolved(workspace.home.path, "input", "tessera ingest SOURCE")
    with workspace.connection() as connection:
        return resolve.resolve(connection, workspace.home, key=workspace.key, progress=progress)


def publish(
    workspace: Workspace,
    resolution: Resolution,
    *,
    store: GraphStore | None = None,
    replace_graph: bool = False,
    progress: Progress,
) -> dict[str, int]:
    """Make the graph hold what lake, identity log, current model and audiences say; gives the counts by label and type.

    The first load of the home's own local Neo4j goes through the import tool, since that is several times faster. The writer
    lock is the caller's. Raises StoreError.
    """
    graph = snapshot_of(workspace, resolution, progress)
    if store is None and not replace_graph and _imported(workspace, graph, progress):
        return graph.counts()
    with nullcontext(store) if store is not None else workspace.writable_store() as opened:
        opened.replace(graph, progress=progress, replace_foreign=replace_graph)
        return opened.counts()


def snapshot_of(workspace: Workspace, resolution: Resolution, progress: Progress) -> Snapshot:
    """The whole identity graph of the home, as tables."""
    with workspace.connection() as connection:
        return project.snapshot(
            connection,
            resolution,
            home_id=workspace.home.home_id,
            key=workspace.key,
            interests=interests_of(workspace),
            audiences=audiences_of(workspace),
            progress=progress,
        )


def audiences_of(workspace: Workspace) -> Audiences:
    """Every tenant's audiences and their members, for the graph."""
    with workspace.control() as control:
        found = [a for a in control.audiences.all() if a.version]
        audiences = pa.Table.from_pylist(
            [
                {"audience_id": a.audience_id, "name": a.name, "kind": a.kind.value, "size": a.size, "version": a.version}
                for a in found
            ],
            schema=AUDIENCES,
        )
        members = [
            pa.table([people, pa.array([a.audience_id] * len(people), pa.string())], schema=MEMBER_OF)
            for a in found
            for people in (control.audiences.members(a.audience_id)["person_id"].combine_chunks(),)
        ]
    return Audiences(audiences, pa.concat_tables([MEMBER_OF.empty_table(), *members]))

"""The stages in their order: ingest, resolve, train, publish. Each function that begins a command holds the home's writer lock
while it writes, and gives back a report of plain values, fit to be printed or sent.

Commit order: lake, identity log, model, graph. Whatever was interrupted is done again from what stands before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from api.workspace import Workspace
from gnn import registry
from graph import project, resolve
from graph.audiences import Audiences
from graph.clean import Cleaner
from graph.control import Control
from graph.errors import MissingExtra, NothingResolved, SettingsError
from graph.home import Home
from graph.ingest import IngestSummary
from graph.ingest import ingest as ingest_source
from graph.interests import Interests
from graph.privacy import OPERATOR, Consents, Gate, Use, legal_basis, purpose_of
from graph.progress import Progress
from graph.resolution import Resolution
from graph.resolve.records import RecordSettings
from graph.snapshot import Snapshot
from graph.store.protocol import GraphStore
from graph.tables import TABLES

if TYPE_CHECKING:
    from gnn.interests import Learned

__all__ = [
    "consents_of",
    "eligible",
    "gate_of",
    "identities",
    "ingest",
    "load",
    "model_of",
    "moved",
    "persons_of",
    "publish",
    "resolved",
    "resolved_as_of",
    "run",
    "snapshot_of",
    "tag_and_publish",
    "take",
    "train",
]

Report = dict[str, Any]

_WORTH_A_RESTART = 500_000
"""Nodes and relationships from which the import tool wins over a running server, although the server has to start again."""


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
            vendor=workspace.settings.tcf_vendor,
        )


def model_of(workspace: Workspace) -> registry.Version | None:
    """The current model version; None before the first training. Raises ModelError where it is damaged."""
    try:
        return registry.current(workspace.home.models)
    except NothingResolved:
        return None


def gate_of(workspace: Workspace, resolution: Resolution, control: Control) -> Gate:
    """The privacy gate over a resolution and the current model's sensitive tags."""
    model = model_of(workspace)
    tags = [] if model is None else model.tags.filter(pc.field("sensitive")).select(["tag_id", "name"]).to_pylist()
    sensitive = frozenset(text for tag in tags for text in tag.values())
    control.tenants.ensure(OPERATOR.tenant_id, now=now())
    return Gate(consents_of(workspace, resolution, control), control, workspace.key, sensitive=sensitive, clock=now)


def eligible(workspace: Workspace, resolution: Resolution, use: Use) -> pa.Array:
    """People who are one human being and did not object to the use: whom operator commands and training work on."""
    persons = resolution.persons
    ids = persons["person_id"].filter(pc.equal(persons["class"], "person")).combine_chunks()
    with workspace.control() as control:
        objected = consents_of(workspace, resolution, control).objected(ids, purpose_of(use))
    return ids.filter(pa.array(~objected))


def run(workspace: Workspace, sources: Sequence[Path], *, seed: int, replace_graph: bool, progress: Progress) -> Report:
    """Ingest, resolve, train, publish. Without the gnn extra the interests are left out, and the report says so."""
    with workspace.home.writing("run"):
        _reach_store(workspace)
        report: Report = {"ingest": _ingested(workspace, sources, progress)}
        resolution = resolved(workspace, progress)
        report["identities"] = identities(resolution)
        try:
            report |= _learned(_learn(workspace, resolution, seed, None, progress))
        except MissingExtra as error:
            report["interests"] = {"skipped": str(error)}
        report["graph"] = publish(workspace, resolution, replace_graph=replace_graph, progress=progress)
    return report


def ingest(workspace: Workspace, sources: Sequence[Path], *, progress: Progress) -> list[Report]:
    """Take sources into the lake; a row for each table. Raises InputError, HomeNotWritable, HomeLocked."""
    with workspace.home.writing("ingest"):
        return _ingested(workspace, sources, progress)


def train(workspace: Workspace, *, seed: int, optimiser: str, progress: Progress) -> Report:
    """Learn interests; the new version becomes the current one. Raises NothingResolved, MissingExtra, SettingsError."""
    with workspace.home.writing("train"):
        return _learned(_learn(workspace, resolve.load(workspace.home), seed, optimiser, progress))


def tag_and_publish(workspace: Workspace, *, replace_graph: bool, progress: Progress) -> Report:
    """Load the graph with the current version's tags. Raises NothingResolved, ModelError, StoreError, HomeLocked."""
    with workspace.home.writing("tag"):
        version = registry.current(workspace.home.models)
        counts = publish(workspace, resolve.load(workspace.home), replace_graph=replace_graph, progress=progress)
    return {"tags": {"model": version.name, "people": len(version.person_ids), "tags": len(version.tag_ids)}, "graph": counts}


def take(workspace: Workspace, source: Path, progress: Progress) -> IngestSummary:
    """Take one source into the lake; the home's writer lock is the caller's. Raises InputError, HomeNotWritable."""
    return ingest_source(source, workspace.lake, Cleaner(), progress)


def resolved(workspace: Workspace, progress: Progress, *, refit: bool = False) -> Resolution:
    """Resolve the whole lake; the home's writer lock is the caller's. From the second time on the key index is filled, so that
    what comes later can be followed step by step. Raises NothingResolved where the lake is empty."""
    if not any(workspace.lake.rows(name) for name in TABLES):
        raise NothingResolved(workspace.home.path, "input", "tessera ingest SOURCE")
    with resolve.IdentityLog(workspace.home.identity) as log:
        again = log.state()[0] > 0
    batch = workspace.lake.last_batch() if again else None
    settings = resolve.ResolveSettings(records=_record_settings(workspace))
    with workspace.connection() as connection:
        return resolve.resolve(
            connection, workspace.home, key=workspace.key, settings=settings, refit=refit, index_batch=batch, progress=progress
        )


def resolved_as_of(workspace: Workspace, as_of: datetime, progress: Progress) -> Resolution:
    """What a first run at that time would have found. The home's own identity log stays as it is. Raises NothingResolved where
    the lake is empty."""
    if not any(workspace.lake.rows(name) for name in TABLES):
        raise NothingResolved(workspace.home.path, "input", "tessera ingest SOURCE")
    settings = resolve.ResolveSettings(records=_record_settings(workspace))
    with TemporaryDirectory(prefix="tessera-as-of-") as folder, workspace.connection() as connection:
        scratch = Home.open(Path(folder))
        return resolve.resolve(connection, scratch, key=workspace.key, settings=settings, as_of=as_of, progress=progress)


def _record_settings(workspace: Workspace) -> RecordSettings:
    """What the operator has decided about comparing records. Raises SettingsError."""
    path = workspace.settings.records
    if path is None:
        return RecordSettings()
    try:
        return RecordSettings.from_toml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"TESSERA_RECORDS: {path} cannot be read ({type(error).__name__}); give a TOML file") from error


def load(workspace: Workspace) -> Resolution:
    """The current resolution. Raises NothingResolved."""
    return resolve.load(workspace.home)


def publish(
    workspace: Workspace,
    resolution: Resolution,
    *,
    store: GraphStore | None = None,
    replace_graph: bool = False,
    progress: Progress,
) -> dict[str, int]:
    """Make the graph hold what lake, identity log, current model and audiences say; gives the counts by label and type.

    A large first load of the home's own local Neo4j goes through the import tool, which is several times faster. The writer lock
    is the caller's. Raises StoreError.
    """
    graph = snapshot_of(workspace, resolution, progress)
    if store is None and not replace_graph and _imported(workspace, graph, progress):
        counts = graph.counts()
    else:
        with nullcontext(store) if store is not None else workspace.writable_store() as opened:
            opened.replace(graph, progress=progress, replace_foreign=replace_graph)
            counts = opened.counts()
    with resolve.IdentityLog(workspace.home.identity) as log:
        resolve.set_published(log, published=True)
    return counts


def snapshot_of(workspace: Workspace, resolution: Resolution, progress: Progress) -> Snapshot:
    """The whole identity graph of the home, as tables."""
    with workspace.connection() as connection:
        return project.snapshot(
            connection,
            resolution,
            home_id=workspace.home.home_id,
            key=workspace.key,
            interests=_current_interests(workspace),
            audiences=_audiences(workspace),
            progress=progress,
        )


def _reach_store(workspace: Workspace) -> None:
    """Ask the graph store who it is, so that a wrong address or password is said before minutes of work. Raises StoreError."""
    with workspace.store() as store:
        store.home_id()


def _audiences(workspace: Workspace) -> Audiences:
    """Every tenant's audiences and their members."""
    with workspace.control() as control:
        return control.audiences.tables()


def _current_interests(workspace: Workspace) -> Interests:
    version = model_of(workspace)
    return Interests() if version is None else version.interests()


def _imported(workspace: Workspace, graph: Snapshot, progress: Progress) -> bool:
    """Load through the import tool, where a large graph goes to the home's own local server and that has no graph yet."""
    from graph.store import neo4j_import, server

    if workspace.graph_url == "ladybug" or sum(graph.counts().values()) < _WORTH_A_RESTART:
        return False
    status = server.status(workspace.home)
    if not status.running or status.url != workspace.graph_url:
        return False
    with workspace.store() as store:
        if store.home_id() is not None or any(store.counts().values()):
            return False
    neo4j_import.import_into_local(workspace.home, graph, progress=progress)
    return True


def _ingested(workspace: Workspace, sources: Sequence[Path], progress: Progress) -> list[Report]:
    rows: list[Report] = []
    for source in sources:
        summary = take(workspace, source, progress)
        rows += [
            {
                "source": summary.source,
                "table": t.table,
                "read": t.read,
                "added": t.added,
                "updated": t.updated,
                "unchanged": t.unchanged,
                "duplicates": t.duplicates,
                "quarantined": t.rejected,
                "reasons": "; ".join(f"{reason}: {count}" for reason, count in t.quarantined.items()),
            }
            for t in summary.tables
        ]
        if summary.skipped:
            rows.append({"source": summary.source, "table": "taken before: " + ", ".join(summary.skipped)})
    return rows


def persons_of(workspace: Workspace) -> pa.Table | None:
    """Kind, id and person of every member by the last run; None before the first."""
    try:
        return load(workspace).members.select(["kind", "id", "person_id"])
    except NothingResolved:
        return None


def moved(before: pa.Table, resolution: Resolution) -> Report:
    """What a run changed for the members of an earlier one."""
    after = resolution.members.select(["kind", "id", "person_id"])
    both = before.join(after, ["kind", "id"], right_suffix="_after", join_type="inner")
    other = pc.sum(pc.not_equal(both["person_id"], both["person_id_after"])).as_py() or 0
    return {"members before": before.num_rows, "members now of another person": other}


def identities(resolution: Resolution) -> Report:
    """Counts of a resolution."""
    classes = resolution.persons["class"].value_counts().to_pylist()
    return {
        "members": resolution.members.num_rows,
        "persons": resolution.persons.num_rows,
        "evidence": resolution.evidence.num_rows,
        **{f"class {c['values']}": c["counts"] for c in sorted(classes, key=lambda c: str(c["values"]))},
    }


def _learn(workspace: Workspace, resolution: Resolution, seed: int, optimiser: str | None, progress: Progress) -> Learned:
    from gnn.interests import TrainingOptions, learn
    from gnn.recommend.beside import Wanted

    options = TrainingOptions(seed=seed, text=workspace.settings.text_model, taxonomy=workspace.settings.taxonomy)
    if optimiser is not None:
        options = replace(options, optimiser=optimiser.lower())
    with workspace.connection() as connection:
        return learn(
            connection,
            resolution,
            eligible(workspace, resolution, Use.TRAINING),
            key=workspace.key,
            models=workspace.home.models,
            cache=workspace.home.cache,
            options=options,
            recommend_to=Wanted(eligible(workspace, resolution, Use.RECOMMENDATION), workspace.lake.last_batch()),
            progress=progress,
        )


def _learned(learned: Learned) -> Report:
    """What was learned, and a row for the model and each baseline over people that were held out."""
    rows = [{"scores": name, **scores} for name, scores in learned.metrics.get("report", {}).items()]
    offers = [{"recommendations": name, **found} for name, found in learned.metrics.get("recommendations", {}).items()]
    facts: Report = {
        "model": learned.version.name,
        "people": learned.persons,
        "contents": learned.contents,
        "tags": learned.tags,
        "labelled people": learned.labelled,
        **{f"held out contents, {name}": value for name, value in learned.metrics.get("contents", {}).items()},
        **{f"note {number}": note for number, note in enumerate(learned.notes, 1)},
    }
    return {
        "interests": facts,
        "held out people": sorted(rows, key=lambda row: (row["scores"] != "model", row["scores"])),
        "hidden engagements": offers,
    }

"""What the operator takes out as files, raw ids and all: through the gate's operator class, which leaves out who objected and
writes the audit log. Each function gives the released table; a command writes it.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from api import pipeline
from api.workspace import Workspace
from gnn import registry
from graph import resolve
from graph.errors import InputError, NothingResolved
from graph.files import read_table
from graph.privacy import OperatorTable, Released, Use
from graph.progress import Progress, ignore_progress
from graph.resolution import Resolution

__all__ = ["contents", "embeddings", "identities", "lookalike", "recommendations", "tags"]

File = Released[OperatorTable]


def identities(workspace: Workspace, as_of: datetime | None = None, progress: Progress = ignore_progress) -> File:
    """kind, id, person_id, confidence: every device and account once; `as_of`: those that a first run at that time would have
    found, with the ids that it would have given. Raises NothingResolved."""
    resolution = resolve.load(workspace.home) if as_of is None else pipeline.resolved_as_of(workspace, as_of, progress)
    return _released(
        workspace, resolution, resolution.members.select(["kind", "id", "person_id", "confidence"]), "identities", None
    )


def tags(workspace: Workspace, minimum: float) -> File:
    """person_id, tag, probability of at least `minimum`. Raises NothingResolved where no tags were learned, InputError."""
    if not 0 <= minimum <= 1:
        raise InputError(f"--min-probability {minimum} is not between 0 and 1")
    version = registry.current(workspace.home.models)
    if not version.tag_ids:
        raise NothingResolved(
            workspace.home.path, "tags (" + "; ".join(version.notes) + ")", "tessera run SOURCE with labels or readable texts"
        )
    parts = list(version.person_tags(minimum))
    empty = pa.schema([("person_id", pa.string()), ("tag", pa.string()), ("probability", pa.float64())]).empty_table()
    return _released(workspace, resolve.load(workspace.home), pa.concat_tables([empty, *parts]), "tags", Use.TAGS)


def contents(workspace: Workspace) -> File:
    """content_id, tag, score. Raises NothingResolved."""
    about = registry.current(workspace.home.models).about.rename_columns(["content_id", "tag", "score"])
    return _released(workspace, resolve.load(workspace.home), about, "contents", None)


def embeddings(workspace: Workspace) -> File:
    """person_id, vector (float32 list). Raises NothingResolved."""
    version = registry.current(workspace.home.models)
    people, matrix = version.vectors()
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1), pa.float32()), matrix.shape[1])
    table = pa.table({"person_id": people, "vector": vectors.cast(pa.list_(pa.float32()))})
    return _released(workspace, resolve.load(workspace.home), table, "embeddings", Use.TRAINING)


def lookalike(workspace: Workspace, seeds: Path, size: int | None, *, seed: int) -> File:
    """person_id, score, rank of the people most like the seeds (rows of kind, id); `size` None is everybody.

    Raises InputError for seeds that cannot be used, NothingResolved.
    """
    from gnn.lookalike import expand, positions_of

    version = registry.current(workspace.home.models)
    resolution = resolve.load(workspace.home)
    eligible = pipeline.eligible(workspace, resolution, Use.AUDIENCE)
    people = seed_people(resolution, read_table(seeds), seeds)
    known, positions = positions_of(version)
    mask = pc.is_in(known, value_set=eligible).to_numpy(zero_copy_only=False)
    ranked = expand(positions.only(mask), known, people, size, seed=seed)
    return _released(workspace, resolution, ranked, "lookalike", Use.AUDIENCE)


def seed_people(resolution: Resolution, seeds: pa.Table, path: Path) -> pa.Array:
    """Person ids of seed rows. Raises InputError when columns are missing or no seed is known."""
    missing = [c for c in ("kind", "id") if c not in seeds.column_names]
    if missing:
        raise InputError(f"{path}: no column {missing[0]}; seeds are rows of kind (device or account) and id")
    keys = pc.binary_join_element_wise(seeds["kind"].cast(pa.string()), seeds["id"].cast(pa.string()), ":")
    members = resolution.members
    known = pc.binary_join_element_wise(members["kind"], members["id"], ":")
    rows = pc.drop_null(pc.index_in(pc.unique(keys), value_set=known))
    if not len(rows):
        raise InputError(f"{path}: none of its {seeds.num_rows} seeds is a device or account of this home; check kind and id")
    return pc.unique(members["person_id"].take(rows))


def recommendations(
    workspace: Workspace, k: int, *, model: str = "auto", seed: int, progress: Progress
) -> tuple[File, tuple[str, ...]]:
    """person_id, content_id, score, rank of up to `k` contents that the person has not seen, and notes on how they were chosen.
    Raises NothingResolved, SettingsError for an unknown model, MissingExtra for the learned one without torch."""
    from gnn.recommend import RecommendOptions, recommend

    options = RecommendOptions(model=model, seed=seed)
    resolution = resolve.load(workspace.home)
    eligible = pipeline.eligible(workspace, resolution, Use.RECOMMENDATION)
    with workspace.connection() as connection:
        found = recommend(connection, resolution, eligible, k, key=workspace.key, options=options, progress=progress)
    return _released(workspace, resolution, found.table, "recommendations", Use.RECOMMENDATION), found.notes


def _released(workspace: Workspace, resolution: Resolution, table: pa.Table, what: str, use: Use | None) -> File:
    with workspace.control() as control:
        return pipeline.gate_of(workspace, resolution, control).operator_file(table, what, use=use)

"""What the operator takes out as files, raw ids and all: through the gate's operator class, which leaves out who objected and
writes the audit log. Each function gives the released table; a command writes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from api import pipeline
from api.workspace import Workspace
from gnn import registry
from graph import resolve
from graph.errors import HomeNotWritable, InputError, NothingResolved
from graph.files import read_table, replace_file
from graph.privacy import OperatorTable, Released, Use
from graph.progress import Progress, ignore_progress
from graph.resolution import Resolution

if TYPE_CHECKING:
    from gnn.lookalike import Positions, Reach, SeedQuality

__all__ = ["Lookalike", "contents", "embeddings", "identities", "lookalike", "recommendations", "seed_report", "tags"]

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


@dataclass(frozen=True)
class Lookalike:
    """What a lookalike is asked with: `seeds` and, where there are some to leave out, `excluded`, files with rows of kind and
    id."""

    seeds: Path
    excluded: Path | None = None
    seed: int = 0


def lookalike(workspace: Workspace, asked: Lookalike, reach: Reach) -> File:
    """person_id, score, rank of the people most like the seeds, as many as `reach` allows.

    Raises InputError for seeds that cannot be used, NothingResolved.
    """
    from gnn.lookalike import build

    resolution = resolve.load(workspace.home)
    known, positions = _placed(workspace, resolution)
    people = seed_people(resolution, read_table(asked.seeds), asked.seeds)
    out = None if asked.excluded is None else people_of(resolution, read_table(asked.excluded), asked.excluded)
    ranked = build(positions, known, people, reach, excluded=out, seed=asked.seed).table
    return _released(workspace, resolution, ranked, "lookalike", Use.AUDIENCE)


def seed_report(workspace: Workspace, asked: Lookalike, files: Sequence[Path]) -> SeedQuality:
    """How good the seeds are, before building; written to `files` as .json (the figures) or .svg (the curve). Raises as
    `lookalike`, and InputError for another suffix, before anything is done."""
    from gnn.lookalike import as_document, curve_svg, seed_quality

    for file in files:
        if file.suffix not in (".json", ".svg"):
            raise InputError(f"--report {file}: a report is .json or .svg")
    resolution = resolve.load(workspace.home)
    known, positions = _placed(workspace, resolution)
    rows = read_table(asked.seeds)
    found = seed_quality(positions, known, seed_people(resolution, rows, asked.seeds), given=rows.num_rows, seed=asked.seed)
    table = pa.table({"ratio": [p.ratio for p in found.curve], "people": [p.people for p in found.curve]})
    _released(workspace, resolution, table, "lookalike report", None)
    for file in files:
        text = curve_svg(found) if file.suffix == ".svg" else json.dumps(as_document(found), indent=2) + "\n"
        try:
            replace_file(file, text.encode())
        except OSError as error:
            raise HomeNotWritable(file, error.strerror or str(error)) from error
    return found


def _placed(workspace: Workspace, resolution: Resolution) -> tuple[pa.Array, Positions]:
    """Person ids of the model, and the positions of those who may be in an audience."""
    from gnn.lookalike import positions_of

    known, positions = positions_of(registry.current(workspace.home.models))
    eligible = pipeline.eligible(workspace, resolution, Use.AUDIENCE)
    return known, positions.only(pc.is_in(known, value_set=eligible).to_numpy(zero_copy_only=False))


def seed_people(resolution: Resolution, seeds: pa.Table, path: Path) -> pa.Array:
    """Person ids of seed rows. Raises InputError when columns are missing or no seed is known."""
    found = people_of(resolution, seeds, path)
    if not len(found):
        raise InputError(f"{path}: none of its {seeds.num_rows} seeds is a device or account of this home; check kind and id")
    return found


def people_of(resolution: Resolution, rows: pa.Table, path: Path) -> pa.Array:
    """Person ids of rows of kind and id, each once. Raises InputError when columns are missing."""
    missing = [c for c in ("kind", "id") if c not in rows.column_names]
    if missing:
        raise InputError(f"{path}: no column {missing[0]}; people are rows of kind (device or account) and id")
    keys = pc.binary_join_element_wise(rows["kind"].cast(pa.string()), rows["id"].cast(pa.string()), ":")
    members = resolution.members
    known = pc.binary_join_element_wise(members["kind"], members["id"], ":")
    return pc.unique(members["person_id"].take(pc.drop_null(pc.index_in(pc.unique(keys), value_set=known))))


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

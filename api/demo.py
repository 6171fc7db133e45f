"""The demonstration: a seeded population through the whole path, judged against its ground truth.

The truth lies in a folder of its own, and is read only after everything was learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from api import evaluate, operator_files, pipeline
from api.workspace import Workspace
from gnn.lookalike import Reach
from graph import resolve
from graph.control import Control
from graph.errors import InputError, StoreError
from graph.export import write_subgraph
from graph.files import read_table, write_table
from graph.privacy import OPERATOR, Denied, SubgraphLevel
from graph.progress import Progress
from graph.synth import DEMO, Population, Truth, generate

__all__ = ["Demonstration", "demonstrate"]

_SEEDS = 60


@dataclass(frozen=True)
class Demonstration:
    """What was found, against the truth."""

    population: dict[str, Any]
    run: dict[str, Any]
    identity: dict[str, float]
    tags: list[dict[str, Any]]
    lookalike: dict[str, Any]
    subgraph: dict[str, Any]


def demonstrate(workspace: Workspace, *, seed: int, progress: Progress) -> Demonstration:
    """Draw, run, judge, release. Raises TesseraError."""
    folder = workspace.home.path / "population"
    truth = generate(folder, Population(**{**vars(DEMO), "seed": seed}), progress)
    report = pipeline.run(workspace, [truth.source], seed=seed, replace_graph=False, progress=progress)
    return Demonstration(
        truth.summary(),
        report,
        evaluate.identity(workspace, truth.truth / "identities.parquet"),
        evaluate.tags(workspace, truth.truth / "labels.parquet"),
        _lookalike(workspace, truth, seed),
        _subgraph(workspace),
    )


def _lookalike(workspace: Workspace, truth: Truth, seed: int) -> dict[str, Any]:
    """People like those who are known to have the most frequent tag: how many of the best tenth have it, of the hidden ones."""
    given = read_table(truth.source / "labels.parquet")
    given = given.filter(pc.greater(given["value"].cast(pa.float64()), 0))
    counts = sorted(given["tag"].value_counts().to_pylist(), key=lambda c: (-c["counts"], c["values"]))
    tag = counts[0]["values"]
    holders = given.filter(pc.equal(given["tag"], tag)).sort_by("subject_id")
    chosen = np.random.default_rng(seed).permutation(holders.num_rows)[:_SEEDS]
    seeds = holders.take(pa.array(chosen)).select(["subject_kind", "subject_id"]).rename_columns(["kind", "id"])
    file = workspace.home.path / "population" / "seeds.csv"
    write_table(seeds, file)
    ranked = operator_files.lookalike(workspace, operator_files.Lookalike(file, seed=seed), Reach()).value.table
    hidden = read_table(truth.truth / "labels.parquet")
    members = resolve.load(workspace.home).members
    everybody = _people(members, hidden)
    with_tag = _people(members, hidden.filter(pc.equal(hidden["tag"], tag)))
    judged = ranked.filter(pc.is_in(ranked["person_id"], value_set=everybody))
    hits = pc.is_in(judged["person_id"], value_set=with_tag).to_numpy(zero_copy_only=False)
    if not hits.any():
        raise InputError(f"demo: nobody whose tags were hidden has {tag}; choose another --seed")
    best = max(1, len(hits) // 10)
    return {
        "tag": tag,
        "seeds": seeds.num_rows,
        "people judged": len(hits),
        "share with the tag": float(hits.mean()),
        "share in the best tenth": float(hits[:best].mean()),
        "lift": float(hits[:best].mean() / hits.mean()),
        "seeds file": str(file),
    }


def _people(members: pa.Table, subjects: pa.Table) -> pa.Array:
    known = pc.binary_join_element_wise(members["kind"], members["id"], ":").combine_chunks()
    keys = pc.binary_join_element_wise(subjects["subject_kind"], subjects["subject_id"], ":")
    return pc.unique(members["person_id"].take(pc.drop_null(pc.index_in(keys, value_set=known))))


def _subgraph(workspace: Workspace) -> dict[str, Any]:
    """The class-level graph of everybody who permits statistics."""
    resolution = resolve.load(workspace.home)
    with workspace.control() as control:
        released = _everybody(workspace, control, resolution.persons["person_id"])
    if isinstance(released, Denied):
        raise StoreError(f"demo: no subgraph was released ({released.message})")
    file = workspace.home.path / "subgraph.graphml"
    return {"file": str(file), **write_subgraph(released, file).counts}


def _everybody(workspace: Workspace, control: Control, people: pa.ChunkedArray) -> Any:
    resolution = resolve.load(workspace.home)
    graph = pipeline.snapshot_of(workspace, resolution, lambda what, done, total: None)
    gate = pipeline.gate_of(workspace, resolution, control)
    return gate.subgraph(graph, people, name="everybody", recipient="demo", caller=OPERATOR, level=SubgraphLevel.CLASS)

"""What a training leaves for single persons: the fit and where the lake stood in, files of a scorer out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch

from gnn.features.population import Population
from gnn.features.surroundings import Surroundings
from gnn.models.pyg import HeteroData
from gnn.models.tagger import Tagger
from gnn.online.embedding import fit_states
from gnn.online.files import Write, frozen_files
from gnn.training.fit import Fitted
from gnn.training.options import TrainingOptions
from graph.resolution import Resolution

__all__ = ["Standing", "scorer_files", "standing_of"]

Floats = npt.NDArray[np.float32]
_TOWERS = frozenset({"position", "propagation"})
_USUAL = 4096
_BATCH = """
SELECT coalesce(max(_batch), 0) FROM (SELECT max(_batch) AS _batch FROM events UNION ALL SELECT max(_batch) FROM relations
                                      UNION ALL SELECT max(_batch) FROM consents)
"""
_COMPLETE = """
SELECT count(*) FROM (SELECT DISTINCT CASE WHEN account_id IS NOT NULL THEN 'account' ELSE 'device' END AS kind,
                      coalesce(account_id, device_id) AS id FROM events) ANTI JOIN standing_members USING (kind, id)
"""


@dataclass(frozen=True)
class Standing:
    """Where lake and resolution stood when a training read them."""

    members: pa.Table
    """kind, id, person_id of everybody."""
    batch: int
    """The lake's last batch that the training saw a row of."""
    complete: bool
    """Whether everybody whom an event names was resolved."""


def standing_of(connection: duckdb.DuckDBPyConnection, resolution: Resolution) -> Standing:
    """Read from the connection that the training reads from."""
    members = resolution.members.select(["kind", "id", "person_id"])
    connection.register("standing_members", members)
    try:
        [(batch,)] = connection.execute(_BATCH).fetchall()
        [(missing,)] = connection.execute(_COMPLETE).fetchall()
    finally:
        connection.unregister("standing_members")
    return Standing(members, int(batch), not missing)


def scorer_files(
    data: Population,
    around: Surroundings,
    graph_data: HeteroData,
    fitted: Fitted,
    embeddings: Floats,
    standing: Standing,
    options: TrainingOptions,
    notes: list[str],
) -> Mapping[str, Write]:
    """For `registry.save(extras=…)`; nothing, and a note, where the ensemble reads of a person what no row of theirs says."""
    beyond = sorted(set(fitted.ensemble.shape.towers) - _TOWERS)
    if beyond:
        notes.append(f"persons are not refreshed between trainings: {', '.join(beyond)} need more than a person's own row")
        return {}
    inputs = fitted.inputs
    drawn = np.arange(data.persons)
    if data.persons > _USUAL:
        drawn = np.sort(np.random.default_rng([options.seed, 11]).choice(data.persons, _USUAL, replace=False))
    usual = inputs.rows(drawn, torch.zeros(data.persons, 0))
    position = usual.features.get("position")
    facts = {
        "batch": standing.batch,
        "complete": standing.complete,
        "member_folds": _folds_as_read(fitted),
        "scalar_mean": inputs.scalar_mean.tolist(),
        "scalar_deviation": inputs.scalar_deviation.tolist(),
        "position_scale": _scale(graph_data, around),
    }
    arrays = {
        "online-states.npy": fit_states(embeddings, around.positions),
        "online-usual-channels.npy": usual.channels.mean(dim=0).cpu().numpy(),
        "online-usual-scalars.npy": usual.scalars.mean(dim=0).cpu().numpy(),
        "online-usual-position.npy": np.zeros(0, np.float32) if position is None else position.mean(dim=0).cpu().numpy(),
    }
    columns = (standing.members.column(name).to_pylist() for name in ("kind", "id", "person_id"))
    members = zip(*columns, strict=True)
    return frozen_files(data, around, fitted.label_channels, fitted.fold, options.position_dimensions, members, facts, arrays)


def _folds_as_read(fitted: Fitted) -> list[int]:
    """The fold of each member in the order in which `Ensemble.read` gives them: networks first."""
    pairs = list(zip(fitted.ensemble.members, fitted.member_folds, strict=True))
    return [f for wanted in (True, False) for member, f in pairs if isinstance(member, Tagger) is wanted]


def _scale(graph_data: HeteroData, around: Surroundings) -> float:
    """What positions of the surroundings are multiplied by to be those of the interest graph."""
    person = graph_data["person"]
    if "position" not in person or not around.positions.any():
        return 0.0
    largest = np.unravel_index(np.abs(around.positions).argmax(), around.positions.shape)
    return float(person.position.cpu().numpy()[largest] / around.positions[largest])

"""The recommender of a model version: fitted when interests are learned, on whoever may be recommended to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gnn.features.population import Population, population
from gnn.recommend.fitting import fit_recommender
from gnn.recommend.options import RecommendOptions
from gnn.recommend.stored import recommender_files
from graph.progress import Progress, ignore_progress
from graph.resolution import Resolution

__all__ = ["Beside", "Wanted", "recommender_beside"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Wanted:
    """For whom: persons who did not object to recommendations, as of the lake's last batch."""

    eligible: pa.Array
    batch: int


@dataclass(frozen=True)
class Beside:
    """What goes to the model version: `extras` of `registry.save`, metrics by model name, notes."""

    extras: Mapping[str, Callable[[Path], None]]
    metrics: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...]


def recommender_beside(
    connection: duckdb.DuckDBPyConnection,
    resolution: Resolution,
    wanted: Wanted,
    learned: Population,
    *,
    key: bytes,
    text: Floats | None = None,
    seed: int = 0,
    progress: Progress = ignore_progress,
) -> Beside:
    """Fit and make ready to be saved. `learned` is the population that interests were learned on, `text` (m, e) vectors of its
    contents: they are used again where the same persons may be recommended to, else another population is read."""
    data, vectors = learned, text
    if set(wanted.eligible.to_pylist()) != set(learned.person_ids.to_pylist()):
        data, vectors = population(connection, resolution, wanted.eligible, key=key), None
    fitted = fit_recommender(data, RecommendOptions(seed=seed), text=vectors, progress=progress)
    return Beside(recommender_files(fitted, data, wanted.batch), fitted.metrics, fitted.notes)

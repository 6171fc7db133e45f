"""Contents a person may like next: the engagement matrix in, each person's best unseen contents out.

EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019): with X the binary person × content matrix,
P = (XᵀX + λI)⁻¹, B_ij = −P_ij / P_jj, diag(B) = 0, scores S = X B. Where there are too many contents to invert, the most popular
ones take part and the scores come from an ideal low-pass graph filter over all (Shen et al., GF-CF, CIKM 2021):
S = X V Vᵀ with V the right singular vectors of the degree-normalised X.
"""

from __future__ import annotations

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from gnn.features.matrices import positions, presence
from gnn.features.population import Population, population
from graph.progress import Progress, ignore_progress
from graph.resolution import Resolution

__all__ = ["RECOMMENDATIONS", "recommend", "score_contents"]

Floats = npt.NDArray[np.float32]
RECOMMENDATIONS = pa.schema(
    [("person_id", pa.string()), ("content_id", pa.string()), ("score", pa.float64()), ("rank", pa.int64())]
)
_INVERTIBLE = 6000
_RIDGE = 200.0
_FILTER_DIMENSIONS = 128
_BATCH = 1024


def recommend(
    connection: duckdb.DuckDBPyConnection,
    resolution: Resolution,
    eligible: pa.Array,
    k: int,
    *,
    key: bytes,
    seed: int = 0,
    progress: Progress = ignore_progress,
) -> pa.Table:
    """person_id, content_id, score, rank from 1 for every eligible person; what any of a person's devices or accounts engaged
    with is never offered. Persons without events get the most popular contents."""
    return score_contents(population(connection, resolution, eligible, key=key), k, seed=seed, progress=progress)


def score_contents(data: Population, k: int, *, seed: int = 0, progress: Progress = ignore_progress) -> pa.Table:
    """The same from a population that was read already."""
    seen = presence(data.engagement)
    popularity = np.asarray(seen.sum(axis=0)).ravel()
    if seen.nnz == 0 or k < 1:
        return RECOMMENDATIONS.empty_table()
    candidates = np.flatnonzero(popularity > 0)
    restricted = sp.csr_matrix(seen[:, candidates])
    popular = popularity[candidates].astype(np.float32)
    scorer = _ease(restricted) if len(candidates) <= _INVERTIBLE else _filter(restricted, seed)
    ids = pa.array(data.content_ids, pa.string()).take(pa.array(candidates))
    tables = []
    for start in range(0, data.persons, _BATCH):
        progress("recommendations", start, data.persons)
        rows = restricted[start : start + _BATCH]
        scores = np.asarray(rows @ scorer[0], np.float32) @ scorer[1] if len(scorer) == 2 else np.asarray(rows @ scorer[0])
        scores = scores.astype(np.float32)
        new = np.asarray(rows.getnnz(axis=1)) == 0
        scores[new] = popular / popular.max()
        dense = rows.toarray() > 0
        scores[dense] = -np.inf
        count = min(k, scores.shape[1])
        best = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        order = np.lexsort((best, -np.take_along_axis(scores, best, axis=1)), axis=1)
        best = np.take_along_axis(best, order, axis=1)
        value = np.take_along_axis(scores, best, axis=1)
        offered = np.isfinite(value)
        row, rank = np.nonzero(offered)
        tables.append(
            pa.table(
                [
                    data.person_ids.take(pa.array(row + start)),
                    ids.take(pa.array(best[offered])),
                    pa.array(value[offered].astype(np.float64)),
                    pa.array(rank + 1),
                ],
                schema=RECOMMENDATIONS,
            )
        )
    progress("recommendations", data.persons, data.persons)
    return pa.concat_tables(tables)


def _ease(seen: sp.csr_matrix) -> tuple[Floats, ...]:
    gram = np.asarray((seen.T @ seen).toarray(), np.float64)
    gram[np.diag_indices_from(gram)] += _RIDGE
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    weights[np.diag_indices_from(weights)] = 0
    return (weights.astype(np.float32),)


def _filter(seen: sp.csr_matrix, seed: int) -> tuple[Floats, ...]:
    row = 1 / np.sqrt(np.maximum(np.asarray(seen.sum(axis=1)).ravel(), 1))
    column = 1 / np.sqrt(np.maximum(np.asarray(seen.sum(axis=0)).ravel(), 1))
    normal = sp.csr_matrix(sp.diags(row) @ seen @ sp.diags(column)).astype(np.float32)
    _, right = positions(normal, _FILTER_DIMENSIONS, seed=seed)
    return ((right * column[:, None]).astype(np.float32), (right.T / column).astype(np.float32))

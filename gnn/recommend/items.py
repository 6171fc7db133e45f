"""Contents a person may like next: lake and resolution, or a population, in; everybody's best unseen contents out, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from gnn.features.matrices import presence
from gnn.features.population import Population, population
from gnn.recommend.fitted import Recommender
from gnn.recommend.fitting import fit_recommender
from gnn.recommend.history import history_of
from gnn.recommend.options import RecommendOptions
from graph.progress import Progress, ignore_progress
from graph.resolution import Resolution

__all__ = ["RECOMMENDATIONS", "Recommended", "offers", "own_order", "recommend", "score_contents", "seen_contents"]

Indices = npt.NDArray[np.int64]
RECOMMENDATIONS = pa.schema(
    [("person_id", pa.string()), ("content_id", pa.string()), ("score", pa.float64()), ("rank", pa.int64())]
)
_BATCH_BYTES = 100_000_000  # of scores at a time


@dataclass(frozen=True)
class Recommended:
    """`table` as RECOMMENDATIONS; `notes` say what was chosen and how well it foresaw what was hidden from it."""

    table: pa.Table
    notes: tuple[str, ...]


def recommend(
    connection: duckdb.DuckDBPyConnection,
    resolution: Resolution,
    eligible: pa.Array,
    k: int,
    *,
    key: bytes,
    options: RecommendOptions | None = None,
    progress: Progress = ignore_progress,
) -> Recommended:
    """person_id, content_id, score, rank from 1 for every eligible person; what any of a person's devices or accounts has seen is
    never offered. Persons without engagements get what is popular now. Raises as `fit_recommender`."""
    progress("reading engagements", 0, 1)
    data = population(connection, resolution, eligible, key=key)
    progress("reading engagements", 1, 1)
    return score_contents(data, k, options=options, progress=progress)


def score_contents(
    data: Population, k: int, *, options: RecommendOptions | None = None, progress: Progress = ignore_progress
) -> Recommended:
    """The same from a population that was read already."""
    if data.engagement.nnz == 0 or k < 1:
        return Recommended(RECOMMENDATIONS.empty_table(), ("recommendations: nobody has engaged with anything",))
    fitted = fit_recommender(data, options, progress=progress)
    tables = list(offers(fitted, data, k, progress=progress))
    return Recommended(pa.concat_tables([RECOMMENDATIONS.empty_table(), *tables]), fitted.notes)


def offers(fitted: Recommender, data: Population, k: int, *, progress: Progress = ignore_progress) -> Iterator[pa.Table]:
    """RECOMMENDATIONS of everybody in the population that the recommender was fitted on, in tables of bounded size."""
    order = own_order(fitted, data)
    history, seen = history_of(data).among(order), sp.csr_matrix(seen_contents(data)[:, order])
    step = max(1, _BATCH_BYTES // max(4 * data.contents, 1))
    for start in range(0, data.persons, step):
        progress("recommendations", start, data.persons)
        persons = np.arange(start, min(start + step, data.persons))
        chosen, value = fitted.best(history.of_persons(persons), seen[persons], k)
        row, rank = np.nonzero(np.isfinite(value))
        yield pa.table(
            [
                data.person_ids.take(pa.array(row + start)),
                fitted.content_ids.take(pa.array(chosen[row, rank])),
                pa.array(value[row, rank].astype(np.float64)),
                pa.array(rank + 1),
            ],
            schema=RECOMMENDATIONS,
        )
    progress("recommendations", data.persons, data.persons)


def own_order(fitted: Recommender, data: Population) -> Indices:
    """(m,) place in the population of each content of a recommender that was fitted on it."""
    return np.asarray(pc.index_in(fitted.content_ids, value_set=pa.array(data.content_ids, pa.string())).to_numpy(), np.int64)


def seen_contents(data: Population) -> sp.csr_matrix:
    """(n, m): what each person has engaged with or seen otherwise."""
    seen = presence(data.engagement)
    return seen if data.also_seen is None else sp.csr_matrix(seen + data.also_seen)

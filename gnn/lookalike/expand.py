"""Seeds in, everybody else ranked by likeness out, with an estimate of how good the ranking is.

Each part of `gnn.lookalike.parts` ranks everybody; the blend is the sum of the standardised scores of the discriminant and of
proximity, which see different things: where somebody is, and by whom they can be reached. It ranks twice, the second time with
what the first found (`gnn.lookalike.feedback`). Which ranking is used is decided by `gnn.lookalike.trial`; the blend is kept only
where no part is clearly better. Everybody is scored exactly; memory is bounded by the scores, not the vectors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gnn.lookalike.known import as_ids, places_among
from gnn.lookalike.positions import Positions
from gnn.lookalike.seeds import Prepared, prepare
from gnn.lookalike.trial import Trial
from graph.errors import InputError

__all__ = ["Expansion", "Reach", "build", "expand"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Reach:
    """How many people an audience takes at most, by each of these that is given: `size` people; so many as are a `ratio` (0 to 1)
    of everybody, seeds too; whoever is at least so similar, on the scale from 0 to 1 whose value is the share of the seeds who
    would come after that person, were they not known (`gnn.lookalike.trial`): ½ is as alike as the middle seed."""

    size: int | None = None
    ratio: float | None = None
    min_similarity: float | None = None

    def __post_init__(self) -> None:
        if self.size is not None and self.size < 1:
            raise InputError(f"audience size {self.size} is not possible; ask for 1 or more, or for everybody")
        if self.ratio is not None and not 0 < self.ratio <= 1:
            raise InputError(f"audience ratio {self.ratio} is not possible; ask for more than 0, up to 1")
        if self.min_similarity is not None and not 0 <= self.min_similarity <= 1:
            raise InputError(f"minimum similarity {self.min_similarity} is not between 0 and 1")

    def of(self, prepared: Prepared, method: str) -> int:
        """How many of those who are no seeds."""
        people = prepared.persons - len(prepared.places)
        most = people if self.size is None else min(self.size, people)
        if self.ratio is not None:
            most = min(most, math.ceil(self.ratio * prepared.persons))
        if self.min_similarity is not None:
            most = min(most, math.ceil(prepared.trial.ratio(method, self.min_similarity) * people))
        return most


@dataclass(frozen=True)
class Expansion:
    """`table`: person_id, score (higher is more alike; no probability), rank from 1. So many `seeds` were used, so many distinct
    ids `unknown`; `trial` says how well each way of ranking learned them, and which one was used."""

    table: pa.Table
    seeds: int
    unknown: int
    trial: Trial


def expand(positions: Positions, person_ids: pa.Array, seeds: pa.Array, size: int | None, *, seed: int = 0) -> pa.Table:
    """person_id, score, rank of the `size` persons most like the seeds (None: everybody), seeds excluded."""
    return build(positions, person_ids, seeds, Reach(size), seed=seed).table


def build(
    positions: Positions,
    person_ids: pa.Array,
    seeds: pa.Array | pa.ChunkedArray,
    reach: Reach,
    *,
    excluded: pa.Array | pa.ChunkedArray | None = None,
    seed: int = 0,
) -> Expansion:
    """Repeated seeds count once, unknown ones are counted and left out. The best by `reach` are found first, then those of
    `excluded` (person ids) are taken out of them, but for a size, which is filled with the next.

    Raises InputError when too few seeds are known, or when nobody is left to rank.
    """
    prepared = prepare(positions, person_ids, seeds, seed=seed)
    method = prepared.trial.method
    score = prepared.ranking(method).everybody(positions)
    if positions.allowed is not None:
        score[~positions.allowed] = -np.inf
    score[prepared.places] = -np.inf
    best = _best(score, reach, prepared, method, excluded, person_ids)
    table = pa.table(
        {
            "person_id": person_ids.take(pa.array(best)),
            "score": score[best].astype(np.float64),
            "rank": np.arange(1, len(best) + 1, dtype=np.int64),
        }
    )
    return Expansion(table, len(prepared.places), prepared.unknown, prepared.trial)


def _best(
    score: Floats,
    reach: Reach,
    prepared: Prepared,
    method: str,
    excluded: pa.Array | pa.ChunkedArray | None,
    person_ids: pa.Array,
) -> Indices:
    """Places, best first. Who is excluded has a place among everybody, and so counts for a ratio and for a similarity."""
    out = np.zeros(0, np.int64) if excluded is None else places_among(person_ids, as_ids(excluded))
    out = out[np.isfinite(score[out])]
    without_size = Reach(None, reach.ratio, reach.min_similarity).of(prepared, method)
    wanted = without_size if reach.size is None else min(without_size, reach.size + len(out))
    best = _top(score, wanted)
    if len(out):
        best = best[~np.isin(best, out)]
    return best if reach.size is None else best[: reach.size]


def _top(score: Floats, count: int) -> Indices:
    """Places of the `count` highest scores, highest first, ties by place."""
    if count < len(score):
        cut = np.partition(score, len(score) - count)[len(score) - count] if count else np.inf
        candidates = np.flatnonzero(score >= cut)
    else:
        candidates = np.arange(len(score))
    order = np.argsort(-score[candidates], kind="stable")[:count]
    return np.asarray(candidates[order], np.int64)

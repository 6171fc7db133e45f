"""Seeds as they come in, what they are compared with, and how well each way of ranking learns them: what building an audience and
judging its seeds have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gnn.lookalike.alone import one_thread_each
from gnn.lookalike.feedback import Feedback, alike_among, with_feedback
from gnn.lookalike.known import as_ids, places_among
from gnn.lookalike.parts import Usual, usual
from gnn.lookalike.positions import Positions
from gnn.lookalike.ranking import BLENDED, People, Ranking, Walked
from gnn.lookalike.trial import FOLDS, Trial, folds_of, trial
from gnn.lookalike.walk import Walk
from graph.errors import InputError

__all__ = ["MINIMUM_SEEDS", "Prepared", "prepare"]

Indices = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
MINIMUM_SEEDS = 5
_OTHERS = 8_000
_TAUGHT = 20_000  # seeds that parts are fitted on; means are as good from so many


@dataclass(frozen=True)
class Prepared:
    """`places` of all usable seeds (S,), the seeds that are `taught` (20,000 at most), sampled `others`, what is `about` them,
    and the trial of the ways. `given` counts distinct ids."""

    positions: Positions
    places: Indices
    given: int
    taught: People
    others: People
    about: Usual
    walk: Walk | None
    trial: Trial
    generator: np.random.Generator

    @property
    def persons(self) -> int:
        """How many may be looked at, seeds too."""
        return self.positions.allowed_persons

    @property
    def unknown(self) -> int:
        """Distinct ids that are nobody who may be looked at."""
        return self.given - len(self.places)

    def ranking(self, method: str) -> Ranking | Feedback:
        """That method, fitted on all that are taught."""
        names = BLENDED if method == "blend" else (method,)
        walked = None if self.walk is None else Walked(self.walk, list(range(FOLDS + 1)))
        with one_thread_each():
            first = Ranking(names, self.taught, self.others, self.about, self.generator, walked=walked)
            if method != "blend" or self.positions.engaged is None:
                return first
            alike = alike_among(self.others, first, len(self.taught.places))
        places = np.r_[self.taught.places, alike.places]
        again = Walk(self.positions.engaged, self.positions.allowed, places, np.zeros(len(places), np.int64))
        with one_thread_each():
            return with_feedback(first, alike, self.taught, self.others, self.about, self.generator, Walked(again, [0]))


def prepare(positions: Positions, person_ids: pa.Array, seeds: pa.Array | pa.ChunkedArray, *, seed: int) -> Prepared:
    """`person_ids` (n,) are those of the positions. Repeated seeds count once, unknown ones and those who may not be looked at
    are counted and left out. Raises InputError when too few are left, or everybody is a seed."""
    distinct = as_ids(seeds)
    places = positions.among(places_among(person_ids, distinct))
    if len(places) < MINIMUM_SEEDS:
        raise InputError(
            f"{len(places)} of {len(distinct)} seeds are known people that may be used; "
            f"a lookalike needs at least {MINIMUM_SEEDS}"
        )
    if len(places) == positions.allowed_persons:
        raise InputError("the seeds are everybody; nobody is left to rank")
    if positions.vectors.shape[1] == 0:
        raise InputError("the model has no embeddings, since nobody is linked to anything; ingest events or relations first")
    generator = np.random.default_rng(seed)
    drawn = _others(generator, places, positions)
    taught = places if len(places) <= _TAUGHT else np.sort(generator.choice(places, _TAUGHT, replace=False))
    known, others = People(taught, positions.at(taught)), People(drawn, positions.at(drawn))
    folds = folds_of(len(taught), generator)
    walk = None if positions.engaged is None else Walk(positions.engaged, positions.allowed, taught, folds)
    with one_thread_each():
        about = usual(others.x)
        tried = trial(known, folds, others, about, walk, generator)
    return Prepared(positions, places, len(distinct), known, others, about, walk, tried, generator)


def _others(generator: np.random.Generator, seeds: Indices, positions: Positions) -> Indices:
    """At most 8,000 of the allowed who are no seeds; by rejection where most would do, so that a million persons cost no
    permutation."""
    n, allowed = positions.persons, positions.allowed
    if n > 8 * _OTHERS:
        drawn = np.sort(generator.integers(0, n, 3 * _OTHERS))
        drawn = drawn[np.r_[True, drawn[1:] != drawn[:-1]]]
        drawn = drawn if allowed is None else drawn[allowed[drawn]]
        drawn = drawn[seeds[np.searchsorted(seeds, drawn).clip(max=len(seeds) - 1)] != drawn]
        if len(drawn) >= _OTHERS:
            return np.sort(generator.permutation(drawn)[:_OTHERS])
    free = np.ones(n, np.bool_) if allowed is None else allowed.copy()
    free[seeds] = False
    left = np.flatnonzero(free)
    return np.sort(generator.choice(left, min(_OTHERS, len(left)), replace=False))

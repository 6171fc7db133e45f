"""Seeds in, everybody else ranked by likeness out, with an estimate of how good the ranking is.

Each part of `gnn.lookalike.parts` ranks everybody; the blend is the sum of the standardised scores of the discriminant and of
proximity, which see different things: where somebody is, and by whom they can be reached. Which ranking is used is decided by
cross-validation on the seeds: each fold's seeds are hidden among a sample of others and must come out on top. The blend is kept
only where no part is clearly better. Everybody is scored by one exact scan; memory is bounded by the scores, not the vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gnn.lookalike.parts import (
    Positions,
    Usual,
    attended,
    attention,
    centroid,
    discriminant,
    logistic,
    proximity,
    usual,
)
from graph.errors import InputError

__all__ = ["MINIMUM_SEEDS", "Expansion", "SeedReport", "build", "expand"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
MINIMUM_SEEDS = 5
_OTHERS = 8_000
_TAUGHT = 20_000  # seeds that parts are fitted on; means are as good from so many
_JUDGED = 1_000  # seeds, and others, that the ways are compared on
_FOLDS = 5
_PARTS = ("centroid", "discriminant", "logistic", "attention", "proximity")
_BLENDED = ("discriminant", "proximity")


@dataclass(frozen=True)
class SeedReport:
    """How well the seeds' likeness could be learned, by cross-validation on them. `lift` is the share of hidden seeds in the
    top 5 % over the share that chance would give; `aucs` are those of each ranking."""

    seeds: int
    unknown: int
    method: str
    auc: float
    lift: float
    aucs: dict[str, float]


@dataclass(frozen=True)
class Expansion:
    """`table`: person_id, score (higher is more alike; no probability), rank from 1."""

    table: pa.Table
    report: SeedReport


def expand(positions: Positions, person_ids: pa.Array, seeds: pa.Array, size: int | None, *, seed: int = 0) -> pa.Table:
    """person_id, score, rank of the `size` persons most like the seeds (None: everybody), seeds excluded."""
    return build(positions, person_ids, seeds, size, seed=seed).table


def build(positions: Positions, person_ids: pa.Array, seeds: pa.Array, size: int | None, *, seed: int = 0) -> Expansion:
    """Repeated seeds count once, unknown ones are counted and left out.

    Raises InputError when too few seeds are known, when nobody is left to rank, or when the size is not positive.
    """
    if size is not None and size < 1:
        raise InputError(f"audience size {size} is not possible; ask for 1 or more, or for everybody")
    n = len(person_ids)
    distinct = pc.unique(pc.drop_null(pa.array(seeds).cast(pa.string()) if not isinstance(seeds, pa.ChunkedArray) else seeds))
    found = pc.index_in(distinct, value_set=person_ids)
    places: Indices = np.sort(np.asarray(pc.drop_null(found).to_numpy(zero_copy_only=False), np.int64))
    unknown = len(distinct) - len(places)
    if len(places) < MINIMUM_SEEDS:
        raise InputError(
            f"{len(places)} of {len(distinct)} seeds are known people that may be used; "
            f"a lookalike needs at least {MINIMUM_SEEDS}"
        )
    if len(places) == n:
        raise InputError("the seeds are everybody; nobody is left to rank")
    if positions.vectors.shape[1] == 0:
        raise InputError("the model has no embeddings, since nobody is linked to anything; ingest events or relations first")
    generator = np.random.default_rng(seed)
    drawn = _sample_others(generator, places, n)
    taught = places if len(places) <= _TAUGHT else np.sort(generator.choice(places, _TAUGHT, replace=False))
    known, others = (taught, positions.at(taught)), (drawn, positions.at(drawn))
    about = usual(others[1])
    above, lifts = _cross_validate(positions, known, others, about, generator)
    method, aucs = _chosen(above), {name: float(shares.mean()) for name, shares in above.items()}
    wanted = _BLENDED if method == "blend" else (method,)
    score = _Ranking(positions, known, others, about, wanted, generator).everybody()
    score[places] = -np.inf
    count = n - len(places) if size is None else min(size, n - len(places))
    best = _top(score, count)
    table = pa.table(
        {
            "person_id": person_ids.take(pa.array(best)),
            "score": score[best].astype(np.float64),
            "rank": np.arange(1, count + 1, dtype=np.int64),
        }
    )
    return Expansion(table, SeedReport(len(places), unknown, method, aucs[method], lifts[method], aucs))


class _Ranking:
    """Parts by name, fitted on some seeds and others, given as places and as x; their score is the sum of the parts',
    standardised by the others."""

    def __init__(
        self,
        positions: Positions,
        seeds: tuple[Indices, Floats],
        others: tuple[Indices, Floats],
        about: Usual,
        names: tuple[str, ...],
        generator: np.random.Generator,
    ) -> None:
        self._positions = positions
        (places, x), (apart, y) = seeds, others
        self._directions: dict[str, Floats] = {}
        if "centroid" in names:
            self._directions["centroid"] = centroid(x, about)[:, None]
        if "discriminant" in names:
            self._directions["discriminant"] = discriminant(x, about)[:, None]
        if "logistic" in names:
            self._directions["logistic"] = logistic(x, y)[:, None]
        self._pooling = np.zeros((2, 0), np.float32)
        if "attention" in names:
            self._directions["attention"], self._pooling = attention(x, about, generator)
        self._proximity = None
        if "proximity" in names and positions.engaged is not None:
            self._proximity = proximity(positions.engaged, places)
        told = self._told(y @ self._stacked(), apart)
        self._usual = {name: (float(v.mean()), max(float(v.std()), 1e-9)) for name, v in told.items()}

    def everybody(self) -> Floats:
        """(n,) scores."""
        total = np.zeros(self._positions.persons, np.float32)
        for name, value in self._told(self._positions.along(self._stacked()), slice(None)).items():
            total += self._standard(name, value)
        return total

    def of(self, persons: Indices, x: Floats) -> dict[str, Floats]:
        """Each part's scores of these persons, standardised."""
        return {name: self._standard(name, v) for name, v in self._told(x @ self._stacked(), persons).items()}

    def _stacked(self) -> Floats:
        wide = list(self._directions.values())
        return np.hstack(wide) if wide else np.zeros((self._positions.width, 0), np.float32)

    def _told(self, products: Floats, persons: Indices | slice) -> dict[str, Floats]:
        found, start = {}, 0
        for name, directions in self._directions.items():
            part = products[:, start : start + directions.shape[1]]
            found[name] = attended(part, self._pooling) if name == "attention" else part[:, 0]
            start += directions.shape[1]
        if self._proximity is not None:
            found["proximity"] = self._proximity[persons]
        return found

    def _standard(self, name: str, value: Floats) -> Floats:
        mean, deviation = self._usual[name]
        return np.asarray((value - mean) / deviation, np.float32)


def _sample_others(generator: np.random.Generator, seeds: Indices, n: int) -> Indices:
    """At most 8,000 persons who are no seeds, by rejection, so that a million persons cost no permutation."""
    wanted = min(_OTHERS, n - len(seeds))
    if n <= 4 * _OTHERS or 2 * len(seeds) > n:
        return np.sort(generator.choice(np.setdiff1d(np.arange(n), seeds, assume_unique=True), wanted, replace=False))
    drawn = np.unique(generator.integers(0, n, 3 * wanted))
    drawn = generator.permutation(np.setdiff1d(drawn, seeds, assume_unique=True))
    return np.sort(drawn[:wanted])


def _cross_validate(
    positions: Positions,
    seeds: tuple[Indices, Floats],
    others: tuple[Indices, Floats],
    about: Usual,
    generator: np.random.Generator,
) -> tuple[dict[str, Floats], dict[str, float]]:
    """By method, of hidden seeds: the share of the test's others whom each is above (half of those it ties with), whose mean is
    the AUC; and the lift at 5 %, among others that were not trained on."""
    names = _PARTS if positions.engaged is not None else _PARTS[:-1]
    above: dict[str, list[Floats]] = {}
    lifts: dict[str, list[float]] = {}
    order, mixed = generator.permutation(len(seeds[0]))[:_JUDGED], generator.permutation(len(others[0]))[: 2 * _JUDGED]
    fold = np.arange(len(order)) % _FOLDS
    half = max(1, len(mixed) // 2)
    known, test = _at(others, mixed[:half]), _at(others, mixed[half:])
    for f in range(_FOLDS):
        places, x = _at(seeds, order[fold == f])
        ranking = _Ranking(positions, _at(seeds, order[fold != f]), known, about, names, generator)
        scores = ranking.of(np.r_[places, test[0]], np.vstack([x, test[1]]))
        if "proximity" in names:
            scores["blend"] = np.asarray(sum(scores[name] for name in _BLENDED), np.float32)
        truth = np.r_[np.ones(len(places)), np.zeros(len(test[0]))]
        for method, score in scores.items():
            apart = np.sort(score[len(places) :])
            below = [np.searchsorted(apart, score[: len(places)], side) for side in ("left", "right")]
            above.setdefault(method, []).append(np.asarray((below[0] + below[1]) / (2 * max(len(apart), 1)), np.float32))
            top = np.argsort(-score, kind="stable")[: max(1, len(score) // 20)]
            lifts.setdefault(method, []).append(float(truth[top].mean() / truth.mean()))
    return {m: np.concatenate(v) for m, v in above.items()}, {m: float(np.mean(v)) for m, v in lifts.items()}


def _at(people: tuple[Indices, Floats], rows: Indices) -> tuple[Indices, Floats]:
    return people[0][rows], people[1][rows]


def _chosen(above: dict[str, Floats]) -> str:
    """The blend, or the discriminant where there is none, unless another is better by two standard errors of the paired
    difference: the best of many by a few seeds is mostly luck."""
    usual = "blend" if "blend" in above else "discriminant"
    better = {}
    for method, shares in above.items():
        gain = shares - above[usual]
        error = float(gain.std()) / len(gain) ** 0.5
        if gain.mean() > 2 * error:
            better[method] = float(gain.mean())
    return max(better, key=better.__getitem__) if better else usual


def _top(score: Floats, count: int) -> Indices:
    """Places of the `count` highest scores, highest first, ties by place."""
    if count < len(score):
        cut = np.partition(score, len(score) - count)[len(score) - count]
        candidates = np.flatnonzero(score >= cut)
    else:
        candidates = np.arange(len(score))
    order = np.argsort(-score[candidates], kind="stable")[:count]
    return np.asarray(candidates[order], np.int64)

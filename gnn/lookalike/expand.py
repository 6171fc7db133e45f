"""Seeds in, everybody else ranked by likeness out, with an estimate of how good the ranking is.

Three rankings: cosine to the seeds' centroid, logistic regression of seeds against sampled others (both on the person
embeddings), and their blend, the sum of the two standardised scores. Which of them is used is decided by cross-validation on
the seeds: each fold's seeds are hidden among a sample of others and must come out on top. The blend is kept only where it is
better than both its parts. Everybody is scored by an exact scan in chunks: memory is bounded by the scores, not the vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gnn.evaluate import roc_auc
from gnn.lookalike.parts import centroid, logistic
from graph.errors import InputError

__all__ = ["MINIMUM_SEEDS", "Expansion", "SeedReport", "build", "expand"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
MINIMUM_SEEDS = 5
_CHUNK = 131_072
_NEGATIVES = 20_000
_FOLDS = 3


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


def expand(vectors: Floats, person_ids: pa.Array, seeds: pa.Array, size: int | None, *, seed: int = 0) -> pa.Table:
    """person_id, score, rank of the `size` persons most like the seeds (None: everybody), seeds excluded."""
    return build(vectors, person_ids, seeds, size, seed=seed).table


def build(vectors: Floats, person_ids: pa.Array, seeds: pa.Array, size: int | None, *, seed: int = 0) -> Expansion:
    """`vectors` (n, d) may be memory-mapped. Repeated seeds count once, unknown ones are counted and left out.

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
    if vectors.shape[1] == 0:
        raise InputError("the model has no embeddings, since nobody is linked to anything; ingest events or relations first")
    generator = np.random.default_rng(seed)
    is_seed = np.zeros(n, np.bool_)
    is_seed[places] = True
    others = _sample_others(generator, is_seed)
    aucs, lift = _cross_validate(vectors, places, others, generator)
    method = max(("blend", "logistic", "centroid"), key=lambda m: aucs[m] if m != "blend" else aucs[m] - 1e-9)
    directions = _directions(np.asarray(vectors[places]), np.asarray(vectors[others]))
    raw = np.empty((n, 2), np.float32)
    for start in range(0, n, _CHUNK):
        np.matmul(vectors[start : start + _CHUNK], directions, out=raw[start : start + _CHUNK])
    score = _combine(raw, raw[others], method)
    score[places] = -np.inf
    wanted = n - len(places) if size is None else min(size, n - len(places))
    best = _top(score, wanted)
    table = pa.table(
        {
            "person_id": person_ids.take(pa.array(best)),
            "score": score[best].astype(np.float64),
            "rank": np.arange(1, wanted + 1, dtype=np.int64),
        }
    )
    report = SeedReport(len(places), unknown, method, aucs[method], lift[method], aucs)
    return Expansion(table, report)


def _sample_others(generator: np.random.Generator, is_seed: npt.NDArray[np.bool_]) -> Indices:
    """At most 20,000 persons who are no seeds, by rejection, so that a million persons cost no permutation."""
    n = len(is_seed)
    wanted = min(_NEGATIVES, n - int(is_seed.sum()))
    if n <= 4 * _NEGATIVES:
        return np.sort(generator.choice(np.flatnonzero(~is_seed), wanted, replace=False))
    drawn = np.unique(generator.integers(0, n, 3 * wanted))
    drawn = generator.permutation(drawn[~is_seed[drawn]])
    return np.sort(drawn[:wanted])


def _directions(seeds: Floats, others: Floats) -> Floats:
    """(d, 2): centroid and logistic."""
    return np.stack([centroid(seeds, others), logistic(seeds, others)], axis=1)


def _combine(raw: Floats, reference: Floats, method: str) -> Floats:
    """One score per row of `raw` (n, 2), each part standardised by the sampled others."""
    if method == "centroid":
        return np.ascontiguousarray(raw[:, 0])
    if method == "logistic":
        return np.ascontiguousarray(raw[:, 1])
    deviation = np.maximum(reference.std(axis=0), 1e-9)
    return np.asarray(((raw - reference.mean(axis=0)) / deviation).sum(axis=1), np.float32)


def _cross_validate(
    vectors: Floats, places: Indices, others: Indices, generator: np.random.Generator
) -> tuple[dict[str, float], dict[str, float]]:
    """Mean AUC and lift at 5 % of each ranking over folds of the seeds, among the others that were not trained on."""
    methods = ("centroid", "logistic", "blend")
    aucs: dict[str, list[float]] = {m: [] for m in methods}
    lifts: dict[str, list[float]] = {m: [] for m in methods}
    fold = np.arange(len(places)) % _FOLDS
    shuffled, mixed = generator.permutation(places)[:50_000], generator.permutation(others)
    fold = fold[: len(shuffled)]
    half = max(1, len(mixed) // 2)
    train, test = np.asarray(vectors[np.sort(mixed[:half])]), np.asarray(vectors[np.sort(mixed[half:])])
    if len(test) == 0:
        return dict.fromkeys(methods, 0.5), dict.fromkeys(methods, 1.0)
    for f in range(_FOLDS):
        kept, hidden = np.asarray(vectors[shuffled[fold != f]]), np.asarray(vectors[shuffled[fold == f]])
        directions = _directions(kept, train)
        raw, reference = np.vstack([hidden, test]) @ directions, train @ directions
        truth = np.r_[np.ones(len(hidden)), np.zeros(len(test))]
        for method in methods:
            score = _combine(raw, reference, method)
            aucs[method].append(roc_auc(truth, score))
            top = np.argsort(-score, kind="stable")[: max(1, len(score) // 20)]
            lifts[method].append(float(truth[top].mean() / truth.mean()))
    return {m: float(np.mean(v)) for m, v in aucs.items()}, {m: float(np.mean(v)) for m, v in lifts.items()}


def _top(score: Floats, count: int) -> Indices:
    """Places of the `count` highest scores, highest first, ties by place."""
    if count < len(score):
        cut = np.partition(score, len(score) - count)[len(score) - count]
        candidates = np.flatnonzero(score >= cut)
    else:
        candidates = np.arange(len(score))
    order = np.argsort(-score[candidates], kind="stable")[:count]
    return np.asarray(candidates[order], np.int64)

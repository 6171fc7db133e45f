"""Are these seeds good for a lookalike, and how large should it be? Seeds in; figures, a curve and advice out, before building.

homogeneity  (s − o) / (1 − o): s is the mean cosine of each seed to the centroid of the other seeds, o that of sampled others to
             the centroid of all, of x less the others' mean. 0: no more alike than people drawn at random; 1: all in one place
curve        for each ratio of everybody: how many people that is, how similar the last of them is (the share of the seeds that
             would come after, were they not known) and the expected lift, by the trial of `gnn.lookalike.trial`

Intervals are 95 % ones, about the seeds: others like them could have been given.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gnn.lookalike.positions import Positions
from gnn.lookalike.seeds import Prepared, prepare
from gnn.lookalike.trial import Estimate

__all__ = ["LIFT_AT", "CurvePoint", "SeedQuality", "as_document", "seed_quality"]

LIFT_AT = 0.01
_RATIOS = tuple(percent / 100 for percent in range(1, 11))
_FEW, _LOST = 100, 0.8
_Z = 1.96


@dataclass(frozen=True)
class CurvePoint:
    """What an audience of this `ratio` (0 to 1) of everybody would be."""

    ratio: float
    people: int
    similarity: float
    lift: Estimate


@dataclass(frozen=True)
class SeedQuality:
    """`given` are the seeds as they came, `usable` distinct people of them. `lift` is that of the best 1 % of everybody; `aucs`
    by way of ranking, `method` the one that building would use. `advice` are sentences without numbers of people."""

    given: int
    usable: int
    homogeneity: Estimate
    method: str
    auc: Estimate
    lift: Estimate
    aucs: dict[str, float]
    curve: tuple[CurvePoint, ...]
    advice: tuple[str, ...]


def seed_quality(
    positions: Positions, person_ids: pa.Array, seeds: pa.Array | pa.ChunkedArray, *, given: int | None = None, seed: int = 0
) -> SeedQuality:
    """`seeds` are person ids; `given` says how many rows they came from, as many as there are ids where it is None. Raises
    InputError as building does."""
    prepared = prepare(positions, person_ids, seeds, seed=seed)
    tried = prepared.trial
    method, rows = tried.method, len(seeds) if given is None else given
    alike, auc = _homogeneity(prepared), tried.auc(method)
    curve = tuple(
        CurvePoint(
            ratio,
            min(math.ceil(ratio * prepared.persons), prepared.persons - len(prepared.places)),
            tried.similarity(method, ratio),
            tried.lift(method, ratio),
        )
        for ratio in _RATIOS
    )
    return SeedQuality(
        given=rows,
        usable=len(prepared.places),
        homogeneity=alike,
        method=method,
        auc=auc,
        lift=tried.lift(method, LIFT_AT),
        aucs=tried.aucs,
        curve=curve,
        advice=tuple(_advice(rows, len(prepared.places), alike, auc, method)),
    )


def as_document(found: SeedQuality) -> dict[str, Any]:
    """As JSON takes it; an estimate as value and interval."""

    def told(estimate: Estimate) -> dict[str, Any]:
        return {"value": round(estimate.value, 4), "interval": [round(estimate.low, 4), round(estimate.high, 4)]}

    return {
        "seeds": found.given,
        "usable": found.usable,
        "homogeneity": told(found.homogeneity),
        "auc": told(found.auc),
        "lift": told(found.lift),
        "method": found.method,
        "methods": {name: round(auc, 4) for name, auc in found.aucs.items()},
        "curve": [
            {
                "ratio": point.ratio,
                "people": point.people,
                "similarity": round(point.similarity, 4),
                "expected_lift": told(point.lift),
            }
            for point in found.curve
        ],
        "advice": list(found.advice),
    }


def _homogeneity(prepared: Prepared) -> Estimate:
    mean = prepared.about.mean
    seeds, others = (_unit(people.x - mean) for people in (prepared.taught, prepared.others))
    total = seeds.sum(axis=0)
    cosines = np.einsum("ij,ij->i", seeds, _unit(total - seeds))
    usual = float((others @ _unit(total[None, :])[0]).mean())
    value = (float(cosines.mean()) - usual) / max(1 - usual, 1e-9)
    error = _Z * float(cosines.std()) / len(cosines) ** 0.5 / max(1 - usual, 1e-9)
    return Estimate(value, max(value - error, -1.0), min(value + error, 1.0))


def _unit(rows: Any) -> Any:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def _advice(given: int, usable: int, alike: Estimate, auc: Estimate, method: str) -> Iterator[str]:
    """What to do, worst first; a sentence that all is well where nothing is wrong."""
    chance, mixed = auc.low <= 0.5, alike.low <= 0
    if chance:
        yield "No better than chance: hidden seeds do not come before other people. Give other seeds, or more of them."
    if mixed:
        yield "Too mixed: the seeds are no more alike than people drawn at random. Choose seeds that did the same thing."
    if usable < _FEW:
        yield "Few seeds: what is expected is uncertain, and some hundreds rank people better."
    if usable < _LOST * given:
        yield "Many of the seeds are repeated, unknown, or people who may not be used. Check kind and id, and consent."
    if method == "attention" and not chance:
        yield "The seeds are of several kinds. An audience for each kind may do better than one for all."
    if not chance and not mixed and usable >= _FEW:
        yield "The seeds can be used: the smaller the audience, the more alike it is."

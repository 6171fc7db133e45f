"""Why a person has a tag, by the model that says so: a scorer and a person as they are now in, parts that add up out.

The parts are Shapley values (`gnn.explain.shapley`) of groups of what the ensemble reads: v(S) is the calibrated log-odds of the
tag with the groups in S as the person has them and all others as people have them in the mean. So they sum to
logit(p) − logit(base), with base the probability of somebody who is like everybody.

Of `tagging` and `audience` the contents are named through which they speak for the tag: c's share of Σ_c w_c max(T_c − usual, 0),
with w the person's idf weights and T what is said of contents (`gnn.features.evidence`). Other persons are counted, and named
only by their rows of the training, which the caller keeps to itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from gnn.explain.shapley import coalitions, shapley
from gnn.features.channels import CHANNELS
from gnn.features.evidence import Evidence
from gnn.models.device import few_threads
from gnn.online.scorer import Scorer, Seen
from gnn.online.world import Asked, World

__all__ = ["Because", "Content", "Others", "why"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
_SCALARS = {"activity": slice(0, 4), "breadth": slice(4, 6)}
"""Groups of the scalars, by their place in `LabelChannels.scalars`."""
_SIMILAR = 20


@dataclass(frozen=True)
class Content:
    """`share` of what `channel` (tagging or audience) heard through contents beyond the usual."""

    channel: str
    content_id: str
    share: float


@dataclass(frozen=True)
class Others:
    """Persons who speak through `kind`: related or similar. `told`: how many of them have labels; `with_tag`: whose labels name
    the tag. `rows`: of the latter, in the training's order."""

    kind: str
    told: int
    with_tag: int
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Because:
    """`parts`: what each group adds to the log-odds, the most first; they sum to logit(probability) − logit(base)."""

    tag_id: str
    probability: float
    base: float
    parts: tuple[tuple[str, float], ...]
    contents: tuple[Content, ...]
    others: tuple[Others, ...]


def why(scorer: Scorer, asked: Asked, tag_id: str, *, contents: int = 10) -> Because:
    """Of one person (`asked` holds just one) and a tag of the version; up to `contents` of each channel. Somebody of whom nothing
    is known has the base rate, and no parts."""
    tag = scorer.version.tag_ids.index(tag_id)
    with few_threads(1):
        world = scorer.world(asked)
        seen = scorer.see(world)
        if seen.nothing[0]:
            base = float(scorer.prior[tag])
            return Because(tag_id, base, base, (), (), ())
        names, values = _values(scorer, seen, int(asked.fold[0]), tag)
    parts = sorted(zip(names, shapley(values, len(names)).tolist(), strict=True), key=lambda part: (-part[1], part[0]))
    told = [*_contents(scorer, world, int(asked.hidden[0]), tag)]
    best = [c for name in ("tagging", "audience") for c in [c for c in told if c.channel == name][:contents]]
    probability, base = float(expit(values[-1])), float(expit(values[0]))
    return Because(tag_id, probability, base, tuple(parts), tuple(best), _others(scorer, world, tag))


def _values(scorer: Scorer, seen: Seen, fold: int, tag: int) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Names of the g groups, and the log-odds (2^g,) of every set of them."""
    usual = Seen(
        scorer.frozen.further["online-usual-channels.npy"][None],
        scorer.frozen.further["online-usual-scalars.npy"][None],
        scorer.frozen.further["online-usual-position.npy"].reshape(1, -1),
        seen.nothing,
    )
    columns = {g: [scorer.frozen.names.index(n) for n in names if n in scorer.frozen.names] for g, names in CHANNELS.items()}
    scalars = {g: part for g, part in _SCALARS.items() if part.start < seen.scalars.shape[1]}
    groups = [g for g in (*CHANNELS, "activity") if columns.get(g) or g in scalars or (g == "position" and seen.position.size)]
    there = coalitions(len(groups))
    channels = np.repeat(usual.channels, len(there), axis=0)
    numbers = np.repeat(usual.scalars, len(there), axis=0)
    position = np.repeat(usual.position, len(there), axis=0)
    for i, group in enumerate(groups):
        rows = np.flatnonzero(there[:, i])
        for column in columns.get(group, ()):
            channels[rows, :, column] = seen.channels[0, :, column]
        if group in scalars:
            numbers[rows, scalars[group]] = seen.scalars[0, scalars[group]]
        if group == "position":
            position[rows] = seen.position[0]
    nothing = np.zeros(len(there), np.bool_)
    z = scorer.logits(Seen(channels, numbers, position, nothing), np.full(len(there), fold))[:, tag].astype(np.float64)
    calibration = scorer.ensemble.calibration
    return groups, calibration.slope * z + calibration.offsets[tag]


def _contents(scorer: Scorer, world: World, hidden: int, tag: int) -> list[Content]:
    """Those that say more than usual, the largest share first within each channel."""
    row = world.around.by_presence[world.persons[0]]
    places, weight = row.indices.astype(np.int64), row.data
    view = world.reader.views[hidden]
    found: list[Content] = []
    for channel, evidence in (("tagging", view.tagging), ("audience", view.audience)):
        if evidence is None or not any(n in scorer.frozen.names for n in CHANNELS[channel]) or not len(places):
            continue
        excess = weight * np.maximum(_said(evidence, places, tag, of_all=channel == "tagging"), 0)
        total = float(excess.sum())
        order = np.lexsort((places, -excess))
        found += [
            Content(channel, scorer.frozen.content_ids[int(places[i])].as_py(), float(excess[i]) / total)
            for i in order
            if excess[i] > 0
        ]
    return found


def _said(evidence: Evidence, places: Indices, tag: int, *, of_all: bool) -> Floats:
    """(c,): what is said of the tag at these contents beyond the usual; `of_all`: as a share of all that is said there."""
    table, base = evidence.table(places), evidence.base
    if of_all:
        table, base = table / np.maximum(table.sum(axis=1, keepdims=True), 1e-9), base / max(float(base.sum()), 1e-9)
    return np.asarray(table[:, tag] - base[tag], np.float32)


def _others(scorer: Scorer, world: World, tag: int) -> tuple[Others, ...]:
    fold, labels = scorer.frozen.known.fold, scorer.labels
    related = world.trained[world.around.related[world.persons[0]].indices]
    number, weight = world.reader.similar(world.persons[:1])
    similar = scorer.frozen.reference_places[number[0, :_SIMILAR][weight[0, :_SIMILAR] > 0]]
    hidden = int(world.reader.view_of[world.persons[0]])
    found = []
    for kind, group, persons in (("related", "friends", related), ("similar", "neighbours", similar)):
        if not any(n in scorer.frozen.names for n in CHANNELS[group]):
            continue
        heard = persons[(fold[persons] >= 0) & (fold[persons] != hidden)]
        named = heard[labels[heard, tag].toarray().ravel() >= 0.5] if len(heard) else heard
        found.append(Others(kind, len(heard), len(named), tuple(int(p) for p in named)))
    return tuple(found)

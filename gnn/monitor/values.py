"""What is watched: a population in, a value per person and name out. Labels travel through the channels alone.

inputs     activity (summed engagement), contents (how many), no_events (1 where there are none), relations (how many),
           labelled (1 where labels are known)
channels   per label channel (`gnn.tags.baselines`), of persons who are no source: how strongly it speaks of a person
scores     per tag: log-odds of what the contents' tag scores of a version say about the person (`gnn.tags.from_contents`);
           without labels these are the version's probabilities themselves

Everything is computed for a seeded sample of persons, at training as later, so the cost does not grow with the population.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from scipy.special import logit

from gnn.features.channels import Surroundings
from gnn.features.population import Population, Tagging
from gnn.tags.propagated import baselines, from_contents

__all__ = ["Watched", "watched"]

Floats = npt.NDArray[np.floating]
Indices = npt.NDArray[np.int64]
SAMPLE = 20_000
CHANNEL_SAMPLE = 4_000
_FLOOR = 1e-4
_DIMENSIONS = 32


@dataclass(frozen=True)
class Watched:
    """Values (n,) by name, of each kind; n differs between kinds."""

    inputs: dict[str, Floats]
    channels: dict[str, Floats]
    scores: dict[str, Floats]


def watched(data: Population, about: pa.Table, tag_ids: list[str], *, seed: int) -> Watched:
    """Of a population, with `about` (`graph.interests.ABOUT`) and tags of a version."""
    rows = _sample(np.arange(data.persons), SAMPLE, seed)
    return Watched(_inputs(data, rows), _channels(data, seed), _scores(_part(data, rows), about, tag_ids))


def _inputs(data: Population, rows: Indices) -> dict[str, Floats]:
    engagement = data.engagement[rows]
    contents = np.asarray(engagement.getnnz(axis=1), np.float64)
    return {
        "activity": np.asarray(engagement.sum(axis=1), np.float64).ravel(),
        "contents": contents,
        "no_events": (contents == 0).astype(np.float64),
        "relations": np.asarray(data.relations[rows].getnnz(axis=1), np.float64),
        "labelled": data.labelled[rows].astype(np.float64),
    }


def _channels(data: Population, seed: int) -> dict[str, Floats]:
    rows = _sample(np.arange(data.persons), CHANNEL_SAMPLE, seed)
    judged = np.zeros(data.persons, np.bool_)
    judged[np.random.default_rng([seed, 1]).permutation(rows)[: max(1, len(rows) // 4)]] = True
    part = _part(data, rows)
    sources, persons = np.flatnonzero(part.labelled & ~judged[rows]), np.flatnonzero(judged[rows])
    if not data.tags or len(sources) < 2 or not len(persons):
        return {}
    around = Surroundings(part, dimensions=_DIMENSIONS, seed=seed)
    found = baselines(part, around, sources, persons)
    return {name: _strength(p) for name, p in found.items() if name != "popularity"}


def _strength(probability: npt.NDArray[np.float32]) -> Floats:
    """(b,): root mean square over tags of log p, less the tag's mean: how much the channel says of a person. What shifts
    everybody alike, such as base rates that are known a little better, is no change of it."""
    logs = np.log(np.asarray(probability, np.float64) + _FLOOR)
    strength: Floats = np.sqrt(((logs - logs.mean(axis=0)) ** 2).mean(axis=1))
    return strength


def _scores(data: Population, about: pa.Table, tag_ids: list[str]) -> dict[str, Floats]:
    if not data.persons or not tag_ids:
        return {}
    content = pc.index_in(about.column("content_id").combine_chunks(), value_set=pa.array(data.content_ids, pa.string()))
    tag = pc.index_in(about.column("tag_id").combine_chunks(), value_set=pa.array(tag_ids, pa.string()))
    known = pc.and_(pc.is_valid(content), pc.is_valid(tag))
    values = np.zeros((data.contents, len(tag_ids)), np.float32)
    rows, columns = (x.filter(known).to_numpy(zero_copy_only=False) for x in (content, tag))
    values[rows, columns] = about.column("score").combine_chunks().filter(known).to_numpy(zero_copy_only=False)
    if not values.any():
        return {}
    scores = from_contents(data, values)
    used = np.flatnonzero(values.any(axis=0))
    odds = logit(np.clip(scores.astype(np.float64), _FLOOR, 1 - _FLOOR))
    return {"strongest": odds.max(axis=1)} | {f"tag {tag_ids[t]}": odds[:, t] for t in used}


def _sample(persons: Indices, size: int, seed: int) -> Indices:
    if len(persons) <= size:
        return persons
    return np.sort(np.random.default_rng([seed, 2]).choice(persons, size, replace=False))


def _part(data: Population, rows: Indices) -> Population:
    """The same population with these persons alone; contents keep their places."""
    if len(rows) == data.persons:
        return data
    place = np.full(data.persons, -1, np.int64)
    place[rows] = np.arange(len(rows))
    kept = place[data.tagged.person] >= 0
    tagged = data.tagged
    return replace(
        data,
        person_ids=data.person_ids.take(pa.array(rows)),
        engagement=sp.csr_matrix(data.engagement[rows]),
        relations=sp.csr_matrix(data.relations[rows][:, rows]),
        labels=data.labels[rows],
        labelled=data.labelled[rows],
        tagged=Tagging(place[tagged.person[kept]], tagged.content[kept], tagged.tag[kept], tagged.count[kept]),
        engaged_at=None,  # neither times nor what was merely seen is watched
        also_seen=None,
    )

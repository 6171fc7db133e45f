"""Who judges what: the report's persons, whom no trial ever sees, and the inner folds of the others that trials are judged on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gnn.features.population import Population, Tagging
from gnn.training.options import TrainingOptions

__all__ = ["inner_folds", "report_persons", "without_labels"]

Indices = npt.NDArray[np.int64]


def report_persons(data: Population, options: TrainingOptions) -> tuple[Indices, Indices]:
    """Labelled persons (hidden, kept): those on whom a training with these options reports (`gnn.training.persons`)."""
    sources = np.flatnonzero(data.labelled)
    judged = int(options.report_share * len(sources))
    shuffled = np.random.default_rng([options.seed, 7]).permutation(sources)
    return np.sort(shuffled[:judged]), np.sort(shuffled[judged:])


def inner_folds(persons: Indices, folds: int, *, seed: int) -> list[Indices]:
    """The persons dealt into folds of equal size."""
    shuffled = np.random.default_rng([seed, 11]).permutation(persons)
    return [np.sort(part) for part in np.array_split(shuffled, folds)]


def without_labels(data: Population, persons: Indices) -> Population:
    """The population with these persons' labels and tagging events taken out: whatever reads it cannot know them. They still
    count as labelled, since who is labelled and no source lends nothing to anybody (`gnn.features.channels`)."""
    hidden = np.zeros(data.persons, np.bool_)
    hidden[persons] = True
    kept = ~hidden[data.tagged.person]
    tagged = data.tagged
    return replace(
        data,
        labels=np.where(hidden[:, None], np.float32(0), data.labels),
        tagged=Tagging(tagged.person[kept], tagged.content[kept], tagged.tag[kept], tagged.count[kept]),
    )

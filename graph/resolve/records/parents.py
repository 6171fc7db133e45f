"""Columns that depend on one another among pairs of two entities: a tree of parents, and u given the parent.

In: the records, pairs with an equal value of each column, and parameters that tell strangers. Out: parameters with parents. A
column's parent is the column whose equality makes its own likelier by most (Chow and Liu 1968, on equality alone), measured among
pairs of strangers: city given postcode, region given city. So agreement that follows from another agreement adds no weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from graph.resolve.records.kinds import KINDS, LEVELS
from graph.resolve.records.parameters import AGREES, ALONE, DIFFERS, Parameters
from graph.resolve.records.sampling import FitData, PairSample, smooth

__all__ = ["chance_given_parent", "choose_parents"]

Reals = npt.NDArray[np.float64]
Posteriors = Callable[[PairSample, Parameters], Reals]
_LEAST_OF_ALONE = 0.05


def _among_strangers(samples: Sequence[PairSample], parameters: Parameters, posteriors: Posteriors) -> Reals:
    """Levels of every column among strangers with an equal value of one: [the one, column, level]."""
    counts = np.zeros((len(samples), len(samples), LEVELS))
    for a, pairs in enumerate(samples):
        strangers = 1.0 - posteriors(pairs, parameters).sum(axis=1)
        for c in range(len(samples)):
            known = pairs.levels[:, c] >= 0
            counts[a, c] = np.bincount(pairs.levels[known, c], strangers[known], LEVELS)
    return counts


def choose_parents(
    data: FitData, samples: Sequence[PairSample], parameters: Parameters, observed: Reals, posteriors: Posteriors
) -> Parameters:
    """Choose parents: always a column of more distinct values than the child, so that there is no circle. Contacts depend on each
    other until the data says that they do not."""
    rules, columns = data.rules, len(data.specs)
    counts = _among_strangers(samples, parameters, posteriors)
    chance = observed[np.arange(columns), data.top]
    order = np.lexsort((np.arange(columns), chance))
    parent = np.full(columns, -1, np.int64)
    for place, c in enumerate(order):
        best = rules.parent_gain
        for a in order[:place]:
            known, seen = counts[a, c].sum(), counts[a, c, data.top[c]]
            if known < rules.parent_pairs:
                continue
            certain = max(seen - 2.0 * np.sqrt(seen), 0.0)  # two standard deviations may be luck
            gain = float(np.log2((certain + rules.conditional * chance[c]) / (known + rules.conditional) / chance[c]))
            if gain > best:
                best, parent[c] = gain, a
    contacts = [c for c in order if KINDS[data.kinds[c]].contact]
    for c in contacts[1:]:
        if parent[c] < 0 and counts[contacts[0], c].sum() < rules.parent_pairs:
            parent[c] = contacts[0]
    return chance_given_parent(data, samples, replace(parameters, parent=parent), posteriors)


def chance_given_parent(
    data: FitData, samples: Sequence[PairSample], parameters: Parameters, posteriors: Posteriors
) -> Parameters:
    """u given the parent: measured where the parent agrees, as without a parent where it does not."""
    rules, kinds = data.rules, data.kinds
    counts = _among_strangers(samples, parameters, posteriors)
    chance = parameters.chance.copy()
    for c in range(len(data.specs)):
        a = parameters.parent[c]
        alone = chance[c, ALONE]
        chance[c, AGREES] = chance[c, DIFFERS] = alone
        if a < 0:
            continue
        before = alone.copy()
        if KINDS[kinds[c]].contact and KINDS[kinds[a]].contact:
            before *= 1.0 - rules.contact_agrees
            before[data.top[c]] += rules.contact_agrees
        chance[c, AGREES] = np.maximum(smooth(counts[a, c], before, rules.conditional), _LEAST_OF_ALONE * alone)
    return replace(parameters, chance=chance)

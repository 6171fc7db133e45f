"""Columns that depend on one another among pairs of two entities: a tree of parents, and u given the parent.

In: the records, for each column pairs with an equal value of it, and u without parents. Out: the parent of each column, and u
given it. A column's parent is the column whose equality makes its own likelier by most (Chow and Liu 1968, on equality
alone): city given postcode, region given city. So agreement that follows from another agreement adds no weight.

No match model is needed to tell strangers here: a value that many records hold is held by strangers. Of the k holders of a
value a record's own entity and relatives are taken to be `close` others at the most, which agree in everything; the rest are
strangers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from graph.resolve.records.kinds import KINDS, LEVELS
from graph.resolve.records.parameters import AGREES, ALONE, DIFFERS
from graph.resolve.records.sampling import FitData, PairSample, smooth
from graph.resolve.records.values import Integers

__all__ = ["parents"]

Reals = npt.NDArray[np.float64]
_LEAST_OF_ALONE = 0.05
_PLACES = (("city", "postcode"), ("region", "city"), ("region", "postcode"), ("country", "region"), ("country", "city"))
"""Columns of an address and what settles them: of small data not enough people share a postcode to see it."""
_PLACE_AGREES, _MORE_THAN_OTHERS = 0.9, 0.2
_ADDRESS = ("street", "city", "postcode", "region", "country")


def parents(data: FitData, samples: Sequence[PairSample], observed: Reals) -> tuple[Integers, Reals]:
    """Parents, -1 for none, and u [columns, state of the parent, level]. `samples`: equal pairs of each column. A parent
    always has more distinct values than its child, so there is no circle. Contacts depend on each other until the data says
    that they do not."""
    rules, columns, top = data.rules, len(data.specs), data.top
    counts = _among_strangers(data, samples)
    equal = observed[np.arange(columns), top]
    order = np.lexsort((np.arange(columns), equal))
    parent = np.full(columns, -1, np.int64)
    for place, c in enumerate(order):
        best = rules.parent_gain
        for a in order[:place]:
            known, seen = counts[a, c].sum(), counts[a, c, top[c]]
            if known < rules.parent_pairs:
                continue
            certain = max(seen - 2.0 * np.sqrt(seen), 0.0)  # two standard deviations may be luck
            gain = float(np.log2((certain + rules.conditional * equal[c]) / (known + rules.conditional) / equal[c]))
            if gain > best:
                best, parent[c] = gain, a
    contacts = [c for c in order if KINDS[data.kinds[c]].contact]
    for c in contacts[1:]:
        if parent[c] < 0 and counts[contacts[0], c].sum() < rules.parent_pairs:
            parent[c] = contacts[0]
    _add_places(data, samples, counts, parent)
    return parent, _given_parent(data, counts, observed, parent)


def _add_places(data: FitData, samples: Sequence[PairSample], counts: Reals, parent: Integers) -> None:
    """Parents of columns of an address, known by name, where too few records share a value to measure them among strangers: all
    pairs with one postcode have one city, and not all have one name."""
    column = {spec.name: c for c, spec in enumerate(data.specs)}
    for child, above in _PLACES:
        if child not in column or above not in column:
            continue
        c, a = column[child], column[above]
        if parent[c] >= 0 or counts[a, c].sum() >= data.rules.parent_pairs:
            continue
        equal = {n: _equal_share(samples[a], k, int(data.top[k])) for n, k in column.items() if n != above}
        others = [share for n, share in equal.items() if n not in _ADDRESS]
        seen = bool((samples[a].levels[:, c] >= 0).any())  # without a pair to look at, an address is taken for what it is
        if seen and (equal[child] < _PLACE_AGREES or equal[child] < np.mean([0.0, *others]) + _MORE_THAN_OTHERS):
            continue
        up = a
        while up >= 0 and up != c:
            up = int(parent[up])
        if up < 0:
            parent[c] = a


def _equal_share(pairs: PairSample, column: int, top: int) -> float:
    """Share of the pairs, of those with a value on both sides, that have one value of a column."""
    known = pairs.levels[pairs.levels[:, column] >= 0, column]
    return float((known == top).mean()) if len(known) else 0.0


def _among_strangers(data: FitData, samples: Sequence[PairSample]) -> Reals:
    """Levels of every column among strangers with an equal value of one: [the one, column, level]."""
    counts = np.zeros((len(samples), len(samples), LEVELS))
    usual = data.usual("usual_match")
    for a, pairs in enumerate(samples):
        close = np.minimum(data.rules.close / np.maximum(pairs.stands_for - 1.0, 1.0), 1.0)
        for c in range(len(samples)):
            known = pairs.levels[:, c] >= 0
            seen = np.bincount(pairs.levels[known, c], minlength=LEVELS) - close[known].sum() * usual[c]
            counts[a, c] = np.maximum(seen, 0.0)
    return counts


def _given_parent(data: FitData, counts: Reals, observed: Reals, parent: Integers) -> Reals:
    """u: as measured where the parent agrees, as without a parent where it does not."""
    rules, kinds = data.rules, data.kinds
    chance = np.repeat(observed[:, None, :], 3, axis=1)
    for c in range(len(data.specs)):
        a = parent[c]
        if a < 0:
            continue
        before = chance[c, ALONE].copy()
        if KINDS[kinds[c]].contact and KINDS[kinds[a]].contact:
            before *= 1.0 - rules.contact_agrees
            before[data.top[c]] += rules.contact_agrees
        if (data.specs[c].name, data.specs[a].name) in _PLACES:
            before *= 1.0 - _PLACE_AGREES
            before[data.top[c]] += _PLACE_AGREES
        measured = smooth(counts[a, c], before, rules.conditional)
        chance[c, AGREES] = np.maximum(measured, _LEAST_OF_ALONE * chance[c, ALONE])
        chance[c, DIFFERS] = chance[c, ALONE]
    return chance

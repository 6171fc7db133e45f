"""Estimate the parameters of the match model by expectation-maximisation (Dempster, Laird and Rubin 1977; Winkler 1988).

In: the records, and candidate pairs, each with the number of pairs that it stands for. Out: `Parameters`. Among pairs of
strangers the probabilities (u) come from random pairs and frequencies (`chances`). Those among pairs of one entity (m), those of
relatives and the priors come from the candidates, with all columns: candidates hold all pairs whose posterior is not negligible,
so the sums of the E-step are those over all pairs, and blocking biases nothing. Usual values count as a few pairs each, so
little data gives usual parameters without another rule.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from numba import njit

from graph.resolve.records.chances import chances
from graph.resolve.records.parameters import AGREES, ALONE, DIFFERS, Parameters, pair_piece, relative_excess, tables_of
from graph.resolve.records.parents import parents
from graph.resolve.records.relatives import relatives_hold, starting_relatives, usual_relatives
from graph.resolve.records.sampling import FitData, Levels, PairSample, equal_pairs, random_pairs, sample, smooth
from graph.resolve.records.values import Integers
from graph.resolve.records.weigh import Scoring, hopeful
from graph.side_by_side import each, parts

__all__ = ["Estimator"]

Reals = npt.NDArray[np.float64]
_LARGEST_PRIOR = 0.3
_LEAST_CHANCE_LEFT = 0.2


@njit(cache=True, nogil=True)
def _posteriors(
    columns: Integers,
    weights: npt.NDArray[np.float32],
    v: Any,
    codes: npt.NDArray[np.int32],
    left: Integers,
    right: Integers,
    levels: Levels,
    prior: float,
    odds: float,
) -> Reals:
    """Probabilities [pairs, 2] of a match and of relatives."""
    out = np.zeros((len(left), 2), np.float64)
    for i in range(len(left)):
        total: Any = prior
        for c in range(len(columns)):
            total += pair_piece(columns, weights, v, codes, left[i], right[i], levels, i, c)
        relative = total + relative_excess(columns, weights, levels, i) + odds if odds > -np.inf else -np.inf
        most = max(total, relative, 0.0)
        match, akin, stranger = 2.0 ** (total - most), 2.0 ** (relative - most), 2.0**-most
        out[i, 0] = match / (match + akin + stranger)
        out[i, 1] = akin / (match + akin + stranger)
    return out


@njit(cache=True, nogil=True)
def _counts(columns: Integers, levels: Levels, weight: Reals) -> Reals:
    """Summed weights [columns, state of the parent, level]; `ALONE` is over all states."""
    out = np.zeros((len(columns), 3, 6), np.float64)
    for i in range(len(levels)):
        for c in range(len(columns)):
            level = levels[i, c]
            if level < 0:
                continue
            out[c, 0, level] += weight[i]
            parent = columns[c, 2]
            if parent >= 0 and levels[i, parent] >= 0:
                state = 1 if levels[i, parent] >= columns[parent, 1] else 2
                out[c, state, level] += weight[i]
    return out


class Estimator:
    """Estimates for one set of records."""

    def __init__(self, data: FitData, generator: np.random.Generator) -> None:
        self._data = data
        self._usual_match = data.usual("usual_match")
        self._observed, self._reference = chances(data, random_pairs(data, generator))
        equal = [equal_pairs(data, column, generator) for column in range(len(data.specs))]
        self._parent, self._chance = parents(data, equal, self._observed)

    def candidates(self, left: Integers, right: Integers, stands_for: Reals) -> tuple[PairSample, Integers]:
        """Of the pairs those that the starting parameters do not rule out, and their places."""
        start, data = self.start(), self._data
        scoring = Scoring(tables_of(data.specs, start), data.packed, start.prior_log2_odds, -np.inf)
        kept = np.flatnonzero(hopeful(left, right, data.encoded, scoring, data.rules.hopeless_log2_odds))
        return sample(data, left[kept], right[kept], stands_for[kept]), kept

    def start(self) -> Parameters:
        """Parameters before the fit."""
        data = self._data
        match = np.repeat(self._usual_match[:, None, :], 3, axis=1)
        prior = min(data.rules.duplicates * max(data.records, 1) / data.all_pairs, _LARGEST_PRIOR)
        return Parameters(match, self._chance, self._parent, data.partner, self._reference, prior, match, 0.0, data.made_of)

    def fit(self, candidates: PairSample) -> Parameters:
        """Without relatives, then with relatives if the data shows such; what is usual, where there is too little data."""
        start = self.start()
        if self._data.records < self._data.rules.few_records:
            return usual_relatives(self._data, start)
        without = self._maximise(candidates, start)
        with_relatives = self._maximise(candidates, starting_relatives(self._data, start, without))
        return with_relatives if relatives_hold(self._data, with_relatives) else without

    def posteriors(self, pairs: PairSample, parameters: Parameters) -> Reals:
        """Probabilities [pairs, 2] that each pair is of one entity, and of relatives."""
        tables, run = tables_of(self._data.specs, parameters), cast(Any, _posteriors)
        values, codes = self._data.packed.values, self._data.encoded.codes
        odds = parameters.prior_log2_odds, parameters.relative_log2_odds

        def some(part: slice) -> Reals:
            of = pairs.left[part], pairs.right[part], pairs.levels[part]
            found: Reals = run(tables.columns, tables.weights, values, codes, *of, *odds)
            return found

        return np.concatenate([np.zeros((0, 2)), *each(some, parts(len(pairs.left)))])

    def _maximise(self, candidates: PairSample, parameters: Parameters) -> Parameters:
        rules, all_pairs = self._data.rules, self._data.all_pairs
        for _ in range(rules.rounds):
            found = self.posteriors(candidates, parameters) * candidates.stands_for[:, None]
            columns = tables_of(self._data.specs, parameters).columns
            match = self._given_parent(_counts(columns, candidates.levels, found[:, 0]), self._usual_match)
            total = found[:, 0].sum() + rules.duplicates_left * self._data.records
            prior = min(total / (all_pairs + 1.0), _LARGEST_PRIOR)
            moved = max(np.abs(match - parameters.match).max(initial=0.0), abs(np.log(prior / parameters.prior)))
            if parameters.relative_prior > 0:
                akin = self._given_parent(_counts(columns, candidates.levels, found[:, 1]), parameters.chance[:, ALONE])
                moved = max(moved, np.abs(akin - parameters.relative).max(initial=0.0))
                relative_prior = max(min(found[:, 1].sum() / all_pairs, _LARGEST_PRIOR), 0.1 / all_pairs)
                parameters = replace(parameters, relative=akin, relative_prior=relative_prior)
            parameters = replace(parameters, match=match, prior=prior, chance=self._without_matches(parameters, match, prior))
            if moved < rules.tolerance:
                break
        return parameters

    def _given_parent(self, counts: Reals, usual: Reals) -> Reals:
        """Shares [columns, state of the parent, level] of counts; few counts look like those without a parent."""
        alone = smooth(counts[:, ALONE], usual, self._data.rules.usual_matches)
        given = [smooth(counts[:, state], alone, self._data.rules.conditional) for state in (AGREES, DIFFERS)]
        return np.stack([alone, *given], axis=1)

    def _without_matches(self, parameters: Parameters, match: Reals, prior: float) -> Reals:
        """u without the matches among the random pairs; that of equality has none, since a pair's own values are not counted."""
        chance = parameters.chance.copy()
        left = np.maximum(self._observed - prior * match[:, ALONE], _LEAST_CHANCE_LEFT * self._observed)
        for c, top in enumerate(self._data.top):
            chance[c, ALONE, :top] = left[c, :top]
            if parameters.parent[c] < 0:
                chance[c] = chance[c, ALONE]
        return chance

"""How often two records of two entities agree by chance: u of every level.

In: the records and random pairs of them. Out: u [columns, level], and log2 of the frequency to which it belongs. That of
equality is the mean frequency of the values, which is exact; that of the other levels is counted among the random pairs, with
the usual values as a few pairs more.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph.resolve.records.kinds import KINDS, LEVELS
from graph.resolve.records.sampling import FitData, PairSample, smooth

__all__ = ["chances"]

Reals = npt.NDArray[np.float64]
_FEW = 20
_MOST = 100_000
_LEAST_RANDOM = 0.05
_TINY = 1e-9
_DOMAIN = 1


def chances(data: FitData, pairs: PairSample) -> tuple[Reals, Reals]:
    """u, and the log2 frequencies."""
    observed, reference = np.zeros((len(data.specs), LEVELS)), np.zeros((len(data.specs), LEVELS))
    usual, values = data.usual("usual_chance"), data.packed.values
    for c, kind in enumerate(data.kinds):
        top = int(data.top[c])
        known = pairs.levels[:, c]
        seen = np.bincount(known[known >= 0], minlength=LEVELS).astype(np.float64)
        chance = np.maximum(smooth(seen, usual[c], data.rules.usual_chances), 0.5 / max(seen.sum(), 50.0))
        codes = data.encoded.codes[:, c]
        held = codes[codes >= 0]
        chance[top] = _mean(values["frequency"][held], usual[c, top])
        reference[c, top] = np.log2(chance[top])
        for level in range(1, top):
            if KINDS[kind].name == "email" and level == _DOMAIN:
                chance[level] = _mean(values["part_frequency"][held][values["extra"][held] != 0], usual[c, level])
                reference[c, level] = np.log2(chance[level])
            elif KINDS[kind].frequency[level] > 0:
                reference[c, level] = _usual_frequency(data, pairs, c, level)
        chance[0] = max(1.0 - chance[1 : top + 1].sum(), _LEAST_RANDOM)
        chance[top + 1 :] = 0.0
        observed[c] = chance
    return observed, reference


def _mean(log2_frequencies: npt.NDArray[np.float32], usual: float) -> float:
    if not len(log2_frequencies):
        return max(float(usual), _TINY)
    return float(np.clip(np.exp2(log2_frequencies.astype(np.float64)).mean(), _TINY, 1.0))


def _usual_frequency(data: FitData, pairs: PairSample, column: int, level: int) -> float:
    """Mean log2 frequency, of the more frequent value, among random pairs at the level; of all pairs where these are few."""
    codes, frequency = data.encoded.codes[:, column], data.packed.values["frequency"]
    rows = np.flatnonzero(pairs.levels[:, column] == level)
    if len(rows) < _FEW:
        rows = np.flatnonzero(pairs.levels[:, column] >= 0)[:_MOST]
    if not len(rows):
        return 0.0
    usual = np.maximum(frequency[codes[pairs.left[rows]]], frequency[codes[pairs.right[rows]]])
    return float(usual.astype(np.float64).mean())

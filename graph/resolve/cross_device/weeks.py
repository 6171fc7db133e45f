"""The week of a device against everybody's: at which hours it is busier or quieter than others, workdays and weekend apart.

In: events per bin (24 hours of workdays, 24 of the weekend). Out: likeness of two weeks in -1..1, 0 where events are few.
Counts are smoothed around the clock, taken as departures from everybody's week in units of chance ((share - base) / sqrt(base),
as in Pearson's chi-square), and correlated; the correlation is shrunk by n / (n + PRIOR_EVENTS) of either device.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["BINS", "PRIOR_EVENTS", "rhythm_likeness", "week_shares"]

BINS = 48
PRIOR_EVENTS = 50.0
"""Events at which a device's week counts half."""

_CHUNK = 100_000

Reals = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def week_shares(hours: Reals) -> Reals:
    """Shares per bin from events per hour of the week (168), smoothed; one event a bin is added, so that none is zero."""
    days = hours.reshape(7, 24)
    bins = np.concatenate([days[:5].sum(0), days[5:].sum(0)])[None, :] + 1.0
    smooth = _smooth(bins)[0]
    return np.asarray(smooth / smooth.sum())


def rhythm_likeness(counts: Reals, left: Integers, right: Integers, week: Reals) -> Reals:
    """`counts`: devices × BINS; `left`, `right`: rows of each pair; `week`: everybody's shares."""
    total = counts.sum(1, keepdims=True)
    share = _smooth(counts) / np.maximum(total, 1.0)
    departure = np.where(total > 0, (share - week) / np.sqrt(week), 0.0)
    length = np.sqrt((departure**2).sum(1, keepdims=True))
    reliable = total / (total + PRIOR_EVENTS)
    direction = departure / np.maximum(length, 1e-12) * reliable
    likeness = np.empty(len(left))
    for start in range(0, len(left), _CHUNK):
        part = slice(start, start + _CHUNK)
        likeness[part] = (direction[left[part]] * direction[right[part]]).sum(1)
    return np.round(likeness, 9)


def _smooth(counts: Reals) -> Reals:
    """Each hour with half of either neighbour, around the clock, workdays and weekend apart."""
    clock = counts.reshape(len(counts), 2, 24)
    smooth = 0.5 * clock + 0.25 * (np.roll(clock, 1, axis=2) + np.roll(clock, -1, axis=2))
    return smooth.reshape(len(counts), BINS)

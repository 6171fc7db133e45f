"""Relatives: pairs of two entities that share what a household shares, as a third class beside matches and strangers.

Without them a mixture of two classes takes people of one household for matches, and learns from them that given names and birth
dates hardly matter. In: the records, and fitted parameters. Out: where the fit starts; and whether what it found is relatives. A
third class that fits better is found in any data: matches with errors, or people who moved. It counts as relatives only if dates
agree in it by chance, since people of one family differ in their birth dates, and at least one more telling column does.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graph.resolve.records.kinds import KINDS
from graph.resolve.records.parameters import AGREES, ALONE, Parameters
from graph.resolve.records.sampling import FitData

__all__ = ["relatives_hold", "starting_relatives", "usual_relatives"]

_TINY = 1e-9
_SHARED = 0.5
_LEAST_SHARE = 0.02
_SEEN = 0.02  # of all pairs in which both records have a value, from which a column says what a class is
_OWN_DATES = 0.35


def starting_relatives(data: FitData, start: Parameters, without: Parameters) -> Parameters:
    """Where a fit with relatives starts. What the fit `without` took for matches are matches and relatives, if there are any:
    they share what agreed nearly always, not what agreed half of the time, and dates and identifiers at most as their kinds
    do."""
    agreed = np.array([without.match[c, ALONE, KINDS[kind].near :].sum() for c, kind in enumerate(data.kinds)])
    usual = np.array([KINDS[kind].shared for kind in data.kinds])
    share = np.clip(2.0 * agreed - 1.0, _LEAST_SHARE, 1.0 - _LEAST_SHARE)
    share = np.where(usual < _SHARED, np.minimum(share, usual), share)[:, None, None]
    relative = share * start.match + (1.0 - share) * without.chance
    prior = without.prior / 2.0
    return replace(start, chance=without.chance, prior=prior, relative=relative, relative_prior=prior)


def usual_relatives(data: FitData, start: Parameters) -> Parameters:
    """Parameters before the fit, and relatives who share what their kinds usually do: a household is most of a small home's
    pairs, and a fit would take it for one person."""
    share = np.array([KINDS[kind].shared for kind in data.kinds])[:, None, None]
    relative = share * start.match + (1.0 - share) * start.chance
    return replace(start, relative=relative, relative_prior=start.prior * data.rules.usual_relatives)


def relatives_hold(data: FitData, parameters: Parameters) -> bool:
    """Whether what was fitted as relatives are that.

    Their own columns, which they share by chance only, must be two at least, all telling dates among them, and tell about as much
    as those that they share. Or, where many values are missing: dates are their own, as far as they are filled, one more column
    is, and two that tell are shared. People who moved share their dates, and matches with errors share a part of everything.
    """
    rules = data.rules
    if not data.specs or parameters.relative_prior * data.all_pairs < rules.relatives:
        return False
    columns = np.arange(len(data.specs))
    both_filled = (data.encoded.codes >= 0).mean(axis=0) ** 2
    state = np.where(parameters.parent >= 0, AGREES, ALONE)
    match, chance = (np.maximum(table[columns, state], _TINY) for table in (parameters.match, parameters.chance))
    if_filled = (match * np.log2(match / chance)).sum(axis=1)
    bits = if_filled * both_filled
    near = [KINDS[kind].near for kind in data.kinds]
    of_match, of_relatives, of_strangers = (
        np.array([table[c, ALONE, near[c] :].sum() for c in columns])
        for table in (parameters.match, parameters.relative, parameters.chance)
    )
    share = (of_relatives - of_strangers) / np.maximum(of_match - of_strangers, 1e-6)
    telling = bits >= rules.telling_bits
    own = telling & (share < rules.own_share)
    dates = telling & np.array([spec.kind == "date" for spec in data.specs])
    if own.sum() >= 2 and not (dates & ~own).any():
        return bool(bits[own].sum() >= rules.own_against_shared * bits[share >= _SHARED].sum())
    seen = both_filled >= _SEEN
    dates = seen & np.array([spec.kind == "date" for spec in data.specs]) & (if_filled >= rules.telling_bits / 2.0)
    others = seen & ~dates & (if_filled >= rules.telling_bits)
    return bool(
        dates.any()
        and (share[dates] < _OWN_DATES).all()
        and (others & (share < rules.own_share / 2.0)).any()
        and (others & (share >= _SHARED)).sum() >= 2
    )

"""What kind of lake the candidate pairs come from, seen without any truth: a panel of strangers, a town of households, …

In: `PairFeatures`. Out: the traits that `base.TRAITS` weighs. Each says something of how many of the pairs that share a home are
one person's, or of how much contents tell, and shrinks to what is usual where pairs are few. With home pairs those of an overlap
above 0.4, and distant pairs those that met with one below 0.2:

kind_excess       log odds that the kinds of a home pair differ, less those of any two devices: one person rarely has two devices
                  of a kind in use at home, two people of a household do
home_pairs        log2 of home pairs per device
partners          log2 of the mean number of home partners of a device that has any: the more, the more people in a home
same_kind_pairs   log2 of home pairs of one kind per device
contents_gain     mean contents of home pairs less that of distant pairs
met_pairs         log2 of pairs per device that share any network
contents_home, rare_home, contents_spread: mean contents and rare items of home pairs, and the deviation of their contents

Weighing pairs by such traits is regression with effects of groups (as in Gelman and Hill, 2007, ch. 13), the groups being worlds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graph.resolve.cross_device.base import REFERENCES
from graph.resolve.cross_device.features import FEATURES, FeatureParameters, PairFeatures

__all__ = ["lake_references", "lake_traits"]

Reals = npt.NDArray[np.float64]

_HOME, _DISTANT = 0.4, 0.2  # overlaps
_SHRINK = 5.0  # pairs at which a mean counts half
_USUAL_DISTANT, _USUAL_HOME, _USUAL_RARE = 1.0, 1.5, 1.0
_COLUMN = {name: k for k, name in enumerate(FEATURES)}


def lake_traits(features: PairFeatures, parameters: FeatureParameters) -> Reals:
    """One number a trait, in the order of `base.TRAITS`."""
    values, devices = features.values, parameters.devices + 1
    met = values[:, _COLUMN["no_network"]] == 0
    overlap, differ = np.nan_to_num(values[:, _COLUMN["overlap"]]), values[:, _COLUMN["kinds_differ"]]
    contents, rare = values[:, _COLUMN["contents"]], values[:, _COLUMN["rare_items"]]
    home = met & (overlap > _HOME)
    known = ~np.isnan(contents)
    at_home, distant = contents[home & known], contents[met & (overlap < _DISTANT) & known]
    pairs = int(home.sum())
    usual = _shrunk(at_home, _USUAL_HOME)
    spread = np.sqrt((((at_home - usual) ** 2).sum() + _SHRINK) / (len(at_home) + _SHRINK))
    with_partner = len({*features.left_id.filter(home).to_pylist(), *features.right_id.filter(home).to_pylist()})
    return np.array(
        [
            _kind_excess(differ[home], parameters.kinds_differ),
            np.log2((int((home & ~np.isnan(differ)).sum()) + 1) / devices),
            np.log2((2 * pairs + 2) / (with_partner + 2)),
            np.log2((int((home & (differ == 0)).sum()) + 1) / devices),
            usual - _shrunk(distant, _USUAL_DISTANT),
            np.log2((int(met.sum()) + 1) / devices),
            usual,
            _shrunk(rare[home & known], _USUAL_RARE),
            spread,
        ]
    )


def lake_references(features: PairFeatures) -> Reals:
    """REFERENCES, those of contents and rare items being the lake's own: a pair whose contents are unknown is taken for a usual
    one that met."""
    references = np.array(REFERENCES)
    met = features.values[:, _COLUMN["no_network"]] == 0
    for name in ("contents", "rare_items"):
        column = features.values[met, _COLUMN[name]]
        references[_COLUMN[name]] = _shrunk(column[~np.isnan(column)], references[_COLUMN[name]])
    return references


def _shrunk(values: Reals, usual: float) -> float:
    """Mean of the values and of a few usual ones."""
    return float((values.sum() + _SHRINK * usual) / (len(values) + _SHRINK))


def _kind_excess(differ: Reals, chance: float) -> float:
    """Zero where kinds are all but alike, or all but different, anyway."""
    if not 0.05 < chance < 0.95:
        return 0.0
    differ = differ[~np.isnan(differ)]
    unlike, alike = differ.sum() + 2 * chance, (1 - differ).sum() + 2 * (1 - chance)
    return float(np.log(unlike / alike) - np.log(chance / (1 - chance)))

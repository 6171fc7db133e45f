"""What simulated worlds of many kinds teach about device pairs: where a fit starts, and stays where data say little.

Log2 odds per unit of each feature, in the order of FEATURES, by logistic regression over 26 worlds, each of the same weight, as
tests/bench/bench_cross_device.py draws them: households of one to four, panels and whole towns, sparse and dense use, apps and
sites in common or not. Doubling the devices behind a network must cost at least one bit (`crowd`), since each pair's share of the
network halves. The worlds know neither languages nor makers; for these, small weights are set by judgement.
"""

from __future__ import annotations

__all__ = ["BEHAVIOUR", "JOINT", "JOINT_PRIOR", "PLACES", "PLACES_PRIOR", "REFERENCES"]

BEHAVIOUR = (("contents", "rare_items"), ("rhythm",))
"""Features of the views besides where a device was: what it was used for, and when in the week. All others are of the first."""

#            overlap  no_netw crowd  rare_n together away contents rare_i rhythm zone language kinds maker
JOINT = (11.79, -1.52, -1.91, -0.12, -0.24, 0.29, 1.61, 1.29, 0.65, 2.29, 1.0, 2.58, 0.3)
JOINT_PRIOR = -9.11
PLACES = (10.53, 0.37, -1.90, 0.01, -0.01, 0.40, 0.0, 0.0, 0.0, 2.41, 1.0, 2.22, 0.3)
"""Without the second view."""
PLACES_PRIOR = -7.77
REFERENCES = (0.24, 0.32, 1.85, 0.38, 0.33, 0.09, 0.97, 0.71, 0.02, 0.58, 1.0, 0.27, 0.5)
"""Mean of each feature over candidate pairs: here evidence counts from."""

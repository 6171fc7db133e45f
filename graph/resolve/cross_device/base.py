"""What simulated worlds of many kinds teach about device pairs: where a fit starts, and how lakes that differ are weighed.

Log2 odds per unit of each feature, in the order of FEATURES, by logistic regression over worlds of the same weight each, as
tests/bench/bench_cross_device.py draws them: households of one to four, panels, panels of strangers and whole towns, sparse and
dense use, apps and sites in common or not. The worlds know neither languages nor makers; for these, small weights are set by
judgement.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["JOINT", "JOINT_PRIOR", "LAKE", "LAKE_PRIOR", "MOVED", "REFERENCES", "TRAITS", "Trait"]

#            overlap  no_netw crowd  rare_n together away contents rare_i rhythm zone language kinds maker
JOINT = (11.79, -1.52, -1.91, -0.12, -0.24, 0.29, 1.61, 1.29, 0.65, 2.29, 1.0, 2.58, 0.3)
JOINT_PRIOR = -9.11
"""Around these a fit from sign-ins is held."""
LAKE = (11.29, -2.52, -2.26, -0.09, -0.03, 0.21, 1.31, 2.11, 1.34, 2.75, 1.00, 2.65, 0.30)
LAKE_PRIOR = -10.69
"""Of a lake without sign-ins whose traits are all usual."""
REFERENCES = (0.24, 0.32, 1.85, 0.38, 0.33, 0.09, 0.97, 0.71, 0.02, 0.58, 1.0, 0.27, 0.5)
"""Mean of each feature over candidate pairs: here evidence counts from."""

MOVED = ("overlap", "no_network", "crowd", "contents", "rare_items", "kinds_differ")
"""Features whose coefficients depend on the lake's traits."""


@dataclass(frozen=True)
class Trait:
    """What one unit (standard deviation over worlds) of a lake's trait adds to the prior and to the coefficients of MOVED."""

    name: str
    mean: float
    deviation: float
    prior: float
    slopes: tuple[float, ...]


TRAITS = (
    Trait("kind_excess", 0.13, 1.11, 1.03, (-1.01, -0.08, 0.89, -0.07, 0.45, -0.07)),
    Trait("home_pairs", 0.40, 1.00, 1.78, (-0.75, -0.97, -0.67, -0.31, 0.36, 0.16)),
    Trait("partners", 1.68, 0.84, -1.45, (-2.18, -0.07, 0.51, 0.51, -0.42, 0.03)),
    Trait("same_kind_pairs", -1.16, 1.82, 1.25, (-0.16, 0.37, 1.02, 0.36, 0.35, -0.50)),
    Trait("contents_gain", 0.52, 0.60, -1.40, (-0.57, -0.90, -0.12, 0.42, 1.10, 0.26)),
    Trait("met_pairs", 2.53, 0.99, -0.42, (0.81, -0.09, -0.02, -0.26, 0.16, 0.01)),
    Trait("contents_home", 1.26, 0.57, 1.82, (1.72, 0.55, -0.34, 0.21, -2.33, -0.95)),
    Trait("rare_home", 1.00, 0.57, -0.58, (0.47, 0.02, -0.13, 0.16, 1.24, 0.24)),
    Trait("contents_spread", 0.99, 0.29, -0.47, (0.02, 0.01, 0.10, 0.14, -0.03, -0.30)),
)
"""In the order of `lake.lake_traits`."""

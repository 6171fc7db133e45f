"""Pairs of devices that are one person's without any sign-in. `build_profiles` keeps what devices did, `pair_features` compares
pairs, `fit_sign_ins` and `fit_views` make the `CrossDeviceModel` that weighs them."""

from graph.resolve.cross_device.features import (
    FEATURES,
    GROUPS,
    CandidateLimits,
    FeatureParameters,
    PairFeatures,
    measure_parameters,
    pair_features,
)
from graph.resolve.cross_device.fit import FitRules, fit_sign_ins, fit_views, known_pairs
from graph.resolve.cross_device.model import CrossDeviceModel, PairScores, load_model, save_model
from graph.resolve.cross_device.profiles import TEMPORARY, build_profiles
from graph.resolve.cross_device.threshold import expected_f1, expected_f1_threshold

__all__ = [
    "FEATURES",
    "GROUPS",
    "TEMPORARY",
    "CandidateLimits",
    "CrossDeviceModel",
    "FeatureParameters",
    "FitRules",
    "PairFeatures",
    "PairScores",
    "build_profiles",
    "expected_f1",
    "expected_f1_threshold",
    "fit_sign_ins",
    "fit_views",
    "known_pairs",
    "load_model",
    "measure_parameters",
    "pair_features",
    "save_model",
]

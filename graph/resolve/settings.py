"""The parameters of the resolve stage, one group per step."""

from __future__ import annotations

from dataclasses import dataclass, field

from graph.resolve.contraction import ClusterRules
from graph.resolve.decay import Decay
from graph.resolve.evidence import Weights
from graph.resolve.guards import Limits
from graph.resolve.households import HouseholdRules
from graph.resolve.records import RecordSettings

__all__ = ["ResolveSettings"]


@dataclass(frozen=True)
class ResolveSettings:
    """Parameters of each step. `behaviour`: whether devices without sign-ins are compared at all."""

    records: RecordSettings = field(default_factory=RecordSettings)
    limits: Limits = field(default_factory=Limits)
    weights: Weights = field(default_factory=Weights)
    decay: Decay = field(default_factory=Decay)
    rules: ClusterRules = field(default_factory=ClusterRules)
    households: HouseholdRules = field(default_factory=HouseholdRules)
    behaviour: bool = True

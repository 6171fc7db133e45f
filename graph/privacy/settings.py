"""The gate's knobs. Each says its threat, unit and default."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GateSettings"]


@dataclass(frozen=True)
class GateSettings:
    """Minimum sizes and distances. Raising one is always safe; a lower one is the operator's decision."""

    minimum_rows: int = 100
    """Threat: a list so short that its members are guessed from its definition. Unit: people. Default 100."""

    minimum_file_rows: int = 1000
    """Threat: as above, for a file that is kept and joined elsewhere. Unit: people. Default 1,000."""

    minimum_difference: int = 50
    """Threat: two nearly equal lists, whose difference is one person. Unit: people in A Δ B. Default 50."""

    minimum_count: int = 20
    """Threat: a count that tells that somebody is there. Unit: people. Default 20; smaller counts, zero too, are left out."""

    count_step: int = 10
    """Threat: two counts whose difference is one person. Unit: people. Default 10; counts are rounded down to a multiple."""

    k: int = 20
    """Threat: a released row that only one person fits. Unit: people in the smallest class of equal rows. Default 20."""

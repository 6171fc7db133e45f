"""What a recommender is told: which model by name, how it looks at time, and what bounds its work."""

from __future__ import annotations

from dataclasses import dataclass

from graph.errors import SettingsError

__all__ = ["MODELS", "RecommendOptions", "TimeView"]

MODELS = ("auto", "ease", "filter", "embedding", "popular")
"""`auto` is `ease` or, with too many contents to invert, `filter`; popularity where that foresees hidden engagements better."""


@dataclass(frozen=True)
class TimeView:
    """How a model looks at the order of a person's engagements. Distances are shares of the person's history: 0 is the newest,
    1 the oldest, so that fast and slow persons are treated alike. All zeros: order counts for nothing."""

    recency: float = 0.0
    """a: an engagement at distance r from the newest counts exp(−a r) when a person's contents are scored."""
    locality: float = 0.0
    """κ: two contents of one person, d apart, count exp(−κ d) as engaged together."""
    direction: float = 0.0
    """β: weight of what came after a content beside what came together with it."""
    by_weight: bool = False
    """Whether stronger engagements of a person count more when contents are scored."""


@dataclass(frozen=True)
class RecommendOptions:
    """`model` as in MODELS; the rest bounds work and memory. Raises SettingsError for an unknown model."""

    model: str = "auto"
    seed: int = 0
    ridge: float = 300.0
    """λ of EASE where it cannot be chosen on hidden engagements."""
    invertible: int = 6000
    """Most contents for EASE, which inverts a matrix of their number (float64: 288 MB and some 15 s at 6,000)."""
    dimensions: int = 64
    """Of the graph filter and of embeddings."""
    steps: int = 800
    """Of the learned embedding's optimiser."""
    hidden_share: float = 0.2
    """Share of each person's latest engagements that is hidden to choose by."""
    judged_persons: int = 4000
    """Most persons that choices are judged on."""
    device: str = "auto"
    """Of the learned embedding."""

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise SettingsError(f"recommendation model {self.model!r} is unknown; use one of {', '.join(MODELS)}")

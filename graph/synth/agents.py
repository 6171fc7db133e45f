"""User agents of the browser and app families that the population uses, and of crawlers.

Versions follow the public numbering of each family; a string is (family, version step, model).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa

from graph.synth.draw import data

__all__ = ["MODELS", "STEPS", "Family", "agent_pool", "crawlers", "families", "family"]

STEPS, MODELS = 8, 4


@dataclass(frozen=True)
class Family:
    """`kind`, `os` and `browser` as a device table gives them; `pattern` takes v (major version) and m (model)."""

    name: str
    kind: str
    os: str
    browser: str
    version: int
    models: tuple[str, ...]
    pattern: str
    resets: float  # how often its ids are cleared, 1 for a browser that keeps cookies
    screen: str


@lru_cache(maxsize=1)
def families() -> tuple[Family, ...]:
    """The families, in the order of their indices."""
    return tuple(Family(**{**f, "models": tuple(f["models"])}) for f in data("agents.json")["families"])


@lru_cache(maxsize=1)
def crawlers() -> tuple[str, ...]:
    """User agents of crawlers."""
    return tuple(data("agents.json")["crawlers"])


def family(name: str) -> int:
    """Index of a family by its name."""
    return next(i for i, f in enumerate(families()) if f.name == name)


def agent_pool() -> pa.Array:
    """Every user agent: index (family · STEPS + step) · MODELS + model, the crawlers after them."""
    people = [f.pattern.format(v=f.version + step, m=model) for f in families() for step in range(STEPS) for model in f.models]
    return pa.array([*people, *crawlers()], pa.string())

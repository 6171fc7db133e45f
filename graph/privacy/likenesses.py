"""What audiences are like and share, as counts that may be told: exact counts in, rounded ones out.

A trait is told where enough people of the audience have it and it is not sensitive. Everything that is worked out of counts
(shares, indices, orders) is worked out of the rounded ones, after the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from graph.privacy.payloads import PairCount, SeedFigures, Trait

__all__ = ["pairs_of", "told_figures", "told_traits"]

_DECIMALS = 2
"""Threat: a figure about seeds that changes with one of them, asked with and without somebody. Unit: decimals."""
Rounded = Callable[[int], int | None]


def told_traits(traits: Sequence[Trait], rounded: Rounded, sensitive: Container[str]) -> tuple[Trait, ...]:
    """Those that may be told, with rounded counts."""
    found = []
    for trait in traits:
        people, population = rounded(trait.people), rounded(trait.population)
        if people is None or population is None or trait.trait_id in sensitive or trait.name in sensitive:
            continue
        found.append(Trait(trait.trait_id, trait.name, people, population))
    return tuple(found)


def pairs_of(people: Mapping[str, NDArray[np.int64]], rounded: Rounded) -> tuple[PairCount, ...]:
    """Every pair of audiences, by the places of their people (distinct, ascending)."""
    return tuple(
        PairCount(
            a,
            b,
            rounded(len(np.intersect1d(people[a], people[b], assume_unique=True))),
            rounded(len(people[a])),
            rounded(len(people[b])),
        )
        for a, b in combinations(people, 2)
    )


def told_figures(found: SeedFigures, rounded: Rounded) -> SeedFigures:
    """The same with counts and figures rounded."""
    return SeedFigures(
        {name: None if count is None else rounded(count) for name, count in found.counts.items()},
        {name: round(value, _DECIMALS) for name, value in found.figures.items()},
        found.method,
        found.advice,
    )

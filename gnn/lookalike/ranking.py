"""Parts by name, fitted on some seeds and others; their score of a person is the sum of the parts', standardised by the others.

Who the people are that something is fitted on is told by places and by x, which the caller has at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gnn.lookalike.logistic import Fitted, logistic
from gnn.lookalike.parts import Usual, attended, attention, centroid, discriminant
from gnn.lookalike.positions import Positions
from gnn.lookalike.walk import Walk

__all__ = ["BLENDED", "PARTS", "People", "Ranking", "Walked"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
PARTS = ("centroid", "discriminant", "logistic", "attention", "proximity")
BLENDED = ("discriminant", "proximity")


class People(NamedTuple):
    """Places (b,) and x (b, width)."""

    places: Indices
    x: Floats

    def at(self, rows: Indices) -> People:
        """Some of them."""
        return People(self.places[rows], self.x[rows])


@dataclass(frozen=True)
class Walked:
    """A walk, and the groups of its seeds that count."""

    walk: Walk
    groups: list[int]

    def near(self, persons: Indices | None = None) -> Floats:
        """As `Walk.near`."""
        return self.walk.near(self.groups, persons)


class Ranking:
    """One way of scoring persons."""

    def __init__(
        self,
        names: tuple[str, ...],
        seeds: People,
        others: People,
        about: Usual,
        generator: np.random.Generator,
        *,
        walked: Walked | None = None,
        near: Fitted | None = None,
        alike: Floats | None = None,
    ) -> None:
        """`names` are parts; `walked` is there where proximity is one of them. `near`: see `logistic`; `alike`: see
        `discriminant`."""
        self._directions: dict[str, Floats] = {}
        if "centroid" in names:
            self._directions["centroid"] = centroid(seeds.x, about)[:, None]
        if "discriminant" in names:
            self._directions["discriminant"] = discriminant(seeds.x, about, alike)[:, None]
        if "logistic" in names:
            self._directions["logistic"] = logistic(seeds.x, others.x, near=near).weights[:, None]
        self._pooling = np.zeros((2, 0), np.float32)
        if "attention" in names:
            self._directions["attention"], self._pooling = attention(seeds.x, about, generator)
        self._walked = walked if "proximity" in names else None
        self._width = seeds.x.shape[1]
        self._usual = {n: (float(v.mean()), max(float(v.std()), 1e-9)) for n, v in self._told(others).items()}

    def of(self, people: People) -> dict[str, Floats]:
        """Each part's scores (b,), standardised."""
        return {name: self._standard(name, value) for name, value in self._told(people).items()}

    def total(self, people: People) -> Floats:
        """(b,) sums of the parts' scores."""
        return np.asarray(sum(self.of(people).values()), np.float32)

    def everybody(self, positions: Positions) -> Floats:
        """(n,) sums of the parts' scores, by one pass over the vectors; memory is bounded by the result."""
        total = np.zeros(positions.persons, np.float32)
        straight = [name for name in self._directions if name != "attention"]
        if straight:
            scaled = sum(self._directions[name] / np.float32(self._usual[name][1]) for name in straight)
            total = positions.along(np.asarray(scaled, np.float32))[:, 0]
            total -= np.float32(sum(mean / deviation for mean, deviation in (self._usual[name] for name in straight)))
        if "attention" in self._directions:
            found = positions.along(self._directions["attention"], lambda some: attended(some, self._pooling))
            total += self._standard("attention", found)
        if self._walked is not None:
            total += self._standard("proximity", self._walked.near())
        return total

    def _told(self, people: People) -> dict[str, Floats]:
        wide = list(self._directions.values())
        products = people.x @ np.hstack(wide) if wide else np.zeros((len(people.x), 0), np.float32)
        found, start = {}, 0
        for name, directions in self._directions.items():
            part = products[:, start : start + directions.shape[1]]
            found[name] = attended(part, self._pooling) if name == "attention" else part[:, 0]
            start += directions.shape[1]
        if self._walked is not None:
            found["proximity"] = self._walked.near(people.places)
        return found

    def _standard(self, name: str, value: Floats) -> Floats:
        mean, deviation = self._usual[name]
        return np.asarray((value - mean) / deviation, np.float32)

"""What an explanation is made of: parts make pieces, pieces make links, links make an explanation. All weights are in log2 odds.

No value that was compared is ever part of one: columns and levels of agreement are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

__all__ = ["PRIOR", "Explanation", "Link", "Part", "Piece", "Subject", "probability"]

PRIOR = "prior"
"""Name of the part that any two have beforehand."""


class Subject(NamedTuple):
    """A device or an account; or, as what an explanation is asked about, a person."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True)
class Part:
    """What one comparison adds to a piece. `level`: how far the two agree, None where the part is no comparison."""

    name: str
    level: str | None
    weight: float


@dataclass(frozen=True)
class Piece:
    """One piece of evidence; `weight` is negative where it speaks against. `weight_before`: before it lost weight with its age of
    `age_days`, which is None for what does not age. `parts`: comparisons that add up to the weight, none where the rule has none
    or `note` says why they are not given."""

    method: str
    weight: float
    probability: float
    sources: tuple[str, ...]
    first_seen: datetime | None
    last_seen: datetime | None
    weight_before: float
    age_days: int | None = None
    parts: tuple[Part, ...] = ()
    note: str | None = None


@dataclass(frozen=True)
class Link:
    """All evidence between two subjects; `score` is the sum of the pieces' weights, `probability` 1 / (1 + 2^-score)."""

    left: Subject
    right: Subject
    score: float
    probability: float
    pieces: tuple[Piece, ...]

    @classmethod
    def of(cls, left: Subject, right: Subject, pieces: Iterable[Piece]) -> Link:
        """The link of these pieces, the weightiest first."""
        ordered = tuple(sorted(pieces, key=lambda p: (-abs(p.weight), p.method)))
        score = math.fsum(p.weight for p in ordered)
        return cls(left, right, score, probability(score), ordered)


@dataclass(frozen=True)
class Explanation:
    """Why two are one person, or why not; or why one belongs to its person, where `right` is that person.

    `links`: for two of one person the chain of evidence from left to right; for one and its person its links to the other
    members; for two persons all evidence between them; strongest first, but for the chain. `score`: the sum of the links' scores,
    None for a chain, whose links do not add up. `probability`: 1 / (1 + 2^-score), for one and its person the confidence of its
    belonging. `beside`: evidence that decides nothing here: what directly links two that the chain links better; for one and its
    person the strongest evidence towards others. `blocks`: what kept two persons apart, or one alone, in words.
    """

    left: Subject
    right: Subject
    left_person: str
    right_person: str
    same: bool
    summary: str
    links: tuple[Link, ...]
    blocks: tuple[str, ...]
    score: float | None = None
    probability: float | None = None
    beside: tuple[Link, ...] = ()


def probability(score: float) -> float:
    """1 / (1 + 2^-score)."""
    power: float = 2.0 ** -min(max(score, -1000.0), 1000.0)
    return 1 / (1 + power)

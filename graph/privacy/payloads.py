"""What the gate lets out, by release class: plain frozen values that the writers of `graph.export` know how to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import pyarrow as pa

from graph.privacy.platforms.spool import Spool

__all__ = [
    "Aggregate",
    "AudienceRows",
    "AudienceTraits",
    "OperatorTable",
    "PairCount",
    "QueryRows",
    "SeedFigures",
    "Segment",
    "Subgraph",
    "SubgraphEdge",
    "SubgraphLevel",
    "SubgraphNode",
    "Trait",
    "UploadRows",
    "Value",
    "VersionCounts",
]

Value = str | int | bool


@dataclass(frozen=True)
class OperatorTable:
    """A table for the operator's own machine: raw ids and scores. `withheld` people had objected."""

    what: str
    table: pa.Table
    withheld: int


@dataclass(frozen=True)
class Segment:
    """A tag of a standard taxonomy that stands for a whole audience: `segtax` is its number in OpenRTB's list of taxonomies."""

    segtax: int
    segment_id: str
    name: str
    sensitive: bool = False


@dataclass(frozen=True)
class AudienceRows:
    """An audience, or a page of one, as pseudonyms in their own order. `total` counts the whole list; `left_out` counts people
    who are not in it, by reason, rounded as counts are (None: too few to tell)."""

    export_id: str
    audience_id: str
    recipient: str
    pseudonyms: pa.Array
    total: int
    segments: tuple[Segment, ...] = ()
    left_out: Mapping[str, int | None] = field(default_factory=dict)


@dataclass(frozen=True)
class UploadRows:
    """An audience as an advertising platform takes it: hashed identifiers by the rules of one version, some or several rows for
    each of `people`. `left_out` as above."""

    export_id: str
    audience_id: str
    recipient: str
    platform: str
    rules: str
    rows: Spool
    people: int
    left_out: Mapping[str, int | None]

    @property
    def total(self) -> int:
        """How many rows there are."""
        return self.rows.rows


@dataclass(frozen=True)
class Aggregate:
    """Counts of people by name, rounded; None where a count is too small to tell."""

    counts: Mapping[str, int | None]
    smallest: int
    step: int


@dataclass(frozen=True)
class VersionCounts:
    """People in one version of an audience, and how many more and fewer than in the one before, rounded; None where that may not
    be told."""

    version: int
    at: datetime
    people: int | None
    added: int | None
    removed: int | None


@dataclass(frozen=True)
class Trait:
    """Something that people have (a tag, a value of an attribute, a content): how many `people` of an audience, how many of the
    `population`, who are everybody that permits the use."""

    trait_id: str
    name: str
    people: int
    population: int


@dataclass(frozen=True)
class AudienceTraits:
    """Traits of an audience, counts rounded as those of `Aggregate`; traits with too small ones are not there."""

    people: int | None
    population: int | None
    traits: tuple[Trait, ...]


@dataclass(frozen=True)
class PairCount:
    """How many people two audiences share, and how many each has, rounded; None where a count is too small to tell."""

    a: str
    b: str
    people: int | None
    people_of_a: int | None
    people_of_b: int | None


@dataclass(frozen=True)
class SeedFigures:
    """How good seeds are: `counts` of people and `figures` by name, the `method` of ranking, `advice` without numbers."""

    counts: Mapping[str, int | None]
    figures: Mapping[str, float]
    method: str
    advice: tuple[str, ...]


@dataclass(frozen=True)
class QueryRows:
    """Rows of a named query, about one person or about nobody."""

    name: str
    rows: tuple[Mapping[str, Any], ...]


class SubgraphLevel(StrEnum):
    """What a node of a subgraph stands for."""

    CLASS = "class"
    PERSON = "person"


@dataclass(frozen=True)
class SubgraphNode:
    """A node: a class of things (`people` counts those in it), or one thing under a pseudonym."""

    node_id: str
    label: str
    properties: Mapping[str, Value]


@dataclass(frozen=True)
class SubgraphEdge:
    """A relationship between two nodes of the same subgraph."""

    source: str
    target: str
    type: str
    properties: Mapping[str, Value]


@dataclass(frozen=True)
class Subgraph:
    """A piece of the identity graph that names nobody. `k` is the size of the smallest class told."""

    level: SubgraphLevel
    nodes: tuple[SubgraphNode, ...]
    edges: tuple[SubgraphEdge, ...]
    k: int

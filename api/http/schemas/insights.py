"""What audiences are like, and what can be expected of seeds: questions and answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from api.http.schemas.audiences import Seed
from api.http.schemas.base import Body, Id, View, either, shown

__all__ = [
    "AudienceInsights",
    "Insight",
    "Overlap",
    "OverlapRequest",
    "Overlaps",
    "ReachPoint",
    "SeedReportRequest",
    "SeedReportView",
]


class SeedReportRequest(Body):
    """Seeds, listed or those of an audience, as a lookalike would start from them."""

    model_config = ConfigDict(json_schema_extra=either("seeds", "seed_audience_id"))

    seeds: Annotated[list[Seed], Field(min_length=1, max_length=1_000_000, fail_fast=True)] | None = None
    seed_audience_id: Id | None = Field(None, description="an audience of the same tenant, instead of `seeds`")

    @model_validator(mode="after")
    def _one_of_both(self) -> SeedReportRequest:
        if (self.seeds is None) == (self.seed_audience_id is None):
            raise ValueError("give seeds or seed_audience_id, one of them")
        return self


class ReachPoint(View):
    """What an audience of this share of everybody would be."""

    ratio: float
    people: int | None = Field(description="people, rounded down; null where the number may not be told")
    similarity: float = Field(description="of the last of them: the share of seeds who would come after, were they not known")
    expected_lift: float


class SeedReportView(View):
    """How good seeds are for a lookalike. Numbers of people are rounded down, or null; figures have two decimals."""

    seeds: int | None = Field(description="seeds given, or people of the audience")
    usable: int | None = Field(description="distinct people of them who permit it and have a place in the model")
    homogeneity: float = Field(description="0: no more alike than people drawn at random; 1: all in one place")
    auc: float = Field(description="how often a hidden seed comes before somebody else, by cross-validation")
    auc_interval: tuple[float, float] = Field(description="95 %")
    lift: float = Field(description="hidden seeds in the best 1 % of everybody, over what chance would give")
    lift_interval: tuple[float, float] = Field(description="95 %")
    method: str = Field(description="what building would use")
    methods: dict[str, float] = Field(description="AUC of each way of ranking")
    curve: list[ReachPoint]
    advice: list[str]


class Insight(View):
    """Something that people of the audience have more, or less, than everybody. Shares are of rounded numbers of people."""

    id: str
    name: str
    audience_share: float
    population_share: float
    index: float = Field(description="audience_share / population_share: 2 is twice as frequent as among everybody")


class AudienceInsights(View):
    """What an audience has more than everybody, the surest first."""

    people: int | None = Field(description="people looked at, rounded down; null where the number may not be told")
    items: list[Insight]


class OverlapRequest(Body):
    """Which audiences."""

    model_config = shown({"audience_ids": ["aud-4be0643f1d98573b", "aud-91c2a3b4d5e6f708"]})

    audience_ids: list[Id] = Field(min_length=2, max_length=10, json_schema_extra={"uniqueItems": True})

    @model_validator(mode="after")
    def _each_once(self) -> OverlapRequest:
        if len(set(self.audience_ids)) < len(self.audience_ids):
            raise ValueError("give each audience once")
        return self


class Overlap(View):
    """People who are in both of two audiences. Shares are of rounded numbers, null where one of them is not told."""

    a: str
    b: str
    people: int | None
    share_of_a: float | None
    share_of_b: float | None


class Overlaps(View):
    """Every pair, in the order asked."""

    items: list[Overlap]

"""Audiences as they are defined, listed and released. A definition is stored as it was sent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic.dataclasses import dataclass

from api.http.schemas.audience_rules import RuleGroup
from api.http.schemas.base import Body, Id, Kind, Recipient, View, either
from api.http.schemas.contradictions import contradiction_in

__all__ = [
    "AudiencePage",
    "AudienceVersionPage",
    "AudienceVersionView",
    "AudienceView",
    "ExportRequest",
    "ExportView",
    "Format",
    "LookalikeAudience",
    "MemberPage",
    "NewAudience",
    "Reach",
    "RuleAudience",
    "Seed",
    "SeedCounts",
    "SegmentName",
]

_Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=r"\S")]
_HOURS = {"hourly": 1, "daily": 24, "weekly": 168}
RefreshEvery = Annotated[int, Field(ge=1, le=8760)] | Literal["hourly", "daily", "weekly"]


class _Defined(Body):
    """What audiences of every kind have."""

    name: _Name
    refresh_every: RefreshEvery | None = Field(
        None, description="fill it again by itself, so many hours apart, or hourly, daily, weekly; never by default"
    )

    def refresh_hours(self) -> int | None:
        """Hours between two fillings; None for never."""
        every = self.refresh_every
        return _HOURS[every] if isinstance(every, str) else every


class RuleAudience(_Defined):
    """An audience by rule."""

    kind: Literal["rule"]
    rule: RuleGroup

    @model_validator(mode="after")
    def _can_be_met(self) -> RuleAudience:
        if (why := contradiction_in(self.rule)) is not None:
            raise ValueError(f"nobody can meet this rule: {why}")
        return self


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Seed:
    """Somebody who is already a customer, a reader, a buyer."""

    kind: Kind
    id: Id


class LookalikeAudience(_Defined):
    """The people most like the seeds, who are not in it themselves: so many (`size`), or this share of everybody (`ratio`)."""

    model_config = ConfigDict(json_schema_extra={"allOf": [either("seeds", "seed_audience_id"), either("size", "ratio")]})

    kind: Literal["lookalike"]
    seeds: Annotated[list[Seed], Field(min_length=1, max_length=1_000_000, fail_fast=True)] | None = None
    seed_audience_id: Id | None = Field(None, description="an audience of the same tenant, instead of `seeds`")
    size: int | None = Field(None, ge=1)
    ratio: float | None = Field(None, gt=0, le=0.1)
    min_similarity: float | None = Field(
        None, ge=0, le=1, description="nobody less alike: 0.5 is as alike as the middle seed would be, were it not known"
    )
    subtract: list[Id] = Field(
        default_factory=list, max_length=100, description="audiences of the same tenant whose people stay out"
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> LookalikeAudience:
        if (self.seeds is None) == (self.seed_audience_id is None):
            raise ValueError("give seeds or seed_audience_id, one of them")
        if (self.size is None) == (self.ratio is None):
            raise ValueError("give size or ratio, one of them")
        return self


NewAudience = Annotated[RuleAudience | LookalikeAudience, Field(discriminator="kind")]


class SeedCounts(View):
    """What became of listed seeds."""

    given: int
    repeated: int = Field(description="given again, word for word")
    usable: int | None = Field(description="people who permit it, rounded down; null where they are few")
    left_out: int | None = Field(
        description="unknown, of somebody who does not permit it, or of a person whom another seed names already, rounded down; "
        "null where they are few. Which of the three is not told, since that would tell who is known, refuses, or is whom"
    )


class Reach(View):
    """What an audience of this definition would hold now."""

    people: int | None = Field(description="people, rounded down; null where the number may not be told")
    seeds: SeedCounts | None = Field(None, description="of listed seeds")


class AudienceView(View):
    """An audience. Its size is told only as the privacy gate allows."""

    audience_id: str
    name: str
    kind: Literal["rule", "lookalike"]
    version: int
    size: int | None = Field(description="people, where the number may be told; else null")
    created_at: datetime
    updated_at: datetime
    refresh_every_hours: int | None = Field(None, description="hours between two fillings by itself; null for never")
    refresh_at: datetime | None = Field(None, description="when it is due to be filled again")
    refresh_problem: str | None = Field(None, description="why the last filling by itself came to nothing; null where it did not")
    seeds: SeedCounts | None = Field(None, description="of listed seeds, in the answer to making or changing the audience")


class AudiencePage(View):
    """A page of audiences."""

    items: list[AudienceView]
    next_cursor: str | None = Field(description="cursor of the next page; null at the end")


class AudienceVersionView(View):
    """One filling of an audience. Counts are rounded down, and null where they may not be told."""

    version: int
    at: datetime
    people: int | None
    added: int | None = Field(description="people who were not in the version before")
    removed: int | None = Field(description="people of the version before who are not in this one")


class AudienceVersionPage(View):
    """A page of an audience's versions, the newest first."""

    items: list[AudienceVersionView]
    next_cursor: str | None = Field(description="cursor of the next page; null at the end")


Format = Literal["csv", "jsonl", "parquet", "openrtb", "google", "meta", "tiktok", "uid2"]
SegmentName = Annotated[str, StringConstraints(pattern=r"^[49]:[A-Za-z0-9_-]{1,32}$")]


class ExportRequest(Body):
    """Who gets the rows, and in which form."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"recipient": "adserver", "format": "csv"}],
            "if": {"required": ["segments"], "properties": {"segments": {"minItems": 1}}},
            "then": {"required": ["format"], "properties": {"format": {"const": "openrtb"}}},
        }
    )

    recipient: Recipient = Field(description="who gets the file; pseudonyms differ between recipients")
    format: Format = Field(
        "csv",
        description="`csv`, `jsonl`, `parquet`: pseudonyms; `openrtb`: OpenRTB 2.6 users with the segments of the audience; "
        "`google`, `meta`, `tiktok`, `uid2`: hashed e-mails and telephones, which need the scope uploads:write",
    )
    segments: list[SegmentName] = Field(
        default_factory=list,
        max_length=20,
        description="openrtb: IAB tags that stand for the audience, as 4:ID (Audience Taxonomy 1.1) or 9:ID (Content Taxonomy "
        "3.1); else those that its rule asks of everybody",
    )

    @model_validator(mode="after")
    def _segments_are_openrtb(self) -> ExportRequest:
        if self.segments and self.format != "openrtb":
            raise ValueError("segments are for the format openrtb")
        return self


class ExportView(View):
    """A released file."""

    export_id: str
    audience_id: str
    recipient: str
    rows: int
    created_at: datetime
    url: str = Field(description="where the file is, for the same key; of pseudonyms `format` and `Accept` choose the form")


class MemberPage(View):
    """A page of an audience under the pseudonyms of its release to this recipient."""

    export_id: str
    items: list[str] = Field(description="pseudonyms: they mean nothing outside this release")
    next_cursor: str | None = Field(description="cursor of the next page; null at the end")

"""Audiences as they are defined, listed and released. A definition is stored as it was sent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, StringConstraints, Tag, model_validator

from api.http.schemas.base import Body, Id, Kind, Recipient, View, either

__all__ = [
    "AttributeCondition",
    "AudiencePage",
    "AudienceView",
    "CountCondition",
    "ExportRequest",
    "ExportView",
    "Format",
    "LookalikeAudience",
    "MemberPage",
    "NewAudience",
    "RuleAudience",
    "RuleGroup",
    "Seed",
    "SegmentName",
    "TagCondition",
]

_Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=r"\S")]
_MAX_DEPTH = 8
_MAX_CONDITIONS = 200
"""Threat: a body of a megabyte holds ten thousand conditions, each of which is a question to the lake. Unit: conditions."""


class TagCondition(Body):
    """A person whose probability of this tag reaches the minimum."""

    tag: Id
    min_probability: float = Field(0.5, gt=0, le=1)


class AttributeCondition(Body):
    """A person with a device or account whose attribute is one of these values."""

    attribute: Literal["country", "region", "source", "device_kind", "os", "browser"]
    one_of: list[Annotated[str, StringConstraints(min_length=1, max_length=200)]] = Field(min_length=1, max_length=100)


class CountCondition(Body):
    """A person with so many devices or accounts."""

    count: Literal["devices", "accounts"]
    minimum: int = Field(0, ge=0, le=1_000_000)
    maximum: int | None = Field(None, ge=0, le=1_000_000)


def _kind_of(value: Any) -> str | None:
    for name in ("tag", "attribute", "count"):
        if (name in value) if isinstance(value, dict) else hasattr(value, name):
            return name
    return "group"


Condition = Annotated[
    Annotated[TagCondition, Tag("tag")]
    | Annotated[AttributeCondition, Tag("attribute")]
    | Annotated[CountCondition, Tag("count")]
    | Annotated["RuleGroup", Tag("group")],
    Discriminator(_kind_of),
]


class RuleGroup(Body):
    """Everybody who meets all of `all`, at least one of `any` where it is given, and none of `none`."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": [n], "properties": {n: {"minItems": 1}}} for n in ("all", "any", "none")]}
    )

    all: list[Condition] = Field(default_factory=list, max_length=100)
    any: list[Condition] = Field(default_factory=list, max_length=100)
    none: list[Condition] = Field(default_factory=list, max_length=100)

    @model_validator(mode="after")
    def _says_something(self) -> RuleGroup:
        if not (self.all or self.any or self.none):
            raise ValueError("a rule needs a condition in all, any or none")
        if self.depth() > _MAX_DEPTH:
            raise ValueError(f"rules nest at most {_MAX_DEPTH} deep")
        if self.conditions() > _MAX_CONDITIONS:
            raise ValueError(f"a rule has at most {_MAX_CONDITIONS} conditions")
        return self

    def depth(self) -> int:
        """Levels of groups, this one included."""
        inner = (c for c in (*self.all, *self.any, *self.none) if isinstance(c, RuleGroup))
        return 1 + max((group.depth() for group in inner), default=0)

    def conditions(self) -> int:
        """Conditions and groups in it, at any level."""
        return sum(1 + (c.conditions() if isinstance(c, RuleGroup) else 0) for c in (*self.all, *self.any, *self.none))


class RuleAudience(Body):
    """An audience by rule."""

    kind: Literal["rule"]
    name: _Name
    rule: RuleGroup


class Seed(Body):
    """Somebody who is already a customer, a reader, a buyer."""

    kind: Kind
    id: Id


class LookalikeAudience(Body):
    """The people most like the seeds, who are not in it themselves: so many (`size`), or this share of everybody (`ratio`)."""

    model_config = ConfigDict(json_schema_extra={"allOf": [either("seeds", "seed_audience_id"), either("size", "ratio")]})

    kind: Literal["lookalike"]
    name: _Name
    seeds: list[Seed] | None = Field(None, min_length=1, max_length=1_000_000)
    seed_audience_id: Id | None = Field(None, description="an audience of the same tenant, instead of `seeds`")
    size: int | None = Field(None, ge=1)
    ratio: float | None = Field(None, gt=0, le=0.1)

    @model_validator(mode="after")
    def _one_of_each(self) -> LookalikeAudience:
        if (self.seeds is None) == (self.seed_audience_id is None):
            raise ValueError("give seeds or seed_audience_id, one of them")
        if (self.size is None) == (self.ratio is None):
            raise ValueError("give size or ratio, one of them")
        return self


NewAudience = Annotated[RuleAudience | LookalikeAudience, Field(discriminator="kind")]


class AudienceView(View):
    """An audience. Its size is told only as the privacy gate allows."""

    audience_id: str
    name: str
    kind: Literal["rule", "lookalike"]
    version: int
    size: int | None = Field(description="people, where the number may be told; else null")
    created_at: datetime
    updated_at: datetime


class AudiencePage(View):
    """A page of audiences."""

    items: list[AudienceView]
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

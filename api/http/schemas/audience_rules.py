"""Rules of audiences: conditions on people, and groups of them with all, any and none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, StringConstraints, Tag, model_validator

from api.http.schemas.base import Body, Id, needs_one_of

__all__ = [
    "AttributeCondition",
    "AudienceCondition",
    "Condition",
    "CountCondition",
    "EventCondition",
    "EventFilter",
    "Leaf",
    "MoneyCondition",
    "Ranged",
    "RecencyCondition",
    "RuleGroup",
    "ScoreCondition",
    "TagCondition",
]

_Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
_Days = Annotated[int, Field(ge=1, le=36_500)]
_MAX_DEPTH = 8
_MAX_CONDITIONS = 200
"""Threat: a body of a megabyte holds ten thousand conditions, each of which is a question to the lake. Unit: conditions."""
_MAX_COUNT = 1_000_000_000


class TagCondition(Body):
    """A person whose probability of this tag reaches the minimum."""

    tag: Id
    min_probability: float = Field(0.5, gt=0, le=1)


class AttributeCondition(Body):
    """A person with a device or account whose attribute is one of these values."""

    attribute: Literal["country", "region", "source", "device_kind", "os", "browser"]
    one_of: list[_Text] = Field(min_length=1, max_length=100)


class Ranged(Body):
    """Least and most; both ends count."""

    def ends(self) -> tuple[float | None, float | None]:
        """`minimum` and `maximum`, whose types differ between conditions; None for no end."""
        return getattr(self, "minimum", None), getattr(self, "maximum", None)

    @model_validator(mode="after")
    def _in_order(self) -> Ranged:
        least, most = self.ends()
        if least is not None and most is not None and least > most:
            raise ValueError("minimum is greater than maximum: nobody can meet both")
        return self


class CountCondition(Ranged):
    """A person with so many devices or accounts."""

    count: Literal["devices", "accounts"]
    minimum: int = Field(0, ge=0, le=1_000_000)
    maximum: int | None = Field(None, ge=0, le=1_000_000)


class RecencyCondition(Body):
    """A person whose last event is at most so many days old (`within`), or older (`over`). Whoever has no event is neither."""

    last_event: Literal["within", "over"]
    days: _Days


class EventFilter(Body):
    """Which events count: those that fit every field given; without any field, all."""

    types: list[_Text] | None = Field(None, min_length=1, max_length=100, description="of one of these types")
    contents: list[Id] | None = Field(None, min_length=1, max_length=1000, description="with one of these contents")
    categories: list[_Text] | None = Field(
        None, min_length=1, max_length=100, description="with a content that has one of these categories"
    )


class EventCondition(Ranged):
    """A person with so many events that fit, at most `within_days` old where that is given."""

    events: EventFilter
    minimum: int = Field(1, ge=0, le=_MAX_COUNT)
    maximum: int | None = Field(None, ge=0, le=_MAX_COUNT)
    within_days: _Days | None = None


class MoneyCondition(Ranged):
    """A person whose events' values in this currency add up to so much; other currencies are not looked at. Whoever has no value
    in it does not meet it."""

    model_config = ConfigDict(json_schema_extra=needs_one_of("minimum", "maximum"))

    spent: _Currency = Field(description="ISO 4217 code of the currency", examples=["EUR"])
    minimum: float | None = Field(None, ge=-1e15, le=1e15)
    maximum: float | None = Field(None, ge=-1e15, le=1e15)
    within_days: _Days | None = None

    @model_validator(mode="after")
    def _has_an_end(self) -> MoneyCondition:
        if self.minimum is None and self.maximum is None:
            raise ValueError("give minimum, maximum or both")
        return self


class ScoreCondition(Ranged):
    """A person in these fifths of everybody: 5 is the fifth with the latest event (`recency`), the most events (`frequency`) or
    the most money in a currency (`money`). Only people who have events, or values in the currency, have a score."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["score"], "properties": {"score": {"const": "money"}}},
            "then": needs_one_of("currency"),
            "else": {"properties": {"currency": {"type": "null"}}},
        }
    )

    score: Literal["recency", "frequency", "money"]
    minimum: int = Field(1, ge=1, le=5)
    maximum: int = Field(5, ge=1, le=5)
    currency: _Currency | None = Field(None, description="for money: ISO 4217 code")

    @model_validator(mode="after")
    def _money_has_a_currency(self) -> ScoreCondition:
        if (self.score == "money") != (self.currency is not None):
            raise ValueError("money needs a currency, and nothing else has one")
        return self


class AudienceCondition(Body):
    """A person who is in another audience of the tenant, as that was filled last."""

    audience: Id


_KEYS = {
    "tag": TagCondition,
    "attribute": AttributeCondition,
    "count": CountCondition,
    "last_event": RecencyCondition,
    "events": EventCondition,
    "spent": MoneyCondition,
    "score": ScoreCondition,
    "audience": AudienceCondition,
}


def _kind_of(value: Any) -> str:
    for name in _KEYS:
        if (name in value) if isinstance(value, dict) else hasattr(value, name):
            return name
    return "group"


Leaf = (
    TagCondition
    | AttributeCondition
    | CountCondition
    | RecencyCondition
    | EventCondition
    | MoneyCondition
    | ScoreCondition
    | AudienceCondition
)
"""A condition that is no group."""

Condition = Annotated[
    Annotated[TagCondition, Tag("tag")]
    | Annotated[AttributeCondition, Tag("attribute")]
    | Annotated[CountCondition, Tag("count")]
    | Annotated[RecencyCondition, Tag("last_event")]
    | Annotated[EventCondition, Tag("events")]
    | Annotated[MoneyCondition, Tag("spent")]
    | Annotated[ScoreCondition, Tag("score")]
    | Annotated[AudienceCondition, Tag("audience")]
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

    def leaves(self) -> Iterator[Leaf]:
        """Conditions in it that are no groups, at any level, in the order of writing."""
        for condition in (*self.all, *self.any, *self.none):
            if isinstance(condition, RuleGroup):
                yield from condition.leaves()
            else:
                yield condition

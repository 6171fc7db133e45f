"""Tracking calls after the Segment spec. Fields that are not named here are kept as they come."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from api.http.schemas.base import View, needs_one_of, shown

__all__ = ["Alias", "Batch", "Call", "Collected", "Group", "Identify", "Page", "Screen", "Track"]

# Segment's libraries send numbers where their users have them: they are taken as text.
_Text = Annotated[
    str,
    StringConstraints(min_length=1, max_length=1024),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1, "maxLength": 1024}, {"type": "number"}]}),
]
_Object = dict[str, Any]


class Call(BaseModel):
    """What every call has: who, when, and around what."""

    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True)

    type: str
    userId: _Text | None = Field(None, description="the account's id", examples=["user-19"])
    anonymousId: _Text | None = Field(None, description="the device's id", examples=["d-7f31"])
    messageId: _Text | None = Field(None, description="the event's id; a call sent again under it changes nothing")
    timestamp: _Text | None = Field(None, description="ISO 8601; the time of arrival where it is missing")
    context: _Object | None = None
    integrations: _Object | None = None

    @model_validator(mode="after")
    def _somebody(self) -> Call:
        if self.userId is None and self.anonymousId is None:
            raise ValueError("userId or anonymousId is required")
        return self


def _call(example: dict[str, Any]) -> ConfigDict:
    extra = {"examples": [example], **needs_one_of("userId", "anonymousId")}
    return ConfigDict(json_schema_extra=extra)


class Track(Call):
    """Somebody did something."""

    model_config = _call(
        {
            "type": "track",
            "anonymousId": "d-7f31",
            "event": "Order Completed",
            "properties": {"revenue": 39.9},
            "messageId": "m-1",
        }
    )

    type: Literal["track"] = "track"
    event: _Text = Field(examples=["Order Completed"])
    properties: _Object | None = None


class Identify(Call):
    """Who somebody is."""

    model_config = _call(
        {
            "type": "identify",
            "userId": "user-19",
            "anonymousId": "d-7f31",
            "traits": {"address": {"country": "DE"}},
            "messageId": "m-2",
        }
    )

    type: Literal["identify"] = "identify"
    traits: _Object | None = None


class Page(Call):
    """Somebody looked at a page."""

    model_config = _call(
        {
            "type": "page",
            "anonymousId": "d-7f31",
            "name": "Shoes",
            "properties": {"url": "https://shop.example/shoes"},
            "messageId": "m-3",
        }
    )

    type: Literal["page"] = "page"
    name: _Text | None = None
    category: _Text | None = None
    properties: _Object | None = None


class Screen(Call):
    """Somebody looked at a screen of an app."""

    model_config = _call({"type": "screen", "anonymousId": "d-7f31", "name": "Basket", "messageId": "m-4"})

    type: Literal["screen"] = "screen"
    name: _Text | None = None
    category: _Text | None = None
    properties: _Object | None = None


class Alias(Call):
    """Two ids are one person."""

    model_config = _call({"type": "alias", "previousId": "d-7f31", "userId": "user-19", "messageId": "m-5"})

    type: Literal["alias"] = "alias"
    previousId: _Text


class Group(Call):
    """Somebody belongs to a group."""

    model_config = _call({"type": "group", "userId": "user-19", "groupId": "club-1", "messageId": "m-6"})

    type: Literal["group"] = "group"
    groupId: _Text
    traits: _Object | None = None


_AnyCall = Annotated[Track | Identify | Page | Screen | Alias | Group, Field(discriminator="type")]


class Batch(BaseModel):
    """Many calls at once. A `context` or `integrations` beside `batch` holds for calls without their own."""

    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True) | shown(
        {"batch": [{"type": "track", "anonymousId": "d-7f31", "event": "Order Completed", "messageId": "m-1"}]}
    )

    batch: list[_AnyCall] = Field(min_length=1, max_length=2500)
    context: _Object | None = None
    integrations: _Object | None = None
    sentAt: _Text | None = None


class Collected(View):
    """The calls are on disk."""

    success: Literal[True] = True

"""Tracking calls after the Segment spec. Fields that are not named here are kept as they come."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from api.http.schemas.base import View

__all__ = ["Alias", "Batch", "Call", "Collected", "Group", "Identify", "Page", "Screen", "Track"]

_Text = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
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


class Track(Call):
    """Somebody did something."""

    type: Literal["track"] = "track"
    event: _Text = Field(examples=["Order Completed"])
    properties: _Object | None = None


class Identify(Call):
    """Who somebody is."""

    type: Literal["identify"] = "identify"
    traits: _Object | None = None


class Page(Call):
    """Somebody looked at a page."""

    type: Literal["page"] = "page"
    name: _Text | None = None
    category: _Text | None = None
    properties: _Object | None = None


class Screen(Call):
    """Somebody looked at a screen of an app."""

    type: Literal["screen"] = "screen"
    name: _Text | None = None
    category: _Text | None = None
    properties: _Object | None = None


class Alias(Call):
    """Two ids are one person."""

    type: Literal["alias"] = "alias"
    previousId: _Text


class Group(Call):
    """Somebody belongs to a group."""

    type: Literal["group"] = "group"
    groupId: _Text
    traits: _Object | None = None


_AnyCall = Annotated[Track | Identify | Page | Screen | Alias | Group, Field(discriminator="type")]


class Batch(BaseModel):
    """Many calls at once. A `context` or `integrations` beside `batch` holds for calls without their own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    batch: list[_AnyCall] = Field(min_length=1, max_length=2500)
    context: _Object | None = None
    integrations: _Object | None = None
    sentAt: _Text | None = None


class Collected(View):
    """The calls are on disk."""

    success: Literal[True] = True

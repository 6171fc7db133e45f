"""Identities, persons, their interests, and why two belong together."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.http.schemas.base import Kind, View

__all__ = ["EvidenceView", "Explanation", "IdentityView", "MemberView", "PersonTags", "PersonView", "TagPage", "TagScore", "TagView"]


class MemberView(View):
    """A device or account of a person."""

    kind: Kind
    id: str
    confidence: float | None = Field(description="probability that it belongs with the rest of its person")
    since: datetime | None
    last_seen: datetime | None


class IdentityView(MemberView):
    """A device or account, the person behind it, and what else belongs to that person."""

    person_id: str
    person_class: str = Field(description="person, shared or bot")
    members: list[MemberView]


class PersonView(View):
    """A person and what belongs to them."""

    person_id: str
    person_class: str = Field(description="person, shared or bot")
    created_at: datetime | None
    members: list[MemberView]


class TagScore(View):
    """How probable one interest is."""

    tag_id: str
    name: str
    probability: float = Field(ge=0, le=1)


class PersonTags(View):
    """A person's interests, most probable first. Tags that count as sensitive are never among them."""

    person_id: str
    model: str | None = Field(description="model version; null where none has been trained")
    tags: list[TagScore]


class TagView(View):
    """A tag of the taxonomy."""

    tag_id: str
    name: str
    taxonomy: str
    sensitive: bool
    parent_id: str | None


class TagPage(View):
    """A page of tags."""

    items: list[TagView]
    next_cursor: str | None = Field(description="cursor of the next page; null at the end")


class EvidenceView(View):
    """One link of the chain of evidence between two identities."""

    left_kind: Kind
    left_id: str
    right_kind: Kind
    right_id: str
    method: str = Field(description="the rule that links them")
    weight: float = Field(description="log2 odds")
    probability: float
    first_seen: datetime | None
    last_seen: datetime | None


class Explanation(View):
    """Why two identities are, or are not, one person."""

    verdict: Literal["same", "different"]
    reason: str
    evidence: list[EvidenceView]

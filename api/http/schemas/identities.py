"""Identities, persons, their interests, and why two belong together."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from api.http.schemas.base import Kind, View

__all__ = ["ExplanationView", "IdentityView", "MemberView", "PersonTags", "PersonView", "TagPage", "TagScore", "TagView"]


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


class SubjectView(View):
    """A device or account."""

    kind: Kind
    id: str


class PieceView(View):
    """One piece of evidence."""

    method: str = Field(description="the rule that gives it")
    weight: float = Field(description="log2 odds; negative where it speaks against")
    probability: float
    sources: list[str]
    first_seen: datetime | None
    last_seen: datetime | None


class LinkView(View):
    """All evidence between two devices or accounts; the pieces' weights add up to the score."""

    left: SubjectView
    right: SubjectView
    score: float = Field(description="log2 odds")
    probability: float
    pieces: list[PieceView]


class ExplanationView(View):
    """Why two devices or accounts are, or are not, one person."""

    same: bool
    summary: str
    links: list[LinkView] = Field(description="for one person the chain between the two; else all evidence between the persons")
    blocks: list[str] = Field(description="what kept two persons apart")

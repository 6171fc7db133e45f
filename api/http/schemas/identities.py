"""Identities, persons, their interests, and why two belong together."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from api.http.schemas.base import Kind, View

__all__ = [
    "ExplanationView",
    "IdentityView",
    "LinkView",
    "MemberView",
    "PartView",
    "PersonTags",
    "PersonView",
    "PieceView",
    "ReasonContent",
    "ReasonOthers",
    "ReasonPart",
    "SubjectView",
    "TagPage",
    "TagReason",
    "TagScore",
    "TagView",
]


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


class ReasonPart(View):
    """What one channel adds."""

    channel: str = Field(
        description="tagging and audience: what is said of the contents; friends: related persons; neighbours: those who engage "
        "with the same; position, structure: where the person stands among all; breadth, activity: how much there is"
    )
    log_odds: float = Field(description="natural log-odds; negative where it speaks against")


class ReasonContent(View):
    """A content that speaks for the tag beyond the usual."""

    channel: str = Field(description="tagging: by what it was tagged with; audience: by whose labels its audience has")
    content_id: str
    share: float = Field(description="of what the channel heard beyond the usual")


class ReasonOthers(View):
    """Other persons who speak for the tag, counted."""

    kind: str = Field(description="related, or similar in what they engage with")
    with_tag: int | None = Field(description="rounded down; null where they are few")


class TagReason(View):
    """Why a person has a tag. The parts add up to the log-odds of `probability` less those of `base`."""

    person_id: str
    tag_id: str
    name: str
    model: str | None
    probability: float
    base: float = Field(description="probability for somebody who is like everybody in the mean")
    parts: list[ReasonPart]
    contents: list[ReasonContent]
    others: list[ReasonOthers]


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
    id: str | None = Field(description="null where it belongs to somebody who does not permit the look-up")


class PartView(View):
    """What one comparison adds to a piece of evidence. Values that were compared are never told."""

    name: str = Field(description="the column compared; `prior` for the odds that any two have beforehand")
    level: str | None = Field(description="how far the two agree, from `differs` to `equal`; null where nothing was compared")
    weight: float = Field(description="log2 odds")


class PieceView(View):
    """One piece of evidence; its parts, if there are any, add up to its weight."""

    method: str = Field(description="the rule that gives it")
    weight: float = Field(description="log2 odds; negative where it speaks against")
    probability: float
    sources: list[str]
    first_seen: datetime | None
    last_seen: datetime | None
    weight_before: float = Field(description="the weight before it fell with its age")
    age_days: int | None = Field(description="its age; null for what does not age")
    parts: list[PartView]
    note: str | None = Field(description="why no parts are given, where the rule has some")


class LinkView(View):
    """All evidence between two devices or accounts; the pieces' weights add up to the score."""

    left: SubjectView
    right: SubjectView
    score: float = Field(description="log2 odds")
    probability: float
    pieces: list[PieceView]


class ExplanationView(View):
    """Why two devices or accounts are, or are not, one person; or why one belongs to its person."""

    same: bool
    summary: str
    links: list[LinkView] = Field(
        description="for two of one person the chain between them; for one alone its links to the other members; else all "
        "evidence between the two persons"
    )
    blocks: list[str] = Field(description="what kept two persons apart, or one alone")
    score: float | None = Field(description="sum of the links' scores, log2 odds; null for a chain, whose links do not add up")
    probability: float | None = Field(description="of the score; for one alone the confidence of its belonging")
    beside: list[LinkView] = Field(
        description="what decides nothing here: direct evidence that a chain goes round; for one alone the strongest evidence "
        "towards others"
    )

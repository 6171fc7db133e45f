"""Contents offered to a person."""

from __future__ import annotations

from pydantic import Field

from api.http.schemas.base import View

__all__ = ["OfferView", "PersonRecommendations"]


class OfferView(View):
    """A content that the person has not seen."""

    content_id: str
    score: float = Field(description="orders this person's contents; not comparable between persons or models")
    rank: int = Field(ge=1)


class PersonRecommendations(View):
    """Contents for a person, best first. None was seen by them, and none is about a sensitive tag."""

    person_id: str
    model: str | None = Field(description="model version; null where none with recommendations has been trained")
    items: list[OfferView]

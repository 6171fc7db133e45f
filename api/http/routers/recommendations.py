"""Contents for a person."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.http.auth import KeyRoute, Principal, Scope, needs
from api.http.documentation import PROTECTED, example, problems
from api.http.releases import answered, looked_up
from api.http.resources import Opened
from api.http.routers.persons import PersonId
from api.http.schemas.recommendations import OfferView, PersonRecommendations
from graph.privacy import Use

__all__ = ["router"]

_OFFERS = {
    "person_id": "p-3b9a1f0c77d2e481",
    "model": "v3f0c8a5b7d2e9164",
    "items": [{"content_id": "https://news.example/marathon", "score": 0.41, "rank": 1}],
}

router = APIRouter(prefix="/v1", route_class=KeyRoute, responses={**PROTECTED, **problems(409)})


@router.get(
    "/persons/{person_id}/recommendations",
    operation_id="getPersonRecommendations",
    summary="Contents for a person",
    tags=["persons"],
    response_model=PersonRecommendations,
    responses={**example(_OFFERS, "The contents, best first."), **problems(404)},
)
def get_person_recommendations(
    person_id: PersonId,
    opened: Opened,
    principal: Annotated[Principal, needs(Scope.PERSONS)],
    k: Annotated[int, Query(ge=1, le=100, description="at most so many")] = 20,
) -> Response:
    """The person must permit the choice of contents by their profile. What they have seen is never offered; somebody of whom
    nothing is known is offered what is popular."""
    view = opened.view
    living = view.person_id(person_id)

    def answer() -> PersonRecommendations:
        offers = view.offers(living, k)
        items = [OfferView(content_id=o.content_id, score=o.score, rank=rank) for rank, o in enumerate(offers, 1)]
        return PersonRecommendations(person_id=living, model=view.recommendations.version, items=items)

    return answered(opened, looked_up(opened, principal, ("person", person_id), living, answer, Use.RECOMMENDATION))

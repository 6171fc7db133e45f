"""Persons, their interests, and the taxonomy of interests."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.http.auth import KeyRoute, Principal, Scope, allowed, needs
from api.http.documentation import PROTECTED, example, problems
from api.http.errors import not_found
from api.http.paging import read_text_cursor, write_cursor
from api.http.releases import answered, looked_up
from api.http.resources import Opened, resources_of
from api.http.routers.identities import members_of
from api.http.schemas.base import Cursor, Id
from api.http.schemas.identities import (
    PersonTags,
    PersonView,
    ReasonContent,
    ReasonOthers,
    ReasonPart,
    TagPage,
    TagReason,
    TagScore,
    TagView,
)
from graph.privacy import Use

__all__ = ["router"]

PersonId = Annotated[Id, Path(description="a person id; one that a merge retired leads to its survivor")]

_MEMBER = {"kind": "device", "id": "d-7f31", "confidence": 0.998, "since": "2026-01-05T08:12:31Z", "last_seen": None}
_PERSON = {
    "person_id": "p-3b9a1f0c77d2e481",
    "person_class": "person",
    "created_at": "2026-01-05T08:12:31Z",
    "members": [_MEMBER],
}
_TAGS = {
    "person_id": "p-3b9a1f0c77d2e481",
    "model": "20260305-1",
    "tags": [{"tag_id": "running", "name": "running", "probability": 0.83}],
}
_REASON = {
    "person_id": "p-3b9a1f0c77d2e481",
    "tag_id": "running",
    "name": "running",
    "model": "20260305-1",
    "probability": 0.83,
    "base": 0.11,
    "parts": [{"channel": "audience", "log_odds": 2.6}, {"channel": "neighbours", "log_odds": 1.08}],
    "contents": [{"channel": "audience", "content_id": "shoes/trail-7", "share": 0.61}],
    "others": [{"kind": "similar", "with_tag": None}],
}
_TAXONOMY = {
    "items": [{"tag_id": "running", "name": "running", "taxonomy": "labels", "sensitive": False, "parent_id": None}],
    "next_cursor": None,
}

router = APIRouter(prefix="/v1", route_class=KeyRoute, responses={**PROTECTED, **problems(409)})


@router.get(
    "/persons/{person_id}",
    operation_id="getPerson",
    summary="A person and what belongs to them",
    tags=["persons"],
    response_model=PersonView,
    responses={**example(_PERSON, "The person."), **problems(404)},
)
async def get_person(person_id: PersonId, request: Request) -> Response:
    """The person must permit the look-up."""
    opened, principal = resources_of(request), allowed(request, Scope.PERSONS)
    view = opened.view
    living = view.person_id(person_id)

    def answer() -> PersonView:
        person = view.identities.person(living)
        return PersonView(
            person_id=person.person_id,
            person_class=person.class_,
            created_at=person.created_at,
            members=members_of(person),
        )

    return await opened.look_up(
        living, lambda: answered(opened, looked_up(opened, principal, ("person", person_id), living, answer, Use.IDENTITY))
    )


@router.get(
    "/persons/{person_id}/tags",
    operation_id="getPersonTags",
    summary="A person's interests",
    tags=["persons"],
    response_model=PersonTags,
    responses={**example(_TAGS, "The interests, most probable first."), **problems(404)},
)
async def get_person_tags(
    person_id: PersonId,
    request: Request,
    min_probability: Annotated[float, Query(ge=0, le=1, description="leave out less probable ones")] = 0.0,
    limit: Annotated[int, Query(ge=1, le=1000, description="at most so many")] = 20,
) -> Response:
    """The person must permit the use of their profile. Sensitive tags are never told."""
    opened, principal = resources_of(request), allowed(request, Scope.PERSONS)
    view = opened.view
    living = view.person_id(person_id)

    def answer() -> PersonTags:
        scores = view.interests.of_person(living, min_probability=min_probability, limit=limit)
        return PersonTags(
            person_id=living,
            model=view.interests.version,
            tags=[TagScore(tag_id=s.tag_id, name=s.name, probability=s.probability) for s in scores],
        )

    return await opened.look_up(
        living, lambda: answered(opened, looked_up(opened, principal, ("person", person_id), living, answer, Use.TAGS))
    )


@router.get(
    "/persons/{person_id}/tags/{tag_id:path}/why",
    operation_id="explainPersonTag",
    summary="Why a person has a tag",
    tags=["persons"],
    response_model=TagReason,
    responses={**example(_REASON, "What speaks for the tag, and against it."), **problems(404, 501)},
)
def explain_person_tag(
    person_id: PersonId,
    tag_id: Annotated[Id, Path(description="a tag of the current model version")],
    opened: Opened,
    principal: Annotated[Principal, needs(Scope.PERSONS)],
) -> Response:
    """The person must permit the use of their profile. Sensitive tags are not explained; no other person is named, and contents
    about a sensitive tag are not. The person is looked at as they are now, which may be a moment ahead of the stored tags."""
    view = opened.view
    living = view.person_id(person_id)

    def answer() -> TagReason:
        found = view.reason(living, tag_id)
        if found is None:
            raise not_found()
        withheld = view.reasons.withheld
        return TagReason(
            person_id=living,
            tag_id=tag_id,
            name=view.interests.name_of(tag_id),
            model=view.interests.version,
            probability=found.probability,
            base=found.base,
            parts=[ReasonPart(channel=name, log_odds=value) for name, value in found.parts],
            contents=[
                ReasonContent(channel=c.channel, content_id=c.content_id, share=c.share)
                for c in found.contents
                if c.content_id not in withheld
            ],
            others=[ReasonOthers(kind=o.kind, with_tag=view.gate.told(o.with_tag)) for o in found.others],
        )

    asked = living if view.interests.tells(tag_id) else None
    return answered(opened, looked_up(opened, principal, ("person", person_id), asked, answer, Use.TAGS))


@router.get(
    "/tags",
    operation_id="listTags",
    summary="The taxonomy",
    tags=["tags"],
    responses=example(_TAXONOMY, "A page of tags, by id."),
)
def list_tags(
    opened: Opened,
    _: Annotated[Principal, needs(Scope.TAGS)],
    limit: Annotated[int, Query(ge=1, le=1000, description="at most so many")] = 100,
    cursor: Annotated[Cursor | None, Query(description="`next_cursor` of the page before")] = None,
) -> TagPage:
    """Tags of the current model's taxonomy; empty where no model has been trained."""
    tags, more = opened.view.interests.tags_after(read_text_cursor(cursor), limit)
    items = [TagView.model_validate(tag, from_attributes=True) for tag in tags]
    return TagPage(items=items, next_cursor=write_cursor(items[-1].tag_id) if more else None)

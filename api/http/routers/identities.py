"""Who is who: the person behind a device or account, and why two of them are, or are not, one person."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.http.auth import KeyRoute, Principal, Scope, needs
from api.http.documentation import PROTECTED, example, problems
from api.http.errors import not_found
from api.http.identities import Member, Person
from api.http.releases import caller_of, released
from api.http.resources import Opened
from api.http.schemas.base import Id, Kind
from api.http.schemas.identities import ExplanationView, IdentityView, LinkView, MemberView
from graph.privacy import Use
from graph.resolve import explain

__all__ = ["members_of", "router"]

Reader = Annotated[Principal, needs(Scope.IDENTITIES)]
IdInPath = Annotated[Id, Path(description="its id; a slash in it is written as it is or as %2F", examples=["d-7f31"])]

_MEMBER = {"kind": "device", "id": "d-7f31", "confidence": 0.998, "since": "2026-01-05T08:12:31Z", "last_seen": None}
_IDENTITY = {
    **_MEMBER,
    "person_id": "p-3b9a1f0c77d2e481",
    "person_class": "person",
    "members": [_MEMBER, {**_MEMBER, "kind": "account", "id": "user-19"}],
}
_WHY = {
    "same": True,
    "summary": "one person, p-3b9a1f0c77d2e481, by 1 link of evidence",
    "links": [
        {
            "left": {"kind": "account", "id": "user-19"},
            "right": {"kind": "device", "id": "d-7f31"},
            "score": 6.0,
            "probability": 0.985,
            "pieces": [
                {
                    "method": "sign_in",
                    "weight": 6.0,
                    "probability": 0.985,
                    "sources": ["crm"],
                    "first_seen": "2026-01-05T08:12:31Z",
                    "last_seen": "2026-02-11T19:40:00Z",
                }
            ],
        }
    ],
    "blocks": [],
}

router = APIRouter(
    prefix="/v1/identities", tags=["identities"], route_class=KeyRoute, responses={**PROTECTED, **problems(404, 409)}
)


def members_of(person: Person) -> list[MemberView]:
    """The members of a person, in the API's form."""
    return [_member(m) for m in person.members]


def _member(member: Member) -> MemberView:
    return MemberView.model_validate(member, from_attributes=True)


@router.get(
    "/{kind}/{id:path}/why",
    operation_id="explainIdentity",
    summary="Why two are, or are not, one person",
    responses=example(_WHY, "The strongest chain of evidence between the two, or why there is none."),
)
def explain_identity(
    kind: Kind,
    id: IdInPath,
    opened: Opened,
    principal: Reader,
    other_kind: Annotated[Kind, Query(description="kind of the other")],
    other_id: Annotated[Id, Query(description="id of the other", examples=["user-19"])],
) -> ExplanationView:
    """Both persons must permit the look-up."""
    view = opened.view
    left, right = view.identities.person_of(kind, id), view.identities.person_of(other_kind, other_id)
    if left is None or right is None:
        raise not_found()
    found = explain(view.resolution, (kind, id), (other_kind, other_id))
    answer = ExplanationView(
        same=found.same,
        summary=found.summary.partition(": ")[0],
        links=[LinkView.model_validate(link, from_attributes=True) for link in found.links],
        blocks=[_without_others(block) for block in found.blocks],
    )
    caller = caller_of(principal)
    if right != left:
        released(opened, view.gate.subject(right, None, use=Use.IDENTITY, caller=caller))
    return released(opened, view.gate.subject(left, answer, use=Use.IDENTITY, caller=caller))


def _without_others(block: str) -> str:
    """A device on which both signed in belongs to neither of the two who permit this, so that it is not named."""
    return "both signed in on a shared device" if block.startswith("both signed in on ") else block


@router.get(
    "/{kind}/{id:path}",
    operation_id="getIdentity",
    summary="The person behind a device or account",
    responses=example(_IDENTITY, "The identity, its person, and what else belongs to that person."),
)
def get_identity(kind: Kind, id: IdInPath, opened: Opened, principal: Reader) -> IdentityView:
    """The person must permit the look-up."""
    view = opened.view
    member = view.identities.member(kind, id)
    person = None if member is None else view.identities.person(member.person_id)
    if member is None or person is None:
        raise not_found()
    answer = IdentityView(
        **_member(member).model_dump(), person_id=person.person_id, person_class=person.class_, members=members_of(person)
    )
    return released(opened, view.gate.subject(person.person_id, answer, use=Use.IDENTITY, caller=caller_of(principal)))

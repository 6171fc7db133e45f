"""Who is who: the person behind a device or account, and why two of them are, or are not, one person."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from api.explain import explained
from api.http.auth import KeyRoute, Principal, Scope, allowed, needs
from api.http.documentation import PROTECTED, example, problems
from api.http.errors import Problem, ProblemError
from api.http.explanations import explanation_view, permits
from api.http.identities import Member, Person
from api.http.releases import answered, looked_up, passed
from api.http.resources import Opened, Resources, resources_of
from api.http.schemas.base import Id, Kind
from api.http.schemas.identities import ExplanationView, IdentityView, MemberView
from api.http.view import View
from graph.privacy import Use

__all__ = ["members_of", "router"]

Reader = Annotated[Principal, needs(Scope.IDENTITIES)]
IdInPath = Annotated[Id, Path(description="its id; a slash in it is written as it is or as %2F", examples=["d-7f31"])]

_HALF = Problem("half-a-pair", 422, "Invalid request", "Give both to_kind and to_id, or neither.")
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
                    "weight_before": 6.0,
                    "age_days": 0,
                    "parts": [],
                    "note": None,
                }
            ],
        }
    ],
    "blocks": [],
    "score": None,
    "probability": None,
    "beside": [],
}

router = APIRouter(
    prefix="/v1/identities", tags=["identities"], route_class=KeyRoute, responses={**PROTECTED, **problems(404, 409)}
)


def members_of(person: Person) -> list[MemberView]:
    """The members of a person, in the API's form."""
    return [_member(m) for m in person.members]


def _member(member: Member) -> MemberView:
    return MemberView(
        kind="device" if member.kind == "device" else "account",
        id=member.id,
        confidence=member.confidence,
        since=member.since,
        last_seen=member.last_seen,
    )


@router.get(
    "/{kind}/{id:path}/why",
    operation_id="explainIdentity",
    summary="Why two are, or are not, one person; why one belongs to its person",
    response_model=ExplanationView,
    responses=example(_WHY, "The strongest chain of evidence between the two, or why there is none; of one alone its links."),
)
def explain_identity(
    kind: Kind,
    id: IdInPath,
    opened: Opened,
    principal: Reader,
    to_kind: Annotated[Kind | None, Query(description="kind of the other; none asks about the person of the one")] = None,
    to_id: Annotated[Id | None, Query(description="id of the other", examples=["user-19"])] = None,
    other_kind: Annotated[Kind | None, Query(description="former name of `to_kind`", deprecated=True)] = None,
    other_id: Annotated[Id | None, Query(description="former name of `to_id`", deprecated=True)] = None,
) -> Response:
    """Both persons must permit the look-up. What belongs to others who do not is named by its kind alone. Without another, an id
    that ends in `/why` is looked up, if there is one."""
    view = opened.view
    other = _other(to_kind or other_kind, to_id or other_id)
    if other is None and permits(view, kind, f"{id}/why"):
        longer = f"{id}/why"
        return _identity(kind, longer, view.identities.person_of(kind, longer), opened, view, principal)
    left = view.identities.person_of(kind, id)

    def answer() -> ExplanationView:
        return explanation_view(view, explained(view.workspace, view.resolution, (kind, id), other, behaviour=False))

    if other is not None and (right := view.identities.person_of(*other)) != left:
        passed(opened, looked_up(opened, principal, other, right, lambda: None, Use.IDENTITY))
    return answered(opened, looked_up(opened, principal, (kind, id), left, answer, Use.IDENTITY))


def _other(kind: Kind | None, id: str | None) -> tuple[str, str] | None:
    """The other of the two, if one is asked about. Raises the 422 where half of it is missing."""
    if kind is None and id is None:
        return None
    if kind is None or id is None:
        raise ProblemError(_HALF)
    return kind, id


@router.get(
    "/{kind}/{id:path}",
    operation_id="getIdentity",
    summary="The person behind a device or account",
    response_model=IdentityView,
    responses=example(_IDENTITY, "The identity, its person, and what else belongs to that person."),
)
async def get_identity(kind: Kind, id: IdInPath, request: Request) -> Response:
    """The person must permit the look-up."""
    opened, principal = resources_of(request), allowed(request, Scope.IDENTITIES)
    view = opened.view
    person_id = view.identities.person_of(kind, id)
    return await opened.look_up(person_id, lambda: _identity(kind, id, person_id, opened, view, principal))


def _identity(kind: Kind, id: str, person_id: str | None, opened: Resources, view: View, principal: Principal) -> Response:

    def answer() -> IdentityView:
        person = view.identities.person(str(person_id))
        member = next(m for m in person.members if (m.kind, m.id) == (kind, id))
        return IdentityView(
            kind=kind,
            id=id,
            confidence=member.confidence,
            since=member.since,
            last_seen=member.last_seen,
            person_id=person.person_id,
            person_class=person.class_,
            members=members_of(person),
        )

    return answered(opened, looked_up(opened, principal, (kind, id), person_id, answer, Use.IDENTITY))

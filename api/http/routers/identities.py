"""Who is who: the person behind a device or account, and why two of them are, or are not, one person."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Path, Query, Response
from starlette.routing import Match

from api.http.auth import KeyRoute, Principal, Scope, needs
from api.http.documentation import PROTECTED, example, problems
from api.http.identities import Member, Person
from api.http.releases import answered, caller_of, passed
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


class _WhyRoute(KeyRoute):
    """The address of an explanation only where another is asked about: an id may end in `/why` itself."""

    def matches(self, scope: Any) -> tuple[Match, Any]:
        """As Starlette has it."""
        asked = "other_id" in parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        return super().matches(scope) if asked else (Match.NONE, {})


why = APIRouter(route_class=_WhyRoute)


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


@why.get(
    "/{kind}/{id:path}/why",
    operation_id="explainIdentity",
    summary="Why two are, or are not, one person",
    response_model=ExplanationView,
    responses=example(_WHY, "The strongest chain of evidence between the two, or why there is none."),
)
def explain_identity(
    kind: Kind,
    id: IdInPath,
    opened: Opened,
    principal: Reader,
    other_kind: Annotated[Kind, Query(description="kind of the other")],
    other_id: Annotated[Id, Query(description="id of the other", examples=["user-19"])],
) -> Response:
    """Both persons must permit the look-up."""
    view = opened.view
    left, right = view.identities.person_of(kind, id), view.identities.person_of(other_kind, other_id)
    caller = caller_of(principal)

    def answer() -> ExplanationView:
        found = explain(view.resolution, (kind, id), (other_kind, other_id))
        return ExplanationView(
            same=found.same,
            summary=found.summary.partition(": ")[0],
            links=[LinkView.model_validate(link, from_attributes=True) for link in found.links],
            blocks=[_without_others(block) for block in found.blocks],
        )

    if right != left:
        passed(opened, view.gate.subject(right, lambda: None, use=Use.IDENTITY, caller=caller))
    return answered(opened, view.gate.subject(left, answer, use=Use.IDENTITY, caller=caller))


def _without_others(block: str) -> str:
    """A device on which both signed in belongs to neither of the two who permit this, so that it is not named."""
    return "both signed in on a shared device" if block.startswith("both signed in on ") else block


router.include_router(why)  # before the look-up, which takes any path


@router.get(
    "/{kind}/{id:path}",
    operation_id="getIdentity",
    summary="The person behind a device or account",
    response_model=IdentityView,
    responses=example(_IDENTITY, "The identity, its person, and what else belongs to that person."),
)
def get_identity(kind: Kind, id: IdInPath, opened: Opened, principal: Reader) -> Response:
    """The person must permit the look-up."""
    view = opened.view
    person_id = view.identities.person_of(kind, id)

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

    return answered(opened, view.gate.subject(person_id, answer, use=Use.IDENTITY, caller=caller_of(principal)))

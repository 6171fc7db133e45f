"""Audiences: made by rule or by likeness, listed, looked at, deleted. Each belongs to a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response

from api.http import audiences
from api.http.auth import KeyRoute, Principal, Scope, needs
from api.http.documentation import PROTECTED, example, problems
from api.http.errors import not_found
from api.http.paging import read_text_cursor, write_cursor
from api.http.releases import caller_of
from api.http.resources import Opened, Resources
from api.http.schemas.audiences import AudiencePage, AudienceView, NewAudience
from api.http.schemas.base import Cursor, Id
from graph.control import Audience

__all__ = ["AudienceId", "own_audience", "router"]

Reader = Annotated[Principal, needs(Scope.AUDIENCES_READ)]
Writer = Annotated[Principal, needs(Scope.AUDIENCES_WRITE)]
AudienceId = Annotated[Id, Path(description="an audience's id", examples=["aud-4be0643f1d98573b"])]

_AUDIENCE = {
    "audience_id": "aud-4be0643f1d98573b",
    "name": "Runners in Germany",
    "kind": "rule",
    "version": 1,
    "size": 1240,
    "created_at": "2026-03-05T10:00:00Z",
    "updated_at": "2026-03-05T10:00:00Z",
}
_NEW = {
    "rule": {
        "summary": "By rule",
        "value": {
            "kind": "rule",
            "name": "Runners in Germany",
            "rule": {
                "all": [{"tag": "running", "min_probability": 0.6}, {"attribute": "country", "one_of": ["DE"]}],
                "none": [{"tag": "cycling"}],
            },
        },
    },
    "lookalike": {
        "summary": "By likeness",
        "value": {
            "kind": "lookalike",
            "name": "Like our buyers",
            "seeds": [{"kind": "account", "id": "user-19"}, {"kind": "device", "id": "d-7f31"}],
            "ratio": 0.05,
        },
    },
}

router = APIRouter(prefix="/v1/audiences", tags=["audiences"], route_class=KeyRoute, responses=PROTECTED)


def own_audience(opened: Resources, audience_id: str, principal: Principal) -> Audience:
    """The tenant's audience. Raises the 404 for another tenant's as for none."""
    audience = opened.control.audiences.get(audience_id, principal.tenant)
    if audience is None:
        raise not_found()
    return audience


def _views(opened: Resources, principal: Principal, found: Sequence[Audience]) -> list[AudienceView]:
    """Audiences with the sizes that the gate tells."""
    told = opened.view.gate.audience_sizes(found, caller=caller_of(principal)).value.counts if found else {}
    return [
        AudienceView(
            audience_id=a.audience_id,
            name=a.name,
            kind=a.kind.value,
            version=a.version,
            size=told[a.audience_id],
            created_at=a.created_at,
            updated_at=a.updated_at,
        )
        for a in found
    ]


@router.post(
    "",
    operation_id="createAudience",
    summary="Make an audience",
    status_code=201,
    responses={**example(_AUDIENCE, "The audience, ready.", status=201), **problems(404, 409, 501)},
)
def create_audience(
    body: Annotated[NewAudience, Body(openapi_examples=_NEW)],
    opened: Opened,
    principal: Writer,
    response: Response,
) -> AudienceView:
    """Chooses among people who permit it; a lookalike never holds its seeds."""
    made = audiences.build(opened, principal.tenant, body)
    response.headers["Location"] = f"/v1/audiences/{made.audience_id}"
    return _views(opened, principal, [made])[0]


@router.get(
    "",
    operation_id="listAudiences",
    summary="The tenant's audiences",
    responses={**example({"items": [_AUDIENCE], "next_cursor": None}, "A page, oldest first."), **problems(409)},
)
def list_audiences(
    opened: Opened,
    principal: Reader,
    limit: Annotated[int, Query(ge=1, le=1000, description="at most so many")] = 100,
    cursor: Annotated[Cursor | None, Query(description="`next_cursor` of the page before")] = None,
) -> AudiencePage:
    """Sizes are rounded down, and not told where they are small, nor of audiences about sensitive tags."""
    after = read_text_cursor(cursor)
    rest = [a for a in opened.control.audiences.all(principal.tenant) if after is None or _place(a) > after]
    page = rest[:limit]
    more = write_cursor(_place(page[-1])) if len(rest) > limit else None
    return AudiencePage(items=_views(opened, principal, page), next_cursor=more)


@router.get(
    "/{audience_id}",
    operation_id="getAudience",
    summary="One audience",
    responses={**example(_AUDIENCE, "The audience."), **problems(404, 409)},
)
def get_audience(audience_id: AudienceId, opened: Opened, principal: Reader) -> AudienceView:
    """An audience of the key's tenant."""
    return _views(opened, principal, [own_audience(opened, audience_id, principal)])[0]


@router.delete(
    "/{audience_id}",
    operation_id="deleteAudience",
    summary="Delete an audience",
    status_code=204,
    responses={204: {"description": "It is gone."}, **problems(404, 501)},
)
def delete_audience(audience_id: AudienceId, opened: Opened, principal: Writer) -> None:
    """Deletes it with its members, from the graph too."""
    audiences.delete(opened, own_audience(opened, audience_id, principal))


def _place(audience: Audience) -> str:
    return f"{audience.created_at.isoformat()} {audience.audience_id}"

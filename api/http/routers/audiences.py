"""Audiences: made by rule or by likeness, changed, filled again, listed, looked at, deleted. Each belongs to a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response

from api.audiences import building
from api.audiences.choosing import SeedsFound, count
from api.audiences.definition import as_kept
from api.http.auth import KeyRoute, Principal, Scope, needs
from api.http.documentation import PROTECTED, example, problems
from api.http.errors import not_found
from api.http.paging import read_offset_cursor, read_text_cursor, write_cursor
from api.http.releases import caller_of, released
from api.http.resources import Opened, Resources
from api.http.schemas.audiences import (
    AudiencePage,
    AudienceVersionPage,
    AudienceVersionView,
    AudienceView,
    NewAudience,
    Reach,
    SeedCounts,
)
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
    "refresh_every_hours": 24,
    "refresh_at": "2026-03-06T10:00:00Z",
    "refresh_problem": None,
    "seeds": None,
}
_VERSION = {"version": 2, "at": "2026-03-06T10:00:00Z", "people": 1260, "added": 40, "removed": 20}
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
            "refresh_every": "daily",
        },
    },
    "activity": {
        "summary": "By what people did",
        "value": {
            "kind": "rule",
            "name": "Good customers, not lately",
            "rule": {
                "all": [
                    {"score": "money", "currency": "EUR", "minimum": 4},
                    {"events": {"types": ["purchase"], "categories": ["shoes"]}, "minimum": 2, "within_days": 365},
                    {"last_event": "over", "days": 30},
                ],
                "none": [{"audience": "aud-4be0643f1d98573b"}],
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
            refresh_every_hours=None if a.refresh_every is None else a.refresh_every // timedelta(hours=1),
            refresh_at=a.refresh_at,
            refresh_problem=a.refresh_problem,
            seeds=None,
        )
        for a in found
    ]


def _built(opened: Resources, principal: Principal, made: building.Built) -> AudienceView:
    """An audience just filled, with what became of listed seeds."""
    [view] = _views(opened, principal, [made.audience])
    return view if made.seeds is None else view.model_copy(update={"seeds": _seed_counts(opened, principal, made.seeds)})


def _seed_counts(opened: Resources, principal: Principal, found: SeedsFound) -> SeedCounts:
    """Numbers of people as the gate tells them; how many were given, and how often, the tenant knows itself."""
    groups = {"usable": found.usable, "left out": found.given - found.repeated - found.usable}
    told = released(opened, opened.view.gate.aggregate(groups, caller=caller_of(principal))).counts
    return SeedCounts(given=found.given, repeated=found.repeated, usable=told["usable"], left_out=told["left out"])


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
    made = building.build(opened, principal.tenant, body)
    response.headers["Location"] = f"/v1/audiences/{made.audience.audience_id}"
    return _built(opened, principal, made)


@router.post(
    "/dry-run",
    operation_id="dryRunAudience",
    summary="How many people a definition reaches",
    responses={**example({"people": 1240, "seeds": None}, "As many as an audience of it would hold."), **problems(404, 409, 501)},
)
def dry_run_audience(body: Annotated[NewAudience, Body(openapi_examples=_NEW)], opened: Opened, principal: Writer) -> Reach:
    """Counts the people who permit it, and stores nothing. The number is told as the size of an audience is."""
    people, found = count(opened, principal.tenant, body)
    answer = opened.view.gate.reach(as_kept(body).definition, people, caller=caller_of(principal))
    told = released(opened, answer).counts["people"]
    return Reach(people=told, seeds=None if found is None else _seed_counts(opened, principal, found))


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


@router.put(
    "/{audience_id}",
    operation_id="replaceAudience",
    summary="Define an audience anew",
    responses={**example(_AUDIENCE, "The audience, filled by its new definition."), **problems(404, 409, 501)},
)
def replace_audience(
    audience_id: AudienceId,
    body: Annotated[NewAudience, Body(openapi_examples=_NEW)],
    opened: Opened,
    principal: Writer,
) -> AudienceView:
    """Makes the next version by another definition. One that leads back to the audience itself is refused, with the way."""
    return _built(opened, principal, building.replace(opened, own_audience(opened, audience_id, principal), body))


@router.post(
    "/{audience_id}/refresh",
    operation_id="refreshAudience",
    summary="Fill an audience again",
    responses={**example(_VERSION, "The new version."), **problems(404, 409, 501)},
)
def refresh_audience(audience_id: AudienceId, opened: Opened, principal: Writer) -> AudienceVersionView:
    """Chooses its people anew: who fits by now comes in, who does not or has withdrawn consent goes out."""
    filled = building.refill(opened, own_audience(opened, audience_id, principal))
    return _versions(opened, principal, filled, before=filled.version + 1, limit=1)[0]


@router.get(
    "/{audience_id}/versions",
    operation_id="listAudienceVersions",
    summary="An audience's versions",
    responses={**example({"items": [_VERSION], "next_cursor": None}, "A page, newest first."), **problems(404, 409)},
)
def list_audience_versions(
    audience_id: AudienceId,
    opened: Opened,
    principal: Reader,
    limit: Annotated[int, Query(ge=1, le=1000, description="at most so many")] = 100,
    cursor: Annotated[Cursor | None, Query(description="`next_cursor` of the page before")] = None,
) -> AudienceVersionPage:
    """Every filling: when, how many people, how many came and went against the one before."""
    audience = own_audience(opened, audience_id, principal)
    page = _versions(opened, principal, audience, before=read_offset_cursor(cursor) or None, limit=limit)
    last = page[-1].version if page else 1
    return AudienceVersionPage(items=page, next_cursor=write_cursor(last) if last > 1 else None)


@router.delete(
    "/{audience_id}",
    operation_id="deleteAudience",
    summary="Delete an audience",
    status_code=204,
    responses={204: {"description": "It is gone."}, **problems(404, 501)},
)
def delete_audience(audience_id: AudienceId, opened: Opened, principal: Writer) -> None:
    """Deletes it with its members, from the graph too."""
    building.delete(opened, own_audience(opened, audience_id, principal))


def _versions(
    opened: Resources, principal: Principal, audience: Audience, *, before: int | None, limit: int
) -> list[AudienceVersionView]:
    """Versions with the counts that the gate tells."""
    found = opened.control.audiences.versions(audience.audience_id, before=before, limit=limit)
    told = released(opened, opened.view.gate.audience_versions(audience, found, caller=caller_of(principal)))
    return [AudienceVersionView(version=v.version, at=v.at, people=v.people, added=v.added, removed=v.removed) for v in told]


def _place(audience: Audience) -> str:
    return f"{audience.created_at.isoformat()} {audience.audience_id}"

"""What audiences are like: what they have more than everybody, whom they share, and how good seeds would be."""

from __future__ import annotations

from typing import Annotated

import pyarrow as pa
from fastapi import APIRouter, Body, Query

from api.audiences.overlaps import as_overlaps
from api.audiences.seed_report import as_report, judged
from api.audiences.traits import Of, as_insights, counted, use_of
from api.http.auth import KeyRoute, Principal, Scope, needs
from api.http.documentation import PROTECTED, example, problems
from api.http.releases import caller_of, released
from api.http.resources import Opened
from api.http.routers.audiences import AudienceId, own_audience
from api.http.schemas.insights import (
    AudienceInsights,
    OverlapRequest,
    Overlaps,
    SeedReportRequest,
    SeedReportView,
)
from graph.privacy import SeedFigures, Trait

__all__ = ["router"]

Reader = Annotated[Principal, needs(Scope.AUDIENCES_READ)]
Writer = Annotated[Principal, needs(Scope.AUDIENCES_WRITE)]

_REPORT = {
    "seeds": 1200,
    "usable": 1140,
    "homogeneity": 0.31,
    "auc": 0.87,
    "auc_interval": [0.85, 0.89],
    "lift": 11.2,
    "lift_interval": [8.9, 13.7],
    "method": "blend",
    "methods": {"centroid": 0.84, "discriminant": 0.86, "blend": 0.87},
    "curve": [{"ratio": 0.01, "people": 2000, "similarity": 0.89, "expected_lift": 11.2}],
    "advice": ["The seeds can be used: the smaller the audience, the more alike it is."],
}
_INSIGHTS = {
    "people": 1240,
    "items": [{"id": "running", "name": "Running", "audience_share": 0.62, "population_share": 0.11, "index": 5.636}],
}
_OVERLAPS = {
    "items": [
        {"a": "aud-4be0643f1d98573b", "b": "aud-91c2a3b4d5e6f708", "people": 310, "share_of_a": 0.25, "share_of_b": 0.1},
    ]
}
_SEEDS = {
    "listed": {
        "summary": "Listed",
        "value": {"seeds": [{"kind": "account", "id": "user-19"}, {"kind": "device", "id": "d-7f31"}]},
    },
    "audience": {"summary": "An audience's people", "value": {"seed_audience_id": "aud-4be0643f1d98573b"}},
}

router = APIRouter(prefix="/v1/audiences", tags=["audiences"], route_class=KeyRoute, responses=PROTECTED)


@router.post(
    "/seed-report",
    operation_id="reportSeeds",
    summary="How good seeds are for a lookalike",
    responses={**example(_REPORT, "What can be expected of them."), **problems(404, 409, 501)},
)
def report_seeds(
    body: Annotated[SeedReportRequest, Body(openapi_examples=_SEEDS)], opened: Opened, principal: Writer
) -> SeedReportView:
    """By cross-validation on the seeds; nothing is built or stored. Seeds that building would refuse are refused here."""

    def make() -> SeedFigures:
        return judged(opened, principal.tenant, body)

    answer = opened.view.gate.seed_figures(make, audience_id=body.seed_audience_id, caller=caller_of(principal))
    return as_report(released(opened, answer))


@router.post(
    "/overlap",
    operation_id="compareAudiences",
    summary="Whom audiences share",
    responses={**example(_OVERLAPS, "Every pair."), **problems(404, 409)},
)
def compare_audiences(body: OverlapRequest, opened: Opened, principal: Reader) -> Overlaps:
    """Numbers are rounded down, shares are of the rounded ones."""
    own = [own_audience(opened, audience_id, principal).audience_id for audience_id in body.audience_ids]
    members = {audience_id: opened.control.audiences.members(audience_id)["person_id"] for audience_id in own}
    found = released(opened, opened.view.gate.overlaps(members, caller=caller_of(principal)))
    return as_overlaps(found)


@router.get(
    "/{audience_id}/insights",
    operation_id="getAudienceInsights",
    summary="What an audience has more than everybody",
    responses={**example(_INSIGHTS, "The surest first."), **problems(404, 409)},
)
def get_audience_insights(
    audience_id: AudienceId,
    opened: Opened,
    principal: Reader,
    of: Annotated[Of, Query(description="`tags`, `attributes` of accounts and devices, or `contents` read")] = "tags",
    limit: Annotated[int, Query(ge=1, le=1000, description="at most so many")] = 20,
) -> AudienceInsights:
    """Of audiences that are large enough for a list. What few people have is left out, and what is sensitive."""
    audience = own_audience(opened, audience_id, principal).audience_id
    view = opened.view

    def count(people: pa.Array, everybody: pa.Array) -> list[Trait]:
        return counted(view, of, people, everybody)

    members = opened.control.audiences.members(audience)["person_id"]
    answer = view.gate.traits(members, count, audience_id=audience, caller=caller_of(principal), use=use_of(of))
    return as_insights(released(opened, answer), limit)

"""The consent log: what subjects said. In force from the next request on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter

from api.http.auth import KeyRoute, Principal, Scope, needs
from api.http.documentation import PROTECTED, example
from api.http.resources import Opened
from api.http.schemas.operations import ConsentsBody, ConsentsTaken
from graph.control import ConsentRecord

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["consents"], route_class=KeyRoute, responses=PROTECTED)


@router.post(
    "/consents",
    operation_id="recordConsents",
    summary="Record consents and refusals",
    status_code=201,
    responses=example({"recorded": 1}, "The records are in force.", status=201),
)
def record_consents(body: ConsentsBody, opened: Opened, _: Annotated[Principal, needs(Scope.CONSENTS)]) -> ConsentsTaken:
    """Appends to the log; whether a subject is known here is not told."""
    now = datetime.now(UTC)
    records = [
        ConsentRecord(
            subject_kind=given.subject_kind,
            subject_id=given.subject_id,
            at=min(given.at or now, now),  # a grant from the future would outlive the withdrawals before it
            purposes=None if given.purposes is None else tuple(sorted(set(given.purposes))),
            tc_string=given.tc_string,
            gpp_string=given.gpp_string,
            gpc=given.gpc,
            source="api",
        )
        for given in body.consents
    ]
    opened.control.consents.append(records, now=now)
    return ConsentsTaken(recorded=len(records))

"""Releasing an audience as rows: a file or a page of pseudonyms, or a file for an advertising platform, through the privacy gate.

A file is made when it is fetched, from the people who permit it at that moment: nothing that was released before a withdrawal
lies about. Where too few people differ from an earlier release, the gate withholds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import StreamingResponse

from api.http.auth import KeyRoute, Principal, Scope, demand, needs
from api.http.documentation import PROTECTED, example, problems
from api.http.errors import Problem, ProblemError, not_found
from api.http.paging import read_offset_cursor, write_cursor
from api.http.releases import caller_of, charge_rows, passed, released
from api.http.resources import Opened, Resources
from api.http.routers.audiences import AudienceId, own_audience
from api.http.schemas.audiences import ExportRequest, ExportView, Format, MemberPage, SegmentName
from api.http.schemas.base import Cursor, Id, Recipient
from api.segments import segments_of
from graph.errors import InputError
from graph.export import audience_bytes, openrtb_chunks, upload_chunks
from graph.privacy import PLATFORMS, Accounts, AudienceRows, Released, Segment, UploadRows

__all__ = ["router"]

Exporter = Annotated[Principal, needs(Scope.EXPORTS)]

_CSV, _JSON_LINES = "text/csv; charset=utf-8", "application/x-ndjson"
_MEDIA: dict[Format, str] = {"csv": _CSV, "jsonl": _JSON_LINES, "parquet": "application/vnd.apache.parquet"}
_UPLOAD = "upload "
"""What the kind of an export for an advertising platform begins with."""
_NO_SEGMENT = Problem(
    "no-segment", 422, "Invalid request", "No tag of the IAB taxonomies stands for this audience; give segments that exist."
)
_EXPORT = {
    "export_id": "exp-90f3c1a2b4d5e6f7",
    "audience_id": "aud-4be0643f1d98573b",
    "recipient": "adserver",
    "rows": 1187,
    "created_at": "2026-03-05T10:05:00Z",
    "url": "/v1/audiences/aud-4be0643f1d98573b/exports/exp-90f3c1a2b4d5e6f7?format=csv",
}
_PAGE = {
    "export_id": "exp-90f3c1a2b4d5e6f7",
    "items": ["07c1a8d2e3b4f5a60718293a4b5c6d7e"],
    "next_cursor": None,
}
_FILE = {
    200: {
        "description": "The file: one column, `pseudonym`; OpenRTB users; or the columns of an advertising platform.",
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": "pseudonym\n07c1a8d2e3b4f5a60718293a4b5c6d7e\n"},
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": '{"pseudonym":"07c1a8d2e3b4f5a60718293a4b5c6d7e"}\n',
            },
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}

router = APIRouter(
    prefix="/v1/audiences/{audience_id}", tags=["audiences"], route_class=KeyRoute, responses={**PROTECTED, **problems(404, 409)}
)


def _rows(
    opened: Resources,
    principal: Principal,
    audience_id: str,
    recipient: str,
    *,
    file: bool,
    offset: int = 0,
    limit: int | None = None,
    segments: Sequence[Segment] = (),
) -> Released[AudienceRows]:
    audience = own_audience(opened, audience_id, principal)
    people = opened.control.audiences.members(audience.audience_id)["person_id"]
    return passed(
        opened,
        opened.view.gate.row_list(
            people,
            audience_id=audience.audience_id,
            recipient=recipient,
            caller=caller_of(principal),
            file=file,
            offset=offset,
            limit=limit,
            segments=segments,
        ),
    )


def _upload(opened: Resources, principal: Principal, audience_id: str, recipient: str, platform: str) -> Released[UploadRows]:
    audience = own_audience(opened, audience_id, principal)
    view = opened.view
    with opened.workspace.connection() as connection:
        return passed(
            opened,
            view.gate.upload(
                opened.control.audiences.members(audience.audience_id)["person_id"],
                Accounts(connection, view.resolution.members),
                PLATFORMS[platform],
                audience_id=audience.audience_id,
                recipient=recipient,
                caller=caller_of(principal),
            ),
        )


def _segments(opened: Resources, principal: Principal, audience_id: str, named: Sequence[str]) -> tuple[Segment, ...]:
    model = opened.view.interests.model
    try:
        return segments_of(own_audience(opened, audience_id, principal), None if model is None else model.tags, named)
    except InputError:
        raise ProblemError(_NO_SEGMENT) from None


def _made(
    opened: Resources, principal: Principal, audience_id: str, body: ExportRequest
) -> Released[AudienceRows] | Released[UploadRows]:
    if body.format in PLATFORMS:
        demand(principal, Scope.UPLOADS)
        return _upload(opened, principal, audience_id, body.recipient, body.format)
    segments = _segments(opened, principal, audience_id, body.segments) if body.format == "openrtb" else ()
    return _rows(opened, principal, audience_id, body.recipient, file=True, segments=segments)


@router.post(
    "/exports",
    operation_id="createExport",
    summary="Release an audience as a file",
    status_code=201,
    responses=example(_EXPORT, "The release; its file is at `url`.", status=201),
)
def create_export(
    audience_id: AudienceId, body: ExportRequest, opened: Opened, principal: Exporter, response: Response
) -> ExportView:
    """Releasing the same people to the same recipient again gives the same export. At least 1,000 people must permit it, and at
    least 50 must differ from each earlier release to the tenant. For an advertising platform only people who have an e-mail or
    telephone of their own count."""
    made = _made(opened, principal, audience_id, body).value
    export = opened.control.exports.get(made.export_id, principal.tenant)
    if export is None:
        raise not_found()
    parameters = [("format", body.format), *(("segment", segment) for segment in body.segments)]
    url = f"/v1/audiences/{audience_id}/exports/{made.export_id}?{urlencode(parameters, safe=':')}"
    response.headers["Location"] = url
    return ExportView(
        export_id=made.export_id,
        audience_id=audience_id,
        recipient=made.recipient,
        rows=made.total,
        created_at=export.created_at,
        url=url,
    )


@router.get(
    "/exports/{export_id}",
    operation_id="downloadExport",
    summary="Fetch the file of a release",
    response_class=Response,
    responses=_FILE,  # type: ignore[arg-type]
)
def download_export(
    audience_id: AudienceId,
    export_id: Annotated[Id, Path(description="an export's id", examples=["exp-90f3c1a2b4d5e6f7"])],
    opened: Opened,
    principal: Exporter,
    format: Annotated[Format | None, Query(description="form of the file; else by Accept, else CSV")] = None,
    segment: Annotated[list[SegmentName] | None, Query(max_length=20, description="with openrtb, as `segments` there")] = None,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """Gone (404) once the audience has changed or enough people have withdrawn: make a new export then."""
    audience = own_audience(opened, audience_id, principal)
    export = opened.control.exports.get(export_id, principal.tenant)
    if export is None or export.subject != audience_id or audience.updated_at > export.created_at:
        raise not_found()
    platform = export.kind.removeprefix(_UPLOAD) if export.kind.startswith(_UPLOAD) else None
    if platform is not None:
        demand(principal, Scope.UPLOADS)
    if format is not None and platform != (format if format in PLATFORMS else None):
        raise not_found()
    if platform is not None:
        uploaded = _upload(opened, principal, audience_id, export.recipient, platform)
        if uploaded.value.export_id != export_id:
            raise not_found()
        charge_rows(opened, principal, uploaded.value.total)
        return StreamingResponse(upload_chunks(uploaded), media_type=_CSV, headers=_attachment(f"{export_id}.csv"))
    segments = _segments(opened, principal, audience_id, segment or []) if format == "openrtb" else ()
    rows = _rows(opened, principal, audience_id, export.recipient, file=True, segments=segments)
    if rows.value.export_id != export_id:
        raise not_found()
    charge_rows(opened, principal, len(rows.value.pseudonyms))
    if format == "openrtb":
        return StreamingResponse(openrtb_chunks(rows), media_type=_JSON_LINES, headers=_attachment(f"{export_id}.jsonl"))
    chosen: Format = format or _accepted(accept or "")
    return Response(audience_bytes(rows, f".{chosen}"), media_type=_MEDIA[chosen], headers=_attachment(f"{export_id}.{chosen}"))


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _accepted(accept: str) -> Format:
    """The first form that an Accept header names; CSV where it names none."""
    return next((form for form, media in _MEDIA.items() if media.partition(";")[0] in accept), "csv")


@router.get(
    "/members",
    operation_id="listMembers",
    summary="A page of an audience, as pseudonyms",
    responses=example(_PAGE, "A page, in the pseudonyms' own order."),
)
def list_members(
    audience_id: AudienceId,
    opened: Opened,
    principal: Exporter,
    recipient: Annotated[Recipient, Query(description="who sees the page; pseudonyms differ between recipients")],
    limit: Annotated[int, Query(ge=1, le=10_000, description="at most so many")] = 1000,
    cursor: Annotated[Cursor | None, Query(description="`next_cursor` of the page before")] = None,
) -> MemberPage:
    """The rules of a release hold for the whole list: at least 100 people must permit it."""
    offset = read_offset_cursor(cursor)
    rows = released(opened, _rows(opened, principal, audience_id, recipient, file=False, offset=offset, limit=limit))
    charge_rows(opened, principal, len(rows.pseudonyms))
    shown = offset + len(rows.pseudonyms)
    more = write_cursor(shown) if shown < rows.total and len(rows.pseudonyms) else None
    return MemberPage(export_id=rows.export_id, items=rows.pseudonyms.to_pylist(), next_cursor=more)

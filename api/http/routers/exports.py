"""Releasing an audience as rows: a file or a page of pseudonyms, each through the privacy gate.

A file is made when it is fetched, from the people who permit it at that moment: nothing that was released before a withdrawal
lies about. Where too few people differ from an earlier release, the gate withholds it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Response

from api.http.auth import KeyRoute, Principal, Scope, needs
from api.http.documentation import PROTECTED, example, problems
from api.http.errors import not_found
from api.http.paging import read_offset_cursor, write_cursor
from api.http.releases import caller_of, passed, released
from api.http.resources import Opened, Resources
from api.http.routers.audiences import AudienceId, own_audience
from api.http.schemas.audiences import ExportRequest, ExportView, MemberPage
from api.http.schemas.base import Cursor, Id, Recipient
from graph.export import audience_bytes
from graph.privacy import AudienceRows, Released

__all__ = ["router"]

Exporter = Annotated[Principal, needs(Scope.EXPORTS)]
Format = Literal["csv", "jsonl", "parquet"]

_MEDIA: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
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
        "description": "The file: one column, `pseudonym`.",
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
        ),
    )


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
    least 50 must differ from each earlier release to the tenant."""
    rows = _rows(opened, principal, audience_id, body.recipient, file=True).value
    export = opened.control.exports.get(rows.export_id, principal.tenant)
    if export is None:
        raise not_found()
    url = f"/v1/audiences/{audience_id}/exports/{rows.export_id}?format={body.format}"
    response.headers["Location"] = url
    return ExportView(
        export_id=rows.export_id,
        audience_id=audience_id,
        recipient=rows.recipient,
        rows=rows.total,
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
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> Response:
    """Gone (404) once the audience has changed or enough people have withdrawn: make a new export then."""
    audience = own_audience(opened, audience_id, principal)
    export = opened.control.exports.get(export_id, principal.tenant)
    if export is None or export.subject != audience_id or audience.updated_at > export.created_at:
        raise not_found()
    rows = _rows(opened, principal, audience_id, export.recipient, file=True)
    if rows.value.export_id != export_id:
        raise not_found()
    chosen: Format = format or _accepted(accept or "")
    headers = {"Content-Disposition": f'attachment; filename="{export_id}.{chosen}"'}
    return Response(audience_bytes(rows, f".{chosen}"), media_type=_MEDIA[chosen], headers=headers)


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
    shown = offset + len(rows.pseudonyms)
    more = write_cursor(shown) if shown < rows.total and len(rows.pseudonyms) else None
    return MemberPage(export_id=rows.export_id, items=rows.pseudonyms.to_pylist(), next_cursor=more)

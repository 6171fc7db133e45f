"""Subgraphs: a part of the graph through the privacy gate, as GraphML, GEXF, JSON or a Cypher script."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response

from api.http.auth import KeyRoute, Principal, Scope, needs
from api.http.documentation import PROTECTED, problems
from api.http.releases import caller_of, passed
from api.http.resources import Opened
from api.http.routers.audiences import own_audience
from api.http.schemas.operations import SubgraphFormat, SubgraphRequest
from graph.export import subgraph_bytes
from graph.privacy import SubgraphLevel

__all__ = ["router"]

_MEDIA: dict[SubgraphFormat, str] = {
    "graphml": "application/graphml+xml",
    "gexf": "application/gexf+xml",
    "json": "application/json",
    "cypher": "text/plain; charset=utf-8",
}
_JSON = {
    "directed": True,
    "multigraph": False,
    "graph": {"level": "class", "k": 20},
    "nodes": [{"id": "c1", "label": "Device", "kind": "mobile", "os": "android", "people": 410}],
    "edges": [],
}
_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The subgraph, in the form that was asked for.",
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": _JSON},
            "application/graphml+xml": {"schema": {"type": "string"}, "example": "<graphml>…</graphml>"},
            "application/gexf+xml": {"schema": {"type": "string"}, "example": "<gexf>…</gexf>"},
            "text/plain": {"schema": {"type": "string"}, "example": "CREATE (:Device {node_id: 'c1', people: 410});"},
        },
    }
}

router = APIRouter(prefix="/v1", tags=["subgraphs"], route_class=KeyRoute, responses={**PROTECTED, **problems(404, 409)})


@router.post(
    "/subgraphs",
    operation_id="createSubgraph",
    summary="Release a part of the graph",
    response_class=Response,
    responses=_FILE,
)
def create_subgraph(body: SubgraphRequest, opened: Opened, principal: Annotated[Principal, needs(Scope.SUBGRAPHS)]) -> Response:
    """Nothing in it names anybody, nothing in it is about fewer people than the gate allows."""
    view = opened.view
    if body.audience_id is None:
        name, people = "everybody", view.resolution.persons["person_id"]
    else:
        audience = own_audience(opened, body.audience_id, principal)
        name, people = audience.audience_id, opened.control.audiences.members(audience.audience_id)["person_id"]
    answer = view.gate.subgraph(
        view.snapshot,
        people,
        name=name,
        recipient=body.recipient,
        caller=caller_of(principal),
        level=SubgraphLevel(body.level),
    )
    content = subgraph_bytes(passed(opened, answer), f".{body.format}")
    headers = {"Content-Disposition": f'attachment; filename="subgraph.{body.format}"'}
    return Response(content, media_type=_MEDIA[body.format], headers=headers)

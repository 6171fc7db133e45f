"""Is the process alive, can it serve, and its metrics. None of them needs a key; none tells anything about a person."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response

from api.http.documentation import OPEN, UNAVAILABLE, problems
from api.http.metrics import CONTENT_TYPE_LATEST
from api.http.resources import Opened, resources_of
from api.http.schemas.base import View

__all__ = ["router"]

router = APIRouter(tags=["operation"])


class Alive(View):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(View):
    """The process can serve: its stores answer."""

    status: Literal["ready"] = "ready"


@router.get("/healthz", operation_id="healthz", summary="Is the process alive?", responses=OPEN)
async def healthz() -> Alive:
    """Answers as long as the process runs."""
    return Alive()


@router.get("/readyz", operation_id="readyz", summary="Can it serve?", responses={**UNAVAILABLE, **problems(501)})
def readyz(opened: Opened) -> Ready:
    """Asks the graph store and the control store."""
    opened.check()
    return Ready()


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={**OPEN, 200: {"content": {"text/plain": {"example": "tessera_http_requests_total 1.0"}}}},
)
def metrics(request: Request) -> Response:
    """Counters and latencies by route template, and the model's drift when it was last measured."""
    told = request.app.state.metrics
    told.take_drift(resources_of(request).workspace.home.models)
    return Response(told.text(), media_type=CONTENT_TYPE_LATEST)

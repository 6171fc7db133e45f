"""The Segment-compatible collector: tracking calls in, durable inbox files out. A 200 means they are on disk.

Limits are the Segment spec's: 32 KB a call, 500 KB a batch. Calls are kept as they come, with the time of arrival; what they
mean is worked out when the inbox is ingested. A batch is taken whole or not at all."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request

from api.http.auth import CollectorRoute, Principal, Scope, needs
from api.http.documentation import PROTECTED, example
from api.http.errors import Problem, ProblemError
from api.http.resources import Opened, Resources
from api.http.schemas.collector import Alias, Batch, Call, Collected, Group, Identify, Page, Screen, Track

__all__ = ["router"]

_MAX_CALL_BYTES = 32 * 1024
_MAX_BATCH_BYTES = 500 * 1024
_TIMES = ("timestamp", "originalTimestamp", "sentAt")
_CALL_TOO_LARGE = Problem("too-large", 413, "Body too large", "A call has at most 32 KB; send less of it.")
_BATCH_TOO_LARGE = Problem("too-large", 413, "Body too large", "A batch has at most 500 KB; send several.")
_NOT_JSON = Problem("invalid-request", 422, "Invalid request", "A number in a call is not finite; JSON has no such numbers.")

Collecting = Annotated[Principal, needs(Scope.COLLECT)]
Gpc = Annotated[str | None, Header(alias="Sec-GPC", description="1 where the browser's user objects to sale and sharing")]

router = APIRouter(
    prefix="/v1",
    tags=["collector"],
    route_class=CollectorRoute,
    responses={**example({"success": True}, "The calls are on disk."), **PROTECTED},
)


@router.post("/batch", operation_id="collectBatch", summary="Take many calls at once")
async def batch(body: Batch, request: Request, opened: Opened, _: Collecting, gpc: Gpc = None) -> Collected:
    """Takes up to 2,500 calls of any type."""
    _limit(request, await request.body(), _MAX_BATCH_BYTES, _BATCH_TOO_LARGE)
    shared = {k: v for k, v in (("context", body.context), ("integrations", body.integrations)) if v is not None}
    return await _take(opened, body.batch, gpc, shared, body.sentAt)


async def _single(call: Call, request: Request, opened: Resources, gpc: str | None) -> Collected:
    _limit(request, await request.body(), _MAX_CALL_BYTES, _CALL_TOO_LARGE)
    return await _take(opened, [call], gpc, {}, None)


@router.post("/track", operation_id="collectTrack", summary="Somebody did something")
async def track(body: Track, request: Request, opened: Opened, _: Collecting, gpc: Gpc = None) -> Collected:
    """Takes a `track` call."""
    return await _single(body, request, opened, gpc)


@router.post("/identify", operation_id="collectIdentify", summary="Who somebody is")
async def identify(body: Identify, request: Request, opened: Opened, _: Collecting, gpc: Gpc = None) -> Collected:
    """Takes an `identify` call."""
    return await _single(body, request, opened, gpc)


@router.post("/page", operation_id="collectPage", summary="Somebody looked at a page")
async def page(body: Page, request: Request, opened: Opened, _: Collecting, gpc: Gpc = None) -> Collected:
    """Takes a `page` call."""
    return await _single(body, request, opened, gpc)


@router.post("/screen", operation_id="collectScreen", summary="Somebody looked at a screen of an app")
async def screen(body: Screen, request: Request, opened: Opened, _: Collecting, gpc: Gpc = None) -> Collected:
    """Takes a `screen` call."""
    return await _single(body, request, opened, gpc)


@router.post("/alias", operation_id="collectAlias", summary="Two ids are one person")
async def alias(body: Alias, request: Request, opened: Opened, _: Collecting, gpc: Gpc = None) -> Collected:
    """Takes an `alias` call."""
    return await _single(body, request, opened, gpc)


@router.post("/group", operation_id="collectGroup", summary="Somebody belongs to a group")
async def group(body: Group, request: Request, opened: Opened, _: Collecting, gpc: Gpc = None) -> Collected:
    """Takes a `group` call."""
    return await _single(body, request, opened, gpc)


def _limit(request: Request, content: bytes, most: int, problem: Problem) -> None:
    if len(content) > most:
        raise ProblemError(problem)


async def _take(
    opened: Resources, calls: Sequence[Call], gpc: str | None, shared: dict[str, Any], sent_at: str | None
) -> Collected:
    received_at = datetime.now(UTC).isoformat()
    lines = []
    for call in calls:
        own = call.model_dump(exclude_none=True)
        own.pop("writeKey", None)  # Segment's browser library repeats the API key in its calls: no file may hold it
        line = shared | own | {"receivedAt": received_at}
        if not any(line.get(name) for name in _TIMES):
            line["timestamp"] = received_at
            line.setdefault("messageId", f"tessera-{uuid.uuid4()}")  # undated and unnamed: sent twice is happened twice
        if sent_at is not None:
            line.setdefault("sentAt", sent_at)
        if gpc is not None and gpc.strip() == "1":
            line["context"] = {**line.get("context", {}), "gpc": True}
        encoded = _line(line)
        if len(encoded) > _MAX_CALL_BYTES and len(_line(own)) > _MAX_CALL_BYTES:  # what is added here does not count
            raise ProblemError(_CALL_TOO_LARGE)
        lines.append(encoded)
    await asyncio.wrap_future(opened.inbox.append(b"".join(lines)))
    for call in calls:
        opened.metrics.collected.labels(call.type).inc()
    return Collected()


def _line(call: dict[str, Any]) -> bytes:
    try:
        text = json.dumps(call, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        raise ProblemError(_NOT_JSON) from None
    return text.encode("utf-8", "replace") + b"\n"

"""What surrounds every request, as plain ASGI: a request id, limits of its body and of requests at once, metrics, one log line,
and the last resort.

An exception that nothing translated ends here as a 500 without details; the log gets its class and place, not its message.
"""

from __future__ import annotations

import secrets
import time
import traceback
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.errors import TOO_LARGE, Problem, problem_response
from api.http.metrics import Metrics

__all__ = ["MOST_AT_ONCE", "Surround"]

MOST_AT_ONCE = 256
"""Threat: a queue that grows until memory ends and every answer is late. Unit: requests under way; others get 503 at once."""

_DEFECT = Problem("internal", 500, "Internal error", "Something went wrong here; quote the request id to the operator.")
_BUSY = Problem(
    "busy", 503, "Service unavailable", "This server has as many requests as it can do; try again.", {"Retry-After": "1"}
)
_ALWAYS = frozenset({"/healthz", "/metrics"})
"""What tells whether the process lives must not depend on its load."""
_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer"))
"""Said of every answer that does not say otherwise."""


class Surround:
    """The one middleware of the app, outside of everything else."""

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, log: Any, max_body_bytes: int, most_at_once: int = MOST_AT_ONCE
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._log = log
        self._max_body_bytes = max_body_bytes
        self._most_at_once = most_at_once
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        request_id = secrets.token_hex(12)
        scope["tessera.request_id"] = request_id
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = list(message["headers"])
                there = {name for name, _ in out}
                out.append((b"x-request-id", request_id.encode()))
                out += [(name.encode(), value.encode()) for name, value in (scope.get("tessera.limits") or {}).items()]
                out += [pair for pair in _HEADERS if pair[0] not in there]
                message["headers"] = out
            await send(message)

        self._under_way += 1
        with self._metrics.in_progress.track_inprogress():
            try:
                if self._under_way > self._most_at_once and scope["path"] not in _ALWAYS:
                    await problem_response(_BUSY, request_id)(scope, receive, answer)
                else:
                    await self._within_limit(scope, headers, receive, answer, request_id)
            except Exception as error:  # noqa: BLE001  the boundary: what is not translated by now is a defect
                frame = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
                self._log.error("defect", request_id=request_id, error=type(error).__name__, place=place)
                if status:
                    raise ConnectionAbortedError(f"request {request_id}: broken off") from None
                await problem_response(_DEFECT, request_id)(scope, receive, answer)
            finally:
                self._under_way -= 1
                seconds = time.perf_counter() - started
                self._record(scope, request_id, status or 500, seconds)

    async def _within_limit(self, scope: Scope, headers: Headers, receive: Receive, send: Send, request_id: str) -> None:
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or len(declared) > 18 or int(declared) > self._max_body_bytes:
            await problem_response(TOO_LARGE, request_id)(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > self._max_body_bytes:
                    raise HTTPException(413)  # the one kind of error that FastAPI lets through while it reads a body
            return message

        await self._app(scope, counted, send)

    def _record(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        template = getattr(scope.get("route"), "path_format", None) or "unmatched"
        self._metrics.answered(scope["method"], template, status, seconds)
        principal = scope.get("tessera.principal")
        self._log.info(
            "request",
            request_id=request_id,
            method=scope["method"] if scope["method"].isalpha() else "other",
            route=template,
            status=status,
            milliseconds=round(seconds * 1000, 2),
            tenant=getattr(principal, "tenant", None),
        )

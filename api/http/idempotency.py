"""`Idempotency-Key`: a request that makes something, asked again under its name, gives the first answer and makes nothing.

Names belong to a tenant and hold for 24 hours. The request is what was sent and what its key may do: a key with other scopes
never gets the answer of this one. Failures are not kept: they made nothing, and may be tried again under the same name.
Rows about people are not kept either: exports are named by their address, and an equal subgraph is equal by the gate's own doing,
so that every answer with rows is made by the consents that hold when it is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Request, Response

from api.http.errors import Problem, ProblemError
from api.http.principal import Principal
from api.http.resources import resources_of
from graph.control import Claim, KeptAnswer, Refused

__all__ = ["HEADER", "PARAMETER", "once"]

HEADER = "Idempotency-Key"
_MOST_CHARACTERS = 255
PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "a name for this request, new for each: asked again under it within 24 hours, the first answer is given again",
    "schema": {"type": "string", "minLength": 1, "maxLength": _MOST_CHARACTERS, "pattern": r"^[!-~]+$"},
    "example": "6f1c4d0e-1f0a-4a53-9c1e-1d7a5c0b7f10",
}
_KEPT_HEADERS = ("location", "content-type")
_UNUSABLE = Problem(
    "invalid-idempotency-key",
    422,
    "Invalid request",
    "An Idempotency-Key has 1 to 255 visible ASCII characters; see the document.",
)
_ANOTHER = Problem(
    "idempotency-key-reused", 422, "Invalid request", "This Idempotency-Key was used for another request; take a new one."
)
_IN_FLIGHT = Problem(
    "in-flight",
    409,
    "In flight",
    "The first request under this Idempotency-Key is not done yet; try again.",
    {"Retry-After": "2"},
)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


async def once(request: Request, handle: Handler) -> Response:
    """The answer of `handle`, or the one it gave before. Raises the 422 and 409 of names, and what `handle` raises."""
    name = request.headers.get(HEADER)
    if name is None:
        return await handle(request)
    if not 1 <= len(name) <= _MOST_CHARACTERS or not all("!" <= c <= "~" for c in name):
        raise ProblemError(_UNUSABLE)
    named = resources_of(request).control.named_requests
    principal: Principal = request.scope["tessera.principal"]
    hashed = _hash(request, principal, await request.body())
    claim = await run_sync(lambda: named.claim(principal.tenant, name, hashed, now=datetime.now(UTC)))
    match claim:
        case Claim():
            pass
        case KeptAnswer():
            return Response(claim.body, claim.status, {**claim.headers, "Idempotency-Replayed": "true"})
        case Refused.IN_FLIGHT:
            raise ProblemError(_IN_FLIGHT)
        case Refused.ANOTHER:
            raise ProblemError(_ANOTHER)
    done = False
    try:
        response = await handle(request)
        if response.status_code < 400:
            headers = {k: v for k, v in response.headers.items() if k in _KEPT_HEADERS}
            done = await run_sync(named.answer, claim, KeptAnswer(response.status_code, headers, bytes(response.body)))
    finally:
        if not done:
            await run_sync(named.give_up, claim)
    return response


def _hash(request: Request, principal: Principal, body: bytes) -> bytes:
    """Of everything that decides the answer."""
    parts = (request.method, request.url.path, request.url.query, " ".join(sorted(principal.scopes)))
    return hashlib.sha256(b"\0".join([*(part.encode("utf-8", "surrogatepass") for part in parts), body])).digest()

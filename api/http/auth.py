"""Who asks, and may they: an API key or a token of the identity provider as Bearer token; an API key as X-API-Key, or (collector)
as the user name of Basic authentication.

Authentication and the rate limit come before the body is read, so that nobody without a key makes the server parse
anything; scopes are checked by the operation's dependency. 401 for no valid key, 403 for a missing scope, 429 over the rate
or the quota.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from api.http import idempotency
from api.http.conditional import DOCUMENTED, PARAMETER, conditional
from api.http.documentation import problems
from api.http.errors import Problem, ProblemError
from api.http.limits import limit_headers, quota_used_up, too_many
from api.http.oidc import IssuerUnavailable
from api.http.principal import Principal
from api.http.resources import resources_of
from graph.control import Scope

__all__ = ["CollectorRoute", "KeyRoute", "Principal", "Scope", "allowed", "demand", "needs"]

_HEADERS = {"WWW-Authenticate": 'Bearer realm="tessera"'}
_NO_KEY = Problem("no-key", 401, "Not authenticated", "Give a valid API key or token.", _HEADERS)
_SCOPE = Problem("scope-missing", 403, "Not allowed", "This key lacks the scope that the operation needs.")


class KeyRoute(APIRoute):
    """A route that takes an API key as Bearer token or X-API-Key; one that makes something takes an Idempotency-Key, one that
    reads an If-None-Match."""

    basic = False
    schemes: tuple[str, ...] = ("key", "keyHeader")

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        # Said to the document here: FastAPI's own security dependencies would read every header once more.
        said: dict[str, Any] = {"security": [{scheme: []} for scheme in self.schemes]}
        self.creates = more.get("methods") in (["POST"], {"POST"}) and more.get("status_code") == 201
        self.reads = more.get("methods") in (["GET"], {"GET"})
        responses = more.get("responses") or {}
        if self.creates:
            said["parameters"] = [idempotency.PARAMETER]
            more["responses"] = {**problems(409), **responses}
        if self.reads:
            said["parameters"] = [PARAMETER]
            more["responses"] = responses | {status: told | responses.get(status, {}) for status, told in DOCUMENTED.items()}
        super().__init__(path, endpoint, **{**more, "openapi_extra": said | (more.get("openapi_extra") or {})})

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind authentication and rate limit."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            await _authenticate(request, basic=self.basic)
            if self.creates:
                return await idempotency.once(request, handle)
            response = await handle(request)
            return conditional(request, response) if self.reads else response

        return guarded


class CollectorRoute(KeyRoute):
    """A route that also takes the key as the user name of Basic authentication, as Segment's libraries send it."""

    basic = True
    schemes = ("key", "keyHeader", "writeKey")


def needs(scope: Scope) -> Any:
    """The dependency that gives the principal of a route, who must hold `scope`."""

    async def principal(request: Request) -> Principal:
        return allowed(request, scope)

    return Depends(principal)


def allowed(request: Request, scope: Scope) -> Principal:
    """The principal of a request, who must hold the scope: as `needs`, for routes that are asked so often that the framework's
    way to their dependencies would be a good part of their time. Raises the 403."""
    found: Principal = request.scope["tessera.principal"]
    demand(found, scope)
    return found


def demand(principal: Principal, scope: Scope) -> None:
    """Make sure that the principal holds a scope that only some uses of a route need. Raises the 403."""
    if scope not in principal.scopes:
        raise ProblemError(_SCOPE)


async def _authenticate(request: Request, *, basic: bool) -> None:
    door = resources_of(request).door
    token = _token(request, basic=basic)
    try:
        found = None if token is None else await door.admit(token, request.client.host if request.client else "")
    except IssuerUnavailable as error:
        raise ProblemError(_no_issuer(error.retry_after_seconds)) from None
    if isinstance(found, int):
        raise ProblemError(too_many(found))
    if found is None:
        raise ProblemError(_NO_KEY)
    rate = door.limiter.spend(found.key_id)
    day = None if rate.left < 0 else await door.count(found)
    request.scope["tessera.principal"] = found
    request.scope["tessera.limits"] = limit_headers(rate, day)
    if rate.left < 0:
        raise ProblemError(too_many(rate.reset_seconds))
    if day is not None and day.left < 0:
        raise ProblemError(quota_used_up(day.reset_seconds))


def _no_issuer(wait_seconds: int) -> Problem:
    detail = "The identity provider does not answer, and this token cannot be checked without it; try again."
    return Problem("unavailable", 503, "Service unavailable", detail, {"Retry-After": str(wait_seconds)})


def _token(request: Request, *, basic: bool) -> str | None:
    """The key that a request carries; one header decides, Authorization first."""
    header = request.headers.get("authorization")
    if header is None:
        return request.headers.get("x-api-key")
    scheme, _, value = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip()
        case "basic" if basic:
            try:
                return base64.b64decode(value.strip(), validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                return None
        case _:
            return None

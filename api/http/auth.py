"""Who asks, and may they: an API key as Bearer token, as X-API-Key, or (collector) as the user name of Basic authentication.

Authentication and the rate limit come before the body is read, so that nobody without a key makes the server parse
anything; scopes are checked by the operation's dependency. 401 for no valid key, 403 for a missing scope, 429 over the rate.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from api.http.errors import Problem, ProblemError
from api.http.resources import resources_of
from graph.control import Scope

__all__ = ["CollectorRoute", "KeyRoute", "Principal", "Scope", "demand", "needs"]

_HEADERS = {"WWW-Authenticate": 'Bearer realm="tessera"'}
_NO_KEY = Problem("no-key", 401, "Not authenticated", "Give a valid API key.", _HEADERS)
_SCOPE = Problem("scope-missing", 403, "Not allowed", "This key lacks the scope that the operation needs.")


@dataclass(frozen=True)
class Principal:
    """The key that asks: its id, its tenant, its scopes."""

    key_id: str
    tenant: str
    scopes: frozenset[Scope]


class KeyRoute(APIRoute):
    """A route that takes an API key as Bearer token or X-API-Key."""

    basic = False
    schemes: tuple[str, ...] = ("key", "keyHeader")

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        # Said to the document here: FastAPI's own security dependencies would read every header once more.
        security: dict[str, Any] = {"security": [{scheme: []} for scheme in self.schemes]}
        super().__init__(path, endpoint, **{**more, "openapi_extra": security | (more.get("openapi_extra") or {})})

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind authentication and rate limit."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            await _authenticate(request, basic=self.basic)
            return await handle(request)

        return guarded


class CollectorRoute(KeyRoute):
    """A route that also takes the key as the user name of Basic authentication, as Segment's libraries send it."""

    basic = True
    schemes = ("key", "keyHeader", "writeKey")


def needs(scope: Scope) -> Any:
    """The dependency that gives the principal of a route, who must hold `scope`."""

    async def principal(request: Request) -> Principal:
        found: Principal = request.scope["tessera.principal"]
        demand(found, scope)
        return found

    return Depends(principal)


def demand(principal: Principal, scope: Scope) -> None:
    """Make sure that the principal holds a scope that only some uses of a route need. Raises the 403."""
    if scope not in principal.scopes:
        raise ProblemError(_SCOPE)


async def _authenticate(request: Request, *, basic: bool) -> None:
    door = resources_of(request).door
    token = _token(request, basic=basic)
    key = None if token is None else await door.admit(token, request.client.host if request.client else "")
    if isinstance(key, int):
        raise ProblemError(_too_many(key))
    if key is None:
        raise ProblemError(_NO_KEY)
    if wait := door.limiter.take(key.key_id):
        raise ProblemError(_too_many(wait))
    request.scope["tessera.principal"] = Principal(key.key_id, key.tenant_id, key.scopes)


def _too_many(wait_seconds: int) -> Problem:
    headers = {"Retry-After": str(wait_seconds)}
    return Problem("rate-limited", 429, "Too many requests", "This key has used up its rate; see Retry-After.", headers)


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

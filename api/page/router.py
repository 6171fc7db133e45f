"""Serves the page: `/` and the files under `/page/`. In: whether to serve it. Out: a router of files read once, with ETags.

The files hold no data and need no key: whoever opens the page gives an API key to it, and it asks the API as any other client.
Threat: somebody's name for an audience, or a content's id, that a browser takes for markup or script. The page never makes
markup of data; the headers forbid it besides: scripts and styles only from here, no markup from strings, no frames, no forms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import PurePosixPath

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

__all__ = ["page_router"]

_INDEX = "index.html"
_MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)
_HEADERS = {
    # Asked for again at each visit, since files do not carry their version in their name: the answer is 304 mostly.
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "; ".join(_POLICY),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",
}


def page_router(*, enabled: bool) -> APIRouter:
    """Routes of the page; where it is switched off, `/` leads to the documentation or, where that is off too, is empty."""
    router = APIRouter(include_in_schema=False)
    if not enabled:
        router.get("/")(_elsewhere)
        return router
    for file in sorted(files(__package__).joinpath("static").iterdir(), key=lambda f: f.name):
        media_type = _MEDIA.get(PurePosixPath(file.name).suffix)
        if media_type is not None:  # what an editor or a system leaves in folders is no part of the page
            address = "/" if file.name == _INDEX else f"/page/{file.name}"
            router.get(address)(_serving(file.read_bytes(), media_type))
    return router


def _serving(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {**_HEADERS, "ETag": tag}

    async def serve(request: Request) -> Response:
        if _names(request.headers.get("if-none-match", ""), tag):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return serve


def _names(header: str, tag: str) -> bool:
    """Whether an If-None-Match names the tag: by weak comparison, as RFC 9110 has it for this header."""
    named = [part.strip().removeprefix("W/") for part in header.split(",")]
    return tag in named or named == ["*"]


async def _elsewhere(request: Request) -> Response:
    if request.app.docs_url is not None:
        return RedirectResponse(request.app.docs_url, status_code=307)
    return Response(status_code=204)

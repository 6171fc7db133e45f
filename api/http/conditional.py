"""ETags: each answer to a GET carries a hash of its bytes; a client that names it gets 304 instead of them (RFC 9110, 13.1.2).

The answer is made anew all the same, by the consents that hold now, and the look-up is in the audit log: a withdrawal is never
answered with 304. `private, no-cache` lets a client keep the answer and makes it ask again each time.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any

from fastapi import Request, Response

__all__ = ["DOCUMENTED", "PARAMETER", "conditional"]

_CACHING = "private, no-cache"
_LISTED = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_ETAG = {"description": "a strong validator of the answer, for If-None-Match", "schema": {"type": "string"}}
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    200: {"headers": {"ETag": _ETAG}},
    304: {"description": "Not modified: If-None-Match names what would be answered.", "headers": {"ETag": _ETAG}},
}
"""What the document says of every GET."""
PARAMETER = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETags of answers that are at hand",
    "schema": {"type": "string"},
    "example": '"5d41402abc4b2a76b9719d911017c592"',
}


def conditional(request: Request, response: Response) -> Response:
    """The answer with its ETag, or the 304. What is no whole 200 stays as it is."""
    body = getattr(response, "body", None)
    if response.status_code != 200 or not isinstance(body, bytes):
        return response
    etag = f'"{blake2b(body, digest_size=16).hexdigest()}"'
    given = request.headers.get("if-none-match")
    if given is not None and (given.strip() == "*" or etag in _LISTED.findall(given)):
        return Response(status_code=304, headers={"ETag": etag, "Cache-Control": _CACHING})
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = _CACHING
    return response

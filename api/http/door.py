"""The door: which key a token is, and how often it may be shown.

Keys are verified in threads, since a first verification runs argon2 (19 MiB, about 20 ms). Unknown tokens are slowed down, so
that guessing cannot occupy the server: few threads verify them, and a client address may fail only so often a minute.
Tokens that were good lately pass by both, so that somebody else's failures behind the same address do not lock them out.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import UTC, datetime

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from api.http.rate_limit import RateLimiter
from graph.control import ApiKey, ApiKeys

__all__ = ["Door"]

_FAILURES_PER_MINUTE = 60
_STRANGERS_AT_ONCE = 2
_REMEMBERED = 4096


class Door:
    """Admits tokens. Used from the event loop only."""

    def __init__(self, keys: ApiKeys, rate_limit_per_minute: int) -> None:
        self.limiter = RateLimiter(rate_limit_per_minute)
        self._keys = keys
        self._failures = RateLimiter(_FAILURES_PER_MINUTE)
        self._strangers = CapacityLimiter(_STRANGERS_AT_ONCE)
        self._good: OrderedDict[bytes, None] = OrderedDict()

    async def admit(self, token: str, client: str) -> ApiKey | int | None:
        """The token's key; None where it is none; after too many failures the seconds to wait."""
        now = datetime.now(UTC)
        if (verified := self._keys.known(token, now=now)) is not None:
            return verified
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = digest in self._good
        if not known and (wait := self._failures.peek(client)):
            return wait
        key = await run_sync(self._verify, token, limiter=None if known else self._strangers)
        if key is None:
            self._good.pop(digest, None)
            self._failures.take(client)
            return None
        self._good[digest] = None
        self._good.move_to_end(digest)
        if len(self._good) > _REMEMBERED:
            self._good.popitem(last=False)
        return key

    def _verify(self, token: str) -> ApiKey | None:
        return self._keys.verify(token, now=datetime.now(UTC))

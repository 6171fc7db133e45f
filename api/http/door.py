"""The door: who shows a token, an API key's or the identity provider's, and how often one may be shown.

Keys are verified in threads, since a first verification runs argon2 (19 MiB, about 20 ms). Unknown tokens are slowed down, so
that guessing cannot occupy the server: few threads verify them, and a client address may fail only so often a minute.
Tokens that were good lately pass by both, so that somebody else's failures behind the same address do not lock them out.
Tokens of the identity provider wait in a line of their own, since it may be slow to answer.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import UTC, datetime

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from api.http.oidc import Provider, Stated
from api.http.principal import Principal
from api.http.quota import QuotaMeter
from api.http.rate_limit import Allowance, RateLimiter
from graph.control import ApiKey, Control, Scope

__all__ = ["Door"]

_FAILURES_PER_MINUTE = 60
_STRANGERS_AT_ONCE = 2
_REMEMBERED = 4096


_SCOPES = {str(scope): scope for scope in Scope}


class Door:
    """Admits tokens. Used from the event loop only."""

    def __init__(
        self, control: Control, rate_limit_per_minute: int, subject_limit_per_minute: int, provider: Provider | None = None
    ) -> None:
        """`provider` is the identity provider whose tokens count too, if there is one."""
        self.limiter = RateLimiter(rate_limit_per_minute)
        self.subjects = RateLimiter(subject_limit_per_minute)
        self.quotas = QuotaMeter(control.quotas)
        self._keys = control.keys
        self._tenants = control.tenants
        self._provider = provider
        self._failures = RateLimiter(_FAILURES_PER_MINUTE)
        self._strangers = CapacityLimiter(_STRANGERS_AT_ONCE)
        self._stating = CapacityLimiter(_STRANGERS_AT_ONCE)
        self._good: OrderedDict[bytes, None] = OrderedDict()

    async def admit(self, token: str, client: str) -> Principal | int | None:
        """Who shows the token; None where nobody does; after too many failures the seconds to wait. Raises IssuerUnavailable."""
        provider = self._provider if token.count(".") == 2 else None
        if provider is None:
            if (verified := self._keys.known(token, now=datetime.now(UTC))) is not None:
                return _of_key(verified)
        elif (stated := provider.known(token)) is not None:
            return _of_stated(stated)
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = digest in self._good
        if not known and (wait := self._failures.peek(client)):
            return wait
        if provider is None:
            found = await run_sync(self._verify, token, limiter=None if known else self._strangers)
        else:
            found = await run_sync(self._check, provider, token, limiter=self._stating)
        if found is None:
            self._good.pop(digest, None)
            self._failures.take(client)
            return None
        self._good[digest] = None
        self._good.move_to_end(digest)
        if len(self._good) > _REMEMBERED:
            self._good.popitem(last=False)
        return found

    async def count(self, principal: Principal) -> Allowance | None:
        """Count one request of the key's daily quota; None where it has none. Raises StoreUnavailable."""
        now = datetime.now(UTC)
        if not self.quotas.knows(principal, now):
            await run_sync(self.quotas.load, principal, now)
        return self.quotas.take_request(principal, now)

    def _verify(self, token: str) -> Principal | None:
        key = self._keys.verify(token, now=datetime.now(UTC))
        return None if key is None else _of_key(key)

    def _check(self, provider: Provider, token: str) -> Principal | None:
        stated = provider.check(token)
        return None if stated is None or not self._tenants.has(stated.tenant) else _of_stated(stated)


def _of_key(key: ApiKey) -> Principal:
    return Principal(key.key_id, key.tenant_id, key.scopes, key.quota)


def _of_stated(stated: Stated) -> Principal:
    return Principal(stated.subject, stated.tenant, frozenset(_SCOPES[s] for s in stated.scopes if s in _SCOPES))

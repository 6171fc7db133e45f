"""API keys: `tessera_<id>_<secret>`. The secret is shown once and kept as an argon2id hash; a key has a tenant and scopes.

A secret has 256 random bits, so that argon2 runs with OWASP's small profile (19 MiB, two passes): it is there against a stolen
database, not against guessing. Verified tokens are remembered by their SHA-256 for a short time, and their keys as long as
nobody has committed anything; a revocation works at once, in every process.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Lock

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select

from graph.control.engine import Database
from graph.control.models import ApiKeyRow, QuotaRow
from graph.control.quotas import UNLIMITED, Quota

__all__ = ["ApiKey", "ApiKeys", "Scope"]

_PREFIX = "tessera"
_REMEMBERED = 4096
"""Verified tokens kept in memory, about 200 bytes each."""


class Scope(StrEnum):
    """What a key may do."""

    IDENTITIES = "identities:read"
    PERSONS = "persons:read"
    TAGS = "tags:read"
    AUDIENCES_READ = "audiences:read"
    AUDIENCES_WRITE = "audiences:write"
    EXPORTS = "exports:write"
    UPLOADS = "uploads:write"  # beside the scope above: files of hashed e-mails, in which an address can be looked for
    SUBGRAPHS = "subgraphs:read"
    QUERIES = "queries:run"
    CONSENTS = "consents:write"
    SUBJECTS = "subjects:write"
    COLLECT = "collect:write"
    BUDGET = "budget:read"
    ADMIN = "admin"


@dataclass(frozen=True)
class ApiKey:
    """A key, without its secret."""

    key_id: str
    tenant_id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    revoked_at: datetime | None = None
    quota: Quota = UNLIMITED

    def may(self, scope: Scope) -> bool:
        """True when the key holds the scope. `admin` does not stand in for the others."""
        return scope in self.scopes


@dataclass(frozen=True)
class _Verified:
    """A token that was verified: how long argon2 need not run for it, and its key as of one version of the database."""

    until: datetime
    version: int
    key: ApiKey


class ApiKeys:
    """Makes, verifies, lists and revokes keys."""

    def __init__(self, database: Database, *, remembered_for: timedelta = timedelta(seconds=60)) -> None:
        """`remembered_for`: how long a verified token skips argon2 (threat: a memory dump; unit: time; default 60 s)."""
        self._database = database
        self._remembered_for = remembered_for
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._decoy = self._hasher.hash(secrets.token_urlsafe(32))
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()
        self._lock = Lock()

    def create(
        self,
        tenant_id: str,
        scopes: Iterable[Scope],
        *,
        now: datetime,
        name: str = "",
        quota: Quota = UNLIMITED,
    ) -> tuple[ApiKey, str]:
        """A new key of an existing tenant, and its token, which cannot be shown again."""
        key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        granted = sorted({Scope(s) for s in scopes})
        with self._database.writing() as session:
            row = ApiKeyRow(
                key_id=key_id,
                tenant_id=tenant_id,
                name=name,
                hash=self._hasher.hash(secret),
                scopes=[str(s) for s in granted],
                created_at=now,
                revoked_at=None,
            )
            session.add(row)
            limits = None
            if quota.limited:
                session.flush()  # the quota refers to the key
                limits = QuotaRow(key_id=key_id, requests_per_day=quota.requests_per_day, rows_per_day=quota.rows_per_day)
                session.add(limits)
            return _key(row, limits), f"{_PREFIX}_{key_id}_{secret}"

    def known(self, token: str, *, now: datetime) -> ApiKey | None:
        """The key of a token that was verified lately, while nothing has been committed since; None where that takes `verify`.
        Takes microseconds and never waits for the database."""
        remembered = self._remembered(_digest(token), now)
        return remembered.key if remembered is not None and remembered.version == self._database.version() else None

    def verify(self, token: str, *, now: datetime) -> ApiKey | None:
        """The key of a token, or None for one that is malformed, unknown, wrong or revoked.

        An unknown id costs as much time as a wrong secret, so that ids cannot be probed.
        """
        parts = token.split("_", 2)
        if len(parts) != 3 or parts[0] != _PREFIX:
            return None
        _, key_id, secret = parts
        version = self._database.version()
        with self._database.reading() as session:
            row = session.get(ApiKeyRow, key_id) if key_id.isascii() and "\0" not in key_id else None
            limits = session.get(QuotaRow, key_id) if row is not None else None
            key, stored = (None, self._decoy) if row is None or row.revoked_at is not None else (_key(row, limits), row.hash)
        digest = _digest(token)
        remembered = self._remembered(digest, now)
        if key is not None and remembered is not None:
            self._remember(digest, _Verified(remembered.until, version, key))
            return key
        try:
            self._hasher.verify(stored, secret.encode("utf-8", "surrogatepass"))
        except (VerificationError, InvalidHashError):
            return None
        if key is not None:
            self._remember(digest, _Verified(now + self._remembered_for, version, key))
        return key

    def revoke(self, key_id: str, *, now: datetime) -> bool:
        """Make a key unusable from now on; False when there is no such key or it was revoked before."""
        with self._database.writing() as session:
            row = session.get(ApiKeyRow, key_id)
            if row is None or row.revoked_at is not None:
                return False
            row.revoked_at = now
            return True

    def all(self, tenant_id: str | None = None) -> list[ApiKey]:
        """Keys, revoked ones too, oldest first."""
        query = (
            select(ApiKeyRow, QuotaRow)
            .outerjoin(QuotaRow, QuotaRow.key_id == ApiKeyRow.key_id)
            .order_by(ApiKeyRow.created_at, ApiKeyRow.key_id)
        )
        if tenant_id is not None:
            query = query.where(ApiKeyRow.tenant_id == tenant_id)
        with self._database.reading() as session:
            return [_key(row, limits) for row, limits in session.execute(query)]

    def _remembered(self, digest: bytes, now: datetime) -> _Verified | None:
        with self._lock:
            found = self._verified.get(digest)
            return found if found is not None and now < found.until else None

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        with self._lock:
            self._verified[digest] = verified
            self._verified.move_to_end(digest)
            while len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _key(row: ApiKeyRow, limits: QuotaRow | None) -> ApiKey:
    scopes = frozenset(Scope(s) for s in row.scopes)
    quota = UNLIMITED if limits is None else Quota(limits.requests_per_day, limits.rows_per_day)
    return ApiKey(row.key_id, row.tenant_id, row.name, scopes, row.created_at, row.revoked_at, quota)

"""Requests that their client named, so that asking again does nothing twice: a claim before the work, the answer after it.

Names are kept as hashes, since a client may have put anything into them; requests too. A claim that was never answered, because
its process was killed, can be taken over once its lease is over. The work of a process that was killed between its last step and
its answer is then done again: exactly once it would be only in one transaction with the work.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import delete

from graph.control.engine import Database
from graph.control.models import IdempotencyRow

__all__ = ["KEPT", "LEASE", "Claim", "KeptAnswer", "NamedRequests", "Refused"]

KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=120)
"""Threat: a request that takes longer is done twice, when it is asked again meanwhile. After a kill its client waits so long."""


@dataclass(frozen=True)
class KeptAnswer:
    """An HTTP answer as it was given."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Claim:
    """The right to do the work of a named request, until it is answered or given up."""

    tenant_id: str
    name_hash: bytes
    holder: str


class Refused(Enum):
    """Why a named request is not done."""

    IN_FLIGHT = "it is being done"
    ANOTHER = "the name stands for another request"


class NamedRequests:
    """Claims, answers and forgets named requests. Safe to share between threads and processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, tenant_id: str, name: str, request_hash: bytes, *, now: datetime) -> Claim | KeptAnswer | Refused:
        """The right to do the work; the answer where it is done; or why not. Those of more than 24 hours ago are forgotten."""
        name_hash = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
        claim = Claim(tenant_id, name_hash, secrets.token_hex(16))
        with self._database.writing() as session:
            self._database.serialise(session)
            session.execute(delete(IdempotencyRow).where(IdempotencyRow.created_at <= now - KEPT))
            row = session.get(IdempotencyRow, (tenant_id, name_hash))
            if row is None:
                session.add(
                    IdempotencyRow(
                        tenant_id=tenant_id,
                        name_hash=name_hash,
                        request_hash=request_hash,
                        holder=claim.holder,
                        leased_until=now + LEASE,
                        created_at=now,
                    )
                )
                return claim
            if row.request_hash != request_hash:
                return Refused.ANOTHER
            if row.status is not None:
                return KeptAnswer(row.status, row.headers or {}, row.body or b"")
            if now < row.leased_until:
                return Refused.IN_FLIGHT
            row.holder, row.leased_until = claim.holder, now + LEASE
            return claim

    def answer(self, claim: Claim, answer: KeptAnswer) -> bool:
        """Keep the answer; False where the claim was taken over meanwhile, and the other's answer counts."""
        with self._database.writing() as session:
            row = session.get(IdempotencyRow, (claim.tenant_id, claim.name_hash))
            if row is None or row.holder != claim.holder:
                return False
            row.status, row.headers, row.body = answer.status, dict(answer.headers), answer.body
            return True

    def give_up(self, claim: Claim) -> None:
        """Forget the claim, as if the request had never come: it failed, and may be asked again, or another under its name."""
        with self._database.writing() as session:
            row = session.get(IdempotencyRow, (claim.tenant_id, claim.name_hash))
            if row is not None and row.holder == claim.holder and row.status is None:
                session.delete(row)

"""Daily quotas of keys: counted in memory, written to the control store in groups.

What is not written yet when the process is killed is forgotten: at most `WRITTEN_EVERY_SECONDS` worth of requests and rows a
key can use again. Keys without a quota are not counted.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from threading import Lock

from api.http.principal import Principal
from api.http.rate_limit import Allowance
from graph.control import Quotas, QuotaUse

__all__ = ["WRITTEN_EVERY_SECONDS", "QuotaMeter"]

WRITTEN_EVERY_SECONDS = 1.0
"""Threat: quotas used again after `kill -9`. Unit: seconds between two commits of what was used; the API's follower keeps it."""


class QuotaMeter:
    """Counts what keys use in the current day of UTC. Thread-safe."""

    def __init__(self, quotas: Quotas) -> None:
        self._quotas = quotas
        self._used: dict[tuple[str, date], QuotaUse] = {}
        self._unwritten: dict[tuple[str, date], QuotaUse] = {}
        self._lock = Lock()

    def knows(self, principal: Principal, now: datetime) -> bool:
        """Whether counting this key needs no look into the store."""
        return not principal.quota.limited or (principal.key_id, now.astimezone(UTC).date()) in self._used

    def load(self, principal: Principal, now: datetime) -> None:
        """Read what the key has used today. Raises StoreUnavailable."""
        place = (principal.key_id, now.astimezone(UTC).date())
        written = self._quotas.used(*place)
        with self._lock:
            self._used.setdefault(place, written)
            yesterday = place[1] - timedelta(days=1)
            for old in [p for p in self._used if p[1] < yesterday]:
                del self._used[old]

    def take_request(self, principal: Principal, now: datetime) -> Allowance | None:
        """Count one request, unless none is left, which `left` < 0 tells; None for a key without such a quota."""
        return self._take(principal, principal.quota.requests_per_day, QuotaUse(requests=1), now)

    def take_rows(self, principal: Principal, rows: int, now: datetime) -> Allowance | None:
        """Count rows, all or none: `left` < 0 tells that there are not so many left."""
        return self._take(principal, principal.quota.rows_per_day, QuotaUse(rows=rows), now)

    def flush(self) -> None:
        """Write what was counted. Raises StoreUnavailable; what was counted is written the next time then."""
        with self._lock:
            group, self._unwritten = self._unwritten, {}
        try:
            self._quotas.add(group)
        except BaseException:
            with self._lock:
                for place, use in group.items():
                    self._unwritten[place] = self._unwritten.get(place, QuotaUse()) + use
            raise

    def _take(self, principal: Principal, limit: int | None, use: QuotaUse, now: datetime) -> Allowance | None:
        if limit is None:
            return None
        now = now.astimezone(UTC)
        place = (principal.key_id, now.date())
        if place not in self._used:
            self.load(principal, now)
        midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
        reset = max(1, -int((now - midnight).total_seconds() // 1))
        with self._lock:
            before = self._used[place]
            after = before + use
            done = after.requests if use.requests else after.rows
            if done > limit:
                return Allowance(limit, -1, reset)
            self._used[place] = after
            self._unwritten[place] = self._unwritten.get(place, QuotaUse()) + use
        return Allowance(limit, limit - done, reset)

"""What is told of limits: the problems of those that are used up, and the `RateLimit-*` headers of the one that is next.

The headers are those of draft-ietf-httpapi-ratelimit-headers-06: limit, remaining, and seconds until it is whole again.
"""

from __future__ import annotations

from api.http.errors import Problem
from api.http.rate_limit import Allowance

__all__ = ["limit_headers", "quota_used_up", "too_many", "too_often"]


def limit_headers(*allowances: Allowance | None) -> dict[str, str]:
    """The headers of the limit of which least is left."""
    given = [a for a in allowances if a is not None]
    if not given:
        return {}
    next_ = min(given, key=lambda a: a.left)
    return {
        "ratelimit-limit": str(next_.limit),
        "ratelimit-remaining": str(max(0, next_.left)),
        "ratelimit-reset": str(next_.reset_seconds),
    }


def too_many(wait_seconds: int) -> Problem:
    """A key over its rate, or an address over its failures."""
    return _problem("rate-limited", "This key has used up its rate; see Retry-After.", wait_seconds)


def quota_used_up(wait_seconds: int) -> Problem:
    """A key that has done all that it may do today."""
    return _problem("quota-used-up", "This key has used up its quota of the day; see Retry-After.", wait_seconds)


def too_often(wait_seconds: int) -> Problem:
    """One person looked up again and again."""
    return _problem("asked-too-often", "The same has been asked for too often by this tenant; see Retry-After.", wait_seconds)


def _problem(slug: str, detail: str, wait_seconds: int) -> Problem:
    return Problem(slug, 429, "Too many requests", detail, {"Retry-After": str(wait_seconds)})

"""Between the gate and the routers: who the gate is asked by, and what is done with its answer.

A refusal of any kind is the one 404; its reason is counted and audited, and told to nobody outside."""

from __future__ import annotations

from typing import TypeVar

from api.http.auth import Principal
from api.http.errors import not_found
from api.http.resources import Resources
from graph.privacy import Caller, Denied, Released

__all__ = ["caller_of", "passed", "released"]

T = TypeVar("T")


def caller_of(principal: Principal) -> Caller:
    """The key that asks, as the gate knows it."""
    return Caller(principal.tenant, principal.key_id)


def passed(opened: Resources, answer: Released[T] | Denied) -> Released[T]:
    """What the gate released, for a writer. Raises the 404 for what it denied."""
    if isinstance(answer, Denied):
        opened.metrics.denied.labels(answer.reason.value).inc()
        raise not_found()
    return answer


def released(opened: Resources, answer: Released[T] | Denied) -> T:
    """The value that the gate released. Raises the 404 for what it denied."""
    return passed(opened, answer).value

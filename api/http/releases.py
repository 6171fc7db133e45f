"""Between the gate and the routers: who the gate is asked by, and what is done with its answer.

A refusal of any kind is the one 404; it is counted, its reason audited, and told to nobody outside."""

from __future__ import annotations

from typing import TypeVar

from fastapi import Response

from api.http.auth import Principal
from api.http.errors import not_found
from api.http.resources import Resources
from api.http.schemas.base import View
from graph.privacy import Caller, Denied, Released

__all__ = ["answered", "caller_of", "passed", "released"]

T = TypeVar("T")
V = TypeVar("V", bound=View)


def caller_of(principal: Principal) -> Caller:
    """The key that asks, as the gate knows it."""
    return Caller(principal.tenant, principal.key_id)


def passed(opened: Resources, answer: Released[T] | Denied) -> Released[T]:
    """What the gate released, for a writer. Raises the 404 for what it denied."""
    if isinstance(answer, Denied):
        opened.metrics.denied.inc()
        raise not_found()
    if type(answer) is not Released or not answer.genuine:
        raise TypeError("only what the privacy gate has released can be answered")
    return answer


def answered(opened: Resources, answer: Released[V] | Denied) -> Response:
    """The body that the gate released, as JSON. It is written as it stands: the release is the last thing that touches it.
    Raises the 404 for what it denied."""
    return Response(passed(opened, answer).value.model_dump_json(), media_type="application/json")


def released(opened: Resources, answer: Released[T] | Denied) -> T:
    """The value that the gate released. Raises the 404 for what it denied."""
    return passed(opened, answer).value

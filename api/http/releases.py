"""Between the gate and the routers: who the gate is asked by, and what is done with its answer.

A refusal of any kind is the one 404; it is counted, its reason audited, and told to nobody outside."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from fastapi import Response

from api.http.auth import Principal
from api.http.errors import ProblemError, not_found
from api.http.limits import quota_used_up, too_often
from api.http.resources import Resources
from api.http.schemas.base import View
from graph.privacy import Caller, Denied, Released, Use

__all__ = ["answered", "caller_of", "charge_rows", "looked_up", "passed", "released", "watch"]

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


def watch(opened: Resources, principal: Principal, *asked: str) -> None:
    """Note that the tenant asks about this. Raises the 429 where it has done so too often lately."""
    if wait := opened.door.subjects.take((principal.tenant, *asked)):
        raise ProblemError(too_often(wait))


def looked_up(
    opened: Resources, principal: Principal, asked: tuple[str, ...], person_id: str | None, make: Callable[[], T], use: Use
) -> Released[T] | Denied:
    """What the gate says of one person, who was asked about by the words of `asked`. Raises the 429 for what is asked too often.

    The words are counted whether or not there is anybody; the person is counted once they are told of: a limit over the
    devices of somebody who refuses would tell that these are one person.
    """
    watch(opened, principal, "asked", *asked)
    answer = opened.view.gate.subject(person_id, make, use=use, caller=caller_of(principal))
    if isinstance(answer, Released):
        watch(opened, principal, "told", str(person_id))
    return answer


def charge_rows(opened: Resources, principal: Principal, rows: int) -> None:
    """Count rows that are about to leave. Raises the 429 where the key's quota of the day does not hold so many more."""
    allowance = opened.door.quotas.take_rows(principal, rows, datetime.now(UTC))
    if allowance is not None and allowance.left < 0:
        raise ProblemError(quota_used_up(allowance.reset_seconds))

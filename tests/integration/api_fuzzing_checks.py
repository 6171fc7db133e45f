"""A check of our own for Schemathesis: a request that the document allows is refused with 422 only for what no schema can say."""

from __future__ import annotations

import schemathesis
from schemathesis import CheckContext, GenerationMode, Response
from schemathesis.generation.case import Case

# How deep and how wide all of a rule is, which of two numbers is the greater, and that conditions exclude each other.
UNSAYABLE = ("rules nest at most", "a rule has at most", "minimum is greater than maximum", "nobody can meet this rule")


@schemathesis.check
def refused_with_reason(ctx: CheckContext, response: Response, case: Case) -> None:
    """`invalid-request` says that the request does not fit the document; what fits and cannot be done has types of its own."""
    if response.status_code != 422 or case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    body = response.json()
    if body["type"] == "urn:tessera:problem:invalid-request":
        reasons = [error["problem"] for error in body["errors"]]
        assert all(reason.startswith(UNSAYABLE) for reason in reasons), f"allowed by the document, and refused: {reasons}"

"""Errors become HTTP answers here and nowhere else: problem+json (RFC 9457) with type, title, status, detail, request id.

A problem never holds an identifier, a parameter's value, an address or a message of a library: its texts are fixed here.
Absent, foreign and non-consented things give one and the same 404, so that nobody can tell which of the three it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from api.http.field_names import FieldNames
from graph import errors as domain

__all__ = ["MEDIA_TYPE", "TOO_LARGE", "Problem", "ProblemError", "install", "not_found", "problem_response", "translate"]

MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:tessera:problem:"


@dataclass(frozen=True)
class Problem:
    """One kind of failure: its type's last part, status, title and fixed detail; `extra` are further members."""

    slug: str
    status: int
    title: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


class ProblemError(Exception):
    """Raised inside the HTTP layer to answer with a problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.slug)


TOO_LARGE = Problem("too-large", 413, "Body too large", "The body is larger than this address takes.")
_NOT_FOUND = Problem("not-found", 404, "Not found", "There is nothing here that this key may see.")


def not_found() -> ProblemError:
    """The one answer for what is absent, another tenant's, or not released by its subject's consent."""
    return ProblemError(_NOT_FOUND)


def _unavailable(detail: str, retry_after_seconds: int) -> Problem:
    headers = {"Retry-After": str(retry_after_seconds)}
    return Problem("unavailable", 503, "Service unavailable", detail, headers)


def translate(error: domain.TesseraError) -> Problem | None:
    """The problem of a domain error; None for one that only a defect can raise here."""
    match error:
        case domain.StoreUnavailable():
            return _unavailable("A store of this deployment does not answer; try again.", 5)
        case domain.StoreRefused() | domain.ForeignGraph():
            return _unavailable("The graph store is not set up for this deployment; its operator has to see to it.", 60)
        case domain.HomeLocked() | domain.HomeNotWritable():
            return _unavailable("The deployment's home cannot be written now; try again.", 5)
        case domain.NothingResolved():
            detail = "Nothing is resolved in this deployment yet; its operator has to run `tessera run` first."
            return Problem("nothing-resolved", 409, "Not ready", detail)
        case domain.ModelError():
            detail = "There is no usable model version in this deployment; its operator has to run `tessera train` first."
            return Problem("no-model", 409, "Not ready", detail)
        case domain.MissingExtra():
            detail = f"This deployment lacks an optional part; its operator has to install 'tessera[{error.extra}]'."
            return Problem("missing-extra", 501, "Not installed", detail, extra={"extra": error.extra})
        case domain.UnknownQuery() | domain.UnknownAudience():
            return _NOT_FOUND
        case domain.TooFewSeeds():
            detail = "Too few of the seeds are people who permit this use."
            return Problem("no-usable-seeds", 422, "Invalid request", detail)
        case domain.AudienceCycle():
            detail = f"The definition refers to itself: {' → '.join(error.cycle)}."
            return Problem("cyclic-audience", 422, "Invalid request", detail)
        case domain.QueryError():
            return Problem("invalid-parameters", 422, "Invalid request", "The query does not take these parameters.")
        case domain.InputError():
            return Problem("unusable-input", 422, "Invalid request", "The given rows cannot be used.")
        case _:
            return None


def problem_response(problem: Problem, request_id: str) -> JSONResponse:
    """The response of a problem."""
    body = {
        "type": _TYPE + problem.slug,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "request_id": request_id,
        **problem.extra,
    }
    return JSONResponse(body, problem.status, dict(problem.headers), MEDIA_TYPE)


def _request_id(request: Request) -> str:
    return str(request.scope["tessera.request_id"])


def _of_status(status: int) -> Problem:
    if status == HTTPStatus.NOT_FOUND:
        return _NOT_FOUND
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return Problem("method-not-allowed", 405, "Method not allowed", "This address does not take this method; see Allow.")
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return TOO_LARGE
    if status == HTTPStatus.BAD_REQUEST:
        return Problem("malformed", 400, "Malformed request", "The request cannot be read.")
    phrase = HTTPStatus(status).phrase
    return Problem(phrase.lower().replace(" ", "-"), status, phrase, phrase + ".")


def _violations(errors: Iterable[Mapping[str, Any]], names: FieldNames) -> list[dict[str, str]]:
    """Where and what, never the value: of a place only names of the API's own fields and positions are told."""
    found = []
    for error in errors:
        where = [str(part) if isinstance(part, int) or part in names else "?" for part in error["loc"]]
        match error["type"]:
            case "union_tag_invalid":
                message = f"Input should be one of: {error['ctx']['expected_tags']}"
            case "extra_forbidden":
                where, message = where[:-1], "Unknown field"
            case "value_error":
                message = str(error["ctx"]["error"])
            case "json_invalid":
                where, message = where[:1], "Not valid JSON"
            case _:
                message = error["msg"]
        found.append({"where": ".".join(where), "problem": message})
    return found


def _allowed(app: FastAPI, request: Request) -> list[str]:
    """The methods that an address takes: the framework names those of the first route that has it. Of an address that could be
    an id's of another, as `/v1/audiences/dry-run`, those that the document says."""
    asked = dict(request.scope)
    if (documented := app.openapi()["paths"].get(asked["path"])) is not None:
        return sorted(method.upper() for method in documented)
    found = []
    for method in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"):
        asked["method"] = method
        if any(route.matches(asked)[0] is Match.FULL for route in app.routes):
            found.append(method)
    return found


def install(app: FastAPI, names: FieldNames) -> None:
    """Register the handlers: every raised error of the HTTP layer, the domain and the framework ends as a problem."""

    @app.exception_handler(ProblemError)
    async def raised(request: Request, error: ProblemError) -> JSONResponse:
        return problem_response(error.problem, _request_id(request))

    @app.exception_handler(domain.TesseraError)
    async def tessera(request: Request, error: domain.TesseraError) -> JSONResponse:
        problem = translate(error)
        if problem is None:
            raise error
        return problem_response(problem, _request_id(request))

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> JSONResponse:
        problem = _of_status(error.status_code)
        kept = {k: v for k, v in (error.headers or {}).items() if k.lower() in ("www-authenticate", "retry-after")}
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            kept["Allow"] = ", ".join(_allowed(app, request))
        return problem_response(Problem(problem.slug, problem.status, problem.title, problem.detail, kept), _request_id(request))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        detail = "The request does not fit the description of this operation; see errors."
        extra = {"errors": _violations(error.errors(), names)}
        return problem_response(Problem("invalid-request", 422, "Invalid request", detail, extra=extra), _request_id(request))

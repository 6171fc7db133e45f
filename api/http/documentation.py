"""What the OpenAPI document says beside the operations themselves: the description, tags, security, and every failure."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.http.errors import MEDIA_TYPE
from api.http.schemas.base import ProblemBody

__all__ = ["DESCRIPTION", "OPEN", "PROTECTED", "TAGS", "UNAVAILABLE", "example", "problems", "use_document"]

DESCRIPTION = """
Identities, interests, audiences and privacy-filtered subgraphs.

Every address under `/v1` takes an API key, as `Authorization: Bearer tessera_…` or `X-API-Key`; the collector also takes it
as the user name of Basic authentication, as the Segment libraries send a write key. A key belongs to a tenant and has scopes.
Where the deployment knows an OpenID Connect provider, its tokens are taken as `Authorization: Bearer` too.

What is absent, another tenant's, or not released by its subject's consent gives one and the same 404. Failures are
`application/problem+json` (RFC 9457). Lists are paged by an opaque `cursor`.
""".strip()

TAGS = [
    {"name": "identities", "description": "Who is who: devices, accounts and the persons behind them."},
    {"name": "persons", "description": "Persons and their interests."},
    {"name": "tags", "description": "The taxonomy of interests."},
    {"name": "audiences", "description": "Groups of people by rule or by likeness, and their release as rows."},
    {"name": "subgraphs", "description": "Parts of the graph, released through the privacy gate."},
    {"name": "queries", "description": "Named Cypher queries, for operators."},
    {"name": "consents", "description": "The consent log."},
    {"name": "collector", "description": "Tracking calls after the Segment spec."},
    {"name": "operation", "description": "Health, readiness, metrics."},
]

# By the names that the routes of `api.http.auth` give.
_SECURITY = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key, tessera_…, or a JWT of the identity provider"},
    "keyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "writeKey": {"type": "http", "scheme": "basic", "description": "The API key as user name, without password"},
}

_FAILURES: dict[int, tuple[str, str, str, str]] = {
    400: ("malformed", "Malformed request", "The request cannot be read.", "The body or a header cannot be read."),
    401: ("no-key", "Not authenticated", "Give a valid API key or token.", "No key, or none that is valid."),
    403: ("scope-missing", "Not allowed", "This key lacks the scope that the operation needs.", "The key lacks the scope."),
    404: (
        "not-found",
        "Not found",
        "There is nothing here that this key may see.",
        "Absent, another tenant's, or not released: the same answer for all three.",
    ),
    409: (
        "nothing-resolved",
        "Not ready",
        "Nothing is resolved in this deployment yet; its operator has to run `tessera run` first.",
        "An earlier stage has not run yet, or the privacy gate withholds the release.",
    ),
    413: ("too-large", "Body too large", "The body is larger than this address takes.", "The body is over the limit."),
    422: (
        "invalid-request",
        "Invalid request",
        "The request does not fit the description of this operation; see errors.",
        "The request does not fit; values are never repeated.",
    ),
    429: ("rate-limited", "Too many requests", "This key has used up its rate; see Retry-After.", "Wait for Retry-After."),
    500: ("internal", "Internal error", "Something went wrong here; quote the request id to the operator.", "A defect."),
    501: (
        "missing-extra",
        "Not installed",
        "This deployment lacks an optional part; its operator has to install 'tessera[gnn]'.",
        "An optional part is not installed.",
    ),
    503: (
        "unavailable",
        "Service unavailable",
        "A store of this deployment does not answer; try again.",
        "Wait for Retry-After.",
    ),
}


def example(value: Any, description: str, *, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """The documented success of an operation, with its example."""
    return {status: {"description": description, "content": {"application/json": {"example": value}}}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented failures of an operation."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        slug, title, detail, description = _FAILURES[status]
        shown: dict[str, Any] = {
            "type": f"urn:tessera:problem:{slug}",
            "title": title,
            "status": status,
            "detail": detail,
            "request_id": "5f0c1b8e9a3d4c7e8b6a1f2d",
        }
        if status == 422:
            shown["errors"] = [{"where": "body.name", "problem": "Field required"}]
        if status == 501:
            shown["extra"] = "gnn"
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemBody"}, "example": shown}}
        found[status] = {"description": description, "content": content}
        if status in (429, 503):
            found[status]["headers"] = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}}
    return found


UNAVAILABLE = problems(500, 503)
PROTECTED = problems(400, 401, 403, 413, 422, 429, 500, 503)
OPEN = problems(500)


def use_document(app: FastAPI) -> None:
    """Give the app its document: FastAPI's, and the schema of problems, which no operation returns as a model."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
                license_info=app.license_info,
            )
            schema = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
            made.setdefault("components", {})["securitySchemes"] = _SECURITY
            schemas = made["components"].setdefault("schemas", {})
            schemas.update(schema.pop("$defs"))
            schemas["ProblemBody"] = schema
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]

"""Named queries of the catalogue, for operators: read statements only, run with bound parameters, answered through the gate.

Rows about one person leave where that person permits it, rows about nobody with counts rounded; rows that name several people
do not leave at all. Free Cypher has no address here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

import cypher
from api.http.auth import KeyRoute, Principal, Scope, needs
from api.http.documentation import PROTECTED, example, problems
from api.http.errors import Problem, ProblemError, not_found
from api.http.releases import caller_of, released, watch
from api.http.resources import Opened
from api.http.schemas.operations import QueryList, QueryParameterView, QueryRequest, QueryResult, QueryView
from graph.privacy import Column, Use

__all__ = ["router"]

Operator = Annotated[Principal, needs(Scope.ADMIN)]

_MAX_ROWS = 10_000
_GROUP = "analyst"
_SUBJECTS = frozenset({Column.PERSON, Column.DEVICE, Column.ACCOUNT})
_ASKED = {
    "person_id": Column.PERSON,
    "device_id": Column.DEVICE,
    "account_id": Column.ACCOUNT,
    "tag_id": Column.TAG,
    "audience_id": Column.AUDIENCE,
}
"""What a parameter of this name names."""
_LIST = {
    "items": [
        {
            "name": "who_is_device",
            "summary": "Who is this device: what it is, its person, and how certain that is.",
            "parameters": [{"name": "device_id", "type": "string", "required": True, "summary": "the device"}],
            "columns": ["device_id", "person_id", "confidence"],
        }
    ]
}
_RESULT = {"rows": [{"device_id": "d-7f31", "person_id": "p-3b9a1f0c77d2e481", "confidence": 0.998}], "truncated": False}

router = APIRouter(prefix="/v1/queries", tags=["queries"], route_class=KeyRoute, responses=PROTECTED)


@router.get(
    "",
    operation_id="listQueries",
    summary="The named queries",
    responses=example(_LIST, "Name, summary, parameters and columns of each."),
)
def list_queries(_: Operator) -> QueryList:
    """What the catalogue of this version holds."""
    return QueryList(
        items=[
            QueryView(
                name=statement.name,
                summary=statement.summary,
                parameters=[QueryParameterView.model_validate(p, from_attributes=True) for p in statement.parameters],
                columns=[column.name for column in statement.columns],
            )
            for statement in cypher.readable()
            if statement.group == _GROUP
        ]
    )


@router.post(
    "/{name}",
    operation_id="runQuery",
    summary="Run a named query",
    responses={**example(_RESULT, "At most 10,000 rows."), **problems(404, 409, 501)},
)
def run_query(
    name: Annotated[str, Path(min_length=1, max_length=100, description="a query's name", examples=["who_is_device"])],
    body: QueryRequest,
    opened: Opened,
    principal: Operator,
) -> QueryResult:
    """Reads the graph store; parameters are bound, never part of the statement."""
    if name not in cypher.names(_GROUP):
        raise not_found()
    statement = cypher.load(name, opened.store.dialect)
    try:
        parameters = cypher.bind(statement, body.parameters)
    except cypher.ParameterError as error:
        raise ProblemError(Problem("invalid-parameters", 422, "Invalid request", f"{error}.")) from None
    columns = {column.name: Column(column.kind) for column in statement.columns}
    # Rows about somebody whom a parameter names need not name them again: the gate must know of them all the same.
    asked = [(_ASKED[p], str(value)) for p, value in parameters.items() if p in _ASKED]
    for kind, value in asked:
        if kind in _SUBJECTS:
            watch(opened, principal, "asked", kind, value)
    rows = opened.store.query(name, parameters)
    use = Use.TAGS if _SUBJECTS & {*columns.values(), *(kind for kind, _ in asked)} else Use.STATISTICS
    answer = opened.view.gate.query(rows[:_MAX_ROWS], columns, name=name, caller=caller_of(principal), use=use, asked=asked)
    return QueryResult(rows=[dict(row) for row in released(opened, answer).rows], truncated=len(rows) > _MAX_ROWS)

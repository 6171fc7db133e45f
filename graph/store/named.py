"""From a query's name and the caller's parameters to text and values that a store can run, in the store errors of the project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cypher
from graph.errors import QueryError, UnknownQuery

__all__ = ["named_query"]


def named_query(name: str, dialect: str, parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Text and checked values of a query that users may run. Raises UnknownQuery, QueryError."""
    if name not in cypher.names():
        raise UnknownQuery(name, cypher.names())
    statement = cypher.load(name, dialect)
    try:
        return statement.text, cypher.bind(statement, parameters)
    except cypher.ParameterError as error:
        raise QueryError(str(error)) from None

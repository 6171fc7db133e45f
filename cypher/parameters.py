"""Checks and converts the values given to a statement's parameters.

In: a statement and values as the caller has them (typed, or text from a command line or URL). Out: values of the declared types,
with defaults. Nothing undeclared passes, and nothing given ever becomes part of the statement's text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cypher.statement import Parameter, Statement

__all__ = ["ParameterError", "bind"]

_INT64 = range(-(2**63), 2**63)
_LONGEST_TEXT = 1_000_000


class ParameterError(ValueError):
    """A parameter is missing, unknown or of the wrong kind. `str(error)` is one line and never holds the value given."""

    def __init__(self, statement: str, parameter: str, reason: str) -> None:
        self.statement = statement
        self.parameter = parameter
        super().__init__(f"query {statement}: parameter {parameter} {reason}")


def bind(statement: Statement, given: Mapping[str, Any]) -> dict[str, Any]:
    """Values for every parameter of the statement. Raises ParameterError for the first that is wrong."""
    known = {parameter.name: parameter for parameter in statement.parameters}
    for name in given:
        if name not in known:
            allowed = ", ".join(known) or "none"
            raise ParameterError(statement.name, name if name.isidentifier() else "name", f"is not known; allowed: {allowed}")
    return {name: _value(statement.name, parameter, given) for name, parameter in known.items()}


def _value(statement: str, parameter: Parameter, given: Mapping[str, Any]) -> Any:
    value = given.get(parameter.name)
    if value is None:
        if parameter.required:
            raise ParameterError(statement, parameter.name, f"is missing: {_allowed(parameter)}; {parameter.summary}")
        value = parameter.default
    try:
        converted = _CONVERT[parameter.type](value)
        _check_bounds(parameter, converted)
    except (ValueError, TypeError, OverflowError):
        raise ParameterError(statement, parameter.name, f"must be {_allowed(parameter)}") from None
    return converted


def _allowed(parameter: Parameter) -> str:
    article = "an" if parameter.type == "integer" else "a"
    words = {
        "strings": "a list of strings",
        "time": "an ISO 8601 time with its offset from UTC",
        "boolean": "true or false",
    }.get(parameter.type, f"{article} {parameter.type}")
    return words if parameter.least is None else f"{words} from {parameter.least:g} to {parameter.most:g}"


def _check_bounds(parameter: Parameter, value: Any) -> None:
    if parameter.least is not None and parameter.most is not None and not parameter.least <= value <= parameter.most:
        raise ValueError


def _string(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise ValueError
    value.encode()  # a lone surrogate is no text
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    if int(value) not in _INT64:
        raise OverflowError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(float(value)):
        raise ValueError
    return float(value)


def _boolean(value: Any) -> bool:
    if value in ("true", "false"):
        return bool(value == "true")
    if not isinstance(value, bool):
        raise TypeError
    return value


def _time(value: Any) -> datetime:
    time = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise ValueError
    return time.astimezone(UTC)


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        value = json.loads(value) if value.startswith("[") else [value]
    if not isinstance(value, list | tuple):
        raise TypeError
    return [_string(item) for item in value]


_CONVERT = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "time": _time,
    "strings": _strings,
}

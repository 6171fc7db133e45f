"""Ladybug's values as plain Python, and plain Python's as Ladybug takes them. Times without zone in it are UTC."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

__all__ = ["from_ladybug", "missing_parameters", "to_ladybug"]

_NO_CODE = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`[^`]*`|//[^\n]*|/\*.*?\*/""", re.DOTALL)


def missing_parameters(statement: str, given: Mapping[str, Any]) -> list[str]:
    """Parameters of a statement that are not given, sorted: Ladybug takes them for null."""
    return sorted(set(re.findall(r"\$(\w+)", _NO_CODE.sub("", statement))) - set(given))


def to_ladybug(value: Any) -> Any:
    """A parameter: Ladybug drops the zone of a time without converting, so it is converted here."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, Mapping):
        return {key: to_ladybug(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_ladybug(item) for item in value]
    return value


def from_ladybug(value: Any) -> Any:
    """A result value: nodes and relationships become dicts of the properties that they have, paths dicts of both."""
    if value is None or isinstance(value, str | int | float):  # bool is an int
        return value
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, Decimal):  # the sum of integers is one, of 128 bits
        return int(value) if value.as_tuple().exponent == 0 else float(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [from_ladybug(item) for item in value]
    if isinstance(value, dict):
        if "_NODES" in value and "_RELS" in value:
            return {"nodes": from_ladybug(value["_NODES"]), "relationships": from_ladybug(value["_RELS"])}
        if "_LABEL" in value and "_ID" in value:
            return {k: from_ladybug(v) for k, v in value.items() if v is not None and not k.startswith("_")}
        return {str(k): from_ladybug(v) for k, v in value.items()}
    return str(value)

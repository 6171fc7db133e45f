"""The names of the API's own fields and parameters, from its OpenAPI document: the only words of a request that an error
text may repeat, since a free key of a JSON object can be somebody's e-mail address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["FieldNames"]

_PARTS = frozenset({"body", "query", "path", "header"})


class FieldNames:
    """A set of names, read from the document at the first question."""

    def __init__(self, document: Callable[[], dict[str, Any]]) -> None:
        self._document = document
        self._names: frozenset[str] | None = None

    def __contains__(self, name: object) -> bool:
        if self._names is None:
            self._names = _PARTS | frozenset(_names(self._document()))
        return name in self._names


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict):
            yield from properties
        if "in" in node and isinstance(node.get("name"), str):
            yield node["name"]
        for key, value in node.items():
            if key not in ("example", "examples"):
                yield from _names(value)
        mapping = node.get("mapping")
        if isinstance(mapping, dict):
            yield from mapping
    elif isinstance(node, list):
        for item in node:
            yield from _names(item)

"""Requests made from the OpenAPI document: one for each operation and body example, with the examples that the document gives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from api.http.app import create_app
from api.settings import Settings

__all__ = ["OwnedCall", "documented_calls"]

_OWNED = re.compile(r"aud-[0-9a-f]{16}|exp-[0-9a-f]{16}")


@dataclass(frozen=True)
class OwnedCall:
    """A request of one operation."""

    operation: str
    method: str
    path: str
    query: dict[str, str]
    body: Any

    @property
    def owned(self) -> bool:
        """Whether it names something that belongs to a tenant."""
        return _OWNED.search(f"{self.path} {self.query} {self.body}") is not None

    def naming(self, ids: Mapping[str, str]) -> OwnedCall:
        """The same about other things: ids by their first three letters."""

        def put(value: Any) -> Any:
            if isinstance(value, str):
                return _OWNED.sub(lambda found: ids[found[0][:3]], value)
            if isinstance(value, dict):
                return {k: put(v) for k, v in value.items()}
            # One of a list is enough, and a list may have to hold different ones.
            return [*map(put, value[:1]), *value[1:]] if isinstance(value, list) else value

        return replace(self, path=put(self.path), query=put(self.query), body=put(self.body))


def documented_calls() -> list[OwnedCall]:
    """Every operation under /v1, once for each example of its body."""
    document = create_app(Settings()).openapi()
    found = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if path.startswith("/v1/"):
                parameters = operation.get("parameters", [])
                given = {p["name"]: _value(document, p) for p in parameters if p["in"] == "path"}
                query = {p["name"]: _value(document, p) for p in parameters if p["in"] == "query" and p.get("required")}
                place = re.sub(r"\{(\w+)\}", lambda name, given=given: quote(given[name[1]], safe=""), path)
                for body in _bodies(document, operation):
                    found.append(OwnedCall(operation["operationId"], method.upper(), place, query, body))
    return found


def _value(document: dict[str, Any], parameter: dict[str, Any]) -> str:
    schema = _resolved(document, parameter["schema"])
    examples = [*schema.get("examples", []), *schema.get("enum", [])]
    if "example" in parameter:
        examples.insert(0, parameter["example"])
    return str(examples[0]) if examples else "something"


def _bodies(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[Any]:
    if "requestBody" not in operation:
        yield None
        return
    part = operation["requestBody"]["content"]["application/json"]
    if "examples" in part:
        yield from (example["value"] for example in part["examples"].values())
    elif "example" in part:
        yield part["example"]
    else:
        yield from _resolved(document, part["schema"])["examples"]


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema

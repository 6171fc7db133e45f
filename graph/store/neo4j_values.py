"""Neo4j's values as plain Python. Times are aware UTC; nodes and relationships are dicts of their properties."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

__all__ = ["from_neo4j", "to_neo4j"]


def to_neo4j(value: Any) -> Any:
    """A parameter: to Neo4j two times of different zones are never equal, and all times in the graph are UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, Mapping):
        return {name: to_neo4j(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_neo4j(item) for item in value]
    return value


def from_neo4j(value: Any) -> Any:
    """A result value of the driver. Times finer than a microsecond are cut; dates, local times and durations become ISO text."""
    if value is None or isinstance(value, str | int | float):  # bool is an int
        return value
    from neo4j.graph import Node, Path, Relationship
    from neo4j.time import DateTime

    if isinstance(value, DateTime):
        native = value.to_native()
        return native.replace(tzinfo=UTC) if native.tzinfo is None else native.astimezone(UTC)
    if isinstance(value, list | tuple):
        return [from_neo4j(item) for item in value]
    if isinstance(value, Node | Relationship):
        return {name: from_neo4j(item) for name, item in value.items()}
    if isinstance(value, Path):
        return {"nodes": from_neo4j(list(value.nodes)), "relationships": from_neo4j(list(value.relationships))}
    if isinstance(value, dict):
        return {name: from_neo4j(item) for name, item in value.items()}
    return value.iso_format() if hasattr(value, "iso_format") else str(value)

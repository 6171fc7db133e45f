"""Neo4j's values as plain Python. Times are aware UTC; nodes and relationships are dicts of their properties."""

from __future__ import annotations

from datetime import UTC
from typing import Any

__all__ = ["from_neo4j"]


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

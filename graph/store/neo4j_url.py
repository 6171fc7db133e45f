"""Reads a Neo4j URL. In: `neo4j://user:password@host:7687/database`. Out: its parts, the password apart from the address."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from graph.errors import SettingsError

__all__ = ["SCHEMES", "Neo4jUrl"]

SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")
_PORT = 7687


@dataclass(frozen=True)
class Neo4jUrl:
    """Where a Neo4j server is and how to get in. `address` is fit for messages: it holds neither user nor password."""

    address: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    database: str | None

    @classmethod
    def parse(cls, url: str) -> Neo4jUrl:
        """Parse a URL; user and password are percent-decoded, the port is 7687 unless given. Raises SettingsError."""
        try:
            parts = urlsplit(url.strip())
            port = parts.port or _PORT
        except ValueError:
            raise SettingsError(f"TESSERA_GRAPH_URL has a wrong host or port; {_FORM}") from None
        if parts.scheme not in SCHEMES or not parts.hostname:
            raise SettingsError(f"TESSERA_GRAPH_URL is not the URL of a graph store; {_FORM}")
        if not parts.username or not parts.password:
            raise SettingsError(f"TESSERA_GRAPH_URL names no user or no password; {_FORM}")
        if parts.query or parts.fragment:
            raise SettingsError(f"TESSERA_GRAPH_URL has something after the database's name; {_FORM}")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        database = unquote(parts.path.strip("/")) or None
        return cls(f"{parts.scheme}://{host}:{port}", unquote(parts.username), unquote(parts.password), database)


_FORM = (
    "use ladybug, or neo4j://user:password@host:7687 "
    "(or bolt:, or with +s for TLS; percent-encode what is special in user and password)"
)

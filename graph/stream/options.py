"""What the stream consumer is told: where Kafka is, what to read, and how much to gather."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from graph.errors import SettingsError

__all__ = ["StreamOptions", "read_properties"]

_OURS = (
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
)
"""Client properties on which at-least-once delivery rests: not for a properties file to change."""


@dataclass(frozen=True)
class StreamOptions:
    """`brokers` is host:port[,host:port]; `member` names this home in the consumer group; `properties` are librdkafka's, for TLS
    and SASL, and may hold secrets. A file ends with `batch_messages` messages, `batch_bytes` bytes, or after `linger_seconds`.
    Kafka may be silent for `start_seconds` at the start and for `patience_seconds` later."""

    brokers: str
    topic: str
    group: str
    member: str
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)
    batch_messages: int = 5_000
    batch_bytes: int = 8 << 20
    linger_seconds: float = 1.0
    start_seconds: float = 10.0
    patience_seconds: float = 60.0


def read_properties(file: Path) -> dict[str, str]:
    """A file of librdkafka client properties, `name = value` lines and `#` comments. Raises SettingsError, never with a value."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise SettingsError(f"{file}: cannot be read ({reason}); correct or unset TESSERA_KAFKA_PROPERTIES") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not (text := line.strip()) or text.startswith("#"):
            continue
        name, equals, value = (part.strip() for part in text.partition("="))
        if not name or not equals:
            raise SettingsError(f"{file}: line {number} is no `name = value`; correct it")
        if name in _OURS:
            raise SettingsError(f"{file}: {name} on line {number} is Tessera's own to set; remove it")
        found[name] = value
    return found

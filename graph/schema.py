"""The names of the identity graph: node labels with their keys, relationship types with their ends, properties with
their types. Fixed, since people write Cypher against them; everything that creates or loads a graph reads them here.

Types are a closed set that both stores hold without loss: STRING, INT64, DOUBLE, BOOL, TIMESTAMP (UTC, microseconds).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

__all__ = [
    "ARROW_TYPES",
    "NODES",
    "RELATIONSHIPS",
    "Edge",
    "Label",
    "NodeType",
    "Property",
    "RelationshipType",
    "Type",
]


class Property(StrEnum):
    """Property types that both stores give back value for value."""

    STRING = "STRING"
    INT64 = "INT64"
    DOUBLE = "DOUBLE"
    BOOL = "BOOL"
    TIMESTAMP = "TIMESTAMP"


ARROW_TYPES: dict[Property, pa.DataType] = {
    Property.STRING: pa.string(),
    Property.INT64: pa.int64(),
    Property.DOUBLE: pa.float64(),
    Property.BOOL: pa.bool_(),
    Property.TIMESTAMP: pa.timestamp("us", tz="UTC"),
}


class Label(StrEnum):
    """Node labels."""

    PERSON = "Person"
    DEVICE = "Device"
    ACCOUNT = "Account"
    IDENTIFIER = "Identifier"
    NETWORK = "Network"
    CONTENT = "Content"
    TAG = "Tag"
    AUDIENCE = "Audience"
    HOUSEHOLD = "Household"


class Type(StrEnum):
    """Relationship types."""

    BELONGS_TO = "BELONGS_TO"
    SIGNED_IN_AS = "SIGNED_IN_AS"
    HAS_IDENTIFIER = "HAS_IDENTIFIER"
    SEEN_ON = "SEEN_ON"
    SAME_PERSON = "SAME_PERSON"
    ENGAGED = "ENGAGED"
    ABOUT = "ABOUT"
    INTERESTED_IN = "INTERESTED_IN"
    PARENT = "PARENT"
    RELATED = "RELATED"
    MEMBER_OF = "MEMBER_OF"
    LIVES_IN = "LIVES_IN"


@dataclass(frozen=True)
class NodeType:
    """A node label: `key` is unique, `properties` are the others in column order."""

    label: Label
    key: str
    properties: dict[str, Property]


@dataclass(frozen=True)
class RelationshipType:
    """A relationship type: `ends` are its (from, to) labels; `discriminators` are the properties that, with both ends,
    tell two relationships of the type apart (an upsert matches on them)."""

    type: Type
    ends: tuple[tuple[Label, Label], ...]
    properties: dict[str, Property]
    discriminators: tuple[str, ...] = ()


@dataclass(frozen=True, order=True)
class Edge:
    """One relationship type between one pair of labels: the unit in which relationships are loaded."""

    type: Type
    source: Label
    target: Label


_S, _I, _D, _B, _T = (
    Property.STRING,
    Property.INT64,
    Property.DOUBLE,
    Property.BOOL,
    Property.TIMESTAMP,
)

NODES: dict[Label, NodeType] = {
    n.label: n
    for n in (
        NodeType(
            Label.PERSON,
            "person_id",
            {"class": _S, "devices": _I, "accounts": _I, "created_at": _T},
        ),
        NodeType(
            Label.DEVICE,
            "device_id",
            {
                "kind": _S,
                "os": _S,
                "browser": _S,
                "class": _S,
                "first_seen": _T,
                "last_seen": _T,
            },
        ),
        NodeType(
            Label.ACCOUNT,
            "account_id",
            {"source": _S, "country": _S, "region": _S, "created_at": _T, "class": _S},
        ),
        NodeType(Label.IDENTIFIER, "identifier_id", {"kind": _S, "generic": _B}),
        NodeType(Label.NETWORK, "network_id", {"devices": _I, "generic": _B}),
        NodeType(Label.CONTENT, "content_id", {"title": _S, "url": _S, "lang": _S}),
        NodeType(Label.TAG, "tag_id", {"name": _S, "taxonomy": _S, "sensitive": _B}),
        NodeType(
            Label.AUDIENCE,
            "audience_id",
            {"name": _S, "kind": _S, "size": _I, "version": _I},
        ),
        NodeType(Label.HOUSEHOLD, "household_id", {}),
    )
}

_SUBJECTS = (Label.DEVICE, Label.ACCOUNT)
_SUBJECT_PAIRS = tuple((a, b) for a in _SUBJECTS for b in _SUBJECTS)

RELATIONSHIPS: dict[Type, RelationshipType] = {
    r.type: r
    for r in (
        RelationshipType(
            Type.BELONGS_TO,
            tuple((s, Label.PERSON) for s in _SUBJECTS),
            {"confidence": _D, "since": _T},
        ),
        RelationshipType(
            Type.SIGNED_IN_AS,
            ((Label.DEVICE, Label.ACCOUNT),),
            {"count": _I, "first_seen": _T, "last_seen": _T},
        ),
        RelationshipType(Type.HAS_IDENTIFIER, tuple((s, Label.IDENTIFIER) for s in _SUBJECTS), {}),
        RelationshipType(
            Type.SEEN_ON,
            ((Label.DEVICE, Label.NETWORK),),
            {"count": _I, "first_seen": _T, "last_seen": _T},
        ),
        RelationshipType(
            Type.SAME_PERSON,
            _SUBJECT_PAIRS,
            {
                "method": _S,
                "weight": _D,
                "probability": _D,
                "first_seen": _T,
                "last_seen": _T,
            },
            ("method",),
        ),
        RelationshipType(
            Type.ENGAGED,
            tuple((s, Label.CONTENT) for s in _SUBJECTS),
            {
                "type": _S,
                "day": _S,
                "count": _I,
                "weight": _D,
                "first_at": _T,
                "last_at": _T,
            },
            ("type", "day"),
        ),
        RelationshipType(Type.ABOUT, ((Label.CONTENT, Label.TAG),), {"score": _D}),
        RelationshipType(
            Type.INTERESTED_IN,
            ((Label.PERSON, Label.TAG),),
            {"probability": _D, "model": _S, "at": _T},
        ),
        RelationshipType(Type.PARENT, ((Label.TAG, Label.TAG),), {}),
        RelationshipType(Type.RELATED, _SUBJECT_PAIRS, {"type": _S, "weight": _D}, ("type",)),
        RelationshipType(Type.MEMBER_OF, ((Label.PERSON, Label.AUDIENCE),), {}),
        RelationshipType(Type.LIVES_IN, ((Label.PERSON, Label.HOUSEHOLD),), {}),
    )
}


def edges() -> tuple[Edge, ...]:
    """Every (type, from, to) triple of the schema, in declaration order."""
    return tuple(Edge(r.type, a, b) for r in RELATIONSHIPS.values() for a, b in r.ends)

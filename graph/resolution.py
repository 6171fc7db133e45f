"""What resolution hands on: who is one person, and the links it was told from. Plain Arrow tables, ids as text."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from graph.tables import TIME

__all__ = [
    "EVIDENCE",
    "GUARDED",
    "HAS_IDENTIFIER",
    "IDENTIFIERS",
    "MEMBERS",
    "NETWORKS",
    "PERSONS",
    "SEEN_ON",
    "SIGNED_IN",
    "Resolution",
]

MEMBERS = pa.schema(
    [
        ("kind", pa.string()),  # device or account
        ("id", pa.string()),
        ("person_id", pa.string()),
        (
            "confidence",
            pa.float64(),
        ),  # probability that it belongs with the rest of its cluster
        ("class", pa.string()),  # person, shared or bot
        ("since", TIME),  # first seen; null when nothing dates it
        ("last_seen", TIME),
    ]
)
PERSONS = pa.schema(
    [
        ("person_id", pa.string()),
        ("class", pa.string()),
        ("devices", pa.int64()),
        ("accounts", pa.int64()),
        ("created_at", TIME),
    ]
)
EVIDENCE = pa.schema(
    [
        ("left_kind", pa.string()),
        ("left_id", pa.string()),
        ("right_kind", pa.string()),
        ("right_id", pa.string()),
        (
            "method",
            pa.string(),
        ),  # rule: sign_in, shared_email, shared_phone, shared_advertising_id, alias, …
        ("weight", pa.float64()),  # log2 odds
        ("probability", pa.float64()),
        ("sources", pa.list_(pa.string())),
        ("first_seen", TIME),
        ("last_seen", TIME),
    ]
)
SIGNED_IN = pa.schema(
    [
        ("device_id", pa.string()),
        ("account_id", pa.string()),
        ("count", pa.int64()),
        ("first_seen", TIME),
        ("last_seen", TIME),
    ]
)
HAS_IDENTIFIER = pa.schema([("kind", pa.string()), ("id", pa.string()), ("identifier_id", pa.string())])
IDENTIFIERS = pa.schema(
    [
        ("identifier_id", pa.string()),
        ("kind", pa.string()),
        ("degree", pa.int64()),
        ("generic", pa.bool_()),
    ]
)
SEEN_ON = pa.schema(
    [
        ("device_id", pa.string()),
        ("network_id", pa.string()),
        ("count", pa.int64()),
        ("first_seen", TIME),
        ("last_seen", TIME),
    ]
)
NETWORKS = pa.schema([("network_id", pa.string()), ("devices", pa.int64()), ("generic", pa.bool_())])
GUARDED = pa.schema(  # members that give no evidence, with the reason in words
    [
        ("kind", pa.string()),
        ("id", pa.string()),
        ("class", pa.string()),  # shared or bot
        ("reason", pa.string()),
    ]
)


@dataclass(frozen=True)
class Resolution:
    """One run's result; each table has the schema of the same name above. Every device and account of the lake is in
    `members` exactly once."""

    members: pa.Table
    persons: pa.Table
    evidence: pa.Table
    signed_in: pa.Table
    has_identifier: pa.Table
    identifiers: pa.Table
    seen_on: pa.Table
    networks: pa.Table
    guarded: pa.Table = field(default_factory=GUARDED.empty_table)

"""What resolution hands on: who is one person, and the links it was told from. Plain Arrow tables, ids as text."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from graph.tables import TIME

__all__ = [
    "ACCOUNTS",
    "DEVICES",
    "EVIDENCE",
    "GUARDED",
    "HAS_IDENTIFIER",
    "HOUSEHOLDS",
    "IDENTIFIERS",
    "MEMBERS",
    "NETWORKS",
    "PERSONS",
    "SEEN_ON",
    "SIGNED_IN",
    "Region",
    "Resolution",
    "ResolutionChange",
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
        ),  # rule: sign_in, shared_advertising_id, alias, records, behaviour, …
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

DEVICES = pa.schema([("device_id", pa.string()), ("kind", pa.string()), ("os", pa.string()), ("browser", pa.string())])
ACCOUNTS = pa.schema(
    [
        ("account_id", pa.string()),
        ("source", pa.string()),
        ("country", pa.string()),
        ("region", pa.string()),
        ("created_at", TIME),
    ]
)
HOUSEHOLDS = pa.schema([("person_id", pa.string()), ("household_id", pa.string())])


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
    households: pa.Table = field(default_factory=HOUSEHOLDS.empty_table)


@dataclass(frozen=True)
class Region:
    """The part of a resolution in which some subjects take part, with what the lake says of them: `devices` and `accounts` have
    the schemas of the same names above."""

    resolution: Resolution
    devices: pa.Table
    accounts: pa.Table


@dataclass(frozen=True)
class ResolutionChange:
    """What an update changed: the same subjects' region before and after it."""

    before: Region
    after: Region

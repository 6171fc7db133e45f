"""What is told of a person in a subgraph, before anything is counted: a star of generalised devices, accounts and one tag.

In: a snapshot and the people who may be released. Out: one `Star` per person. Ids stay inside; values are from small closed sets:
device kind, operating system family, numbers of devices and accounts capped, whether anybody shares the household, one
second-tier tag. Times, titles, networks, identifiers and the relationships between people are not read at all.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Container, Sequence
from dataclasses import dataclass

import pyarrow as pa

from graph.database import connect
from graph.privacy.tiers import second_tier
from graph.schema import Edge, Label, Type
from graph.snapshot import Snapshot, node_schema, relationship_schema

__all__ = ["MAX_ACCOUNTS", "MAX_DEVICES", "Device", "Star", "digest", "stars"]

MAX_DEVICES = 3
"""Threat: a person with many devices is one of few. Unit: devices told of one person. The number told is then `3+`."""
MAX_ACCOUNTS = 2
"""As above, for accounts."""

_KINDS = ("desktop", "mobile", "tablet", "tv", "web", "app")
# What an operating system's name holds, and its family: first match.
_FAMILIES = (
    ("windows", "windows"),
    ("ios", "ios"),
    ("ipad", "ios"),
    ("iphone", "ios"),
    ("android", "android"),
    ("chrome", "chromeos"),
    ("mac", "macos"),
    ("os x", "macos"),
    ("linux", "linux"),
    ("ubuntu", "linux"),
    ("debian", "linux"),
    ("fedora", "linux"),
)

_STARS = """
WITH owned AS (SELECT target AS person_id, source AS device_id FROM device_of SEMI JOIN chosen ON target = chosen.person_id),
     described AS (SELECT person_id, device_id, device.kind, device.os FROM owned LEFT JOIN device USING (device_id)),
     devices AS (SELECT person_id, list({'id': device_id, 'kind': kind, 'os': os}) AS devices FROM described GROUP BY person_id),
     accounts AS (SELECT target AS person_id, list(source) AS accounts FROM account_of GROUP BY target),
     home AS (SELECT source AS person_id, target AS household_id FROM lives_in),
     shared AS (SELECT household_id FROM home GROUP BY household_id HAVING count(DISTINCT person_id) > 1),
     interest AS (SELECT source AS person_id, tier.name AS tag, sum(probability) AS weight
                  FROM interested_in JOIN tier ON target = tier.tag_id GROUP BY source, tier.name),
     best AS (SELECT person_id, tag FROM interest
              QUALIFY row_number() OVER (PARTITION BY person_id ORDER BY weight DESC, tag) = 1)
SELECT chosen.person_id, devices.devices, accounts.accounts,
       chosen.person_id IN (SELECT person_id FROM home SEMI JOIN shared USING (household_id)) AS household, best.tag
FROM chosen LEFT JOIN devices USING (person_id) LEFT JOIN accounts USING (person_id) LEFT JOIN best USING (person_id)
ORDER BY chosen.person_id"""


@dataclass(frozen=True, order=True)
class Device:
    """A generalised device; its id is for pseudonyms only."""

    kind: str
    os: str
    device_id: str


@dataclass(frozen=True)
class Star:
    """One person: at most `MAX_DEVICES` devices and `MAX_ACCOUNTS` accounts are told, `more_…` says whether there are others."""

    person_id: str
    devices: tuple[Device, ...]
    more_devices: bool
    accounts: tuple[str, ...]
    more_accounts: bool
    household: bool
    tag: str | None


def stars(snapshot: Snapshot, person_ids: pa.Array, sensitive: Container[str]) -> list[Star]:
    """A star for each of the people, in the order of their ids."""
    tiers = second_tier(_nodes(snapshot, Label.TAG), _relationships(snapshot, Edge(Type.PARENT, Label.TAG, Label.TAG)), sensitive)
    tables = {
        "chosen": pa.table({"person_id": person_ids}),
        "device": _nodes(snapshot, Label.DEVICE),
        "device_of": _relationships(snapshot, Edge(Type.BELONGS_TO, Label.DEVICE, Label.PERSON)),
        "account_of": _relationships(snapshot, Edge(Type.BELONGS_TO, Label.ACCOUNT, Label.PERSON)),
        "lives_in": _relationships(snapshot, Edge(Type.LIVES_IN, Label.PERSON, Label.HOUSEHOLD)),
        "interested_in": _relationships(snapshot, Edge(Type.INTERESTED_IN, Label.PERSON, Label.TAG)),
        "tier": pa.table({"tag_id": pa.array(list(tiers), pa.string()), "name": pa.array(list(tiers.values()), pa.string())}),
    }
    with connect() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        rows = connection.execute(_STARS).fetchall()
    return [_star(*row) for row in rows]


def digest(people: Sequence[Star], key: bytes) -> str:
    """A keyed digest of everything that is told of these people: equal when, and only when, the same is told of the same."""
    keyed = hmac.new(key, digestmod=hashlib.sha256)
    for star in people:
        keyed.update(repr(star).encode())
    return keyed.hexdigest()


def _star(
    person_id: str, devices: list[dict[str, str | None]] | None, accounts: list[str] | None, household: bool, tag: str | None
) -> Star:
    told = sorted(Device(_kind(d["kind"]), _family(d["os"]), str(d["id"])) for d in devices or [])
    named = sorted(accounts or [])
    return Star(
        person_id,
        tuple(told[:MAX_DEVICES]),
        len(told) > MAX_DEVICES,
        tuple(named[:MAX_ACCOUNTS]),
        len(named) > MAX_ACCOUNTS,
        household,
        tag,
    )


def _kind(kind: str | None) -> str:
    return kind if kind in _KINDS else "other"


def _family(os: str | None) -> str:
    text = (os or "").lower()
    return next((family for part, family in _FAMILIES if part in text), "other")


def _nodes(snapshot: Snapshot, label: Label) -> pa.Table:
    return _typed(snapshot.nodes.get(label), node_schema(label))


def _relationships(snapshot: Snapshot, edge: Edge) -> pa.Table:
    return _typed(snapshot.relationships.get(edge), relationship_schema(edge))


def _typed(table: pa.Table | None, schema: pa.Schema) -> pa.Table:
    """The table with every column of its schema: properties that it lacks are null."""
    if table is None:
        return schema.empty_table()
    return pa.table(
        [table[f.name].cast(f.type) if f.name in table.column_names else pa.nulls(table.num_rows, f.type) for f in schema],
        schema=schema,
    )

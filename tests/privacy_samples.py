"""Small homes for tests of consent, gate and export: a lake's view of consents, members, a gate, and a whole snapshot.

Every raw id starts with `raw-`, so that a test can look for any of them in what was written.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from graph.control import Audience, AudienceKind, Control
from graph.privacy import Accounts, Caller, Consents, Gate, GateSettings, LegalBasis
from graph.resolution import MEMBERS
from graph.schema import Edge, Label, Type
from graph.snapshot import Snapshot, node_schema, relationship_schema
from graph.tables import lake_schema

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY = bytes(range(32))
CALLER = Caller("acme", "key-1")
EVERYTHING = [str(purpose) for purpose in range(1, 12)]


def consents_view(rows: Iterable[Mapping[str, Any]]) -> duckdb.DuckDBPyConnection:
    """A connection with the lake's view `consents`."""
    connection = duckdb.connect()
    connection.register("consents", pa.Table.from_pylist([dict(row) for row in rows], schema=lake_schema("consents")))
    return connection


def consent(kind: str, subject: str, purposes: Sequence[str] | None, **more: Any) -> dict[str, Any]:
    """One row of the lake's consents."""
    return {"subject_kind": kind, "subject_id": subject, "purposes": purposes, "at": NOW - timedelta(days=1), **more}


def members(rows: Iterable[tuple[str, str, str] | tuple[str, str, str, str]]) -> pa.Table:
    """Members from (kind, id, person) or (kind, id, person, class)."""
    return pa.Table.from_pylist(
        [
            {"kind": r[0], "id": r[1], "person_id": r[2], "class": r[3] if len(r) > 3 else "person", "confidence": 1.0}
            for r in rows
        ],
        schema=MEMBERS,
    )


def everybody(count: int) -> list[str]:
    """Person ids."""
    return [f"raw-p{i:05d}" for i in range(count)]


def account_rows(people: Sequence[str]) -> list[dict[str, Any]]:
    """One account of each of the people, with everything that a platform may ask for."""
    return [
        {
            "account_id": f"{person}-account",
            "email": f"{person}@shop.example",
            "phone": f"+4930{number:07d}",
            "given_name": f"Given {person}",
            "family_name": f"Family {person}",
            "city": "Köln",
            "region": "Nordrhein-Westfalen",
            "postcode": f"{50000 + number % 999}",
            "country": "DE",
            "birth_date": "1990-01-31",
            "gender": "female",
        }
        for number, person in enumerate(people)
    ]


@contextmanager
def accounts_of(rows: Sequence[Mapping[str, Any]], people: Sequence[str]) -> Iterator[Accounts]:
    """Accounts as the gate reads them; those whose id begins with a person's belong to the person."""
    connection = duckdb.connect()
    connection.register("accounts", pa.Table.from_pylist([dict(row) for row in rows], schema=lake_schema("accounts")))
    known = set(people)
    owned = (("account", row["account_id"], row["account_id"].rpartition("-")[0]) for row in rows)
    with connection:
        yield Accounts(connection, members(row for row in owned if row[2] in known))


def gate_over(
    control: Control,
    people: Sequence[str],
    *,
    refusing: Sequence[str] = (),
    silent: Sequence[str] = (),
    settings: GateSettings | None = None,
    sensitive: Container[str] = frozenset(),
    legal_basis: LegalBasis | None = None,
    clock: Callable[[], datetime] = lambda: NOW,
    classes: Mapping[str, str] | None = None,
) -> Gate:
    """A gate over people of one account each, who permit everything unless they are named."""
    rows = [
        consent("account", f"{person}-account", [] if person in set(refusing) else EVERYTHING)
        for person in people
        if person not in set(silent)
    ]
    table = members(("account", f"{p}-account", p, (classes or {}).get(p, "person")) for p in people)
    with consents_view(rows) as connection:
        consents = Consents(connection, table, control.consents, clock=clock, legal_basis=legal_basis)
    return Gate(consents, control, KEY, sensitive=sensitive, clock=clock, settings=settings or GateSettings())


def audience(control: Control, definition: Mapping[str, Any] | None = None, tenant: str = "acme") -> Audience:
    """An audience of a tenant, which is made too."""
    control.tenants.ensure(tenant, now=NOW)
    return control.audiences.create(tenant, "runners", AudienceKind.RULE, definition or {"tags": ["running"]}, now=NOW)


# A taxonomy of three tiers: (id, name, sensitive, parent).
TAGS = [
    ("raw-t1", "Sports", False, None),
    ("raw-t2", "Outdoor, 'fresh' \\ air & <more>", False, "raw-t1"),
    ("raw-t3", "raw-trail running", False, "raw-t2"),
    ("raw-t4", "raw-bouldering", False, "raw-t2"),
    ("raw-t5", "Health", False, None),
    ("raw-t6", "Conditions", True, "raw-t5"),
    ("raw-t7", "raw-a condition", False, "raw-t6"),
    ("raw-t8", "音乐", False, "raw-t1"),
    ("raw-t9", "raw-民谣", False, "raw-t8"),
]
KINDS = ["desktop", "mobile", "tablet", "fridge", None]
SYSTEMS = ["Windows 10", "iOS 17.1", "Android 14", "Ubuntu", "raw-os", None]


def population(count: int, seed: int) -> Snapshot:
    """People with zero to five devices, zero to three accounts, a household at times, and interests in leaf tags."""
    draw = random.Random(seed)
    nodes: dict[Label, list[dict[str, Any]]] = {label: [] for label in (Label.PERSON, Label.DEVICE, Label.ACCOUNT)}
    edges: dict[Edge, list[dict[str, Any]]] = {}
    own_device, own_account = (Edge(Type.BELONGS_TO, label, Label.PERSON) for label in (Label.DEVICE, Label.ACCOUNT))
    lives, likes = Edge(Type.LIVES_IN, Label.PERSON, Label.HOUSEHOLD), Edge(Type.INTERESTED_IN, Label.PERSON, Label.TAG)
    for edge in (own_device, own_account, lives, likes):
        edges[edge] = []
    for person in everybody(count):
        nodes[Label.PERSON].append({"person_id": person, "class": "person", "created_at": NOW})
        for i in range(draw.choice([0, 1, 1, 2, 2, 3, 5])):
            device = f"{person}-device{i}"
            nodes[Label.DEVICE].append(
                {
                    "device_id": device,
                    "kind": draw.choice(KINDS),
                    "os": draw.choice(SYSTEMS),
                    "browser": "raw-browser",
                    "first_seen": NOW,
                }
            )
            edges[own_device].append({"source": device, "target": person, "confidence": 0.9, "since": NOW})
        for i in range(draw.choice([0, 1, 1, 1, 3])):
            account = f"{person}-account{i}" if i else f"{person}-account"
            nodes[Label.ACCOUNT].append({"account_id": account, "source": "raw-shop", "country": "raw-land"})
            edges[own_account].append({"source": account, "target": person, "confidence": 1.0})
        if draw.random() < 0.3:
            edges[lives].append({"source": person, "target": f"raw-h{draw.randrange(count // 4 + 1)}"})
        for tag in draw.sample(["raw-t3", "raw-t4", "raw-t7", "raw-t9"], draw.randrange(3)):
            edges[likes].append({"source": person, "target": tag, "probability": draw.random(), "model": "raw-model", "at": NOW})
    tables = {label: pa.Table.from_pylist(rows, schema=node_schema(label)) for label, rows in nodes.items()}
    tables[Label.TAG] = pa.Table.from_pylist(
        [{"tag_id": i, "name": n, "taxonomy": "own", "sensitive": s} for i, n, s, _ in TAGS], schema=node_schema(Label.TAG)
    )
    parent = Edge(Type.PARENT, Label.TAG, Label.TAG)
    edges[parent] = [{"source": i, "target": p} for i, _, _, p in TAGS if p is not None]
    return Snapshot("home", tables, {e: pa.Table.from_pylist(rows, schema=relationship_schema(e)) for e, rows in edges.items()})

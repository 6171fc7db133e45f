"""Small lakes for tests: rows as dicts, offered as a connection with a view per input table, as `Lake.connect` does."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from graph.tables import TABLES, lake_schema

Rows = Sequence[Mapping[str, Any]]
START = datetime(2026, 3, 1, tzinfo=UTC)
KEY = b"k" * 32


def minutes(number: float) -> datetime:
    """A time that many minutes after the start of the tests' world."""
    return START + timedelta(minutes=number)


def lake_table(name: str, rows: Rows) -> pa.Table:
    """Rows in the lake's schema; what they lack is null, lineage is filled in."""
    filled = [{"_source": "test", "_batch": 1, **row} for row in rows]
    return pa.Table.from_pylist(filled, schema=lake_schema(name))


def connect(**tables: Rows) -> duckdb.DuckDBPyConnection:
    """A connection in UTC with a view per input table."""
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("SET TimeZone = 'UTC'")
    for name in TABLES:
        connection.register(name, lake_table(name, tables.get(name, ())))
    return connection


def sign_ins(device: str, account: str, count: int = 1, *, start: float = 0, every: float = 60) -> list[dict[str, Any]]:
    """Events with both a device and an account, one every so many minutes."""
    return [
        {
            "event_id": f"{device}/{account}/{start}/{i}",
            "at": minutes(start + i * every),
            "device_id": device,
            "account_id": account,
        }
        for i in range(count)
    ]


def partition(members: pa.Table) -> set[frozenset[str]]:
    """The persons of a resolution as sets of `kind:id`."""
    persons: dict[str, set[str]] = {}
    for row in members.to_pylist():
        persons.setdefault(row["person_id"], set()).add(f"{row['kind']}:{row['id']}")
    return {frozenset(p) for p in persons.values()}


def population(people: int, seed: int) -> dict[str, list[dict[str, Any]]]:
    """People with one to three accounts that share an address, and one to three devices that sign in."""
    generator = random.Random(seed)
    tables: dict[str, list[dict[str, Any]]] = {"accounts": [], "events": [], "devices": []}
    for person in range(people):
        accounts = [f"a{person:04d}{suffix}" for suffix in "xyz"[: generator.randint(1, 3)]]
        tables["accounts"] += [{"account_id": a, "email": f"p{person}@example.com"} for a in accounts]
        for device in range(generator.randint(1, 3)):
            tables["devices"].append({"device_id": f"d{person:04d}{device}", "kind": "mobile"})
            tables["events"] += sign_ins(f"d{person:04d}{device}", generator.choice(accounts), generator.randint(1, 4))
    return tables

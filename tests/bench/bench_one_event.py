"""Milliseconds from one new event to its person, in the identity log and in the graph, at a million identifiers.

    python -m tests.bench.bench_one_event [--accounts 330000] [--events 400] [--neo4j-url URL]

The home: accounts, each with an e-mail address of its own or one in twenty shared with another, one device and a sixth of a
second one each, sign-ins and page views on home networks. An event is a sign-in on a known pair (three in five), a page view on
another network (one in five), a sign-in on a new device (three in twenty), or a device's first page view (one in twenty).
Timed: from the cleaned row to the commit of the identity log, and on to the graph store's answer of `person_of_device`. The
plain way, in the same run, is a whole `resolve`. The first tenth warms up and is left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from graph import project
from graph.clean import Cleaner
from graph.home import Home
from graph.ingest import ingest
from graph.lake import Lake
from graph.resolve import IdentityLog, load, resolve
from graph.resolve.incremental import open_follower
from graph.store import GraphStore, open_store
from graph.tables import lake_schema
from tests.bench.harness import machine, show

KEY = b"k" * 32
END = datetime(2026, 6, 1, tzinfo=UTC)

_TABLES = {
    "accounts": """SELECT 'a' || i AS account_id, 'p' || (CASE WHEN i % 20 = 0 THEN i + 1 ELSE i END) || '@example.com' AS email,
                   'crm' AS source FROM range({accounts}) t(i)""",
    "devices": """SELECT 'd' || i AS device_id, CASE WHEN i % 2 = 0 THEN 'mobile' ELSE 'desktop' END AS kind
                  FROM range({devices}) t(i)""",
    "events": """SELECT 'e' || i AS event_id, TIMESTAMP '2026-05-01' + to_seconds((i * 7919) % 2592000) AS at,
                 'd' || (i % {devices}) AS device_id,
                 CASE WHEN i % 3 < 2 THEN 'a' || ((i % {devices}) % {accounts}) END AS account_id,
                 '10.' || (((i % {devices}) % {accounts}) // 65536) || '.' || ((((i % {devices}) % {accounts}) // 256) % 256) ||
                 '.' || (((i % {devices}) % {accounts}) % 256) AS ip, 'page_view' AS type FROM range({events}) t(i)""",
}


def source(folder: Path, accounts: int) -> Path:
    """Write the input tables."""
    folder.mkdir()
    sizes = {"accounts": accounts, "devices": accounts * 7 // 6, "events": accounts * 4}
    for name, query in _TABLES.items():
        duckdb.sql(query.format(**sizes)).write_parquet(str(folder / f"{name}.parquet"))
    return folder


def event(number: int, random: Random, accounts: int) -> dict[str, Any]:
    """One new event, as the lake has it."""
    devices = accounts * 7 // 6
    device = random.randrange(devices)
    kind = random.random()
    row: dict[str, Any] = {
        "event_id": f"new{number}",
        "at": END + timedelta(seconds=number),
        "type": "page_view",
        "_source": "stream",
    }
    if kind < 0.6:
        return {**row, "device_id": f"d{device}", "account_id": f"a{device % accounts}"}
    if kind < 0.8:
        return {**row, "device_id": f"d{device}", "ip": f"172.16.{number % 256}.{random.randrange(256)}"}
    if kind < 0.95:
        return {**row, "device_id": f"fresh{number}", "account_id": f"a{device % accounts}"}
    return {**row, "device_id": f"fresh{number}"}


def measure(home: Home, store: GraphStore, accounts: int, numbers: range) -> tuple[list[float], list[float]]:
    """Milliseconds to the log's commit and to the store's answer, one of each per event."""
    random, committed, answered = Random(numbers.start), [], []
    with IdentityLog(home.identity) as log, IdentityLog(home.identity, create=False) as before:
        follower = open_follower(log, home, KEY, in_step=True)
        for number in numbers:
            row = event(number, random, accounts)
            table = pa.Table.from_pylist([row], schema=lake_schema("events"))
            begin = time.perf_counter()
            with log.transaction():
                change = follower.change(follower.take({"events": table}), before)
            person = log.person_of("device", row["device_id"])
            committed.append(1e3 * (time.perf_counter() - begin))
            store.apply(project.change(home.home_id, change))
            found = store.query("person_of_device", {"device_id": row["device_id"]})
            answered.append(1e3 * (time.perf_counter() - begin))
            if [r["person_id"] for r in found] != [person]:
                sys.exit(f"event {number}: the store says {found}, the log {person}")
    skip = len(numbers) // 10
    return committed[skip:], answered[skip:]


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=330_000)
    parser.add_argument("--events", type=int, default=400)
    parser.add_argument("--neo4j-url", action="append", default=[])
    options = parser.parse_args()
    print(machine())
    rows = []
    with tempfile.TemporaryDirectory(prefix="tessera-bench-") as folder:
        home = Home.open(Path(folder) / "home")
        lake = Lake(home.lake)
        ingest(source(Path(folder) / "source", options.accounts), lake, Cleaner())
        with lake.connect() as connection:
            begin = time.perf_counter()
            resolve(connection, home, key=KEY)
            whole = time.perf_counter() - begin
            begin = time.perf_counter()
            resolve(connection, home, key=KEY, index_batch=lake.last_batch())
            filled = time.perf_counter() - begin
            counts = project.snapshot(connection, load(home), home_id=home.home_id, key=KEY).counts()
        identifiers = counts["Device"] + counts["Account"] + counts["Identifier"]
        print(f"{identifiers:,} identifiers; resolve {whole:.1f} s, with the key index {filled:.1f} s")
        for place, url in enumerate(("ladybug", *options.neo4j_url)):
            with lake.connect() as connection:  # with what the events of the store before have changed
                snapshot = project.snapshot(connection, load(home), home_id=home.home_id, key=KEY)
            numbers = range(place * options.events, (place + 1) * options.events)
            with closing(open_store(url, home, read_only=False, live=True)) as store:
                store.replace(snapshot, replace_foreign=True)
                committed, answered = measure(home, store, options.accounts, numbers)
            name = "embedded" if url == "ladybug" else "Neo4j"
            for what, values in (("to the identity log", committed), (f"to the graph, {name}", answered)):
                p50, p95, p99 = np.percentile(values, [50, 95, 99])
                rows.append(
                    {"what": what, "p50 ms": f"{p50:.1f}", "p95 ms": f"{p95:.1f}", "p99 ms": f"{p99:.1f}",
                     "x faster than a whole resolve (p50)": f"{1e3 * whole / p50:,.0f}"}
                )  # fmt: skip
    show("One new event", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())

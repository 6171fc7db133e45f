"""Milliseconds from one event's change to a graph that shows it, in both stores, against the plain way of each in the same run.

    python -m tests.bench.bench_store_delta [--devices 1000000] [--neo4j-devices 200000] [--events 1000] [--neo4j-url URL]

The graph: devices on two networks each, two devices a person. An event: one to three nodes and four to six relationships put, up
to two relationships deleted; every third event brings a new device. A live Ladybug store is timed from `apply` to the answer of
`person_of_device`, and flushed every 500 events, which is not timed but shown; the peers are the same store without `live` (copy,
change, swap) and one `UNWIND $rows … MERGE` a table in an open database. Neo4j's peer is one auto-commit statement a row.
Without `--neo4j-url` the local server is started. The first tenth of the events warms up and is left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ladybug
import numpy as np
import pyarrow as pa

from graph.schema import NODES, RELATIONSHIPS, Edge, Label, Type
from graph.snapshot import Delta, Snapshot, node_schema, relationship_schema
from graph.store import GraphStore, LadybugStore, Neo4jStore
from graph.store.conform import relationship_keys
from graph.store.ladybug_files import GraphFiles
from graph.store.ladybug_values import to_ladybug
from graph.store.neo4j_url import Neo4jUrl
from tests.bench.bench_store_load import neo4j_at
from tests.bench.harness import machine, show

HOME = "benchmark"
START = datetime(2026, 3, 1, tzinfo=UTC)
BELONGS_TO = Edge(Type.BELONGS_TO, Label.DEVICE, Label.PERSON)
SEEN_ON = Edge(Type.SEEN_ON, Label.DEVICE, Label.NETWORK)
SAME_PERSON = Edge(Type.SAME_PERSON, Label.DEVICE, Label.DEVICE)
FLUSH_EVERY = 500
Run = Callable[[str, dict[str, Any]], object]


def population(devices: int) -> Snapshot:
    """Devices, half as many people, a third as many networks; BELONGS_TO for each device, two SEEN_ON."""
    rng = np.random.default_rng(7)
    device, person = keys("device", devices), keys("person", devices // 2)
    network = keys("network", max(3, devices // 3))
    places = np.unique(rng.integers(0, devices, 2 * devices) * len(network) + rng.integers(0, len(network), 2 * devices))
    owners = np.arange(devices) // 2 % len(person)
    return Snapshot(
        HOME,
        {
            Label.DEVICE: pa.table({"device_id": device, "kind": pa.array(["mobile"] * devices)}),
            Label.PERSON: pa.table({"person_id": person, "devices": pa.array([2] * len(person))}),
            Label.NETWORK: pa.table({"network_id": network}),
        },
        {
            BELONGS_TO: pa.table(
                {"source": device, "target": person.take(pa.array(owners)), "confidence": pa.array(rng.random(devices))}
            ),
            SEEN_ON: pa.table(
                {
                    "source": device.take(pa.array(places // len(network))),
                    "target": network.take(pa.array(places % len(network))),
                    "count": pa.array(rng.integers(1, 9, len(places))),
                }
            ),
        },
    )


def keys(prefix: str, count: int) -> pa.Array:
    return pa.array([f"{prefix}-{i:09d}" for i in range(count)])


def changes(devices: int, events: int, seed: int) -> Iterator[tuple[str, Delta]]:
    """The device of each event, and what resolution would change for it."""
    rng = np.random.default_rng(seed)
    for number in range(events):
        at = START + timedelta(seconds=number)
        known, other = (int(i) for i in rng.choice(devices, 2, replace=False))
        is_new = number % 3 == 0
        device = f"new-{seed}-{number}" if is_new else f"device-{known:09d}"
        person, friend = f"person-{other // 2:09d}", f"device-{other:09d}"
        networks = [f"network-{int(i):09d}" for i in rng.choice(max(3, devices // 3), 2, replace=False)]
        nodes: dict[Label, list[dict[str, Any]]] = {
            Label.DEVICE: [{"device_id": device, "kind": "tablet", "os": "Android", "first_seen": at, "last_seen": at}],
            Label.PERSON: [{"person_id": person, "class": "person", "devices": 3, "created_at": START}],
        }
        if is_new:
            nodes[Label.NETWORK] = [{"network_id": networks[0], "devices": 3, "generic": False}]
        relationships: dict[Edge, list[dict[str, Any]]] = {
            BELONGS_TO: [{"source": device, "target": person, "confidence": 0.9, "since": at}],
            SEEN_ON: [{"source": device, "target": n, "count": 1, "first_seen": at, "last_seen": at} for n in networks],
            SAME_PERSON: [
                {"source": device, "target": friend, "method": m, "weight": 3.0, "probability": 0.9, "last_seen": at}
                for m in ("co_location", "content", "rhythm")[: 1 + number % 3]
            ],
        }
        gone = [] if is_new else [{"source": device, "target": f"person-{known // 2:09d}"}]
        yield (
            device,
            Delta(
                HOME,
                {label: pa.Table.from_pylist(rows, schema=node_schema(label)) for label, rows in nodes.items()},
                {e: pa.Table.from_pylist(rows, schema=relationship_schema(e)) for e, rows in relationships.items()},
                deleted_relationships={
                    BELONGS_TO: pa.Table.from_pylist(gone, schema=relationship_schema(BELONGS_TO)).select(["source", "target"])
                }
                if gone
                else {},
            ),
        )


def plain(run: Run, change: Delta, *, one_by_one: bool) -> None:
    """What one writes first: MERGE of dicts, a statement a table, or a row."""

    def each(text: str, rows: list[dict[str, Any]]) -> None:
        for batch in [[row] for row in rows] if one_by_one else [rows]:
            run(text.replace(" {}]", "]"), {"rows": batch})

    for edge, table in change.deleted_relationships.items():
        source, target = NODES[edge.source].key, NODES[edge.target].key
        pattern = f"(a:{edge.source} {{{source}: r.source}})-[e:{edge.type}]->(b:{edge.target} {{{target}: r.target}})"
        each(f"UNWIND $rows AS r MATCH {pattern} DELETE e", table.to_pylist())
    for label, whole in change.nodes.items():
        table = filled(whole)
        key = NODES[label].key
        sets = ", ".join(f"n.{name} = r.{name}" for name in table.column_names if name != key)
        each(f"UNWIND $rows AS r MERGE (n:{label} {{{key}: r.{key}}}) SET {sets}", table.to_pylist())
    for edge, whole in change.relationships.items():
        table = filled(whole)
        unique = ", ".join(f"{name}: r.{name}" for name in RELATIONSHIPS[edge.type].discriminators)
        sets = ", ".join(f"e.{name} = r.{name}" for name in table.column_names if name not in relationship_keys(edge))
        source, target = NODES[edge.source].key, NODES[edge.target].key
        ends = f"MATCH (a:{edge.source} {{{source}: r.source}}) MATCH (b:{edge.target} {{{target}: r.target}})"
        each(f"UNWIND $rows AS r {ends} MERGE (a)-[e:{edge.type} {{{unique}}}]->(b) SET {sets}", table.to_pylist())


def filled(table: pa.Table) -> pa.Table:
    """Without the columns that are null in every row, which Ladybug cannot type."""
    return table.select([name for name in table.column_names if table[name].null_count < table.num_rows])


def timed(
    given: Iterator[tuple[str, Delta]],
    work: Callable[[Delta], object],
    seen: Callable[[str], object] | None = None,
    between: Callable[[int], None] | None = None,
) -> list[float]:
    """Milliseconds of each change, the first tenth left out; after each `seen` has to find the device's person."""
    took = []
    for number, (device, change) in enumerate(given):
        begin = time.perf_counter()
        work(change)
        if seen is not None:
            assert seen(device)
        took.append(1e3 * (time.perf_counter() - begin))
        if between is not None:
            between(number)
    return took[len(took) // 10 :]


def row(what: str, took: list[float], yardstick: list[float]) -> dict[str, object]:
    p50, p95, p99 = np.percentile(took, [50, 95, 99])
    return {
        "what": what,
        "events": len(took),
        "p50 ms": f"{p50:.1f}",
        "p95 ms": f"{p95:.1f}",
        "p99 ms": f"{p99:.1f}",
        "× faster than plain (p50)": f"{float(np.median(yardstick)) / p50:.1f}",
    }


def person_of(store: GraphStore) -> Callable[[str], object]:
    return lambda device: store.query("person_of_device", {"device_id": device})


def ladybug_rows(folder: Path, devices: int, events: int) -> tuple[list[dict[str, object]], float]:
    """Rows of the table, and the 95th percentile of the live store."""
    swapping = LadybugStore(folder)
    swapping.replace(population(devices))
    few = max(5, events // 100)
    copied = timed(changes(devices, few, 1), swapping.apply, person_of(swapping))
    swapping.close()

    current = GraphFiles(folder).current()
    assert current is not None
    copy = folder / "plain.lbug"
    copy.write_bytes(current.file.read_bytes())
    with ladybug.Database(copy, buffer_pool_size=4 << 30) as database, ladybug.Connection(database) as connection:

        def run(text: str, parameters: dict[str, Any]) -> None:
            connection.execute(text, to_ladybug(parameters))

        scanned = timed(changes(devices, few, 2), lambda change: plain(run, change, one_by_one=False))
    copy.unlink()

    live = LadybugStore(folder, live=True)
    flushes: list[float] = []

    def flush(number: int) -> None:
        if number % FLUSH_EVERY == FLUSH_EVERY - 1:
            begin = time.perf_counter()
            live.flush()
            flushes.append(1e3 * (time.perf_counter() - begin))

    fast = timed(changes(devices, events, 3), live.apply, person_of(live), flush)
    live.close()
    found = [
        row("Ladybug: plain, UNWIND and MERGE in place", scanned, scanned),
        row("Ladybug: apply, copy and swap", copied, scanned),
        row("Ladybug: apply, live, and person_of_device", fast, scanned),
        row(f"Ladybug: flush of {FLUSH_EVERY} events", flushes or [float("nan")], scanned),
    ]
    return found, float(np.percentile(fast, 95))


def neo4j_rows(url: str, devices: int, events: int) -> tuple[list[dict[str, object]], float]:
    """Rows of the table, and the 95th percentile of the store."""
    import neo4j

    parts = Neo4jUrl.parse(url)
    store = Neo4jStore(url)
    store.replace(population(devices), replace_foreign=True)
    with neo4j.GraphDatabase.driver(parts.address, auth=(parts.user, parts.password)) as driver, driver.session() as session:
        run: Run = lambda text, parameters: session.run(text, parameters).consume()  # noqa: E731
        slow = timed(changes(devices, events, 2), lambda change: plain(run, change, one_by_one=True), person_of(store))
    fast = timed(changes(devices, events, 3), store.apply, person_of(store))
    store.close()
    found = [
        row("Neo4j: plain, a statement a row", slow, slow),
        row("Neo4j: apply, and person_of_device", fast, slow),
    ]
    return found, float(np.percentile(fast, 95))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=1_000_000)
    parser.add_argument("--neo4j-devices", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=1_000)
    parser.add_argument("--neo4j-url")
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        found, embedded = ladybug_rows(Path(folder), options.devices, options.events)
    show(f"One event's change, Ladybug, {options.devices:,} devices", found)
    with neo4j_at(options.neo4j_url) as (url, _pid):
        found, served = neo4j_rows(url, options.neo4j_devices, options.events)
    show(f"One event's change, Neo4j, {options.neo4j_devices:,} devices", found)
    return int(max(embedded, served) > 50)


if __name__ == "__main__":
    sys.exit(main())

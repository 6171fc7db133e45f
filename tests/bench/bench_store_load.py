"""Nodes and relationships a second into both stores, against the plain way of each, on the same synthetic graph in the same run.

    python -m tests.bench.bench_store_load [--nodes 40000] [--relationships 80000] [--rounds 2] [--neo4j-url URL] [--large]

The plain way: `UNWIND $rows MERGE …` of dicts, 1,000 rows at a time, keys constrained or primary. On Ladybug it is so slow that
it runs on one row in twenty. `--large` loads 1.5 million nodes and 3 million relationships into Ladybug too. Without
`--neo4j-url` the local server is started. Neo4j does each way twice before it counts (its compiler needs that), then `--rounds`
times, of which the best counts. CPU seconds of client and (where it is local) server are shown too, since whatever else runs on
the machine falsifies the others.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ladybug
import numpy as np
import psutil
import pyarrow as pa

from graph.home import Home
from graph.schema import NODES, RELATIONSHIPS, Edge, Label, Type
from graph.snapshot import Snapshot
from graph.store import GraphStore, LadybugStore, Neo4jStore, server
from graph.store.ladybug_write import create_schema
from graph.store.neo4j_url import Neo4jUrl
from tests.bench.harness import machine, show

ENGAGED = Edge(Type.ENGAGED, Label.DEVICE, Label.CONTENT)
BELONGS_TO = Edge(Type.BELONGS_TO, Label.DEVICE, Label.PERSON)
NAIVE_ROWS = 1_000
THINNED = 20
WARMING_ROUNDS = 2


def population(nodes: int, relationships: int) -> Snapshot:
    """Devices (half of the nodes), people, contents; a BELONGS_TO each device, the rest ENGAGED, skewed to some contents."""
    rng = np.random.default_rng(7)
    devices, others = nodes // 2, nodes // 4

    def keys(prefix: str, count: int) -> pa.Array:
        return pa.array([f"{prefix}-{i:09d}" for i in range(count)])

    def times(count: int) -> pa.Array:
        return pa.array(rng.integers(1_600_000_000_000_000, 1_780_000_000_000_000, count), pa.timestamp("us", "UTC"))

    device, person, content = keys("device", devices), keys("person", others), keys("content", nodes - devices - others)
    engaged = max(0, relationships - devices)
    pairs = np.unique(rng.integers(0, devices, engaged) * len(content) + (rng.random(engaged) ** 3 * len(content)).astype(int))
    seen, last = times(len(pairs)), times(len(pairs))
    return Snapshot(
        "benchmark",
        {
            Label.DEVICE: pa.table(
                {
                    "device_id": device,
                    "kind": pa.array(["mobile"] * devices),
                    "os": pa.array(["Android"] * devices),
                    "class": pa.array(["person"] * devices),
                    "first_seen": times(devices),
                    "last_seen": times(devices),
                }
            ),
            Label.PERSON: pa.table(
                {"person_id": person, "devices": pa.array(rng.integers(1, 5, others)), "created_at": times(others)}
            ),
            Label.CONTENT: pa.table(
                {"content_id": content, "title": pa.array([f"A title, number {i}" for i in range(len(content))])}
            ),
        },
        {
            BELONGS_TO: pa.table(
                {
                    "source": device,
                    "target": person.take(pa.array(rng.integers(0, others, devices))),
                    "confidence": pa.array(rng.random(devices)),
                    "since": times(devices),
                }
            ),
            ENGAGED: pa.table(
                {
                    "source": device.take(pa.array(pairs // len(content))),
                    "target": content.take(pa.array(pairs % len(content))),
                    "type": pa.array(["view"] * len(pairs)),
                    "day": pa.array(["2026-03-01"] * len(pairs)),
                    "count": pa.array(rng.integers(1, 9, len(pairs))),
                    "weight": pa.array(rng.random(len(pairs))),
                    "first_at": seen,
                    "last_at": last,
                }
            ),
        },
    )


def naive(run: Callable[[str, list[dict[str, Any]]], object], snapshot: Snapshot) -> None:
    """Dicts, MERGE, 1,000 rows a transaction: what one writes first."""
    for label, table in snapshot.nodes.items():
        key = NODES[label].key
        sets = ", ".join(f"n.{name} = r.{name}" for name in table.column_names if name != key)
        for batch in table.to_batches(NAIVE_ROWS):
            run(f"UNWIND $rows AS r MERGE (n:{label} {{{key}: r.{key}}}) SET {sets}", batch.to_pylist())
    for edge, table in snapshot.relationships.items():
        unique = ", ".join(f"{name}: r.{name}" for name in RELATIONSHIPS[edge.type].discriminators)
        sets = ", ".join(f"e.{name} = r.{name}" for name in table.column_names[2:])
        source, target = NODES[edge.source].key, NODES[edge.target].key
        ends = f"MATCH (a:{edge.source} {{{source}: r.source}}) MATCH (b:{edge.target} {{{target}: r.target}})"
        for batch in table.to_batches(NAIVE_ROWS):
            run(f"UNWIND $rows AS r {ends} MERGE (a)-[e:{edge.type} {{{unique}}}]->(b) SET {sets}", batch.to_pylist())


def rows_of(snapshot: Snapshot) -> int:
    return sum(t.num_rows for t in (*snapshot.nodes.values(), *snapshot.relationships.values()))


def thinned(snapshot: Snapshot) -> Snapshot:
    """The first nodes and relationships of each kind, as many as keep every end."""
    nodes = {label: t.slice(0, t.num_rows // THINNED) for label, t in snapshot.nodes.items()}
    ends = {label: set(t[NODES[label].key].to_pylist()) for label, t in nodes.items()}
    relationships = {}
    for edge, table in snapshot.relationships.items():
        pairs = zip(table["source"].to_pylist(), table["target"].to_pylist(), strict=True)
        relationships[edge] = table.filter(pa.array([a in ends[edge.source] and b in ends[edge.target] for a, b in pairs]))
    return Snapshot(snapshot.home_id, nodes, relationships)


class Timer:
    """Wall seconds, and CPU seconds of this process and of the server's."""

    def __init__(self, server_pid: int | None) -> None:
        self._server = psutil.Process(server_pid) if server_pid else None

    def _cpu(self) -> tuple[float, float]:
        other = self._server.cpu_times() if self._server else None
        return time.process_time(), other.user + other.system if other else 0.0

    def __call__(self, work: Callable[[], object]) -> tuple[float, float, float]:
        begin, (client, served) = time.perf_counter(), self._cpu()
        work()
        after = self._cpu()
        return time.perf_counter() - begin, after[0] - client, after[1] - served


@contextmanager
def neo4j_at(url: str | None) -> Iterator[tuple[str, int | None]]:
    if url is not None:
        yield url, None
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Home.open(Path(folder))
        try:
            status = server.start(home, ports_free=True)
            assert status.url is not None
            yield status.url, status.pid
        finally:
            server.stop(home)


def row(what: str, count: int, took: tuple[float, float, float], rate: float) -> dict[str, object]:
    return {
        "what": what,
        "rows": f"{count:,}",
        "seconds": f"{took[0]:.2f}",
        "rows/s": f"{count / took[0]:,.0f}",
        "client CPU s": f"{took[1]:.1f}",
        "server CPU s": f"{took[2]:.1f}" if took[2] else "",
        "× plain": f"{count / took[0] / rate:.1f}",
    }


def replaced(store: GraphStore, snapshot: Snapshot) -> Callable[[], None]:
    def work() -> None:
        store.replace(snapshot, replace_foreign=True)

    return work


def ladybug_rows(folder: Path, snapshot: Snapshot, large: bool) -> list[dict[str, object]]:
    timer, few = Timer(None), thinned(snapshot)
    file = folder / "naive.lbug"
    with ladybug.Database(file, buffer_pool_size=2 << 30) as database, ladybug.Connection(database) as connection:
        create_schema(connection)

        def run(text: str, rows: list[dict[str, Any]]) -> None:
            plain = [{k: v.replace(tzinfo=None) if hasattr(v, "tzinfo") else v for k, v in r.items()} for r in rows]
            connection.execute(text.replace(" {}]", "]"), {"rows": plain})

        plain = timer(lambda: naive(run, few))
    rate = rows_of(few) / plain[0]
    store = LadybugStore(folder / "graph")
    loads = [("replace", snapshot), *([("replace, large", population(1_500_000, 3_000_000))] if large else [])]
    found = [row(f"Ladybug: plain, one row in {THINNED}", rows_of(few), plain, rate)]
    found += [row(f"Ladybug: {name}", rows_of(s), timer(replaced(store, s)), rate) for name, s in loads]
    store.close()
    return found


def neo4j_rows(url: str, pid: int | None, snapshot: Snapshot, rounds: int) -> list[dict[str, object]]:
    import neo4j

    parts, timer = Neo4jUrl.parse(url), Timer(pid)
    store = Neo4jStore(url)
    plain, fast = [], []
    with neo4j.GraphDatabase.driver(parts.address, auth=(parts.user, parts.password)) as driver, driver.session() as session:

        def run(text: str, rows: list[dict[str, Any]]) -> None:
            session.execute_write(lambda transaction: transaction.run(text.replace(" {}]", "]"), rows=rows).consume())

        empty = Snapshot(snapshot.home_id, {}, {})
        for i in range(-WARMING_ROUNDS, rounds):  # the server's compiler needs some 100,000 rows until it has done its work
            store.replace(empty, replace_foreign=True)
            took = timer(lambda: naive(run, snapshot))
            assert store.counts()["Device"] == snapshot.nodes[Label.DEVICE].num_rows
            store.replace(empty)
            again = timer(replaced(store, snapshot))
            counts: Mapping[str, int] = store.counts()
            assert all(counts[name] == count for name, count in snapshot.counts().items())
            if i >= 0:
                plain.append(took)
                fast.append(again)
    store.close()
    rate = rows_of(snapshot) / min(plain)[0]
    return [
        row("Neo4j, running: plain", rows_of(snapshot), min(plain), rate),
        row("Neo4j, running: replace", rows_of(snapshot), min(fast), rate),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=40_000)
    parser.add_argument("--relationships", type=int, default=80_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--neo4j-url")
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    print(machine())
    snapshot = population(options.nodes, options.relationships)
    with tempfile.TemporaryDirectory() as folder:
        found = ladybug_rows(Path(folder), snapshot, options.large)
    with neo4j_at(options.neo4j_url) as (url, pid):
        found += neo4j_rows(url, pid, snapshot, options.rounds)
    show("Store load, nodes and relationships a second", found)
    return int(float(str(found[-1]["× plain"])) < 3)


if __name__ == "__main__":
    sys.exit(main())

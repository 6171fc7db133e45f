"""Random merge -> undo round trips over a made-up population: after each the graph is what it was, to the last property.

`python -m tests.bench.bench_undo --trips 1000`: each trip asserts that members of two random people are one, resolves, undoes the
merge, resolves, and hashes every node, relationship and property of the graph (`graph.project.snapshot`) and everybody's person;
the log itself, which only grows, aside. Earlier aliases must lead where they led; a person that the merge made of somebody whom
it pushed out leaves an alias of its own, which is counted. It ends at the first difference.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from graph.clean import Cleaner
from graph.database import connect
from graph.home import Home
from graph.ingest import ingest
from graph.lake import Lake
from graph.project import snapshot
from graph.resolution import Resolution
from graph.resolve import resolve
from graph.resolve.assertions import assert_same
from graph.resolve.log import IdentityLog
from graph.resolve.undo import undo
from graph.synth import Population, generate
from graph.tables import TABLES
from tests.bench.harness import machine

AT = datetime(2026, 1, 1, tzinfo=UTC)
BY = "operator"


def table_hash(tables: dict[str, pa.Table]) -> str:
    """A hash over tables, whatever the order of their rows."""
    digest = hashlib.sha256()
    for name in sorted(tables):
        digest.update(name.encode())
        for row in sorted(map(repr, tables[name].to_pylist())):
            digest.update(row.encode())
    return digest.hexdigest()


def state(connection: duckdb.DuckDBPyConnection, home: Home, found: Resolution) -> tuple[str, str, dict[str, str]]:
    """Hashes of the graph and of the log's members; the person to which each retired id leads."""
    projected = snapshot(connection, found, home_id=home.home_id, key=home.secret())
    parts = {str(label): table for label, table in projected.nodes.items()}
    parts |= {repr(edge): table for edge, table in projected.relationships.items()}
    with IdentityLog(home.identity, create=False) as log:
        members = log.rows("SELECT kind, id, person_id FROM members ORDER BY 1, 2")
        leads = log.aliases()
    return table_hash(parts), hashlib.sha256(repr(members).encode()).hexdigest(), leads


def trips(folder: Path, people: int, number: int, seed: int) -> None:
    """Make the round trips; ends the process with a message at the first that does not lead back."""
    source = generate(folder / "source", Population(people=people, devices=3 * people, events=20 * people, seed=seed)).source
    home = Home.open(folder / "home")
    lake = Lake(home.lake)
    ingest(source, lake, Cleaner())
    generator = random.Random(seed)
    started = time.perf_counter()
    with connect(threads="1") as connection:
        with lake.connect() as stored:  # read once: nothing but assertions changes
            for name in TABLES:
                connection.register(name, stored.sql(f"SELECT * FROM {name}").to_arrow_table())
        found = resolve(connection, home, key=home.secret())
        before = state(connection, home, found)
        of: dict[str, list[tuple[str, str]]] = {}
        for row in found.members.to_pylist():
            if row["class"] == "person":
                of.setdefault(row["person_id"], []).append((row["kind"], row["id"]))
        print(f"{len(of):,} people of {found.members.num_rows:,} devices and accounts; graph {before[0][:16]}, seed {seed}")
        moved = 0
        for trip in range(1, number + 1):
            one, other = generator.sample(sorted(of), 2)
            at = AT + timedelta(minutes=trip)
            with IdentityLog(home.identity) as log:
                said = assert_same(log, generator.choice(of[one]), generator.choice(of[other]), at=at, by=BY)
            resolve(connection, home, key=home.secret())
            with IdentityLog(home.identity) as log:
                run = log.state()[0]
                merges = [
                    m for m in log.entries(["merge"], limit=10) if m.run == run and {m.person_id, m.other_id} == {one, other}
                ]
                # Where other evidence is against the two, the one subject moves and its person stays: the assertion is undone.
                moved += not merges
                undo(log, merges[0].seq if merges else said.seq, at=at, by=BY)
            after = state(connection, home, resolve(connection, home, key=home.secret()))
            same = after[:2] == before[:2], before[2].items() <= after[2].items()
            if not all(same):
                what = "aliases differ" if same[0] else "graph differs"
                sys.exit(f"trip {trip}, seed {seed}: the {what} after {one} and {other} were parted")
            before = after
            if trip % 100 == 0:
                print(f"{trip:,} trips, {time.perf_counter() - started:.0f} s", flush=True)
    print(
        f"{number:,} of {number:,} round trips lead back to graph {before[0][:16]} ({moved:,} moved one member only; "
        f"{len(before[2]):,} aliases are left)"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trips", type=int, default=1000)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        trips(Path(folder), options.people, options.trips, options.seed)


if __name__ == "__main__":
    main()

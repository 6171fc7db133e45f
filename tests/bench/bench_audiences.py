"""Audiences over HTTP in one process: seconds to make one, count one, fill one again, on a home of 200,000 people and 10,000,000
events, beside one full read of the events by DuckDB in the same run.

    python -m tests.bench.bench_audiences [--people 200000] [--events 10000000] [--repeats 5]

The home is made here: accounts are resolved before their events come in, so that the time goes to audiences and not to resolving;
tags are planted. `first` is the first question of its kind to a view, which reads what later ones find kept.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from starlette.testclient import TestClient

from api.http.app import create_app
from api.settings import Settings
from api.workspace import Workspace
from gnn.registry import save
from graph.control import Scope
from graph.interests import ABOUT, TAGS
from graph.lake import MANIFEST, Lake, Part
from graph.project import snapshot
from graph.resolve import load, resolve
from graph.tables import lake_schema
from tests.bench.harness import machine, show

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TYPES = pa.array(["page", "search", "cart", "purchase"])
LARGEST_SECONDS = 2.0
"""What making an audience of 10,000 may take."""


def make_home(folder: Path, people: int, events: int) -> tuple[Settings, str]:
    """A home with accounts, planted tags and embeddings, a graph, then events. Returns its settings and a key."""
    settings = Settings(home=folder / "home", legal_basis="contract", rate_limit_per_minute=1_000_000, max_body_bytes=2**27)
    workspace = Workspace.open(settings)
    rng = np.random.default_rng(1)
    ids = np.array([f"account-{n:07d}" for n in range(people)])
    countries = np.array(["DE", "FR", "JP", "US", "BR"])
    workspace.lake.append("accounts", pa.table({"account_id": ids, "country": countries[rng.integers(0, 5, people)]}))
    contents = [f"content-{n}" for n in range(2000)]
    categories = [[f"category-{n % 40}"] for n in range(2000)]
    workspace.lake.append("contents", pa.table({"content_id": contents, "category": categories}))
    with workspace.connection() as connection:
        resolve(connection, workspace.home, key=workspace.key)
    resolution = load(workspace.home)
    vectors = rng.normal(size=(people, 64)).astype(np.float32)
    save(
        workspace.home.models,
        person_ids=resolution.persons["person_id"].combine_chunks(),
        tags=pa.Table.from_pylist([{"tag_id": t, "name": t, "taxonomy": "labels"} for t in ("a", "b")], schema=TAGS),
        probabilities=rng.uniform(size=(people, 2)).astype(np.float32),
        embeddings=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        about=ABOUT.empty_table(),
        metrics={},
        notes=(),
        as_of=NOW,
        details={},
    )
    with workspace.connection() as connection:
        graph = snapshot(connection, resolution, home_id=workspace.home.home_id, key=workspace.key)
    with workspace.store(read_only=False) as store:
        store.replace(graph)
    del graph, resolution
    for start in range(0, events, 1_000_000):
        size = min(1_000_000, events - start)
        # Few people do much, as everywhere.
        who = (people * rng.beta(0.6, 1.6, size)).astype(np.int64)
        money = rng.random(size) < 0.1
        at = np.datetime64(NOW.replace(tzinfo=None), "us") - rng.integers(0, 365 * 86_400, size).astype("timedelta64[s]")
        new_events(
            workspace.lake,
            pa.table(
                {
                    "event_id": [f"event-{n}" for n in range(start, start + size)],
                    "at": pa.array(at, pa.timestamp("us")).cast(pa.timestamp("us", "UTC")),
                    "account_id": pa.array(ids).take(pa.array(who)),
                    "type": TYPES.take(pa.array(rng.integers(0, 4, size))),
                    "content_id": pa.array(contents).take(pa.array(rng.integers(0, 2000, size))),
                    "value": pa.array(np.round(rng.gamma(2.0, 20.0, size), 2), mask=~money),
                    "currency": pa.array(np.where(rng.random(size) < 0.7, "EUR", "USD"), mask=~money),
                }
            ),
        )
    with workspace.control() as control:
        control.tenants.ensure("bench", now=NOW)
        _, key = control.keys.create("bench", set(Scope), now=NOW)
    return settings, key


def new_events(lake: Lake, events: pa.Table) -> None:
    """Commit events whose keys are new, as ingest does: unlike `Lake.append`, whose rows may supersede others."""
    batch, schema = lake.last_batch() + 1, lake_schema("events")
    given = {**{c: events[c] for c in events.column_names}, "_batch": pa.repeat(batch, events.num_rows)}
    columns = [given[f.name].cast(f.type) if f.name in given else pa.nulls(events.num_rows, f.type) for f in schema]
    lake.staging.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), lake.staging / "events.parquet")
    digest = hashlib.sha256(str(batch).encode()).hexdigest()
    taken = {"digest": digest, "table": "events", "file": "", "_source": "bench", "_batch": batch, "counts": "{}"}
    lake.commit(
        [Part("events", "events.parquet", events.num_rows, True, batch, digest)], pa.Table.from_pylist([taken], schema=MANIFEST)
    )


def rule(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "rule", "name": "bench", "rule": {"all": list(conditions)}}


def cases(people: int) -> dict[str, dict[str, Any]]:
    """What is asked, by name; the first gives about 10,000 of 200,000 people."""
    recent = {"last_event": "within", "days": 30}
    bought = {"events": {"types": ["purchase"], "categories": [f"category-{n}" for n in range(10)]}, "within_days": 180}
    several = [{"events": {"contents": [f"content-{n * 7 + i}" for i in range(20)]}, "within_days": 7 + n} for n in range(60)]
    seeds = [{"kind": "account", "id": f"account-{n:07d}"} for n in range(0, people, max(people // 1000, 1))]
    return {
        "tag and country, of everybody 1 in 20": rule(
            {"tag": "a", "min_probability": 0.75}, {"attribute": "country", "one_of": ["DE"]}
        ),
        "recency and country": rule(recent, {"attribute": "country", "one_of": ["FR"]}),
        "fifths of recency, frequency, money": rule(
            {"score": "recency", "minimum": 3},
            {"score": "frequency", "minimum": 4},
            {"score": "money", "currency": "EUR", "minimum": 5},
        ),
        "events by type and category": rule({**bought, "minimum": 2}),
        "money in 180 days": rule({"spent": "EUR", "minimum": 200, "within_days": 180}),
        "60 conditions on events": {"kind": "rule", "name": "bench", "rule": {"any": several}},
        "lookalike of 1,000 seeds, 10,000 people": {"kind": "lookalike", "name": "bench", "seeds": seeds, "size": 10_000},
    }


def timed(ask: Callable[[], Any], repeats: int) -> tuple[float, float, Any]:
    """Seconds of the first, the least of the others, and the last answer."""
    seconds, answer = [], None
    for _ in range(repeats + 1):
        start = time.perf_counter()
        answer = ask()
        seconds.append(time.perf_counter() - start)
        if hasattr(answer, "status_code") and answer.status_code >= 300:
            raise SystemExit(f"{answer.status_code}: {answer.text[:500]}")
    return seconds[0], min(seconds[1:]), answer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        settings, key = make_home(Path(scratch), options.people, options.events)
        headers = {"Authorization": f"Bearer {key}"}
        with Workspace.open(settings).connection() as connection:
            read = "SELECT count(*), max(events.at), count(DISTINCT account_id) FROM events"
            _, peer, _ = timed(lambda: connection.sql(read).fetchall(), options.repeats)
        rows = [{"what": "one read of the events by DuckDB", "first s": "", "again s": f"{peer:.2f}", "of the read": "1.00"}]
        slowest = 0.0
        with TestClient(create_app(settings, log_stream=io.StringIO())) as client:
            for name, body in cases(options.people).items():
                first, again, answer = timed(
                    lambda b=body: client.post("/v1/audiences", json=b, headers=headers), options.repeats
                )
                slowest = max(slowest, again)
                people = answer.json()["size"]
                rows.append(_row(f"make: {name}", first, again, peer, people))
                _, counted, _ = timed(
                    lambda b=body: client.post("/v1/audiences/dry-run", json=b, headers=headers), options.repeats
                )
                rows.append(_row("  dry run of it", None, counted, peer, people))
                path = f"/v1/audiences/{answer.json()['audience_id']}/refresh"
                _, filled, _ = timed(lambda p=path: client.post(p, headers=headers), options.repeats)
                rows.append(_row("  filled again, nobody moved", None, filled, peer, people))
        show(f"Audiences, {options.people:,} people, {options.events:,} events", rows)
        print(
            f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB, the making of the home included"
        )
    return int(slowest > LARGEST_SECONDS)


def _row(what: str, first: float | None, again: float, peer: float, people: int | None) -> dict[str, object]:
    return {
        "what": what,
        "first s": "" if first is None else f"{first:.2f}",
        "again s": f"{again:.2f}",
        "of the read": f"{again / peer:.2f}",
        "people": people or "few",
    }


if __name__ == "__main__":
    sys.exit(main())

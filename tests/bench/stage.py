"""One stage of the pipeline in a process of its own, on the home that the settings name; prints JSON with the seconds of the
stage alone and what it made. What the stage needs from those before it is read or made before the clock starts.

    python -m tests.bench.stage ingest SOURCE | resolve | snapshot | load
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from api.settings import load_settings
from api.workspace import Workspace
from graph import project
from graph.clean import Cleaner
from graph.home import Home
from graph.ingest import ingest
from graph.resolution import Resolution
from graph.resolve import load, resolve
from graph.snapshot import Snapshot
from graph.store import open_store


def _snapshot(workspace: Workspace, resolution: Resolution) -> Snapshot:
    with workspace.connection() as connection:
        return project.snapshot(connection, resolution, home_id=workspace.home.home_id, key=workspace.key)


def run(stage: str, arguments: list[str]) -> dict[str, float]:
    """Seconds of the stage and its counts."""
    workspace = Workspace.open(load_settings())
    if stage == "ingest":
        begin = time.perf_counter()
        summary = ingest(Path(arguments[0]), workspace.lake, Cleaner())
        return {"seconds": time.perf_counter() - begin, "rows": sum(t.read for t in summary.tables)}
    if stage == "resolve":
        with workspace.connection() as connection:
            begin = time.perf_counter()
            found = resolve(connection, workspace.home, key=workspace.key)
        seconds = time.perf_counter() - begin
        links = found.evidence.num_rows + found.has_identifier.num_rows + found.seen_on.num_rows
        return {"seconds": seconds, "links": links, "persons": found.persons.num_rows}
    resolution = load(workspace.home)
    begin = time.perf_counter()
    graph = _snapshot(workspace, resolution)
    seconds = time.perf_counter() - begin
    if stage == "load":
        with tempfile.TemporaryDirectory() as folder:  # an empty store, whatever the home has already
            store = open_store("ladybug", Home.open(Path(folder)))
            begin = time.perf_counter()
            store.replace(graph)
            seconds = time.perf_counter() - begin
            store.close()
    nodes = sum(t.num_rows for t in graph.nodes.values())
    return {"seconds": seconds, "nodes": nodes, "relationships": sum(t.num_rows for t in graph.relationships.values())}


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], sys.argv[2:])))

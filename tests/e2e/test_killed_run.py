"""`kill -9` of `tessera run` at random moments: run again, it ends as if nothing had happened."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from command_line import Tessera

from graph.home import Home
from graph.lake import Lake
from graph.synth import Population, generate
from graph.tables import LAKE_TABLES

SEED = 17
KILLS = 2


def outcome(tessera: Tessera, source: Path, folder: Path) -> dict[str, Any]:
    """What a finished run leaves: identities byte for byte, the lake, the counts of the graph."""
    report = tessera.script.json("run", source)
    file = folder / f"{tessera.home.name}.csv"
    tessera("export", "identities", "--out", file)
    lake = Lake(Home.open(tessera.home).lake)
    counts = tessera.json("cypher", "-", stdin="MATCH (n) RETURN label(n) AS label, count(*) AS n ORDER BY label")
    with lake.connect() as connection:
        lake_rows = {t: sorted(map(repr, connection.sql(f"SELECT * FROM {t}").fetchall())) for t in LAKE_TABLES}
    return {"identities": file.read_bytes(), "lake": lake_rows, "report": report["graph"], "counts": counts}


def test_a_killed_run_is_made_good_by_the_next(tmp_path: Path) -> None:
    # No labels and no texts: what is learned is little, so that the kills fall on every stage.
    source = generate(tmp_path / "population", Population(people=60, devices=150, events=900, contents=40, seed=5)).source
    for name in ("labels", "contents"):
        (source / f"{name}.parquet").unlink()
    calm, killed = Tessera(tmp_path / "calm"), Tessera(tmp_path / "killed")
    started = time.monotonic()
    expected = outcome(calm, source, tmp_path)
    seconds = time.monotonic() - started
    chance = random.Random(SEED)
    moments: list[float] = []
    ends: list[int] = []
    while ends.count(-signal.SIGKILL) < KILLS and len(ends) < 5 * KILLS:
        moments.append(chance.uniform(0.1, 0.85) * seconds)
        begun = time.monotonic()
        child = subprocess.Popen(
            killed.command("run", source, "--quiet"),
            env=killed.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            child.wait(moments[-1])
            seconds = min(seconds, time.monotonic() - begun)  # the machine has become faster: kill earlier
        except subprocess.TimeoutExpired:
            child.kill()
        ends.append(child.wait())
    assert ends.count(-signal.SIGKILL) == KILLS, (SEED, moments, ends)
    found = outcome(killed, source, tmp_path)
    # The home's own key hashes identifiers and names nothing that is compared here.
    for part, value in expected.items():
        assert found[part] == value, (part, SEED, moments, ends)

"""SIGKILL at many moments of an ingest: run again, it ends in the same lake as if nothing had happened.

A parent without threads forks the processes that are killed, so that each costs milliseconds.
"""

import gzip
import json
import random
import subprocess
import sys

import pytest

PARENT = r"""
import json, os, random, signal, sys, time, hashlib
from pathlib import Path
from graph.clean import Cleaner
from graph.ingest import ingest
from graph.lake import Lake
from graph.tables import LAKE_TABLES

sources, homes, seed, trials = [Path(p) for p in sys.argv[1].split("|")], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
chance = random.Random(seed)


def child(work):
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def die_at(event):
    # At the n-th change of the file system that Python makes: before, between and after the Delta commits.
    seen = 0

    def hook(name, arguments):
        nonlocal seen
        changes = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree")
        if name in changes or (name == "open" and "w" in str(arguments[1])):
            seen += 1
            if seen == event:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def take(lake):
    for source in sources:
        ingest(source, lake, Cleaner())


def contents(lake, out):
    connection = lake.connect()
    digests = {}
    for name in LAKE_TABLES:
        rows = sorted(map(repr, connection.sql(f"FROM {name}").fetchall()))
        digests[name] = [len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()]
    digests["snapshot"] = lake.snapshot_id()
    digests["folder"] = sorted(str(p.relative_to(lake.path)) for p in lake.path.rglob("*.parquet"))
    digests["left"] = [p.name for p in (lake.path / "staging", lake.path / "pending.json") if p.exists()]
    out.write_text(json.dumps(digests))


def whole(lake):
    # Any time: a killed ingest has left all of a source's rows or none, quarantine too.
    rows = {n: lake.rows(n) for n in LAKE_TABLES}
    assert lake.connect().sql("SELECT count(*) FROM events").fetchall()[0][0] == rows["events"]
    return bool(rows["events"]), bool(rows["quarantine"])


def finish(pid):
    _, status = os.waitpid(pid, 0)
    assert status == 0, status


def run(home, kills, seconds):
    lake = Lake(home / "lake")
    killed = 0
    for _ in range(kills):
        if chance.random() < 0.5:
            event = chance.randint(1, 60)
            pid = child(lambda: (die_at(event), take(lake)))
        else:
            pid = child(lambda: take(lake))
            time.sleep(chance.uniform(0, seconds))
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        killed += os.WIFSIGNALED(status)
        if chance.random() < 0.3:
            finish(child(lambda: (lambda seen: None if seen in ((False, False), (True, True)) else 1 / 0)(whole(lake))))
    finish(child(lambda: take(lake)))
    finish(child(lambda: contents(lake, home / "contents.json")))
    return killed, json.loads((home / "contents.json").read_text())


(homes / "calm").mkdir()
started = time.monotonic()
finish(child(lambda: take(Lake(homes / "timed" / "lake"))))
seconds = time.monotonic() - started
_, expected = run(homes / "calm", 0, 0)
killed = 0
for trial in range(trials):
    home = homes / str(trial)
    home.mkdir()
    count, found = run(home, chance.randint(1, 3), seconds)
    killed += count
    assert found == expected, (trial, found, expected)
print(json.dumps({"killed": killed, "expected": expected}))
"""


@pytest.fixture
def sources(tmp_path):
    """Two sources: the second updates rows of the first, and brings tracking calls."""
    chance = random.Random(1)
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    rows = [f"e{i},2024-01-{1 + i % 28:02d},d{chance.randrange(90)},x" for i in range(1000)]
    rows += [",2024-01-01,d1,x", "e1,2024-01-02,d1,conflict", "short", "e9999,never,d1,x"]
    (one / "events.csv").write_text("\n".join(["event_id,at,device_id,type", *rows]))
    (one / "devices.jsonl").write_text("\n".join(json.dumps({"device_id": f"d{i}", "os": "iOS"}) for i in range(90)))
    rows = [f"e{i},2024-01-{1 + i % 28:02d},d1,updated" for i in range(0, 1000, 7)]
    (two / "events.csv.gz").write_bytes(gzip.compress("\n".join(["event_id,at,device_id,type", *rows]).encode()))
    call = {"timestamp": "2024-02-01T00:00:00Z", "anonymousId": "d1"}
    calls = [call | {"type": "track", "event": "x", "messageId": f"m{i}"} for i in range(200)]
    calls += [
        call | {"type": "identify", "userId": f"a{i % 20}", "traits": {"plan": str(i)}, "messageId": f"i{i}"} for i in range(60)
    ]
    (two / "a.segment.jsonl").write_text("\n".join(map(json.dumps, calls)) + "\n{broken")
    return one, two


@pytest.mark.parametrize("seed", [11])
def test_killed_and_run_again_it_is_the_same_lake(tmp_path, sources, seed):
    homes = tmp_path / "homes"
    homes.mkdir()
    arguments = ["|".join(map(str, sources)), str(homes), str(seed), "12"]
    done = subprocess.run([sys.executable, "-c", PARENT, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"seed {seed}: {done.stderr[-3000:]}"
    told = json.loads(done.stdout)
    assert told["killed"] >= 12
    assert told["expected"]["left"] == []
    assert {n: told["expected"][n][0] for n in ("events", "devices", "accounts", "quarantine")} == {
        "events": 1260,
        "devices": 90,
        "accounts": 20,
        "quarantine": 5,
    }

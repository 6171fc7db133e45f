"""Little memory, a full disk, a home that cannot be written: nothing is lost and nothing half-written."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from graph.clean import Cleaner
from graph.errors import HomeNotWritable
from graph.ingest import ingest
from graph.lake import Lake

CHILD = r"""
import json, os, resource, sys
from pathlib import Path
from graph.clean import Cleaner
from graph.errors import HomeNotWritable
from graph.ingest import ingest
from graph.lake import Lake

def attempt(source, home):
    lake = Lake(Path(home) / "lake")
    try:
        ingest(Path(source), lake, Cleaner())
        told = None
    except HomeNotWritable as error:
        told = str(error)
    left = [p.name for p in (lake.path / "staging", lake.path / "pending.json") if p.exists()]
    return {"error": told, "rows": lake.rows("events"), "snapshot": lake.snapshot_id(), "left": left}
"""


def child(script, *arguments, prefix=(), timeout=240):
    command = [*prefix, sys.executable, "-c", CHILD + script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


def told(done):
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def source(tmp_path):
    """A source whose lake takes a few megabytes."""
    folder = tmp_path / "source"
    folder.mkdir()
    lines = (f"e{i},2024-01-01,d{i % 997},{os.urandom(24).hex()}" for i in range(60_000))
    (folder / "events.csv").write_text("\n".join(["event_id,at,device_id,title", *lines]))
    return folder


def check_refusal(found, home):
    assert str(home) in found["error"]
    assert "\n" not in found["error"]
    assert (found["rows"], found["left"]) == (0, [])


def test_full_disk_by_file_size_limit(tmp_path, source):
    """Files cannot grow over 200 kB, then they can: the second attempt gives the lake that an undisturbed one gives."""
    script = """
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
first = attempt(sys.argv[1], sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
print(json.dumps([first, attempt(sys.argv[1], sys.argv[2]), attempt(sys.argv[1], sys.argv[3])]))
"""
    first, second, calm = told(child(script, source, tmp_path / "home", tmp_path / "calm"))
    check_refusal(first, tmp_path / "home")
    assert second == calm
    assert second["rows"] == 60_000


def can_mount():
    return shutil.which("unshare") and subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="mounting a small or read-only disk needs root and unshare")
def test_full_and_read_only_disks(tmp_path, source):
    """On a real disk of 1 MB, then made larger, then read-only."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = """
import subprocess
home = sys.argv[2]
mount = lambda *options: subprocess.run(["mount", "-o", *options, home], check=True)
first = attempt(sys.argv[1], home)
mount("remount,size=200m")
second = attempt(sys.argv[1], home)
(Path(sys.argv[1]) / "events.csv").write_text("event_id,at,device_id\\nnew,2024-01-01,d1\\n")
mount("remount,ro")
third = attempt(sys.argv[1], home)
print(json.dumps([first, second, third]))
"""
    prefix = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o size=1m tmpfs "{disk}" && exec "$@"', "sh"]
    first, second, third = told(child(script, source, disk, prefix=prefix))
    check_refusal(first, disk)
    assert (second["error"], second["rows"]) == (None, 60_000)
    assert "Read-only" in third["error"]
    assert (third["rows"], third["snapshot"]) == (60_000, second["snapshot"])


def test_a_home_that_is_no_folder(tmp_path, source):
    (tmp_path / "home").write_text("a file")
    with pytest.raises(HomeNotWritable, match="home/lake"):
        ingest(source, Lake(tmp_path / "home" / "lake"), Cleaner())


def test_memory_does_not_grow_with_the_file(tmp_path):
    """A CSV of 300 MB takes hardly more memory than one of a fifth of that; both far less than a file of 5 GB may take."""
    # getrusage tells a child of its parent's peak too, where that was higher before the exec; VmHWM is this process's own.
    script = """
told = attempt(sys.argv[1], sys.argv[2])
own = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")] if os.path.exists("/proc") else []
told["peak_mb"] = int(own[0]) // 1024 if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20
print(json.dumps(told))
"""
    peaks = []
    for name, rows in (("small", 250_000), ("large", 1_250_000)):
        folder = tmp_path / name
        folder.mkdir()
        filler = "x" * 180
        with (folder / "events.csv").open("w") as out:
            out.write("event_id,at,device_id,title,extra\n")
            for start in range(0, rows, 50_000):
                out.write(
                    "".join(
                        f"e{i},2024-01-01T00:00:00Z,d{i % 50_000},t{i % 999},{filler}{i % 100}\n"
                        for i in range(start, start + 50_000)
                    )
                )
        found = told(child(script, folder, tmp_path / f"{name}-home"))
        assert (found["error"], found["rows"]) == (None, rows)
        peaks.append(found["peak_mb"])
        (folder / "events.csv").unlink()
    assert peaks[1] < 1200, peaks
    assert peaks[1] - peaks[0] < 250, peaks

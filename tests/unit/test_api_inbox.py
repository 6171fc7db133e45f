"""The collector's inbox: what was acknowledged is on disk, whole, even after a kill; a full disk is said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from api.http.inbox import Inbox
from graph.errors import HomeNotWritable


def lines(folder: Path) -> list[dict[str, int]]:
    files = sorted(folder.glob("*.segment.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_every_acknowledged_call_is_in_a_whole_file(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    waiting = [inbox.append(json.dumps({"n": n}).encode() + b"\n") for n in range(500)]
    for done in waiting:
        done.result(timeout=20)
    assert sorted(row["n"] for row in lines(tmp_path / "inbox")) == list(range(500))
    assert len(list((tmp_path / "inbox").iterdir())) < 500, "calls that wait together share a file"
    inbox.close()
    inbox.close()
    assert not list((tmp_path / "inbox").glob(".*")), "no half-written file is left"


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    for n in range(50):
        inbox.append(json.dumps({"n": n}).encode() + b"\n")
    inbox.close()
    assert sorted(row["n"] for row in lines(tmp_path / "inbox")) == list(range(50))


def test_a_caller_who_gave_up_does_not_stop_the_writer(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    given_up = [inbox.append(b'{"n": 1}\n') for _ in range(20)]
    for done in given_up:
        done.cancel()
    inbox.append(b'{"n": 2}\n').result(timeout=20)
    inbox.close()
    assert [row["n"] for row in lines(tmp_path / "inbox")].count(1) == 20


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    (tmp_path / "inbox").rmdir()
    with pytest.raises(HomeNotWritable):
        inbox.append(b"{}\n").result(timeout=20)
    (tmp_path / "inbox").mkdir()
    inbox.append(b"{}\n").result(timeout=20)
    inbox.close()
    assert len(lines(tmp_path / "inbox")) == 1


_WRITER = """
import json, sys
from pathlib import Path
from api.http.inbox import Inbox
inbox = Inbox(Path(sys.argv[1]))
for n in range(10**6):
    inbox.append(json.dumps({"n": n}).encode() + b"\\n").result()
    print(n, flush=True)
"""


def test_a_kill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(folder)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline()) for _ in range(40)]
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout.read().split()]
    found = {row["n"] for row in lines(folder)}
    assert set(acknowledged) <= found

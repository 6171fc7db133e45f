"""`tessera serve` as a process: it answers, takes calls, keeps other writers out, lets readers in, and ends when asked to."""

from __future__ import annotations

import csv
import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from command_line import Tessera
from conftest import Whole

# Generous: the machine may be busy. Nothing is measured by it.
_PATIENCE_SECONDS = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(port: int, path: str, token: str = "", body: Any = None) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"})
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@contextmanager
def serving(tessera: Tessera, port: int, log: Path) -> Iterator[subprocess.Popen[str]]:
    """A server, ready; ended by its process id."""
    with log.open("w") as errors:
        child = subprocess.Popen(
            tessera.command("serve", "--port", str(port)), env=tessera.environment(), stdout=errors, stderr=errors, text=True
        )
        try:
            until = time.monotonic() + _PATIENCE_SECONDS
            while True:
                assert child.poll() is None, log.read_text()[-3000:]
                assert time.monotonic() < until, "the server did not become ready"
                try:
                    if ask(port, "/readyz")[0] == 200:
                        break
                except (urllib.error.URLError, ConnectionError):
                    time.sleep(0.2)
            yield child
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()


def test_a_served_home(whole: Whole, tmp_path: Path) -> None:
    tessera = whole.copy(tmp_path).with_settings(LEGAL_BASIS="legitimate_interest", INBOX_SECONDS="3600")
    tessera("export", "identities", "--out", tmp_path / "identities.csv")
    with (tmp_path / "identities.csv").open() as content:
        known = next(row for row in csv.DictReader(content) if row["kind"] == "account")
    token = tessera.json("key", "create", "--scope", "all")["token"]
    port, log = free_port(), tmp_path / "log.txt"
    with serving(tessera, port, log) as child:
        status, found = ask(port, f"/v1/identities/account/{known['id']}", token)
        assert (status, found["person_id"]) == (200, known["person_id"])
        assert ask(port, f"/v1/identities/account/{known['id']}")[0] == 401
        assert ask(port, "/v1/identities/account/absent", token)[0] == 404

        call = {"type": "track", "event": "opened", "userId": known["id"], "anonymousId": "brought-by-a-call", "messageId": "m-1"}
        assert ask(port, "/v1/batch", token, {"batch": [call | {"timestamp": "2026-03-01T00:00:00Z"}]})[0] == 200

        # It is the one writer; who it is, is said. Readers go on.
        line = tessera.script.refuses("resolve", "--quiet")
        assert "tessera serve" in line
        assert str(child.pid) in line
        assert tessera.script.json("cypher", "data_freshness")[0]["accounts"] == whole.report["graph"]["Account"]

        child.send_signal(signal.SIGTERM)
        child.wait(_PATIENCE_SECONDS)
        assert child.returncode in (0, -signal.SIGTERM), log.read_text()[-3000:]
    assert "Traceback" not in log.read_text()
    assert known["id"] not in log.read_text()

    who = ("cypher", "who_is_device", "--param", "device_id=brought-by-a-call")
    assert tessera.json(*who) == []
    assert "took 1 files" in tessera.script("worker", "--once").out
    (row,) = tessera.json(*who)
    assert row["person_id"] == known["person_id"]
    assert "took 0 files" in tessera("worker", "--once").out
    assert tessera("resolve", "--quiet").code == 0

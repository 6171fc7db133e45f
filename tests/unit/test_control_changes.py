"""What is kept in memory of the control store, and until when: another process's writing is seen by the next question; lines of
look-ups are committed in groups."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from graph.control import AuditEntry, ConsentRecord, Control, Scope, sqlite_url
from graph.control.audit import GROUP_SECONDS
from graph.control.engine import Database
from graph.errors import TesseraError

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LINE = AuditEntry(NOW, "key-1", "look up tags", "released", "acme", None, None, 1)


def _lines(folder: Path) -> int:
    with sqlite3.connect(folder / "control.sqlite") as other:
        (found,) = other.execute("SELECT count(*) FROM audit_log").fetchone()
    other.close()
    return int(found)


def test_the_version_changes_with_every_commit_and_with_nothing_else(tmp_path: Path) -> None:
    with Control(sqlite_url(tmp_path)) as control, Control(sqlite_url(tmp_path)) as elsewhere:
        database = Database(sqlite_url(tmp_path))
        seen = [database.version()]
        control.tenants.all()
        assert database.version() == seen[-1]
        for write in (control, elsewhere, control):
            write.audit.append(LINE)
            seen.append(database.version())
        assert len(set(seen)) == len(seen)
        database.close()


def test_a_consent_of_another_process_counts_at_once(tmp_path: Path) -> None:
    with Control(sqlite_url(tmp_path)) as control, Control(sqlite_url(tmp_path)) as elsewhere:
        for last in range(5):
            assert control.consents.last() == control.consents.last() == last
            (elsewhere if last % 2 else control).consents.append([ConsentRecord("account", "a", NOW)], now=NOW)
        assert control.consents.last() == 5


def test_a_key_is_known_until_anything_changes_and_gone_once_revoked_elsewhere(tmp_path: Path) -> None:
    with Control(sqlite_url(tmp_path)) as control, Control(sqlite_url(tmp_path)) as elsewhere:
        control.tenants.ensure("acme", now=NOW)
        key, token = control.keys.create("acme", [Scope.TAGS], now=NOW)
        assert control.keys.known(token, now=NOW) is None
        assert control.keys.verify(token, now=NOW) == key
        assert control.keys.known(token, now=NOW) == key
        assert control.keys.known(token[:-1], now=NOW) is None
        assert control.keys.known(token, now=NOW + timedelta(minutes=2)) is None
        elsewhere.tenants.ensure("other", now=NOW)
        assert control.keys.known(token, now=NOW) is None
        assert control.keys.verify(token, now=NOW) == key
        assert control.keys.known(token, now=NOW) == key
        assert elsewhere.keys.revoke(key.key_id, now=NOW)
        assert control.keys.known(token, now=NOW) is None
        assert control.keys.verify(token, now=NOW) is None


def test_lines_of_lookups_are_written_soon_together_and_in_order(tmp_path: Path) -> None:
    with Control(sqlite_url(tmp_path)) as control:
        for _ in range(100):
            control.audit.append_soon(LINE)
        deadline = time.monotonic() + 20 * GROUP_SECONDS
        while _lines(tmp_path) < 100 and time.monotonic() < deadline:
            time.sleep(GROUP_SECONDS / 5)
        assert _lines(tmp_path) == 100
        control.audit.append_soon(LINE)
        control.audit.append(AuditEntry(NOW, "key-1", "export audience", "released"))
        assert _lines(tmp_path) == 102, "a line that is written at once takes those before it along"
        assert [entry.action for entry in control.audit.latest(2)] == ["export audience", "look up tags"]
        control.audit.append_soon(LINE)
    assert _lines(tmp_path) == 103, "closing writes what waits"


def test_while_lines_cannot_be_written_nobody_goes_on_unaudited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.control.engine._BUSY_SECONDS", 0.05)
    with Control(sqlite_url(tmp_path)) as control:
        other = sqlite3.connect(tmp_path / "control.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        control.audit.append_soon(LINE)

        def look_up_for_a_while() -> None:
            for _ in range(200):
                control.audit.append_soon(LINE)
                time.sleep(GROUP_SECONDS / 10)

        with pytest.raises(TesseraError):
            look_up_for_a_while()
        other.execute("ROLLBACK")
        other.close()
        control.audit.append_soon(LINE)
        kept = len(control.audit.latest(1000))
        assert kept >= 2
    assert _lines(tmp_path) == kept


_LOOK_UP = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from graph.control import AuditEntry, Control, sqlite_url
control = Control(sqlite_url(Path(sys.argv[1])))
count = 0
while True:
    control.audit.append_soon(AuditEntry(datetime.now(UTC), "key-1", "look up tags", "released"))
    count += 1
    print(count, flush=True)
    time.sleep(0.01)
"""


def test_kill_9_loses_no_more_than_the_documented_wait(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", _LOOK_UP, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while True:
        answered = int(process.stdout.readline())
        if answered == 100:
            break
    seen = time.monotonic()
    while time.monotonic() < seen + 10 * GROUP_SECONDS:
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert _lines(tmp_path) >= answered


_ELSEWHERE = """
import sys
from pathlib import Path
from graph.control import Control, sqlite_url
Control(sqlite_url(Path(sys.argv[1]))).close()
"""


def test_a_second_store_of_one_process_does_not_cost_the_first_its_locks(tmp_path: Path) -> None:
    with Control(sqlite_url(tmp_path)) as control:
        control.consents.append([ConsentRecord("account", "a", NOW)], now=NOW)
        with Control(sqlite_url(tmp_path)) as second:
            # Without the first one's locks, another process would take itself for the last and delete the log.
            subprocess.run([sys.executable, "-c", _ELSEWHERE, str(tmp_path)], check=True)
            assert (tmp_path / "control.sqlite-wal").exists()
            second.consents.append([ConsentRecord("account", "a", NOW)], now=NOW)
        assert control.consents.last() == 2

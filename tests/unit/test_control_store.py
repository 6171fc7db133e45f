"""The control store as a database: versions, refusals, failures, kill -9, many writers."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.exc import IntegrityError

from graph.control import AuditEntry, ConsentRecord, Control, Export, ExportRequest, sqlite_url
from graph.errors import HomeError, HomeNotWritable, InputError, MissingExtra, SettingsError, StoreUnavailable
from graph.home import Home

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_a_store_is_made_once_and_opened_again(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    with Control.open(home) as control:
        made = control.tenants.ensure("acme", now=NOW, name="Acme")
        assert control.tenants.ensure("acme", now=NOW + timedelta(days=1)) == made
    with Control(sqlite_url(home.control)) as control:
        assert control.tenants.all() == [made]
        assert control.tenants.get("other") is None


def test_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    with Control(sqlite_url(tmp_path)) as control:
        control.tenants.ensure("acme", now=NOW)
        for file in tmp_path.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_a_store_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    Control(sqlite_url(tmp_path)).close()
    with sqlite3.connect(tmp_path / "control.sqlite") as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    connection.close()
    with pytest.raises(HomeError, match="version 99, this Tessera reads 2"):
        Control(sqlite_url(tmp_path))
    with sqlite3.connect(tmp_path / "control.sqlite") as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(99,)]
    connection.close()


def test_a_store_of_an_older_version_gets_the_tables_it_lacks(tmp_path: Path) -> None:
    Control(sqlite_url(tmp_path)).close()
    with sqlite3.connect(tmp_path / "control.sqlite") as connection:
        connection.execute("UPDATE schema_version SET version = 0")
        connection.execute("DROP TABLE audit_log")
    connection.close()
    with Control(sqlite_url(tmp_path)) as control:
        control.audit.append(AuditEntry(NOW, "operator", "look", "released"))
        assert [entry.action for entry in control.audit.latest()] == ["look"]


@pytest.mark.parametrize("url", ["nonsense", "mysql://u:p@h/d", "sqlite://", "sqlite:///:memory:", "oracle+thing://x"])
def test_a_url_that_cannot_be_used_is_named_by_its_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="TESSERA_CONTROL_URL"):
        Control(url)


@pytest.mark.skipif(find_spec("psycopg") is not None, reason="the PostgreSQL driver is installed")
def test_postgresql_without_its_driver_names_the_extra() -> None:
    with pytest.raises(MissingExtra, match=r"tessera\[postgres\]"):
        Control("postgresql+psycopg://user:secret@127.0.0.1:1/tessera")


def test_a_folder_that_cannot_be_made_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeNotWritable) as caught:
        Control(sqlite_url(tmp_path / "file" / "control"))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "control.sqlite").write_bytes(b"not a database" * 1000)
    with pytest.raises(HomeError, match="not a database; restore it"):
        Control(sqlite_url(tmp_path))


_FILL = """
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from graph.control import ConsentRecord, Control, sqlite_url
from graph.errors import HomeNotWritable
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
now = datetime.now(UTC)
control = Control(sqlite_url(Path(sys.argv[1])))
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
done = 0
try:
    while done < 10_000:
        control.consents.append([ConsentRecord("account", "a" * 500, now)] * 20, now=now)
        done += 20
except HomeNotWritable as error:
    print(done, error)
"""


def test_a_full_disk_is_an_error_and_loses_nothing(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", _FILL, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True)
    done, message = run.stdout.strip().split(" ", 1)
    assert "free space" in message
    with Control(sqlite_url(tmp_path)) as control:
        assert control.consents.last() == int(done) > 0


_APPEND = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from graph.control import ConsentRecord, Control, sqlite_url
control, now = Control(sqlite_url(Path(sys.argv[1]))), datetime.now(UTC)
while True:
    print(control.consents.append([ConsentRecord("account", "a", now), ConsentRecord("device", "d", now)], now=now), flush=True)
"""


def test_what_was_answered_survives_kill_9_and_a_batch_is_whole(tmp_path: Path) -> None:
    answered = 0
    for lines in (3, 20):
        process = subprocess.Popen([sys.executable, "-c", _APPEND, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(lines):
            answered = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        with Control(sqlite_url(tmp_path)) as control:
            assert control.consents.last() >= answered
            assert control.consents.last() % 2 == 0


def test_many_writers_wait_for_each_other(tmp_path: Path) -> None:
    def write(_: int) -> None:
        with Control(sqlite_url(tmp_path)) as control:
            for _ in range(20):
                control.audit.append(AuditEntry(NOW, "operator", "look", "released"))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, range(4)))
    with Control(sqlite_url(tmp_path)) as control:
        assert len(control.audit.latest(1000)) == 80


def test_a_lock_that_is_never_let_go_is_said_to_be_worth_another_try(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graph.control.engine._BUSY_SECONDS", 0.2)
    with Control(sqlite_url(tmp_path)) as control:
        other = sqlite3.connect(tmp_path / "control.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="TESSERA_CONTROL_URL"):
            control.tenants.ensure("acme", now=NOW)
        other.execute("ROLLBACK")
        other.close()
        control.tenants.ensure("acme", now=NOW)


def _request(members: list[int], recipient: str = "dsp", content: str = "") -> ExportRequest:
    return ExportRequest("acme", "row_list", "aud-1", recipient, 4, content, np.array(sorted(members), dtype=np.uint64))


def test_exports_too_near_an_earlier_one_are_not_registered(tmp_path: Path) -> None:
    with Control(sqlite_url(tmp_path)) as control:
        control.tenants.ensure("acme", now=NOW)
        control.tenants.ensure("other", now=NOW)

        def register(request: ExportRequest) -> Export | int:
            return control.exports.register(request, minimum_difference=50, now=NOW)

        first = register(_request(list(range(200))))
        assert isinstance(first, Export)
        assert register(_request(list(range(200)))) == first
        assert register(_request(list(range(201)))) == 1
        assert register(_request(list(range(25, 224)))) == 49
        assert isinstance(register(_request(list(range(25, 225)))), Export)
        assert isinstance(register(_request(list(range(250)))), Export)
        other_recipient = register(_request(list(range(200)), recipient="other-dsp"))
        assert isinstance(other_recipient, Export)
        assert other_recipient.pseudonym_key != first.pseudonym_key
        assert control.exports.get(first.export_id, "acme") == first
        assert control.exports.get(first.export_id, "other") is None
        assert len(control.exports.all("acme")) == 4


def test_racing_exports_cannot_slip_past_each_other(tmp_path: Path) -> None:
    sets = [[*range(200), 1000 + i] for i in range(8)]

    def register(members: list[int]) -> Export | int:
        with Control(sqlite_url(tmp_path)) as own:
            return own.exports.register(_request(members), minimum_difference=50, now=NOW)

    with Control(sqlite_url(tmp_path)) as control:
        control.tenants.ensure("acme", now=NOW)
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(register, sets))
        assert sum(isinstance(a, Export) for a in answers) == 1
        assert [a for a in answers if not isinstance(a, Export)] == [2] * 7
        assert len(control.exports.all()) == 1


def test_the_consent_log_is_read_in_the_order_of_writing(tmp_path: Path) -> None:
    with Control(sqlite_url(tmp_path)) as control:
        assert control.consents.last() == 0
        first = ConsentRecord("account", "a", NOW, purposes=(1, 4), source="form")
        second = ConsentRecord("device", "d", NOW - timedelta(days=1), purposes=(), gpc=True, tc_string="CO")
        third = ConsentRecord("account", "a", NOW, gpp_string="DBAA")
        assert control.consents.append([first, second], now=NOW) == 2
        assert control.consents.append([third], now=NOW) == control.consents.last() == 3
        read = control.consents.since(0)
        assert [(r.subject_id, r.purposes, r.gpc, r.at) for r in read] == [
            ("a", (1, 4), None, NOW),
            ("d", (), True, NOW - timedelta(days=1)),
            ("a", None, None, NOW),
        ]
        assert control.consents.since(2) == [read[2]]
        assert control.consents.of("account", "a") == [read[0], read[2]]
        with pytest.raises(InputError, match="device or account"):
            control.consents.append([first, ConsentRecord("household", "h", NOW)], now=NOW)
        with pytest.raises(InputError, match="zone"):
            control.consents.append([ConsentRecord("account", "a", datetime(2026, 1, 1))], now=NOW)
        assert control.consents.last() == 3
        assert not any(hasattr(control.consents, name) for name in ("delete", "update"))


def test_the_audit_log_gives_the_newest_lines_of_a_tenant(tmp_path: Path) -> None:
    with Control(sqlite_url(tmp_path)) as control:
        entries = [
            AuditEntry(
                NOW + timedelta(seconds=i), f"key-{i}", "export audience", "denied", f"tenant-{i % 2}", "too_few", "aud-1", i
            )
            for i in range(6)
        ]
        for entry in entries:
            control.audit.append(entry)
        assert control.audit.latest(2) == [entries[5], entries[4]]
        assert control.audit.latest(tenant_id="tenant-1") == [entries[5], entries[3], entries[1]]


@pytest.mark.parametrize("tenant", ["", "Acme", "a b", "-a", "a" * 64, "ä", "a\n"])
def test_a_tenant_id_is_a_short_lower_case_word(tmp_path: Path, tenant: str) -> None:
    with Control(sqlite_url(tmp_path)) as control, pytest.raises(SettingsError, match="tenant id"):
        control.tenants.ensure(tenant, now=NOW)


def test_a_database_error_does_not_tell_whom_it_was_about(tmp_path: Path) -> None:
    with Control(sqlite_url(tmp_path)) as control:
        control.consents.append([ConsentRecord("account", "raw-account", NOW)], now=NOW)
        with sqlite3.connect(tmp_path / "control.sqlite") as connection:
            connection.execute("CREATE UNIQUE INDEX once ON consent_log (subject_id)")
        connection.close()
        with pytest.raises(IntegrityError) as caught:
            control.consents.append([ConsentRecord("account", "raw-account", NOW)], now=NOW)
        assert "raw-account" not in str(caught.value)

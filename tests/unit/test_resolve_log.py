from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from graph.errors import HomeError, HomeNotWritable
from graph.resolve.log import IdentityLog


def filled(folder: Path) -> IdentityLog:
    log = IdentityLog(folder)
    with log.transaction():
        run = log.start_run()
        log.add_persons(run, [("p1", "account", "a1"), ("p2", "account", "a2"), ("p3", "account", "a3")])
        log.put_members(run, ["account"] * 3, ["a1", "a2", "a3"], ["p1", "p2", "p3"])
        log.append(run, "2026-03-01T00:00:00", "create", [(p, None, None, None, "new") for p in ("p1", "p2", "p3")])
        log.set_version("00000001")
        log.build_indexes()
    return log


def test_members_persons_and_entries_are_found_again(tmp_path: Path) -> None:
    filled(tmp_path).close()
    with IdentityLog(tmp_path, create=False) as log:
        assert log.state() == (1, "00000001")
        assert log.members() == (["account"] * 3, ["a1", "a2", "a3"], ["p1", "p2", "p3"])
        assert log.person_of("account", "a2") == "p2"
        assert log.person_of("device", "a2") is None
        assert log.members_of("p3") == [("account", "a3")]
        assert [(e.seq, e.action, e.person_id, e.cause) for e in log.entries(limit=2)] == [
            (3, "create", "p3", "new"),
            (2, "create", "p2", "new"),
        ]
        assert log.entries(["merge"]) == []


def test_retired_ids_lead_to_a_living_person_through_any_number_of_merges(tmp_path: Path) -> None:
    with filled(tmp_path) as log:
        for retired, survivor in (("p1", "p2"), ("p2", "p3")):
            with log.transaction():
                run = log.start_run()
                log.retire(run, retired, survivor)
                log.append(run, None, "merge", [(survivor, retired, None, None, "shared_email")])
        assert log.aliases() == {"p1": "p3", "p2": "p3"}
        assert [log.current(p) for p in ("p1", "p2", "p3", "p4")] == ["p3", "p3", "p3", None]
        assert log.ever_given("p1")
        assert not log.ever_given("p4")
        assert [(e.person_id, e.other_id, e.run) for e in log.entries(["merge"], person_id="p2")] == [
            ("p3", "p2", 3),
            ("p2", "p1", 2),
        ]
        with log.transaction():
            log.retire(log.start_run(), "p3", None)
        assert [log.current(p) for p in ("p1", "p2", "p3")] == [None, None, None]


def half_a_run(log: IdentityLog) -> None:
    with log.transaction():
        log.start_run()
        log.put_members(2, ["account"], ["a1"], ["p3"])
        log.set_version("00000002")
        raise KeyError


def test_a_transaction_that_fails_changes_nothing(tmp_path: Path) -> None:
    with filled(tmp_path) as log:
        with pytest.raises(KeyError):
            half_a_run(log)
        assert log.state() == (1, "00000001")
        assert log.person_of("account", "a1") == "p1"


def test_a_reader_sees_the_state_before_an_open_transaction(tmp_path: Path) -> None:
    with filled(tmp_path) as log, IdentityLog(tmp_path, create=False) as reader:
        with log.transaction():
            log.put_members(2, ["account"], ["a1"], ["p3"])
            assert reader.person_of("account", "a1") == "p1"
        assert reader.person_of("account", "a1") == "p3"


def test_a_damaged_database_and_a_read_only_folder_are_one_line_errors(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "identity.sqlite").write_bytes(b"not a database, and long enough to be looked at " * 100)
    with pytest.raises(HomeError, match="is damaged") as error:
        IdentityLog(damaged).state()
    assert "\n" not in str(error.value)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(HomeNotWritable):
        IdentityLog(file / "identity")
    with pytest.raises(FileNotFoundError):
        IdentityLog(tmp_path / "nowhere", create=False)


def test_the_log_is_in_wal_mode(tmp_path: Path) -> None:
    filled(tmp_path).close()
    database = sqlite3.connect(tmp_path / "identity.sqlite")
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()

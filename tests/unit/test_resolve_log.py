from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from identity_world import AT, World, account, check_forest

from graph.errors import HomeError, HomeNotWritable
from graph.resolve.assertions import assert_never, assert_same
from graph.resolve.changes import Retired
from graph.resolve.log import IdentityLog
from graph.resolve.log_assertions import all_assertions, standing


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


def test_an_id_that_is_revived_takes_its_own_aliases_along(tmp_path: Path) -> None:
    """p1 into p2, p2 into p3; p2 comes back, then p1 goes under p3."""
    with filled(tmp_path) as log:
        for retired, survivor in (("p1", "p2"), ("p2", "p3")):
            with log.transaction():
                log.retire(log.start_run(), retired, survivor)
        assert log.retired_into("p3") == [Retired("p1", "p2", 1, 2), Retired("p2", "p3", 1, 3)]
        with log.transaction():
            log.revive("p2")
        assert log.aliases() == {"p1": "p2"}
        assert (log.current("p2"), log.retired_into("p2")) == ("p2", [Retired("p1", "p2", 1, 2)])
        with log.transaction():
            log.redirect("p1", "p3")
        assert log.retired_into("p3") == [Retired("p1", "p3", 1, 2)]
        assert log.retired_into("p2") == []


def test_one_entry_is_found_by_its_number(tmp_path: Path) -> None:
    with filled(tmp_path) as log:
        entry = log.entry(2)
        assert entry is not None
        assert (entry.action, entry.person_id) == ("create", "p2")
        assert [log.entry(n) for n in (0, -1, 99, 2**70)] == [None] * 4
        assert len(log.entries(limit=2**70)) == 3


FIRST_FORM = """
CREATE TABLE members (kind TEXT, id TEXT, person_id TEXT NOT NULL, since_run INTEGER NOT NULL,
    PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE persons (person_id TEXT NOT NULL, anchor_kind TEXT NOT NULL, anchor_id TEXT NOT NULL,
    created_run INTEGER NOT NULL, retired_run INTEGER);
CREATE TABLE aliases (person_id TEXT PRIMARY KEY, current_id TEXT NOT NULL, run INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE log (seq INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL, at TEXT, action TEXT NOT NULL,
    person_id TEXT NOT NULL, other_id TEXT, kind TEXT, id TEXT, cause TEXT NOT NULL);
CREATE TABLE state (only INTEGER PRIMARY KEY CHECK (only = 1), run INTEGER NOT NULL, version TEXT);
CREATE INDEX aliases_current ON aliases (current_id);
INSERT INTO state VALUES (1, 3, '00000003');
INSERT INTO members VALUES ('account', 'a1', 'p3', 1), ('account', 'a2', 'p3', 1), ('account', 'a3', 'p3', 1),
    ('account', 'a4', 'p3', 1);
INSERT INTO persons VALUES ('p1', 'account', 'a1', 1, 2), ('p2', 'account', 'a2', 1, 3), ('p3', 'account', 'a3', 1, NULL);
INSERT INTO aliases VALUES ('p1', 'p3', 3), ('p2', 'p3', 3);
INSERT INTO log (run, at, action, person_id, other_id, kind, id, cause) VALUES
    (1, NULL, 'create', 'p1', NULL, NULL, NULL, 'new'), (1, NULL, 'create', 'p2', NULL, NULL, NULL, 'new'),
    (1, NULL, 'create', 'p3', NULL, NULL, NULL, 'new'),
    (2, NULL, 'merge', 'p2', 'p1', NULL, NULL, 'test'), (2, NULL, 'move', 'p2', 'p1', 'account', 'a1', 'merge'),
    (3, NULL, 'merge', 'p3', 'p2', NULL, NULL, 'test'), (3, NULL, 'move', 'p3', 'p2', 'account', 'a1', 'merge'),
    (3, NULL, 'move', 'p3', 'p2', 'account', 'a2', 'merge');
"""


def test_a_log_of_the_first_form_loses_no_id_and_its_merges_can_be_taken_apart(tmp_path: Path) -> None:
    """Written before there were origins: p1 into p2, p2 into p3."""
    database = sqlite3.connect(tmp_path / "identity.sqlite")
    database.executescript(FIRST_FORM)
    database.close()
    with IdentityLog(tmp_path, create=False) as reader:  # before any writer came
        assert (reader.current("p1"), reader.aliases(), standing(reader)) == ("p3", {"p1": "p3", "p2": "p3"}, [])
    world = World(tmp_path)
    check_forest(world.log)
    assert world.log.state() == (3, "00000003")
    assert world.log.origins("p3") == [("account", "a1", "p1"), ("account", "a2", "p2")]
    world.run([[account("a1"), account("a2")], [account("a3"), account("a4")]])
    assert world.persons() == {"p2": {account("a1"), account("a2")}, "p3": {account("a3"), account("a4")}}
    assert world.log.aliases() == {"p1": "p2"}
    world.close()


def test_a_log_of_the_second_form_remembers_former_persons_from_now_on(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run([[account("a1"), account("a2")], [account("a3")]])
    world.log.change("DROP TABLE former")
    world.log.change("PRAGMA user_version = 2")
    world.close()
    with IdentityLog(tmp_path, create=False) as reader:  # before any writer came
        assert standing(reader) == []
    world = World(tmp_path)
    before = world.persons()
    world.run([[account("a1")], [account("a2"), account("a3")]])
    world.run([[account("a1"), account("a2")], [account("a3")]])
    assert world.persons() == before
    world.close()


def test_a_log_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    filled(tmp_path).close()
    database = sqlite3.connect(tmp_path / "identity.sqlite")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(HomeError, match="newer version") as error:
        IdentityLog(tmp_path)
    assert "\n" not in str(error.value)


def test_the_log_says_who_asserted_what_and_is_only_added_to(tmp_path: Path) -> None:
    with filled(tmp_path) as log:
        before = log.entries()
        same = assert_same(log, account("a1"), account("a2"), at=AT, by="operator", reason="one e-mail to support")
        never = assert_never(log, account("a1"), account("zz"), at=AT, by="operator")
        newest = log.entries(limit=2)
        assert [(e.seq, e.action, e.person_id, e.other_id, e.id) for e in newest] == [
            (never.seq, "assert", "p1", None, "a1"),
            (same.seq, "assert", "p1", "p2", "a1"),
        ]
        assert newest[1].cause == "assertion 1: same, by operator"
        assert log.entries()[2:] == before
        assert [a.reason for a in all_assertions(log)] == ["one e-mail to support", None]

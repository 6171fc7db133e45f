"""The operator's word on identities, by the command line: asserted, undone, split, revoked; what graph and exports say then."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from command_line import Tessera

from graph.home import Home

ACCOUNTS = "account_id,email\nann,ann@example.com\nann-shop,ann@example.com\nbob,bob@example.com\ncy,cy@example.com\n"
EVENTS = [
    {"event_id": f"{device}{n}", "at": f"2026-03-0{n + 1}T10:00:00Z", "device_id": device, "account_id": account}
    for device, account in (("phone-a", "ann"), ("phone-b", "bob"), ("tv-b", "bob"), ("phone-c", "cy"))
    for n in range(3)
]


@pytest.fixture
def tessera(tmp_path: Path) -> Tessera:
    """A home with Ann (two accounts, one telephone), Bob (one account, two devices) and Cy."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "accounts.csv").write_text(ACCOUNTS)
    (source / "events.jsonl").write_text("\n".join(map(json.dumps, EVENTS)))
    made = Tessera(tmp_path / "home")
    made("ingest", source, "--quiet")
    made("resolve", "--quiet")
    return made


def persons(tessera: Tessera) -> dict[str, str]:
    """Person id by kind:id, as the operator exports it."""
    file = tessera.home.parent / "identities.csv"
    tessera("export", "identities", "--out", file)
    with file.open() as content:
        return {f"{row['kind']}:{row['id']}": row["person_id"] for row in csv.DictReader(content)}


def graph(tessera: Tessera) -> list[Any]:
    """Who belongs to whom, and all evidence, in the graph."""
    belongs = (
        "MATCH (n)-[r:BELONGS_TO]->(p:Person) RETURN p.person_id AS person, r.confidence AS c, p.devices AS d, p.accounts AS a"
    )
    evidence = "MATCH ()-[r:SAME_PERSON]->() RETURN r.method AS method, r.weight AS weight"
    return [sorted(tessera.json("cypher", "-", stdin=query), key=str) for query in (belongs, evidence)]


def merge_number(tessera: Tessera) -> int:
    return next(int(row["seq"]) for row in tessera.json("identity", "log") if row["action"] == "merge")


def test_two_people_are_made_one_and_two_again(tessera: Tessera) -> None:
    before, drawn = persons(tessera), graph(tessera)
    assert before["account:ann"] == before["account:ann-shop"] == before["device:phone-a"] != before["account:bob"]
    report = tessera.json("identity", "same", "account:ann-shop", "device:tv-b", "--reason", "one bill")
    (made,) = report["assertions"]
    assert (made["number"], made["action"], made["state"], made["reason"], made["by"]) == (
        1,
        "same",
        "holds",
        "one bill",
        "operator",
    )
    assert report["graph"]["Person"] == report["identities"]["persons"] == 2
    assert len(set(persons(tessera).values())) == 2
    assert tessera.json("explain", "account:ann", "device:phone-b")["same"]
    undone = tessera.json("identity", "undo", str(merge_number(tessera)))
    assert [(a["number"], a["state"]) for a in undone["assertions"]] == [(1, "revoked")]
    assert persons(tessera) == before
    assert graph(tessera) == drawn
    assert tessera.json("identity", "log", "--limit", "1")[0]["action"] in {"move", "revive"}


def test_a_merge_by_input_is_undone_and_stays_so_whatever_comes(tessera: Tessera, tmp_path: Path) -> None:
    before = persons(tessera)
    more = tmp_path / "more"
    more.mkdir()
    (more / "accounts.csv").write_text("account_id,email\nbob,ann@example.com\n")
    tessera("ingest", more, "--quiet")
    tessera("resolve", "--quiet")
    assert len(set(persons(tessera).values())) == 2
    undone = tessera.json("identity", "undo", str(merge_number(tessera)))
    (apart,) = undone["assertions"]
    assert (apart["action"], apart["state"]) == ("apart", "holds")
    sides = sorted([sorted(apart["left"]), sorted(apart["right"])])
    assert sides == [["account:ann", "account:ann-shop", "device:phone-a"], ["account:bob", "device:phone-b", "device:tv-b"]]
    assert persons(tessera) == before
    (more / "accounts.csv").write_text(
        "account_id,email,phone\nbob,ann@example.com,+41791234567\nann,ann@example.com,+41791234567\n"
    )
    tessera("ingest", more, "--quiet")
    tessera("resolve", "--quiet")
    assert persons(tessera) == before
    assert "asserted_never" in json.dumps(tessera.json("explain", "account:ann", "account:bob"))
    (again,) = tessera.json("identity", "same", "account:ann", "account:bob")["assertions"]
    assert again["state"] == "cannot be met: assertion 1 (apart) is against it"
    assert persons(tessera) == before
    tessera("identity", "revoke", "1", "--quiet")
    assert len(set(persons(tessera).values())) == 2


def test_where_evidence_joins_what_was_asserted_too_undo_holds_apart_at_once(tessera: Tessera, tmp_path: Path) -> None:
    before = persons(tessera)
    more = tmp_path / "more"
    more.mkdir()
    (more / "accounts.csv").write_text("account_id,email\nbob,ann@example.com\n")
    tessera("ingest", more, "--quiet")
    tessera("identity", "same", "account:ann", "account:bob", "--quiet")
    undone = tessera.json("identity", "undo", str(merge_number(tessera)))
    assert [(a["action"], a["state"]) for a in undone["assertions"]] == [("same", "revoked"), ("apart", "holds")]
    assert persons(tessera) == before


def test_a_device_is_taken_out_of_a_person(tessera: Tessera) -> None:
    before = persons(tessera)
    tessera("identity", "split", before["account:bob"], "device:tv-b", "--quiet")
    after = persons(tessera)
    assert after["device:tv-b"] != before["device:tv-b"] == after["device:phone-b"]
    assert {k: p for k, p in after.items() if k != "device:tv-b"} == {k: p for k, p in before.items() if k != "device:tv-b"}


def test_never_holds_and_unknown_subjects_are_waited_for(tessera: Tessera, tmp_path: Path) -> None:
    assert "waits for device:new-tv" in tessera("identity", "same", "account:cy", "device:new-tv", "--quiet").out
    assert tessera.json("identity", "never", "account:bob", "device:tv-b")["assertions"][0]["state"] == "holds"
    found = persons(tessera)
    assert found["account:bob"] == found["device:phone-b"] != found["device:tv-b"]
    more = tmp_path / "more"
    more.mkdir()
    (more / "devices.csv").write_text("device_id,kind\nnew-tv,tv\n")
    tessera("ingest", more, "--quiet")
    tessera("resolve", "--quiet")
    assert persons(tessera)["device:new-tv"] == persons(tessera)["account:cy"]
    listed = tessera.json("identity", "assertions")
    assert [(a["number"], a["action"], a["state"]) for a in listed] == [(1, "same", "holds"), (2, "never", "holds")]
    assert "account:cy" in tessera("identity", "assertions").out


def test_bad_calls_are_one_line_and_change_nothing(tessera: Tessera) -> None:
    before = tessera.json("identity", "log")
    for arguments, words in (
        (("same", "account:ann", "account:ann"), "one with itself"),
        (("same", "ann", "account:bob"), "is not device:ID or account:ID"),
        (("never", "person:1", "account:bob"), "is not device:ID or account:ID"),
        (("undo", "1"), "is a create"),
        (("undo", "99999999999999999999999"), "no entry"),
        (("undo", "x"), "valid integer"),
        (("revoke", "7"), "no assertion 7"),
        (("split", "nobody", "account:ann"), "no person"),
        (("log", "--limit", "0"), "greater than or equal to 1"),
    ):
        assert words in tessera.refuses("identity", *arguments)
    assert tessera.json("identity", "log") == before
    assert tessera.json("identity", "assertions") == []


def test_before_the_first_run_and_while_another_writes_nothing_is_asserted(tessera: Tessera, tmp_path: Path) -> None:
    empty = Tessera(tmp_path / "empty")
    for command in (("same", "account:a", "account:b"), ("undo", "1"), ("log",), ("assertions",)):
        assert "tessera resolve" in empty.refuses("identity", *command)
    with Home.open(tessera.home).writing("test"):
        assert "is being written by" in tessera.refuses("identity", "never", "account:ann", "account:bob")
    assert tessera.json("identity", "assertions") == []


def test_the_audit_log_names_the_assertion_and_nobody(tessera: Tessera) -> None:
    from graph.control import Control, sqlite_url

    tessera("identity", "never", "account:ann", "account:bob", "--quiet")
    control = Control(sqlite_url(Home.open(tessera.home).control))
    line = control.audit.latest(1)[0]
    control.close()
    assert (line.actor, line.action, line.outcome, line.subject) == ("operator", "identity never", "done", "assertion 1")


def test_the_log_of_one_person(tessera: Tessera) -> None:
    who = persons(tessera)["account:cy"]
    rows = tessera.json("identity", "log", "--person", who)
    assert [(row["action"], row["person_id"]) for row in rows] == [("create", who)]
    assert "create" in tessera("identity", "log", "--person", who).out

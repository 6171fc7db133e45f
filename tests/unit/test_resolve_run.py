"""The stage as a whole: ids over runs, input order, kills, what is stored."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lake_tables import KEY, connect, minutes, partition, population, sign_ins
from strangers import strangers

from graph import resolution as contract
from graph.errors import HomeError, NothingResolved
from graph.home import Home
from graph.resolution import Resolution
from graph.resolve import IdentityLog, load, resolve
from graph.resolve.assertions import assert_never, assert_same


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


def persons(found: Resolution) -> dict[tuple[str, str], str]:
    return {(r["kind"], r["id"]): r["person_id"] for r in found.members.to_pylist()}


def entries(home: Home) -> list[tuple[str, str]]:
    with IdentityLog(home.identity, create=False) as log:
        return [(e.action, e.person_id) for e in log.entries(limit=10_000)]


def test_every_table_has_its_contracts_schema_and_is_loaded_as_it_was_returned(home: Home) -> None:
    with pytest.raises(NothingResolved):
        load(home)
    found = resolve(connect(**population(5, 0)), home, key=KEY)
    again = load(home)
    for name in (
        "members",
        "persons",
        "evidence",
        "signed_in",
        "has_identifier",
        "identifiers",
        "seen_on",
        "networks",
        "guarded",
        "households",
    ):
        assert getattr(found, name).schema == getattr(contract, name.upper())
        assert getattr(found, name).equals(getattr(again, name))


def test_an_empty_lake_resolves_to_nothing(home: Home) -> None:
    found = resolve(connect(), home, key=KEY)
    assert found.members.num_rows == found.persons.num_rows == 0
    assert load(home).members.num_rows == 0


def test_people_are_found_and_counted(home: Home) -> None:
    events = [*sign_ins("d1", "a1", 2), *sign_ins("d2", "a1", 2, start=5), {"event_id": "x", "at": minutes(9), "device_id": "d3"}]
    accounts = [{"account_id": "a1", "created_at": minutes(-3)}, {"account_id": "a2"}]
    found = resolve(connect(events=events, accounts=accounts), home, key=KEY)
    assert partition(found.members) == {
        frozenset({"account:a1", "device:d1", "device:d2"}),
        frozenset({"account:a2"}),
        frozenset({"device:d3"}),
    }
    counted = sorted((r["devices"], r["accounts"], r["created_at"]) for r in found.persons.to_pylist() if r["created_at"])
    assert counted == [(1, 0, minutes(9)), (2, 1, minutes(-3))]
    confidence = {r["id"]: r["confidence"] for r in found.members.to_pylist()}
    assert confidence["a2"] == confidence["d3"] == 1.0
    assert confidence["d1"] == pytest.approx(64 / 65)
    assert confidence["a1"] == pytest.approx(1 / (1 + 2**-12))  # two sign-ins of weight 6


def test_the_same_input_changes_no_id_and_writes_no_log_entry(home: Home) -> None:
    connection = connect(**population(30, 1))
    first = resolve(connection, home, key=KEY)
    log = entries(home)
    second = resolve(connection, home, key=KEY)
    assert persons(first) == persons(second)
    assert entries(home) == log
    assert {action for action, _ in log} == {"create"}
    elsewhere = Home.open(home.path.parent / "elsewhere")
    assert persons(resolve(connection, elsewhere, key=KEY)) == persons(first)
    assert connection.sql("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]


def test_growth_changes_few_ids_and_every_retired_id_leads_to_its_members(home: Home) -> None:
    everything = population(300, 2)
    generator = random.Random(3)
    known = {a["account_id"] for a in everything["accounts"] if generator.random() < 0.9}
    part = {
        "accounts": [a for a in everything["accounts"] if a["account_id"] in known],
        "events": [e for e in everything["events"] if e["account_id"] in known],
    }
    before = persons(resolve(connect(**part), home, key=KEY))
    for rows in everything.values():
        generator.shuffle(rows)
    after = persons(resolve(connect(**everything), home, key=KEY))
    changed = [s for s in before if before[s] != after[s]]
    assert len(changed) < 0.05 * len(before)
    retired = set(before.values()) - set(after.values())
    with IdentityLog(home.identity, create=False) as log:
        assert set(log.aliases()) == retired
        for subject in changed:
            if before[subject] in retired:
                assert log.current(before[subject]) == after[subject]
        assert {m: p for p in set(after.values()) for m in log.members_of(p)} == after
        causes = {e.cause for e in log.entries(["merge"])}
    assert causes <= {"sign_in", "records"}


def test_a_merge_is_logged_and_undone_evidence_gives_back_what_was(home: Home) -> None:
    events = [*sign_ins("d1", "a1", 2), *sign_ins("d2", "a2", 2), *sign_ins("d3", "a2", 2)]
    apart = {"events": events, "accounts": strangers("email")}
    first = persons(resolve(connect(**apart), home, key=KEY))
    joined = {**apart, "accounts": [{"account_id": a, "email": "x@example.com"} for a in ("a1", "a2")] + strangers("email")}
    second = persons(resolve(connect(**joined), home, key=KEY))
    survivor, gone = first["account", "a2"], first["account", "a1"]
    others = {("account", s["account_id"]) for s in strangers()}
    assert {p for s, p in second.items() if s not in others} == {survivor}
    assert all(second[s] == first[s] for s in others)
    with IdentityLog(home.identity, create=False) as log:
        (merge,) = log.entries(["merge"])
        assert (merge.person_id, merge.other_id, merge.cause) == (survivor, gone, "records")
        assert merge.at == minutes(60).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        assert {(m.kind, m.id, m.other_id) for m in log.entries(["move"])} == {("account", "a1", gone), ("device", "d1", gone)}
        assert log.current(gone) == survivor
    third = persons(resolve(connect(**apart), home, key=KEY))
    assert third["account", "a2"] == survivor
    assert third == first
    with IdentityLog(home.identity, create=False) as log:
        (revived,) = log.entries(["revive"])
        assert (revived.person_id, revived.other_id, revived.cause) == (gone, survivor, "nothing joins the parts any more")
        assert log.aliases() == {}


def test_what_operators_asserted_is_evidence_of_every_run(home: Home) -> None:
    events = {"events": [*sign_ins("d1", "a1", 2), *sign_ins("d2", "a2", 2), *sign_ins("d3", "a3", 2)]}
    same = [{"account_id": a, "email": "x@example.com"} for a in ("a1", "a2")]
    tables = {**events, "accounts": same + strangers("email")}
    with IdentityLog(home.identity) as log:
        assert_never(log, ("device", "d1"), ("account", "a2"), at=minutes(0), by="operator")
        assert_same(log, ("account", "a2"), ("device", "d3"), at=minutes(0), by="operator")
    for _ in range(2):
        found = resolve(connect(**tables), home, key=KEY)
        who = persons(found)
        assert who["account", "a2"] == who["device", "d3"] == who["account", "a3"]
        assert who["device", "d1"] != who["account", "a2"]
        said = {(r["left_id"], r["right_id"]): r for r in found.evidence.to_pylist() if r["method"].startswith("asserted")}
        assert {pair: (r["method"], r["weight"], r["sources"]) for pair, r in said.items()} == {
            ("a2", "d1"): ("asserted_never", -1e6, ["operator"]),
            ("a2", "d3"): ("asserted_same", 1e3, ["operator"]),
        }


def test_members_that_leave_the_lake_leave_the_log_and_their_id_is_not_given_again(home: Home) -> None:
    both = {"events": [*sign_ins("d1", "a1"), *sign_ins("d2", "a2")]}
    first = persons(resolve(connect(**both), home, key=KEY))
    resolve(connect(events=sign_ins("d2", "a2")), home, key=KEY)
    with IdentityLog(home.identity, create=False) as log:
        assert log.members()[1] == ["a2", "d2"]
        assert log.current(first["account", "a1"]) is None
        assert {(e.action, e.id) for e in log.entries(["leave", "retire"])} == {
            ("leave", "a1"),
            ("leave", "d1"),
            ("retire", None),
        }
    again = persons(resolve(connect(**both), home, key=KEY))
    assert again["account", "a1"] != first["account", "a1"]
    assert again["account", "a2"] == first["account", "a2"]


ROWS = st.lists(
    st.tuples(st.sampled_from([f"d{n}" for n in range(5)]), st.sampled_from([f"a{n}" for n in range(5)]), st.integers(0, 3)),
    max_size=14,
)


@settings(max_examples=12, deadline=None)
@given(ROWS, st.lists(st.sampled_from(["x@example.com", "y@example.com", None]), min_size=5, max_size=5), st.randoms())
def test_the_partition_depends_neither_on_order_nor_on_repeated_rows(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, int]],
    emails: list[str | None],
    generator: random.Random,
) -> None:
    home = Home.open(tmp_path_factory.mktemp("home"))
    events = [{"event_id": f"e{n}", "at": minutes(m), "device_id": d, "account_id": a} for n, (d, a, m) in enumerate(rows)]
    accounts = [{"account_id": f"a{n}", "email": e} for n, e in enumerate(emails)]
    labels = [{"subject_kind": "device", "subject_id": d, "tag": "t"} for d, _, _ in rows]
    first = resolve(connect(events=events, accounts=accounts, labels=labels), home, key=KEY)
    subjects = {("device", d) for d, _, _ in rows} | {("account", f"a{n}") for n in range(5)}
    assert set(persons(first)) == subjects
    assert first.members.num_rows == len(subjects)
    generator.shuffle(events)
    generator.shuffle(accounts)
    labels = labels * 2
    generator.shuffle(labels)
    second = resolve(connect(events=events, accounts=accounts, labels=labels), home, key=KEY)
    for name in ("members", "persons", "evidence", "guarded"):
        assert getattr(second, name).equals(getattr(first, name))


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {root!r}]
from lake_tables import KEY, connect, sign_ins
from graph.home import Home
from graph.resolve import resolve

def die(what, done, total):
    if what == {step!r}:
        os.kill(os.getpid(), signal.SIGKILL)

rows = sign_ins("d1", "a1") + sign_ins("d2", "a2") + sign_ins("d3", "a3")
accounts = [{{"account_id": a, "email": f"{{a}}@example.com"}} for a in ("a1", "a2", "a3")]
resolve(connect(events=rows, accounts=accounts), Home.open(Path({home!r})), key=KEY, progress=die)
"""


@pytest.mark.parametrize("step", ["resolve: tables", "resolve: identity log", "resolve: commit", "resolve"])
def test_a_kill_leaves_the_earlier_or_the_later_state_whole(home: Home, step: str) -> None:
    before = resolve(connect(events=[*sign_ins("d1", "a1"), *sign_ins("d2", "a2")]), home, key=KEY)
    old = entries(home)
    here = Path(__file__).parent
    script = textwrap.dedent(KILLED).format(tests=str(here), root=str(here.parents[1]), step=step, home=str(home.path))
    killed = subprocess.run([sys.executable, "-c", script], check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert killed.returncode == -signal.SIGKILL
    found = load(home)
    done = step == "resolve"  # after the commit
    assert found.members.num_rows == (6 if done else 4)
    assert (entries(home) != old) == done
    with IdentityLog(home.identity, create=False) as log:
        kinds, ids, owners = log.members()
    assert dict(zip(zip(kinds, ids, strict=True), owners, strict=True)) == persons(found)
    after = resolve(connect(events=[*sign_ins("d1", "a1"), *sign_ins("d2", "a2")]), home, key=KEY)
    assert after.members.num_rows == before.members.num_rows
    assert len(list((home.identity / "resolved").iterdir())) <= 2


def test_a_damaged_log_is_a_one_line_error(home: Home) -> None:
    home.identity.mkdir(parents=True)
    (home.identity / "identity.sqlite").write_bytes(b"damaged " * 1000)
    for attempt in (lambda: load(home), lambda: resolve(connect(), home, key=KEY)):
        with pytest.raises(HomeError, match="damaged") as error:
            attempt()
        assert "\n" not in str(error.value)

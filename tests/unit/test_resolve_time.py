"""The stage over time: parameters that are kept, evidence that ages, the state as of a time; and hubs of any size."""

from __future__ import annotations

import math
import random
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from lake_tables import KEY, connect, minutes, partition, population, sign_ins
from strangers import strangers

from graph.home import Home
from graph.resolution import Resolution
from graph.resolve import IdentityLog, ResolveSettings, resolve
from graph.resolve.decay import Decay
from graph.tables import TABLES
from tests.unit.record_people import people


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


def parameters(home: Home) -> tuple[str, dict[str, bytes]]:
    """Name and files of the fitted parameters that the log names."""
    with IdentityLog(home.identity, create=False) as log:
        name = log.parameters()
    assert name is not None
    folder = home.identity / "parameters" / name
    return name, {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_parameters_are_fitted_once_and_kept_until_they_are_fitted_anew(home: Home) -> None:
    records, _ = people(160, 5)
    accounts = records.to_pylist()

    def scores(found: Resolution) -> dict[tuple[str, str], float]:
        return {(r["left_id"], r["right_id"]): r["weight"] for r in found.evidence.to_pylist() if r["method"] == "records"}

    first = scores(resolve(connect(accounts=accounts[:120]), home, key=KEY))
    fitted = parameters(home)
    grown = scores(resolve(connect(accounts=accounts), home, key=KEY))
    assert parameters(home) == fitted
    assert len(first) > 5
    assert {pair: grown[pair] for pair in first} == first
    anew = scores(resolve(connect(accounts=accounts), home, key=KEY, refit=True))
    name, files = parameters(home)
    assert name != fitted[0]
    assert files["records/model.json"] != fitted[1]["records/model.json"]
    assert any(anew[pair] != first[pair] for pair in first if pair in anew)
    elsewhere = Home.open(home.path.parent / "elsewhere")
    assert scores(resolve(connect(accounts=accounts), elsewhere, key=KEY)) == anew
    assert parameters(elsewhere)[1] == files


def test_a_model_fitted_without_any_account_is_fitted_once_there_are_some(home: Home) -> None:
    resolve(connect(events=sign_ins("d1", "a1")), home, key=KEY)
    name, _ = parameters(home)
    accounts = [{"account_id": a, "email": "x@example.com"} for a in ("a1", "a2")] + strangers("email")
    found = resolve(connect(events=sign_ins("d1", "a1"), accounts=accounts), home, key=KEY)
    assert frozenset({"account:a1", "account:a2", "device:d1"}) in partition(found.members)
    assert parameters(home)[0] != name


def timed(rows: list[dict[str, Any]], column: str, last: datetime) -> list[dict[str, Any]]:
    """Those rows that were there at that time."""
    return [r for r in rows if r.get(column) is None or r[column] <= last]


def test_as_of_a_time_is_what_a_home_with_the_rows_until_then_finds(home: Home) -> None:
    tables = population(60, 4)
    generator = random.Random(4)
    for account in tables["accounts"]:
        account["created_at"] = minutes(generator.randint(-300, 600))
    for device in tables["devices"]:
        device["first_seen"] = minutes(generator.randint(-300, 100))
    for event in tables["events"]:
        event["at"] += timedelta(minutes=generator.randint(0, 400))
    tables["relations"] = [
        {"from_kind": "account", "from_id": a, "to_kind": "account", "to_id": b, "type": "alias", "at": minutes(at)}
        for a, b, at in (("a0001x", "a0002x", 100), ("a0003x", "a0004x", 500))
    ]
    moment = sorted(e["at"] for e in tables["events"])[len(tables["events"]) // 2]
    columns = {"accounts": "created_at", "devices": "first_seen", "events": "at", "relations": "at"}
    until = {name: timed(rows, columns[name], moment) for name, rows in tables.items()}
    everything = stored(tables)
    then = resolve(everything, home, key=KEY, as_of=moment)
    fresh = resolve(connect(**until), Home.open(home.path.parent / "fresh"), key=KEY)
    for table in fields(Resolution):
        assert getattr(then, table.name).equals(getattr(fresh, table.name)), table.name
    now = resolve(everything, Home.open(home.path.parent / "now"), key=KEY)
    assert partition(now.members) != partition(then.members)
    assert everything.sql("SELECT count(*) FROM events").fetchall() == [(len(tables["events"]),)]


def stored(tables: dict[str, list[dict[str, Any]]]) -> duckdb.DuckDBPyConnection:
    """A connection whose views are not temporary, as the lake's."""
    connection = connect(**tables)
    for name in TABLES:
        connection.execute(f"CREATE TABLE stored_{name} AS SELECT * FROM {name}")
        connection.unregister(name)
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM stored_{name}")
    return connection


YEAR = 365 * 24 * 60


@pytest.mark.parametrize("decays", [True, False])
@pytest.mark.parametrize(("years", "left"), [(1, "joins"), (5, "too little"), (9, "expired")])
def test_a_sign_in_that_is_years_old_joins_no_more(home: Home, years: int, left: str, decays: bool) -> None:
    old = sign_ins("old-phone", "a1", 3, start=-years * YEAR)
    new = sign_ins("new-phone", "a1", 30)
    chosen = ResolveSettings() if decays else ResolveSettings(decay=Decay(sign_in_days=1e9))
    found = resolve(connect(events=old + new), home, key=KEY, settings=chosen)
    together = frozenset({"account:a1", "device:new-phone", "device:old-phone"}) in partition(found.members)
    weights = {r["right_id"]: r["weight"] for r in found.evidence.to_pylist()}
    assert ("old-phone" in weights) == (left != "expired" or not decays)
    assert weights["new-phone"] == pytest.approx(6 + 2 * math.log2(1))
    assert together == (left == "joins" or not decays)
    assert len(partition(found.members)) == (1 if together else 2)


def test_a_device_with_a_hundred_accounts_and_an_account_with_six_hundred_devices_are_shared(home: Home) -> None:
    """However uneven: one account has nearly all of the sign-ins."""
    kiosk = sign_ins("kiosk", "owner", 500) + [e for n in range(99) for e in sign_ins("kiosk", f"a{n:03d}", start=n)]
    guest = [e for n in range(600) for e in sign_ins(f"front{n:03d}", "guest", start=1000 * n)]
    found = resolve(connect(events=kiosk + guest), home, key=KEY)
    shared = {(r["kind"], r["id"]): (r["class"], r["reason"]) for r in found.guarded.to_pylist()}
    assert shared == {
        ("device", "kiosk"): ("shared", "sign-ins of more than 64 accounts"),
        ("account", "guest"): ("shared", "signed in on more than 512 devices"),
    }
    assert len(partition(found.members)) == 1 + 100 + 1 + 600


def test_an_advertising_id_on_a_hundred_thousand_devices_joins_nobody_and_is_said(home: Home) -> None:
    devices = [{"device_id": f"d{n:06d}", "advertising_id": "38400000-8cf0-11bd-b23e-10b96e40000d"} for n in range(100_000)]
    found = resolve(connect(devices=devices), home, key=KEY)
    assert found.identifiers.select(["degree", "generic"]).to_pylist() == [{"degree": 100_000, "generic": True}]
    assert found.evidence.num_rows == 0
    assert found.persons.num_rows == 100_000

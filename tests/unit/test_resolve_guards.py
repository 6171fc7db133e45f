"""What must not merge people, each against a control in which it may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lake_tables import KEY, Rows, connect, minutes, partition, sign_ins

from graph.home import Home
from graph.resolution import Resolution
from graph.resolve import resolve


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


def run(home: Home, **tables: Rows) -> Resolution:
    return resolve(connect(**tables), home, key=KEY)


def classes(resolution: Resolution) -> dict[str, str]:
    return {f"{r['kind']}:{r['id']}": r["class"] for r in resolution.members.to_pylist() if r["class"] != "person"}


def own_devices(people: int) -> list[dict[str, Any]]:
    return [e for n in range(people) for e in sign_ins(f"phone{n:03d}", f"a{n:03d}", 10)]


def test_a_kiosk_merges_nobody_and_keeps_a_person_of_its_own(home: Home) -> None:
    kiosk = [e for n in range(40) for e in sign_ins("kiosk", f"a{n:03d}", 1 + n % 3, start=n)]
    found = run(home, events=own_devices(40) + kiosk)
    expected = {frozenset({f"account:a{n:03d}", f"device:phone{n:03d}"}) for n in range(40)} | {frozenset({"device:kiosk"})}
    assert partition(found.members) == expected
    assert classes(found) == {"device:kiosk": "shared"}
    reason = found.guarded.to_pylist()[0]["reason"]
    assert "40 people" in reason
    assert {r["class"] for r in found.persons.to_pylist()} == {"person", "shared"}


def test_accounts_seen_on_a_kiosk_only_stay_apart(home: Home) -> None:
    found = run(home, events=[e for n in range(12) for e in sign_ins("kiosk", f"a{n}", 2, start=n)])
    assert len(partition(found.members)) == 13


def test_a_family_tablet_joins_neither_two_people_with_telephones_nor_their_telephones(home: Home) -> None:
    tablet = sign_ins("tablet", "a000", 8) + sign_ins("tablet", "a001", 5, start=7)
    found = run(home, events=own_devices(2) + tablet)
    assert classes(found) == {"device:tablet": "shared"}
    assert partition(found.members) == {
        frozenset({"account:a000", "device:phone000"}),
        frozenset({"account:a001", "device:phone001"}),
        frozenset({"device:tablet"}),
    }


def test_two_accounts_on_one_telephone_are_one_person(home: Home) -> None:
    found = run(home, events=sign_ins("phone", "private", 9) + sign_ins("phone", "work", 7, start=30))
    assert partition(found.members) == {frozenset({"account:private", "account:work", "device:phone"})}


def test_accounts_on_one_telephone_whose_records_conflict_are_two_people(home: Home) -> None:
    records = [
        {"account_id": "private", "given_name": "Maria", "family_name": "Rossi", "birth_date": "1980-01-02"},
        {"account_id": "work", "given_name": "John", "family_name": "Smith", "birth_date": "1991-07-30"},
    ]
    events = sign_ins("phone", "private", 9) + sign_ins("phone", "work", 7, start=30)
    found = run(home, events=events, accounts=records)
    assert partition(found.members) == {frozenset({"account:private"}), frozenset({"account:work"}), frozenset({"device:phone"})}


def test_three_accounts_of_one_address_count_as_one_user_of_a_device(home: Home) -> None:
    events = [e for n in range(3) for e in sign_ins("phone", f"a{n}", 5, start=n)]
    apart = run(home, events=events)
    assert classes(apart) == {"device:phone": "shared"}
    records = [{"account_id": f"a{n}", "email": "maria@example.com"} for n in range(3)]
    together = run(home, events=events, accounts=records)
    assert partition(together.members) == {frozenset({"account:a0", "account:a1", "account:a2", "device:phone"})}


def test_a_friend_who_signs_in_once_joins_nobody(home: Home) -> None:
    found = run(home, events=[*own_devices(2), *sign_ins("phone000", "a001", 1, start=3)])
    assert partition(found.members) == {
        frozenset({"account:a000", "device:phone000"}),
        frozenset({"account:a001", "device:phone001"}),
    }


@pytest.mark.parametrize(("holders", "generic"), [(10, False), (11, True), (500, True)])
def test_an_address_with_more_holders_than_its_limit_is_generic(home: Home, holders: int, generic: bool) -> None:
    found = run(home, accounts=[{"account_id": f"a{n:03d}", "email": "info@example.com"} for n in range(holders)])
    assert found.identifiers["generic"].to_pylist() == [generic]
    assert found.identifiers["degree"].to_pylist() == [holders]
    assert len(partition(found.members)) == (holders if generic else 1)


@pytest.mark.parametrize("value", ["null", "N/A", "00000000", "+0000000", "unknown", "---"])
def test_a_value_that_stands_for_none_joins_nobody_however_rare(home: Home, value: str) -> None:
    found = run(home, accounts=[{"account_id": "a1", "phone": value}, {"account_id": "a2", "phone": value}])
    assert len(partition(found.members)) == 2
    control = run(home, accounts=[{"account_id": "a1", "phone": "+4930123"}, {"account_id": "a2", "phone": "+4930123"}])
    assert len(partition(control.members)) == 1


def test_an_office_network_is_generic_and_merges_nobody(home: Home) -> None:
    events = [
        {"event_id": f"{n}/{i}", "at": minutes(n + i), "device_id": f"d{n}", "ip": "192.0.2.1" if i else f"198.51.100.{n}"}
        for n in range(30)
        for i in range(3)
    ]
    found = run(home, events=events)
    assert len(partition(found.members)) == 30
    networks = {r["devices"]: r["generic"] for r in found.networks.to_pylist()}
    assert networks == {30: True, 1: False}


def test_bots_by_user_agent_and_by_rate_stay_alone_and_an_undated_import_is_no_bot(home: Home) -> None:
    crawler = [{**e, "bot": True} for e in sign_ins("crawler", "a000", 3)] + sign_ins("crawler", "a000", 1, start=9999)
    machine = sign_ins("machine", "a001", 3_100, every=1 / 60)
    undated = [{**e, "at": minutes(0)} for e in sign_ins("phone", "a002", 3_500)]
    devices = [{"device_id": "declared", "bot": True}]
    found = run(home, events=[*crawler, *machine, *undated, *sign_ins("declared", "a003", 4)], devices=devices)
    assert classes(found) == {
        "device:crawler": "bot",
        "account:a000": "bot",
        "device:machine": "bot",
        "account:a001": "bot",
        "device:declared": "bot",
    }
    assert frozenset({"account:a002", "device:phone"}) in partition(found.members)
    assert frozenset({"device:declared"}) in partition(found.members)


def test_an_account_on_many_devices_at_once_is_shared_and_one_whose_cookies_change_is_not(home: Home) -> None:
    guest = [e for n in range(20) for e in sign_ins(f"front{n:02d}", "guest", 2, start=n, every=500)]
    cookies = [e for n in range(20) for e in sign_ins(f"cookie{n:02d}", "maria", 2, start=1000 * n, every=500)]
    found = run(home, events=guest + cookies)
    assert classes(found) == {"account:guest": "shared"}
    assert frozenset({"account:maria", *(f"device:cookie{n:02d}" for n in range(20))}) in partition(found.members)
    assert frozenset({"account:guest"}) in partition(found.members)
    assert len(partition(found.members)) == 22

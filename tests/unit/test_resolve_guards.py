"""What must not merge people, each against a control in which it may."""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

import duckdb
import pytest
from lake_tables import KEY, Rows, connect, minutes, partition, sign_ins
from strangers import strangers

from graph.errors import SettingsError
from graph.home import Home
from graph.resolution import Resolution
from graph.resolve import ResolveSettings, guards, links, resolve
from graph.resolve.guards import Limits, namespace_bits

DAY = 24 * 60
OFF = Limits(
    email_holders=10**6,
    phone_holders=10**6,
    advertising_id_holders=10**6,
    people_per_device=10**6,
    even_people=1e6,
    second_user_share=2,
    conflicting_share=2,
    devices_at_once=10**6,
    bot_event_share=2,
    events_per_hour=10**6,
    even_pages=10**6,
)


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
    together = run(home, events=events, accounts=records + strangers("email"))
    assert classes(together) == {}
    assert frozenset({"account:a0", "account:a1", "account:a2", "device:phone"}) in partition(together.members)


def test_a_friend_who_signs_in_once_joins_nobody(home: Home) -> None:
    found = run(home, events=[*own_devices(2), *sign_ins("phone000", "a001", 1, start=3)])
    assert partition(found.members) == {
        frozenset({"account:a000", "device:phone000"}),
        frozenset({"account:a001", "device:phone001"}),
    }


@pytest.mark.parametrize(("holders", "generic"), [(3, False), (11, True), (500, True)])
def test_an_address_with_more_holders_than_its_limit_is_generic(home: Home, holders: int, generic: bool) -> None:
    """Also among many others, where the address is no frequent value."""
    others = [
        {"account_id": f"b{n:03d}", "email": f"{blake2b(bytes([n // 256, n % 256]), digest_size=5).hexdigest()}@post.net"}
        for n in range(300)
    ]
    office = [{"account_id": f"a{n:03d}", "email": "info@example.com"} for n in range(holders)]
    found = run(home, accounts=office + others)
    degrees = {r["degree"]: r["generic"] for r in found.identifiers.to_pylist()}
    assert degrees == {holders: generic, 1: False}
    together = [p for p in partition(found.members) if len(p) > 1]
    assert together == ([] if generic else [frozenset(f"account:a{n:03d}" for n in range(holders))])


@pytest.mark.parametrize("value", ["null", "N/A", "00000000", "+0000000", "unknown", "---"])
def test_a_value_that_stands_for_none_joins_nobody_however_rare(home: Home, value: str) -> None:
    def people(phone: str) -> int:
        two = [{"account_id": a, "phone": phone} for a in ("a1", "a2")]
        return len(partition(run(home, accounts=two + strangers("phone")).members)) - len(strangers())

    assert people(value) == 2
    assert people("+4930123") == 1


@pytest.mark.parametrize(("column", "value"), [("phone", "0000000"), ("email", "test@test.com")])
def test_a_value_that_cleaning_took_away_joins_nobody(home: Home, column: str, value: str) -> None:
    """The lake keeps what it was, for the record."""
    two = [{"account_id": a, "_raw": json.dumps({column: value})} for a in ("a1", "a2")]
    assert len(partition(run(home, accounts=two + strangers()).members)) == 2 + len(strangers())


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


def guarded(limits: Limits, **tables: Rows) -> duckdb.DuckDBPyConnection:
    """The tables of the guards that need no evidence."""
    connection = connect(**tables)
    links.build_links(connection, KEY)
    guards.find_generic(connection, limits)
    guards.find_bots(connection, limits)
    guards.find_shared_accounts(connection, limits)
    return connection


def shared_devices(connection: duckdb.DuckDBPyConnection, limits: Limits, *, same: tuple[str, ...] = ()) -> dict[str, str]:
    """Shared devices and why; `same`: accounts that records show to be one person."""
    connection.execute("CREATE OR REPLACE TEMP TABLE same_accounts (account_id VARCHAR, leader VARCHAR)")
    for account in same:
        connection.execute("INSERT INTO same_accounts VALUES (?, ?)", [account, same[0]])
    connection.execute("CREATE OR REPLACE TEMP TABLE conflicting_owners (left_owner VARCHAR, right_owner VARCHAR)")
    guards.find_shared_devices(connection, limits)
    return dict(connection.sql("SELECT id, reason FROM classes WHERE class = 'shared'").fetchall())


def injected() -> tuple[list[dict[str, Any]], ...]:
    """Events and accounts of forty people, each with a telephone, a laptop and two accounts of one address, and of two of whom
    nothing is known but their telephones; then the events and accounts with everything that must merge nobody."""
    people = range(40)
    events = own_devices(42) + [e for n in people for e in sign_ins(f"laptop{n:03d}", f"b{n:03d}", 6, start=n)]
    accounts = [{"account_id": f"{x}{n:03d}", "email": f"p{n}@example.com"} for n in people for x in "ab"]
    strange = [e for n in people for e in sign_ins("kiosk", f"a{n:03d}", 2, start=3 * n)]
    strange += sign_ins("tablet", "a040", 30) + sign_ins("tablet", "a041", 28, start=7)
    strange += [{**e, "bot": True} for n in people for e in sign_ins("crawler", f"a{n:03d}", 1, start=n)]
    strange += [{**e, "ip": "192.0.2.1", "event_id": f"nat{e['event_id']}"} for e in own_devices(40)]
    values = ["null", "0000000", *["+4930555555"] * 9]  # the last of nine, one more than a number may have
    extra = [{**a, "phone": values[n] if n < len(values) else "0000000"} for n, a in enumerate(accounts)]
    return events, accounts, events + strange, extra


@pytest.mark.parametrize("on", [True, False])
def test_people_among_whom_a_kiosk_a_tablet_a_crawler_an_office_and_junk_values_come_stay_as_they_were(
    home: Home, on: bool
) -> None:
    events, accounts, more_events, strange_accounts = injected()
    settings = ResolveSettings() if on else ResolveSettings(limits=OFF)

    def people(found: Resolution) -> set[frozenset[str]]:
        aside = {"device:kiosk", "device:tablet", "device:crawler"}
        return {p - aside for p in partition(found.members) if p - aside}

    before = people(resolve(connect(events=events, accounts=accounts), home, key=KEY, settings=settings))
    after = people(resolve(connect(events=more_events, accounts=strange_accounts), home, key=KEY, settings=settings))
    assert len(before) == 42
    assert (after == before) == on


@pytest.mark.parametrize("limits", [Limits(), Limits(even_pages=10**6)])
def test_a_program_with_a_readers_user_agent_is_told_by_its_evenness(limits: Limits) -> None:
    def visits(device: str, pauses: list[float], pages: int) -> list[dict[str, Any]]:
        moment, rows = 0.0, []
        for n, pause in enumerate(pauses):
            moment += pause / 60
            rows.append({"event_id": f"{device}{n}", "at": minutes(moment), "device_id": device, "content_id": f"c{n % pages}"})
        return rows

    program = visits("program", [1.1 + 0.1 * (n % 3) for n in range(150)], 150)
    player = visits("player", [5.0] * 300, 1)
    reader = visits("reader", [1.0 if n % 4 else 14.0 for n in range(400)], 400)
    found = guarded(limits, events=program + player + reader)
    bots = [i for (i,) in found.sql("SELECT id FROM classes WHERE class = 'bot' ORDER BY id").fetchall()]
    assert bots == (["program"] if limits.even_pages == 60 else [])


def holders(pauses_days: list[float], *, undated: int = 0) -> dict[str, Rows]:
    """Accounts with one telephone number, active for ten days each, one after the other."""
    start, rows, events = 0.0, [], []
    for n, pause in enumerate(pauses_days):
        start += pause * DAY
        rows.append({"account_id": f"a{n:02d}", "phone": "+4930123"})
        events += sign_ins(f"d{n}", f"a{n:02d}", 2, start=start, every=10 * DAY)
        start += 10 * DAY
    rows += [{"account_id": f"u{n}", "phone": "+4930123"} for n in range(undated)]
    return {"accounts": rows, "events": events}


def parts(connection: duckdb.DuckDBPyConnection) -> list[set[str]]:
    rows = connection.sql("SELECT part, list(id) FROM holder_windows GROUP BY part ORDER BY part").fetchall()
    return [set(ids) for _, ids in rows]


@pytest.mark.parametrize("limits", [Limits(), Limits(recycled_kinds=())])
def test_a_number_that_goes_from_one_to_the_next_over_years_chains_nobody(limits: Limits) -> None:
    found = parts(guarded(limits, **holders([0, 400, 30, 700, 500])))
    if limits.recycled_kinds:
        assert found == [{"a00"}, {"a01", "a02"}, {"a03"}, {"a04"}]
    else:
        assert found == [{"a00", "a01", "a02", "a03", "a04"}]


def test_a_number_with_many_holders_over_the_years_and_few_at_a_time_is_used_by_part() -> None:
    lake = guarded(Limits(), **holders([500] * 12))
    assert [len(p) for p in parts(lake)] == [1] * 12
    together = guarded(Limits(), **holders([20] * 12))
    assert parts(together) == []
    assert together.sql("SELECT count(*) FROM generic_identifiers").fetchall() == [(1,)]


def test_holders_without_dates_belong_to_the_only_part_or_to_none() -> None:
    assert parts(guarded(Limits(), **holders([0, 30], undated=2))) == [{"a00", "a01", "u0", "u1"}]
    assert parts(guarded(Limits(), **holders([0, 500], undated=2))) == [{"a00"}, {"a01"}]


@pytest.mark.parametrize("limits", [Limits(), Limits(network_window_days=10**5)])
def test_a_home_whose_browsers_forget_is_no_office(limits: Limits) -> None:
    events = [
        {"event_id": f"{n}", "at": minutes(30 * DAY * n), "device_id": f"cookie{n}", "ip": "192.0.2.1"} for n in range(40)
    ] + [{"event_id": f"o{n}", "at": minutes(n), "device_id": f"office{n}", "ip": "192.0.2.9"} for n in range(40)]
    lake = guarded(limits, events=events)
    assert lake.sql("SELECT count(*) FROM generic_networks").fetchall() == [(1 if limits.network_window_days == 30 else 2,)]


@pytest.mark.parametrize("names", [("crm",), ()])
def test_a_device_that_signs_in_with_two_ids_of_a_unique_namespace_is_shared_and_said(names: tuple[str, ...]) -> None:
    limits = Limits(unique_namespaces=names)
    accounts = [{"account_id": f"c{n}", "source": "crm", "email": f"p{n // 2}@example.com"} for n in range(4)]
    accounts += [{"account_id": "s", "source": "shop", "email": "p0@example.com"}]
    events = sign_ins("phone", "c0", 9) + sign_ins("phone", "c3", 7, start=5) + sign_ins("laptop", "s", 3)
    relations = [{"from_kind": "account", "from_id": "c1", "to_kind": "account", "to_id": "c3", "type": "alias"}]
    lake = guarded(limits, accounts=accounts, events=events, relations=relations)
    shared = shared_devices(lake, limits, same=("c0", "c3"))
    bits = namespace_bits(lake, 7).tolist()
    said = lake.sql(
        "SELECT l.id, r.id, namespace, reason FROM namespace_conflicts JOIN subjects l ON l.number = left_number "
        "JOIN subjects r ON r.number = right_number ORDER BY ALL"
    ).fetchall()
    if names:
        assert shared == {"phone": "sign-ins of 2 ids of a source in which a person has one"}
        assert bits == [1, 1, 1, 1, 0, 0, 0]
        assert said == [
            ("c0", "c1", "crm", "one email"),
            ("c0", "c3", "crm", "sign-ins on one device"),
            ("c1", "c3", "crm", "a site says that they are one"),
            ("c2", "c3", "crm", "one email"),
        ]
    else:
        assert (shared, bits, said) == ({}, [0] * 7, [])


def test_more_namespaces_than_bits_are_refused() -> None:
    with pytest.raises(SettingsError, match="63 names; at most 62"):
        guarded(Limits(unique_namespaces=tuple(f"s{n}" for n in range(63))))


def test_a_source_folder_may_be_a_namespace() -> None:
    lake = guarded(Limits(unique_namespaces=("test",)), accounts=[{"account_id": "a"}, {"account_id": "b", "_source": "other"}])
    assert namespace_bits(lake, 2).tolist() == [1, 0]


def test_an_advertising_id_of_a_hundred_thousand_devices_is_no_stall_and_said() -> None:
    devices = [{"device_id": f"d{n:06d}", "advertising_id": "38400000-8cf0-11bd-b23e-10b96e40000d"} for n in range(100_000)]
    lake = guarded(Limits(), devices=devices)
    [(reason,)] = lake.sql("SELECT reason FROM generic_identifiers").fetchall()
    assert reason == "advertising_id with 100000 holders, more than 20"
    assert lake.sql("SELECT count(*) FROM holder_windows").fetchall() == [(0,)]


@pytest.mark.parametrize(("second", "shared"), [(0, False), (1, False), (2, True)])
def test_a_tablet_of_two_who_have_devices_of_their_own(second: int, shared: bool) -> None:
    """Also where they use their own devices less than the tablet; a single visit of the second is a guest's."""
    own = sign_ins("phone0", "a0", 1) + sign_ins("phone1", "a1", 1)
    tablet = sign_ins("tablet", "a0", 8) + sign_ins("tablet", "a1", second, start=7)
    lake = guarded(Limits(), events=own + tablet)
    assert list(shared_devices(lake, Limits())) == (["tablet"] if shared else [])


@pytest.mark.parametrize(
    ("records", "people"),
    [
        ([{}, {}], 1),  # nothing is known of either
        ([{"given_name": "Maria"}, {}], 3),
        ([{"given_name": "Maria", "email": "m@example.com"}, {"birth_date": "1980-01-02", "email": "m@example.com"}], 1),
        ([{"given_name": "Maria"}, {"birth_date": "1980-01-02"}], 3),  # two accounts, each alone, and the tablet
    ],
)
def test_accounts_one_of_which_says_who_it_is_are_not_joined_by_a_device_alone(
    home: Home, records: list[dict[str, Any]], people: int
) -> None:
    accounts = [{"account_id": f"a{n}", **r} for n, r in enumerate(records)]
    events = sign_ins("tablet", "a0", 9) + sign_ins("tablet", "a1", 7, start=30)
    found = run(home, events=events, accounts=accounts + strangers())
    assert len(partition(found.members)) == people + len(strangers())

"""People who live together: linked, not merged. Each piece of evidence against the same world without it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from lake_tables import KEY, Rows, connect, minutes, sign_ins

from graph.resolve import guards, links
from graph.resolve.guards import Limits
from graph.resolve.households import HouseholdRules, find_households, household_id

RULES = HouseholdRules()
DAY = 24 * 60


def households(rules: HouseholdRules = RULES, people: dict[str, str] | None = None, **tables: Rows) -> set[frozenset[str]]:
    """Households as sets of persons; `people`: person of a subject's id, the id itself where it has none."""
    connection = connect(**tables)
    links.build_links(connection, KEY)
    guards.find_generic(connection, Limits())
    guards.find_bots(connection, Limits())
    guards.find_shared_accounts(connection, Limits())
    connection.execute("CREATE TEMP TABLE same_accounts (account_id VARCHAR, leader VARCHAR)")
    connection.execute("CREATE TEMP TABLE conflicting_owners (left_owner VARCHAR, right_owner VARCHAR)")
    guards.find_shared_devices(connection, Limits())
    ids = [i for (i,) in connection.sql("SELECT id FROM subjects ORDER BY number").fetchall()]
    found = find_households(connection, pa.array([(people or {}).get(i, i) for i in ids]), rules)
    groups: dict[str, set[str]] = {}
    for row in found.to_pylist():
        groups.setdefault(row["household_id"], set()).add(row["person_id"])
    assert found["person_id"].to_pylist() == sorted(set(found["person_id"].to_pylist()))
    assert all(h == household_id(sorted(p)) for h, p in groups.items())
    return {frozenset(g) for g in groups.values()}


def at(street: str, people: str = "abc", **more: Any) -> list[dict[str, Any]]:
    return [{"account_id": x, "street": street, "postcode": "10115", "city": "Berlin", **more} for x in people]


@pytest.mark.parametrize("weight", [RULES.address, -9.0])
def test_one_address(weight: float) -> None:
    others = [{"account_id": "d", "street": "5 Elm St", "postcode": "10117"}, {"account_id": "e", "city": "Berlin"}]
    rules = replace(RULES, address=weight)
    written = [*at("5 Elm St.", "a"), *at("5, ELM ST", "b"), *others]
    assert households(rules, accounts=written) == ({frozenset("ab")} if weight > 0 else set())


def test_the_latest_address_counts() -> None:
    moved = [
        {"account_id": "a1", "street": "5 Elm St", "postcode": "10115", "created_at": minutes(0)},
        {"account_id": "a2", "street": "7 Oak St", "postcode": "10115", "created_at": minutes(9)},
    ]
    people = {"a1": "a", "a2": "a"}
    assert households(people=people, accounts=[*moved, *at("5 Elm St", "b")]) == set()
    assert households(people=people, accounts=[*moved, *at("7 Oak St", "b")]) == {frozenset("ab")}


@pytest.mark.parametrize(("residents", "found"), [(2, True), (3, True), (9, False), (12, False), (13, False), (200, False)])
def test_the_more_people_at_an_address_the_less_it_says_and_many_are_an_institution(residents: int, found: bool) -> None:
    rows = [{"account_id": f"a{n:03d}", "street": "1 Tower", "postcode": "10115"} for n in range(residents)]
    assert len(households(accounts=rows)) == found


@pytest.mark.parametrize("weight", [RULES.family_name, 0.0])
def test_a_family_name_strengthens_and_says_nothing_by_itself(weight: float) -> None:
    tower = [{"account_id": f"a{n}", "street": "1 Tower", "postcode": "10115", "family_name": f"Name{n // 2}"} for n in range(8)]
    elsewhere = [{"account_id": f"b{n}", "family_name": "Name0"} for n in range(3)]
    expected = {frozenset({f"a{n}", f"a{n + 1}"}) for n in range(0, 8, 2)} if weight else set()
    assert households(replace(RULES, family_name=weight), accounts=[*tower, *elsewhere]) == expected


@pytest.mark.parametrize("weight", [RULES.identifier, -9.0])
def test_a_landline_or_an_address_of_mail_of_people_held_apart(weight: float) -> None:
    rows = [{"account_id": x, "phone": "+4930123"} for x in "ab"] + [{"account_id": x, "email": "we@example.com"} for x in "cd"]
    expected = {frozenset("ab"), frozenset("cd")} if weight > 0 else set()
    assert households(replace(RULES, identifier=weight), accounts=rows) == expected
    assert households(accounts=[{"account_id": x, "phone": "0000000"} for x in "ab"]) == set()


@pytest.mark.parametrize("weight", [RULES.device, 0.0])
def test_a_family_tablet(weight: float) -> None:
    own = [e for n in range(3) for e in sign_ins(f"phone{n}", f"a{n}", 9)]
    tablet = sign_ins("tablet", "a0", 8) + sign_ins("tablet", "a1", 5, start=7) + sign_ins("tablet", "a2", 1, start=11)
    people = {f"phone{n}": f"a{n}" for n in range(3)}
    expected = {frozenset({"a0", "a1"})} if weight else set()  # the third was a guest
    assert households(replace(RULES, device=weight), people, events=own + tablet) == expected


def test_a_kiosk_is_no_home() -> None:
    events = [e for n in range(40) for e in sign_ins(f"phone{n}", f"a{n}", 9) + sign_ins("kiosk", f"a{n}", 3, start=n)]
    assert households(people={f"phone{n}": f"a{n}" for n in range(40)}, events=events) == set()


def visits(devices: list[str], ip: str, weeks: int, hour: int, zone: str | None = "UTC") -> list[dict[str, Any]]:
    """Each device once a week on the network, on a weekday (the tests' world begins on a Sunday)."""
    return [
        {
            "event_id": f"{d}{ip}{w}",
            "at": minutes((7 * w + 2) * DAY) + timedelta(hours=hour, minutes=n),
            "device_id": d,
            "ip": ip,
            "timezone": zone,
        }
        for w in range(weeks)
        for n, d in enumerate(devices)
    ]


@pytest.mark.parametrize(
    ("events", "together"),
    [
        (visits(["a", "b"], "192.0.2.1", 4, 21), True),
        (visits(["a", "b"], "192.0.2.1", 2, 21), False),  # two weeks: a hotel
        (visits(["a", "b"], "192.0.2.1", 4, 14), False),  # at work
        (visits(["a", "b"], "192.0.2.1", 4, 14, "Asia/Shanghai"), True),  # ten in the evening there
        (visits(["a", "b"], "192.0.2.1", 4, 21, None), False),  # no telling
        (visits([f"{n}" for n in range(7)], "192.0.2.1", 4, 21), False),  # a café
        (visits(["a"], "192.0.2.1", 4, 21) + visits(["b"], "192.0.2.2", 4, 21), False),
    ],
)
def test_a_network_on_which_people_are_at_home(events: Rows, together: bool) -> None:
    assert households(events=events) == ({frozenset("ab")} if together else set())
    assert households(replace(RULES, network=0.0), events=events) == set()


def test_a_person_is_in_the_household_to_which_most_ties_them() -> None:
    rows = [*at("5 Elm St", "ab", family_name="Rossi"), *at("7 Oak St", "cd", family_name="Bianchi")]
    rows[1] |= {"phone": "+4930123"}
    rows[2] |= {"phone": "+4930123"}
    assert households(accounts=rows) == {frozenset("ab"), frozenset("cd")}
    assert households(accounts=rows[1:3]) == {frozenset("bc")}


def test_the_same_person_alone_and_nobody() -> None:
    assert households(people=dict.fromkeys("abc", "a"), accounts=at("5 Elm St")) == set()
    assert households() == set()


def test_ids_stay_when_others_come() -> None:
    one = household_id(["p2", "p1"])
    assert one == household_id(["p1", "p3"])
    assert one.startswith("h")
    assert len(one) == 17
    assert one != household_id(["p2", "p3"])

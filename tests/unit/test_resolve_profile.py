"""One record of a person: which value survives, where it is from, and what contradicts it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lake_tables import connect, minutes

from graph.errors import InputError
from graph.resolve.profile import Profile, ProfileRules, Rule, profile

ACCOUNTS: list[dict[str, Any]] = [
    {
        "account_id": "a1",
        "source": "shop",
        "created_at": minutes(0),
        "given_name": "Bob",
        "family_name": "Miller",
        "email": "old@example.com",
        "birth_date": "1980-01-02",
        "street": "1 Elm Street",
        "postcode": "10001",
        "city": "Oldtown",
        "_traits": json.dumps({"loyalty_tier": "silver"}),
    },
    {
        "account_id": "a2",
        "source": "crm",
        "created_at": minutes(10),
        "given_name": "Robert",
        "family_name": "Müller",
        "email": "middle@example.com",
        "birth_date": "1980-01-02",
        "street": "2 Oak Street",
        "city": "Newtown",
    },
    {
        "account_id": "a3",
        "source": "news",
        "created_at": minutes(20),
        "given_name": "ROBERT",
        "email": "new@example.com",
        "birth_date": "1980-02-01",
        "_traits": json.dumps({"loyalty_tier": "gold", "nothing": None}),
    },
    {"account_id": "other", "source": "shop", "given_name": "Somebody", "created_at": minutes(99)},
]
DEVICES = [
    {"device_id": "d1", "os": "iOS", "kind": "mobile", "timezone": "Europe/Rome", "first_seen": minutes(3)},
    {"device_id": "d2", "os": "Windows", "kind": "desktop", "timezone": "Europe/Rome", "first_seen": minutes(5)},
]
MEMBERS = [("account", "a1"), ("account", "a2"), ("account", "a3"), ("device", "d1"), ("device", "d2"), ("account", "no record")]


def fuse(**options: Any) -> Profile:
    return profile(connect(accounts=ACCOUNTS, devices=DEVICES), MEMBERS, **options)


def test_the_record_and_where_each_value_is_from() -> None:
    found = fuse()
    assert found.values() == {
        "given_name": "ROBERT",  # two rows of three; written as the later of them has it
        "family_name": "Müller",
        "email": "new@example.com",
        "birth_date": "1980-01-02",
        "street": "2 Oak Street",
        "city": "Newtown",  # and no postcode: the row of this address has none
        "loyalty_tier": "gold",
        "timezone": "Europe/Rome",
        "device.os": "Windows",
        "device.kind": "desktop",
    }
    email = found.attributes["email"]
    assert (email.member, email.source, email.at, email.decided_by) == (("account", "a3"), "news", minutes(20), "recent")
    assert found.attributes["given_name"].support == 2
    assert found.attributes["birth_date"].decided_by == "frequent"


def test_conflicts_are_what_disagrees_beyond_spelling() -> None:
    attributes = fuse().attributes
    assert {name: [c.value for c in a.conflicts] for name, a in attributes.items() if a.conflicts} == {
        "given_name": ["Bob"],
        "email": ["middle@example.com", "old@example.com"],
        "birth_date": ["1980-02-01"],  # Miller and Müller are spellings, dates have none
        "street": ["1 Elm Street"],
        "city": ["Oldtown"],
        "loyalty_tier": ["silver"],
    }
    [conflict] = attributes["birth_date"].conflicts
    assert [(c.member, c.source) for c in conflict.given_by] == [(("account", "a3"), "news")]


@pytest.mark.parametrize(
    ("trust", "email"),
    [((), "new"), (("crm",), "middle"), (("shop", "crm"), "old"), (("unheard of",), "new"), (("test",), "new")],
)
def test_the_most_trusted_source_comes_first(trust: tuple[str, ...], email: str) -> None:
    found = fuse(trust=trust).attributes["email"]
    assert found.value == f"{email}@example.com"
    assert (found.decided_by == "trusted") == (email != "new")


@pytest.mark.parametrize(("rule", "name"), [("frequent", "Ana"), ("recent", "Annie"), ("longest", "Anastasia")])
def test_each_rule_by_itself(rule: Rule, name: str) -> None:
    names = ["Ana", "Ana", "Anastasia", "Annie"]
    rows = [{"account_id": f"a{n}", "given_name": g, "created_at": minutes(n)} for n, g in enumerate(names)]
    found = profile(
        connect(accounts=rows), [("account", f"a{n}") for n in range(4)], rules=ProfileRules(rules={"given_name": rule})
    )
    assert found.attributes["given_name"].value == name
    assert found.attributes["given_name"].decided_by == rule


def test_an_address_survives_as_a_whole() -> None:
    rows = [
        {"account_id": "a", "street": "1 Elm St", "postcode": "10001", "city": "Oldtown", "created_at": minutes(1)},
        {"account_id": "b", "postcode": "20002", "created_at": minutes(2)},
    ]
    found = profile(connect(accounts=rows), [("account", "a"), ("account", "b")])
    assert found.values() == {"postcode": "20002"}
    assert [c.value for c in found.attributes["postcode"].conflicts] == ["10001"]


def test_no_members_no_record_and_no_such_kind() -> None:
    assert fuse().members == tuple(sorted(MEMBERS))
    assert profile(connect(), MEMBERS).attributes == {}
    assert profile(connect(accounts=ACCOUNTS), []).attributes == {}
    with pytest.raises(InputError, match="'person' is no kind of member"):
        profile(connect(), [("person", "p1")])


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_and_members_says_nothing(generator: random.Random) -> None:
    expected = fuse()
    accounts, devices, members = ACCOUNTS[:], DEVICES[:], [*MEMBERS, *MEMBERS]
    for rows in (accounts, devices, members):
        generator.shuffle(rows)
    assert profile(connect(accounts=accounts, devices=devices), members) == expected

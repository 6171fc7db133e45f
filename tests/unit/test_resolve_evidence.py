from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lake_tables import KEY, Rows, connect, minutes, partition, sign_ins
from strangers import strangers

from graph.home import Home
from graph.resolution import EVIDENCE, Resolution
from graph.resolve import resolve
from graph.resolve.evidence import Weights


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


def run(home: Home, **tables: Rows) -> Resolution:
    return resolve(connect(**tables), home, key=KEY)


def weights(resolution: Resolution) -> dict[tuple[str, str, str], float]:
    rows = resolution.evidence.to_pylist()
    return {(r["left_id"], r["right_id"], r["method"]): r["weight"] for r in rows}


def record(account: str, given: str | None = None, family: str | None = None, birth: str | None = None) -> dict[str, Any]:
    return {"account_id": account, "email": "home@example.com", "given_name": given, "family_name": family, "birth_date": birth}


def test_a_sign_in_on_a_device_of_ones_own_weighs_full_and_carries_its_sources_and_times(home: Home) -> None:
    events = sign_ins("phone", "a1", 3) + [{**e, "_source": "other"} for e in sign_ins("phone", "a1", 1, start=999)]
    found = run(home, events=events).evidence
    assert found.schema == EVIDENCE
    (row,) = found.to_pylist()
    assert (row["left_kind"], row["left_id"], row["right_kind"], row["right_id"]) == ("account", "a1", "device", "phone")
    assert (row["method"], row["weight"], row["sources"]) == ("sign_in", Weights().sign_in, ["other", "test"])
    assert row["probability"] == pytest.approx(64 / 65)
    assert (row["first_seen"], row["last_seen"]) == (minutes(0), minutes(999))


def test_a_sign_in_is_diluted_by_the_other_users_of_the_device_and_the_other_devices_of_the_account(home: Home) -> None:
    events = [*sign_ins("d1", "a1", 9), *sign_ins("d1", "a2", 1), *sign_ins("d2", "a2", 3)]
    found = weights(run(home, events=events))
    base = Weights().sign_in
    assert found["a1", "d1", "sign_in"] == pytest.approx(base - math.log2(2))
    assert found["a2", "d1", "sign_in"] == pytest.approx(base + 2 * math.log2(1 - 0.9 * 0.75) - math.log2(2))
    assert found["a2", "d2", "sign_in"] == pytest.approx(base)
    rarely = weights(run(home, events=[*sign_ins("d1", "a1", 90), *sign_ins("d1", "a2", 1), *sign_ins("d2", "a2", 90)]))
    assert rarely["a2", "d1", "sign_in"] == 0


@pytest.mark.parametrize("others", [False, True])
def test_two_accounts_that_share_an_address_only_are_one_person(home: Home, others: bool) -> None:
    """A home with hardly any accounts has nothing to fit a model on: what is usual of e-mail addresses must do."""
    accounts = [{"account_id": a, "email": "x@example.com", "_source": a} for a in ("a1", "a2")]
    found = run(home, accounts=[*accounts, *(strangers("email") if others else [])])
    assert partition(found.members) == {
        frozenset({"account:a1", "account:a2"}),
        *(frozenset({f"account:{s['account_id']}"}) for s in strangers() if others),
    }
    (row,) = found.evidence.to_pylist()
    assert (row["left_id"], row["right_id"], row["method"], row["sources"]) == ("a1", "a2", "records", ["a1", "a2"])
    assert row["probability"] == pytest.approx(1 / (1 + 2 ** -row["weight"]))
    assert (row["first_seen"], row["last_seen"]) == (None, None)


def test_a_shared_advertising_id_joins_devices(home: Home) -> None:
    devices = [{"device_id": d, "advertising_id": "38400000-8cf0"} for d in ("app1", "app2")]
    found = run(home, devices=devices)
    assert weights(found) == {("app1", "app2", "shared_advertising_id"): Weights().advertising_id}
    assert partition(found.members) == {frozenset({"device:app1", "device:app2"})}


def test_people_of_a_household_who_share_an_address_stay_apart_and_their_doubles_join_them(home: Home) -> None:
    found = run(
        home,
        accounts=[
            record("a1", "Maria", "Smith", "1980-01-02"),
            record("a2", "John", "Smith", "1978-11-23"),
            record("a3", "Jhon", "Smith", "1978-11-23"),
            record("a4", "Smith", "Maria", "1980-02-01"),
            record("a5", "Lucy", "Smith"),
            *strangers(),
        ],
    )
    assert partition(found.members) == {
        frozenset({"account:a1", "account:a4"}),
        frozenset({"account:a2", "account:a3"}),
        frozenset({"account:a5"}),
        *(frozenset({f"account:{s['account_id']}"}) for s in strangers()),
    }


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (("Maria", "Rossi", "1980-01-02"), ("Maria", "Rossi", "1980-01-02"), True),
        (("Maria", "Rossi", None), ("Rossi", "Maria", None), True),
        (("Ryan", None, "1980-01-31"), ("Rnayn", None, "1980-01-13"), True),  # typing errors in both
        (("Maria", "Rossi", "1980-01-02"), (None, None, None), True),
        (("Maria", "Rossi", "1980-01-02"), ("Jack", "Rossi", "1991-07-09"), False),
        (("Maria", None, "1980-01-02"), ("Jack", None, "1991-07-09"), False),
        (("Maria", "Rossi", "1980-01-02"), ("Jack", "Smith", "1991-07-09"), False),
    ],
)
def test_who_of_two_with_one_address_is_one_person(
    home: Home, one: tuple[str | None, ...], other: tuple[str | None, ...], together: bool
) -> None:
    found = run(home, accounts=[record("a1", *one), record("a2", *other), *strangers()])
    assert (frozenset({"account:a1", "account:a2"}) in partition(found.members)) == together
    assert len(partition(found.members)) == (4 if together else 5)


def test_records_that_no_block_brings_together_are_compared_where_a_device_ties_them(home: Home) -> None:
    """Blocking finds what is alike; what a common device brings together is compared as well, and counts by what differs."""
    records = [
        {"account_id": "a1", "given_name": "Maria", "family_name": "Rossi", "birth_date": "1980-01-02"},
        {"account_id": "a2", "given_name": "Jack", "family_name": "Miller", "birth_date": "1991-07-09"},
    ]
    events = [*sign_ins("phone", "a1", 9), *sign_ins("phone", "a2", 7, start=30)]
    found = weights(run(home, events=events, accounts=[*records, *strangers()]))
    assert found["a1", "a2", "records"] < Weights().conflict


def test_what_disagrees_inside_a_component_is_evidence_though_no_block_found_it(home: Home) -> None:
    """Two people are tied by a third account's device and e-mail address; only the component brings their records together."""
    accounts = [
        {"account_id": "a1", "given_name": "Maria", "family_name": "Rossi", "birth_date": "1980-01-02"},
        {"account_id": "a2", "given_name": "Jack", "family_name": "Miller", "birth_date": "1991-07-09"},
        *strangers(),
    ]
    aliases = [
        {"from_kind": "account", "from_id": "b", "to_kind": "account", "to_id": a, "type": "alias", "at": minutes(1)}
        for a in ("a1", "a2")
    ]
    found = run(home, accounts=accounts, relations=aliases)
    assert weights(found)["a1", "a2", "records_within"] < 0
    together = [p for p in partition(found.members) if {"account:a1", "account:a2"} <= p]
    assert together == []


def test_an_alias_joins_and_loses_weight_with_the_accounts_that_one_id_is_said_to_be(home: Home) -> None:
    def alias(device: str, account: str) -> dict[str, Any]:
        return {
            "from_kind": "unknown",
            "from_id": device,
            "to_kind": "account",
            "to_id": account,
            "type": "alias",
            "at": minutes(5),
        }

    events = [{"event_id": d, "at": minutes(0), "device_id": d} for d in ("d1", "d2", "d3")]
    relations = [alias("d1", "a1"), alias("d2", "a2"), alias("d2", "a3"), *(alias("d3", f"b{n:02d}") for n in range(11))]
    found = run(home, events=events, relations=relations)
    base = Weights().alias
    assert weights(found) == {
        ("a1", "d1", "alias"): base,
        ("a2", "d2", "alias"): base - 2,
        ("a3", "d2", "alias"): base - 2,
    }
    assert frozenset({"account:a1", "device:d1"}) in partition(found.members)
    assert {r["id"]: r["class"] for r in found.guarded.to_pylist()} == {"d3": "shared"}


def test_aliases_in_a_circle_are_one_piece_of_evidence_each(home: Home) -> None:
    ring = [("x", "y"), ("y", "x"), ("y", "z"), ("z", "x"), ("x", "x")]
    relations = [{"from_kind": "account", "from_id": a, "to_kind": "account", "to_id": b, "type": "alias"} for a, b in ring]
    found = run(home, relations=relations)
    assert sorted(weights(found)) == [("x", "y", "alias"), ("x", "z", "alias"), ("y", "z", "alias")]
    assert partition(found.members) == {frozenset({"account:x", "account:y", "account:z"})}


PEOPLE = st.lists(
    st.tuples(
        st.sampled_from(["maria", "john", "lucy", None]),
        st.sampled_from(["1980-01-02", "1991-07-09", None]),
        st.sampled_from(["x@example.com", "joe.miller@post.net", None]),
        st.sampled_from(["+4930123456", None]),
    ),
    max_size=7,
)


@settings(max_examples=15, deadline=None)
@given(PEOPLE, st.randoms())
def test_record_evidence_is_one_row_a_pair_that_has_something_in_common_whatever_the_order(
    tmp_path_factory: pytest.TempPathFactory, people: list[tuple[str | None, ...]], generator: random.Random
) -> None:
    rows = [
        {"account_id": f"a{n}", "given_name": g, "birth_date": b, "email": e, "phone": p} for n, (g, b, e, p) in enumerate(people)
    ]
    found = run(Home.open(tmp_path_factory.mktemp("home")), accounts=rows + strangers())
    known = {s["account_id"]: (s["given_name"], s["birth_date"], s["email"], s["phone"]) for s in strangers()}
    known |= {f"a{n}": person for n, person in enumerate(people)}
    pairs = [(a, b) for a, b, method in weights(found) if method == "records"]
    assert len(pairs) == len(set(pairs))
    for a, b in pairs:
        assert a < b
        assert any(x == y and x is not None for x, y in zip(known[a], known[b], strict=True))
    for (a, b, method), weight in weights(found).items():
        assert method in ("records", "records_within")
        assert weight >= 0 or method == "records_within", (a, b)
    shuffled = rows + strangers()
    generator.shuffle(shuffled)
    assert run(Home.open(tmp_path_factory.mktemp("home")), accounts=shuffled).evidence.equals(found.evidence)

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lake_tables import KEY, Rows, connect, minutes, partition, sign_ins

from graph.home import Home
from graph.resolution import EVIDENCE, Resolution
from graph.resolve import resolve
from graph.resolve.comparison import compare
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


def test_k_holders_of_an_address_make_k_minus_one_pairs(home: Home) -> None:
    found = weights(run(home, accounts=[{"account_id": f"a{n}", "email": "x@example.com"} for n in range(6)]))
    assert found == {("a0", f"a{n}", "shared_email"): pytest.approx(Weights().email - math.log2(5)) for n in range(1, 6)}


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
        ],
    )
    assert partition(found.members) == {
        frozenset({"account:a1", "account:a4"}),
        frozenset({"account:a2", "account:a3"}),
        frozenset({"account:a5"}),
    }


@pytest.mark.parametrize(
    ("one", "other", "methods"),
    [
        (
            ("Maria", "Rossi", "1980-01-02"),
            ("Maria", "Rossi", "1980-01-02"),
            ["birth_date_agrees", "family_name_agrees", "given_name_agrees"],
        ),
        (("Maria", "Rossi", None), ("Rossi", "Maria", None), ["family_name_agrees", "given_name_agrees"]),
        (("Maria", None, "1980-01-02"), ("Jack", None, "1991-07-09"), ["birth_date_differs", "given_name_differs"]),
        (("Leo", None, "1980-01-02"), ("oeL", None, "1980-02-01"), []),  # the same letters; day and month swapped
        (("Ryan", None, "1980-01-31"), ("Rnayn", None, "1980-02-01"), ["given_name_agrees"]),  # dates are close
        (("Maria", "Rossi", "1980-01-02"), (None, None, None), []),
        ((None, "Rossi", "not a date"), (None, "Smith", "1980-01-02"), ["family_name_differs"]),
    ],
)
def test_what_agrees_and_differs_between_two_records(
    one: tuple[str | None, ...], other: tuple[str | None, ...], methods: list[str]
) -> None:
    connection = connect(accounts=[record("a1", *one), record("a2", *other)])
    connection.execute(
        """
        CREATE TEMP TABLE subjects AS
        SELECT 'account' AS kind, account_id AS id, right(account_id, 1)::INT AS number FROM accounts
        """
    )
    connection.execute("CREATE TEMP TABLE compared AS SELECT 1 AS left_number, 2 AS right_number, true AS identified")
    compare(connection, Weights().comparison)
    assert [m for (m,) in connection.sql("SELECT method FROM comparisons ORDER BY method").fetchall()] == methods
    connection.execute("UPDATE compared SET identified = false")
    compare(connection, Weights().comparison)
    against = [m for m in methods if m.endswith("differs")]
    assert [m for (m,) in connection.sql("SELECT method FROM comparisons ORDER BY method").fetchall()] == against


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
        st.sampled_from(["x@example.com", "y@example.com", None]),
        st.sampled_from(["+4930123456", None]),
    ),
    max_size=7,
)


@settings(max_examples=15, deadline=None)
@given(PEOPLE)
def test_identifier_evidence_is_a_forest_per_identifier_over_pairs_that_do_not_conflict(
    tmp_path_factory: pytest.TempPathFactory, people: list[tuple[str | None, str | None, str | None, str | None]]
) -> None:
    home = Home.open(tmp_path_factory.mktemp("home"))
    rows = [
        {"account_id": f"a{n}", "given_name": g, "birth_date": b, "email": e, "phone": p} for n, (g, b, e, p) in enumerate(people)
    ]
    found = run(home, accounts=rows)
    for method, column in (("shared_email", 2), ("shared_phone", 3)):
        pairs = [(int(a[1:]), int(b[1:])) for a, b, m in weights(found) if m == method]
        assert len({b for _, b in pairs}) == len(pairs)  # one earlier holder each
        for a, b in pairs:
            assert a < b
            assert people[a][column] == people[b][column] is not None
            named = people[a][0] and people[b][0] and people[a][0] != people[b][0]
            dated = people[a][1] and people[b][1] and people[a][1] != people[b][1]
            assert not (named and dated)

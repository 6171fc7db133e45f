from __future__ import annotations

import math
from pathlib import Path

import pytest
from lake_tables import KEY, Rows, connect, sign_ins
from strangers import strangers

from graph.errors import InputError
from graph.home import Home
from graph.resolution import Resolution
from graph.resolve import explain, resolve


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


def run(home: Home, **tables: Rows) -> Resolution:
    return resolve(connect(**tables), home, key=KEY)


def test_one_person_by_the_strongest_chain_whose_weights_add_up(home: Home) -> None:
    events = [*sign_ins("d1", "a1", 5), *sign_ins("d2", "a2", 4)]
    accounts = [{"account_id": a, "email": "x@example.com"} for a in ("a1", "a2")] + strangers("email")
    found = explain(run(home, events=events, accounts=accounts), ("device", "d1"), ("account", "a2"))
    assert found.same
    assert found.left_person == found.right_person
    assert [(str(link.left), str(link.right)) for link in found.links] == [
        ("account:a1", "device:d1"),
        ("account:a1", "account:a2"),
    ]
    for link in found.links:
        assert link.score == pytest.approx(math.fsum(p.weight for p in link.pieces))
        assert link.probability == pytest.approx(1 / (1 + 2**-link.score))
    assert [p.method for p in found.links[1].pieces] == ["records"]
    assert found.links[1].pieces[0].sources == ("test",)
    assert found.links[0].pieces[0].first_seen is not None
    assert found.summary.endswith("by 2 links of evidence")


def test_every_two_members_of_a_person_have_a_chain_and_no_two_persons_have(home: Home) -> None:
    events = [e for n in range(6) for e in sign_ins(f"d{n}", f"a{n // 3}", 2)]
    resolution = run(home, events=events, accounts=[{"account_id": "a9"}])
    members = [(r["kind"], r["id"], r["person_id"]) for r in resolution.members.to_pylist()]
    for kind, id_, person in members:
        for other_kind, other_id, other_person in members:
            found = explain(resolution, (kind, id_), (other_kind, other_id))
            assert found.same == (person == other_person)
            assert bool(found.links) == (found.same and (kind, id_) != (other_kind, other_id))


@pytest.mark.parametrize(
    ("tables", "left", "right", "said"),
    [
        (
            {"accounts": [{"account_id": f"a{n:02d}", "email": "info@example.com"} for n in range(12)]},
            "a01",
            "a07",
            "generic with 12 holders",
        ),
        (
            {"events": [e for n in range(9) for e in sign_ins("kiosk", f"a{n}", 2)]},
            "a1",
            "a7",
            "device:kiosk, which is shared: sign-ins of 9 people",
        ),
        (
            {
                "accounts": [
                    {"account_id": "a1", "given_name": "Maria", "family_name": "Rossi", "birth_date": "1980-01-02"},
                    {"account_id": "a2", "given_name": "John", "family_name": "Miller", "birth_date": "1991-07-30"},
                    *strangers(),
                ],
                "events": [*sign_ins("phone", "a1", 3), *sign_ins("phone", "a2", 3, start=7)],
            },
            "a1",
            "a2",
            "device:phone, which is shared: sign-ins of people whose records conflict",
        ),
        ({"accounts": [{"account_id": "a1"}, {"account_id": "a2"}]}, "a1", "a2", "nothing links them"),
    ],
)
def test_why_not(home: Home, tables: dict[str, Rows], left: str, right: str, said: str) -> None:
    found = explain(run(home, **tables), ("account", left), ("account", right))
    assert not found.same
    assert said in found.summary


def test_why_not_names_the_records_that_speak_against_it(home: Home) -> None:
    accounts = [
        {"account_id": "a1", "given_name": "Maria", "family_name": "Rossi", "birth_date": "1980-01-02"},
        {"account_id": "a2", "given_name": "John", "family_name": "Miller", "birth_date": "1991-07-30"},
        *strangers(),
    ]
    events = [*sign_ins("phone", "a1", 3), *sign_ins("phone", "a2", 3, start=7)]
    found = explain(run(home, events=events, accounts=accounts), ("account", "a1"), ("account", "a2"))
    (link,) = found.links
    assert [p.method for p in link.pieces] == ["records"]
    assert f"evidence against: records ({link.score:+.1f} in all)" in found.blocks
    assert link.score < 0


def test_why_not_a_weak_link_between_groups(home: Home) -> None:
    events = [*sign_ins("d1", "a1", 30), *sign_ins("d2", "a2", 30), *sign_ins("d1", "a2", 7, start=7), *sign_ins("d3", "a2", 2)]
    found = explain(run(home, events=events), ("account", "a2"), ("device", "d1"))
    assert not found.same
    assert found.links[0].pieces[0].method == "sign_in"
    assert "log2 odds, a join needs 4.0" in found.summary


def test_a_subject_that_is_not_there_is_a_one_line_error(home: Home) -> None:
    resolution = run(home, accounts=[{"account_id": "a1"}])
    with pytest.raises(InputError, match="device:a1 is no device or account of this home"):
        explain(resolution, ("account", "a1"), ("device", "a1"))

"""Consent: every rule by itself, and all of them against a plain reading of the records, one person at a time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from consent_strings import gpp, tc_string
from privacy_samples import EVERYTHING, NOW, consent, consents_view, members

from graph.control import ConsentRecord, Control, sqlite_url
from graph.errors import SettingsError
from graph.privacy import Consents, ConsentState, LegalBasis, Purpose, Use, legal_basis, purpose_of

P4 = Purpose.PERSONALISED_ADVERTISING


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control(sqlite_url(tmp_path)) as opened:
        yield opened


def _consents(control: Control, rows: list[dict[str, Any]], basis: LegalBasis | None = None) -> Consents:
    """Person p has account a and device d; person q has account b, of whom nothing is recorded unless `rows` say so."""
    table = members([("account", "a", "p"), ("device", "d", "p"), ("account", "b", "q")])
    with consents_view(rows) as connection:
        return Consents(connection, table, control.consents, clock=lambda: NOW, legal_basis=basis)


OLD = "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA"  # TCF 2.0
GRANTED, REFUSED, UNKNOWN = ConsentState.GRANTED, ConsentState.REFUSED, ConsentState.UNKNOWN
LATER, EARLIER, FUTURE = NOW - timedelta(hours=1), NOW - timedelta(days=9), NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param([], UNKNOWN, id="no record"),
        pytest.param([consent("account", "a", ["4"])], GRANTED, id="the purpose is listed"),
        pytest.param([consent("account", "a", [" 04 "])], GRANTED, id="spaces and a leading zero"),
        pytest.param([consent("account", "a", ["1", "3"])], REFUSED, id="the purpose is not listed"),
        pytest.param([consent("account", "a", [])], REFUSED, id="an empty list"),
        pytest.param([consent("account", "a", None)], REFUSED, id="a record that says nothing"),
        pytest.param(
            [consent("account", "a", ["marketing", "4.2", "99", "-4", "4x", "0", "²"])], REFUSED, id="no purpose numbers"
        ),
        pytest.param([consent("account", "a", EVERYTHING, gpc=True)], REFUSED, id="Global Privacy Control"),
        pytest.param([consent("account", "a", EVERYTHING, gpc=False)], GRANTED, id="no signal"),
        pytest.param([consent("account", "a", None, tc_string=tc_string([1, 4]))], GRANTED, id="TC string"),
        pytest.param([consent("account", "a", None, tc_string=tc_string([1, 3]))], REFUSED, id="TC string without the purpose"),
        pytest.param([consent("account", "a", None, tc_string=OLD)], REFUSED, id="TC string of an old policy"),
        pytest.param([consent("account", "a", EVERYTHING, tc_string="")], REFUSED, id="empty TC string"),
        pytest.param([consent("account", "a", EVERYTHING, tc_string=OLD)], REFUSED, id="purposes and a refused TC string"),
        pytest.param([consent("account", "a", ["3"], tc_string=tc_string([4]))], REFUSED, id="purposes cut the TC string"),
        pytest.param([consent("account", "a", ["4"], tc_string=tc_string([3]))], REFUSED, id="the TC string cuts purposes"),
        pytest.param([consent("account", "a", ["4"], tc_string=tc_string([4]))], GRANTED, id="purposes and TC string"),
        pytest.param([consent("account", "a", None, tc_string=tc_string([4]), gpc=True)], REFUSED, id="TC string and control"),
        pytest.param([consent("account", "a", None, gpp_string="DBABMA~CPXxRfA")], REFUSED, id="broken GPP string"),
        pytest.param([consent("account", "a", None, gpp_string=gpp({6: "1YNN"}))], GRANTED, id="GPP string"),
        pytest.param([consent("account", "a", ["4"], gpp_string=gpp({6: "1YYN"}))], REFUSED, id="GPP string, opted out"),
        pytest.param([consent("account", "a", ["4"], gpp_string=gpp({6: "1---"}))], GRANTED, id="GPP string, not applicable"),
        pytest.param([consent("account", "a", None, gpp_string=gpp({6: "1---"}))], REFUSED, id="nothing but not applicable"),
        pytest.param([consent("account", "a", [], gpp_string=gpp({6: "1YNN"}))], REFUSED, id="an empty list and a GPP string"),
        pytest.param([consent("account", "a", EVERYTHING), consent("account", "a", [], at=LATER)], REFUSED, id="withdrawn later"),
        pytest.param([consent("account", "a", EVERYTHING), consent("account", "a", [], at=EARLIER)], GRANTED, id="given later"),
        pytest.param([consent("account", "a", EVERYTHING), consent("account", "a", [])], REFUSED, id="both at one time"),
        pytest.param([consent("account", "a", [], at=None), consent("account", "a", ["4"])], REFUSED, id="undated refusal"),
        pytest.param(
            [consent("account", "a", ["4"], at=None), consent("account", "a", ["3"], at=EARLIER)], REFUSED, id="undated grant"
        ),
        pytest.param([consent("account", "a", ["4"], at=FUTURE)], UNKNOWN, id="a grant of tomorrow"),
        pytest.param([consent("account", "a", []), consent("account", "a", ["4"], at=FUTURE)], REFUSED, id="not yet given"),
        pytest.param(
            [consent("account", "a", ["4"]), consent("account", "a", [], at=FUTURE)], REFUSED, id="a refusal of tomorrow"
        ),
        pytest.param([consent("account", "a", ["4"]), consent("device", "d", ["3"])], REFUSED, id="one device refuses"),
        pytest.param([consent("account", "a", ["4"]), consent("device", "d", ["4", "3"])], GRANTED, id="both permit"),
        pytest.param([consent("device", "a", ["4"]), consent("account", "d", ["4"])], UNKNOWN, id="the ids of other kinds"),
    ],
)
def test_what_a_person_permits(control: Control, rows: list[dict[str, Any]], expected: ConsentState) -> None:
    consents = _consents(control, rows)
    assert consents.state("p", P4) is expected
    assert consents.allowed(["p", "q", "nobody"], P4).tolist() == [expected is GRANTED, False, False]
    assert consents.objected(["p", "q", "nobody"], P4).tolist() == [expected is REFUSED, False, False]
    # A legal basis lets people without any record through, and nobody else; a refusal beats it.
    based = _consents(control, rows, LegalBasis.LEGITIMATE_INTEREST)
    assert based.allowed(["p", "q", "nobody"], P4).tolist() == [expected is not REFUSED, True, False]
    assert based.state("p", P4) is expected


def test_strings_of_lake_and_log_count_for_the_operators_vendor(control: Control) -> None:
    disclosed, other = tc_string([4], consented=[7], disclosed=[7]), tc_string([4], consented=[8], disclosed=[7, 8])
    rows = [consent("account", "a", None, tc_string=disclosed), consent("account", "b", None, tc_string=other)]
    table = members([("account", "a", "p"), ("device", "d", "p"), ("account", "b", "q")])
    expected = {None: [True, True], 7: [True, False], 8: [False, True], 9: [False, False]}
    for vendor, allowed in expected.items():
        with consents_view(rows) as connection:
            consents = Consents(connection, table, control.consents, clock=lambda: NOW, vendor=vendor)
        assert consents.allowed(["p", "q"], P4).tolist() == allowed
    control.consents.append([ConsentRecord("account", "b", NOW, gpp_string=gpp({2: disclosed}), purposes=(4,))], now=NOW)
    control.consents.append([ConsentRecord("account", "a", NOW, tc_string="junk", purposes=(4,))], now=NOW)
    with consents_view(rows) as connection:
        consents = Consents(connection, table, control.consents, clock=lambda: NOW, vendor=7)
    assert consents.allowed(["p", "q"], P4).tolist() == [False, True]
    told = consents.history("account", "a").select(["permits", "refusal"]).to_pylist()
    assert [row["permits"] for row in told] == [[4], []]
    assert told[0]["refusal"] is None
    assert told[1]["refusal"] == "it is of version 35, not 2"


def test_a_refusal_of_one_purpose_is_no_objection_to_everything(control: Control) -> None:
    consents = _consents(control, [consent("account", "a", ["3"]), consent("account", "b", [])])
    assert consents.objected(["p", "q"]).tolist() == [False, True]
    assert consents.objected(["p", "q"], P4).tolist() == [True, True]


def test_a_withdrawal_holds_from_the_next_call_on(control: Control) -> None:
    consents = _consents(control, [consent("account", "a", EVERYTHING), consent("account", "b", EVERYTHING)])
    assert consents.allowed(["p", "q"], P4).tolist() == [True, True]
    with Control("sqlite:///" + control.address) as elsewhere:  # another process
        elsewhere.consents.append([ConsentRecord("device", "d", NOW, purposes=())], now=NOW)
    assert consents.allowed(["p", "q"], P4).tolist() == [False, True]
    assert consents.objected(["p"]).tolist() == [True]
    control.consents.append([ConsentRecord("device", "d", NOW + timedelta(seconds=0), purposes=(4,))], now=NOW)
    assert consents.allowed(["p"], P4).tolist() == [False], "of two records of one time the stricter holds"
    control.consents.append([ConsentRecord("device", "d", NOW - timedelta(days=30), purposes=(4,))], now=NOW)
    assert consents.allowed(["p"], P4).tolist() == [False], "an older record does not come back"
    control.consents.append([ConsentRecord("device", "unknown", NOW, purposes=())], now=NOW)
    assert consents.allowed(["q"], P4).tolist() == [True]
    assert consents.history("device", "d")["source"].to_pylist() == ["api"] * 3
    assert consents.history("account", "a")["purposes"].to_pylist() == [EVERYTHING]


def test_records_go_on_to_be_read_after_a_look_up_of_a_subject(control: Control) -> None:
    consents = _consents(control, [consent("account", "a", EVERYTHING)])
    assert consents.person_of("account", "a") == "p"
    control.consents.append([ConsentRecord("account", "a", NOW, purposes=())], now=NOW)
    assert consents.allowed(["p"], Purpose.ADVERTISING_PROFILE).tolist() == [False]


def test_what_the_log_held_before_counts_too(control: Control) -> None:
    control.consents.append([ConsentRecord("account", "a", NOW, gpc=True, purposes=(4,))], now=NOW)
    consents = _consents(control, [consent("account", "a", EVERYTHING)])
    assert consents.allowed(["p"], P4).tolist() == [False]


def test_shared_devices_and_bots_are_no_individuals(control: Control) -> None:
    table = members([("device", "d1", "p"), ("device", "d2", "s", "shared"), ("device", "d3", "b", "bot")])
    rows = [consent("device", d, EVERYTHING) for d in ("d1", "d2", "d3")]
    with consents_view(rows) as connection:
        consents = Consents(connection, table, control.consents, clock=lambda: NOW)
    assert consents.individuals(["p", "s", "b", "nobody"]).tolist() == [True, False, False, False]
    assert consents.people.take(consents.releasable(["b", "s", "p", "p", "nobody"], P4)).to_pylist() == ["p"]


def test_a_home_without_people_answers(control: Control) -> None:
    with consents_view([]) as connection:
        consents = Consents(connection, members([]), control.consents, clock=lambda: NOW, legal_basis=LegalBasis.CONTRACT)
    for ids in ([], ["p"], [f"p{i}" for i in range(3000)]):
        assert consents.allowed(ids, P4).tolist() == [False] * len(ids)
        assert consents.releasable(ids, P4).tolist() == []


class _Reader:
    """The rules read record by record; shares no code with what it checks."""

    def __init__(self, rows: list[dict[str, Any]], basis: bool) -> None:
        self.basis = basis
        self.by_subject: dict[tuple[str, str], list[tuple[datetime | None, set[int]]]] = {}
        for row in rows:
            numbers = set() if row.get("gpc") or row["purposes"] is None else {int(p) for p in row["purposes"] if p.isdigit()}
            self.by_subject.setdefault((row["subject_kind"], row["subject_id"]), []).append(
                (row["at"], numbers & set(range(1, 25)))
            )

    def subject(self, subject: tuple[str, str]) -> set[int] | None:
        said = self.by_subject.get(subject, [])
        if any(at is None and not numbers for at, numbers in said):
            return set()
        valid = [(at, numbers) for at, numbers in said if not numbers or at is None or at <= NOW]
        if not valid:
            return None
        newest = max((at for at, _ in valid if at is not None), default=None)
        return set.intersection(*(numbers for at, numbers in valid if at == newest))

    def allowed(self, subjects: list[tuple[str, str]], purpose: int) -> bool:
        told = [s for s in map(self.subject, subjects) if s is not None]
        return all(purpose in s for s in told) if told else self.basis


@pytest.mark.parametrize("basis", [None, LegalBasis.CONTRACT])
def test_consents_are_what_a_reader_of_the_records_says(control: Control, basis: LegalBasis | None) -> None:
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    subjects = [(draw.choice(["device", "account"]), f"s{i}", f"p{draw.randrange(1500)}") for i in range(3000)]
    times = [None, FUTURE, NOW, *(NOW - timedelta(days=d) for d in range(4))]

    def record(kind: str, subject: str) -> dict[str, Any]:
        purposes = draw.choice([None, [], EVERYTHING, EVERYTHING, draw.sample([*EVERYTHING, "x", "31"], 4)])
        return consent(kind, subject, purposes, at=draw.choice(times), gpc=draw.choice([None, False, False, True]))

    chosen = [draw.choice(subjects) for _ in range(3000)]
    rows = [record(kind, subject) for kind, subject, _ in chosen]
    late = [record(kind, subject) for kind, subject, _ in draw.sample(subjects, 100)]
    with consents_view(rows) as connection:
        consents = Consents(connection, members(subjects), control.consents, clock=lambda: NOW, legal_basis=basis)
    people: dict[str, list[tuple[str, str]]] = {}
    for kind, subject, person in subjects:
        people.setdefault(person, []).append((kind, subject))
    asked = [*people, *("nobody", *people)]
    assert len(asked) > 2000  # so that both ways of finding people are taken

    def check(said: list[dict[str, Any]]) -> None:
        reader = _Reader(said, basis is not None)
        for purpose in (Purpose.STORE_AND_ACCESS, P4, Purpose.LIMITED_DATA_CONTENT):
            expected = [p in people and reader.allowed(people[p], purpose) for p in asked]
            assert consents.allowed(pa.array(asked), purpose).tolist() == expected, seed
            assert consents.allowed(asked[:500], purpose).tolist() == expected[:500], seed
            released = consents.people.take(consents.releasable(asked, purpose)).to_pylist()
            assert set(released) == {p for p, e in zip(asked, expected, strict=True) if e}, seed
            assert len(released) == len(set(released))

    check(rows)
    dated = [row for row in late if row["at"] is not None]
    control.consents.append(
        [
            ConsentRecord(
                row["subject_kind"],
                row["subject_id"],
                row["at"],
                purposes=None if row["purposes"] is None else tuple(int(p) for p in row["purposes"] if p.isdigit()),
                gpc=row["gpc"],
            )
            for row in dated
        ],
        now=NOW,
    )
    check(rows + dated)


def test_every_use_has_its_purpose() -> None:
    assert {use: int(purpose_of(use)) for use in Use} == {
        Use.IDENTITY: 1,
        Use.TRAINING: 3,
        Use.TAGS: 4,
        Use.AUDIENCE: 4,
        Use.RECOMMENDATION: 6,
        Use.STATISTICS: 9,
        Use.CONTENT_STATISTICS: 8,
    }


def test_a_legal_basis_is_one_of_the_regulation() -> None:
    assert legal_basis(None) is legal_basis("") is legal_basis("consent") is None
    assert legal_basis("contract") is LegalBasis.CONTRACT
    with pytest.raises(SettingsError, match="TESSERA_LEGAL_BASIS 'because' is no legal basis; use one of consent, contract"):
        legal_basis("because")


def test_masks_are_aligned_with_a_chunked_question(control: Control) -> None:
    consents = _consents(control, [consent("account", "a", EVERYTHING)])
    asked = pa.chunked_array([["q"], ["p", "p"], ["nobody"]] + [["q", "p"]] * 1500)
    expected = np.array([False, True, True, False] + [False, True] * 1500)
    assert (consents.allowed(asked, P4) == expected).all()

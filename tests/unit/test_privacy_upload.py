"""Uploads for advertising platforms: who is in them, in which order, what is denied, and that no raw value comes out."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from privacy_samples import CALLER, NOW, account_rows, accounts_of, audience, everybody, gate_over

from graph.control import ConsentRecord, Control, sqlite_url
from graph.privacy import PLATFORMS, Denied, Gate, GateSettings, Released, UploadRows
from graph.privacy.platforms.spool import Spool

PEOPLE = everybody(1200)
MISSING = "no e-mail or telephone of their own, or to hide these"


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control(sqlite_url(tmp_path)) as opened:
        yield opened


def upload(gate: Gate, control: Control, rows: list[dict[str, Any]], platform: str = "meta", **more: Any) -> Any:
    given = {"audience_id": audience(control).audience_id, "recipient": "ads", "caller": CALLER} | more
    people = given.pop("people", PEOPLE)
    with accounts_of(rows, PEOPLE) as accounts:
        return gate.upload(people, accounts, PLATFORMS[platform], **given)


def cells(answer: Any) -> list[tuple[str | None, ...]]:
    assert isinstance(answer, Released), answer
    return [row for batch in answer.value.rows.read() for row in batch]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_consenting_person_with_an_identifier_has_a_row(control: Control, platform: str) -> None:
    rows = account_rows(PEOPLE)
    for row in rows[:50]:
        row["email"] = row["phone"] = None
    for row in rows[50:60]:
        row["email"], row["phone"] = None, "0301234567"  # no country: an opaque key, no number
    gate = gate_over(control, PEOPLE, refusing=PEOPLE[60:90], classes={PEOPLE[90]: "shared"})
    answer = upload(gate, control, rows, platform)
    found = cells(answer)
    rules = PLATFORMS[platform]
    expected = [rules.row(row) for row in rows[91:]]
    assert sorted(found, key=repr) == sorted(expected, key=repr)  # type: ignore[type-var]
    assert found != expected, "the order is not the accounts'"
    value = answer.value
    assert (value.people, value.rows.rows, value.rules, value.platform) == (1109, 1109, rules.version, platform)
    assert value.left_out == {"no consent, or several people": 30, MISSING: 60}
    text = repr(found)
    assert not any(row[field] in text for row in rows for field in ("email", "phone") if row[field])


def test_the_same_again_is_the_same_export_and_other_recipients_get_another_order(control: Control) -> None:
    gate, rows, made = gate_over(control, PEOPLE), account_rows(PEOPLE), audience(control).audience_id
    first, again = (upload(gate, control, rows, audience_id=made) for _ in range(2))
    assert (first.value.export_id, cells(first)) == (again.value.export_id, cells(again))
    shuffled = upload(gate, control, rows[::-1], audience_id=made)
    assert (first.value.export_id, cells(first)) == (shuffled.value.export_id, cells(shuffled))
    other = upload(gate, control, rows, audience_id=made, recipient="other")
    assert other.value.export_id != first.value.export_id
    assert cells(other) != cells(first)
    assert sorted(cells(other), key=repr) == sorted(cells(first), key=repr)
    rows[5]["email"] = "new@shop.example"
    changed = upload(gate, control, rows, audience_id=made)
    assert changed.value.export_id != first.value.export_id


def test_accounts_of_one_person_are_rows_of_their_own_and_equal_ones_are_one(control: Control) -> None:
    rows = account_rows(PEOPLE)
    second = {**rows[0], "account_id": f"{PEOPLE[0]}-account1"}
    third = {**second, "account_id": f"{PEOPLE[0]}-account2", "email": "second@shop.example"}
    answer = upload(gate_over(control, PEOPLE), control, [*rows, second, third])
    assert (answer.value.people, answer.value.rows.rows) == (1200, 1201)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_an_identifier_that_a_refusing_person_has_too_is_in_no_file(control: Control, platform: str) -> None:
    rows = account_rows(PEOPLE)
    rows[0] |= {"email": "ab+news@gmail.com", "phone": rows[2]["phone"]}  # refuses; as do people 5 to 60 about nothing shared
    rows[1]["email"] = "a.b@gmail.com"
    rules = PLATFORMS[platform]
    answer = upload(gate_over(control, PEOPLE, refusing=[PEOPLE[0], *PEOPLE[5:60]]), control, rows, platform)
    found = {cell for row in cells(answer) for cell in row[:2]}
    refused = {cell for row in (*rows[:1], *rows[5:60]) for cell in rules.identifiers(row)}
    assert not refused & found
    assert rules.identifiers(rows[1])[0] not in found
    assert {rules.identifiers(rows[1])[1], rules.identifiers(rows[2])[0]} <= found


def test_every_platforms_file_is_of_the_same_people(control: Control) -> None:
    """However an address is spelled, and whatever a platform makes of it: else one file could not follow another."""
    rows = account_rows(PEOPLE)
    spellings = ["+a{}@shop.example", "x{}+1@shop.example", "y.{}@gmail.com", "z.{}+2@googlemail.com", "not an address {}", ""]
    for number, row in enumerate(rows[:600]):
        row["email"] = spellings[number % 6].format(number // 6)
        row["phone"] = None if number % 4 else row["phone"]
    for number in range(600, 700):  # who refuses, in other spellings
        rows[number] |= {"email": spellings[(number + 1) % 6].format(number - 600), "phone": None}
    gate = gate_over(control, PEOPLE, refusing=PEOPLE[600:700], settings=GateSettings(minimum_file_rows=100))
    made = audience(control).audience_id
    people = {name: upload(gate, control, rows, name, audience_id=made).value.people for name in PLATFORMS}
    assert len(set(people.values())) == 1, people


@pytest.mark.parametrize("missing", [0, 1, 49, 50, 51])
def test_few_people_without_an_identifier_are_hidden_among_others(control: Control, missing: int) -> None:
    rows = [row | {"email": None, "phone": None} for row in account_rows(PEOPLE[:missing])] + account_rows(PEOPLE)[missing:]
    gate, made = gate_over(control, PEOPLE), audience(control).audience_id
    whole = gate.row_list(PEOPLE, audience_id=made, recipient="ads", caller=CALLER)
    assert isinstance(whole, Released)
    answers = [upload(gate, control, rows, platform, audience_id=made) for platform in PLATFORMS]
    left = 1200 - (missing if missing == 0 or missing > 50 else 50)
    for answer in answers:
        assert len(cells(answer)) == answer.value.rows.rows == answer.value.people == left
    kept = []
    for rules, answer in zip(PLATFORMS.values(), answers, strict=True):
        written = set(cells(answer))
        kept.append({row["account_id"] for row in account_rows(PEOPLE) if rules.row(row) in written})
    assert all(ids == kept[0] for ids in kept), "the same people on every platform"


def test_what_is_denied(control: Control) -> None:
    rows = account_rows(PEOPLE)
    gate = gate_over(control, PEOPLE, sensitive=frozenset({"health"}))

    def denied(**more: Any) -> str:
        answer = upload(gate, control, more.pop("rows", rows), **more)
        assert isinstance(answer, Denied)
        return answer.reason

    assert denied(people=PEOPLE[:999]) == "too_few"
    poor = [row | {"email": None, "phone": None} for row in rows[:201]] + rows[201:]
    assert denied(rows=poor) == "too_few", "people without a row do not count"
    assert denied(audience_id="aud-0000000000000000") == "absent"
    assert denied(audience_id=audience(control, tenant="other").audience_id) == "absent"
    assert denied(audience_id=audience(control, {"tags": ["health"]}).audience_id) == "sensitive"
    assert isinstance(upload(gate, control, rows), Released)
    assert denied(people=PEOPLE[:1180]) == "too_similar"
    assert denied(people=PEOPLE[:1180], platform="uid2") == "too_similar", "other platforms' files are compared too"
    control.consents.append([ConsentRecord("account", f"{p}-account", NOW, purposes=()) for p in PEOPLE[:300]], now=NOW)
    assert denied() == "too_few", "a withdrawal holds at once"
    reasons = [entry.reason for entry in control.audit.latest(20) if entry.outcome == "denied"]
    assert len(reasons) == 8
    assert not any("raw-" in repr(entry) for entry in control.audit.latest(20))


def test_consent_to_something_else_is_none(control: Control) -> None:
    gate = gate_over(control, PEOPLE)
    records = [ConsentRecord("account", f"{p}-account", NOW, purposes=(1, 3, 9)) for p in PEOPLE]
    control.consents.append(records, now=NOW)
    assert isinstance(upload(gate, control, account_rows(PEOPLE)), Denied)


def test_a_spool_gives_back_what_it_was_given_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spool = Spool(["a", "b"])
    rows: list[list[tuple[str | None, ...]]] = [[("1", None), ("ü", "2")], [], [(None, "3")]]
    for number, batch in enumerate(rows):
        spool.add([number] * len(batch), batch)
    spool.close()
    assert list(tmp_path.iterdir()) == [], "the file has no name: a killed process leaves nothing"
    for _ in range(2):
        assert list(spool.read()) == [rows[0], rows[2]]
    assert (spool.rows, spool.columns) == (3, ("a", "b"))
    spool.leave_out(np.array([0]))
    assert ([row for batch in spool.read() for row in batch], spool.rows) == ([(None, "3")], 1)
    empty = Spool(["a"])
    empty.close()
    assert list(empty.read()) == []
    del spool, empty
    gc.collect()  # a file left open would be a warning, which is an error


def test_the_released_value_is_an_upload(control: Control) -> None:
    answer = upload(gate_over(control, PEOPLE), control, account_rows(PEOPLE))
    assert type(answer.value) is UploadRows
    assert answer.genuine

"""The gate: each rule refuses, the same question passes with that rule off, and the audit log names nobody."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from privacy_samples import CALLER, NOW, audience, everybody, gate_over

from graph.control import AudienceKind, ConsentRecord, Control, sqlite_url
from graph.privacy import (
    AudienceRows,
    Caller,
    Column,
    DenialReason,
    Denied,
    Gate,
    GateSettings,
    LegalBasis,
    ReleaseClass,
    Released,
    Use,
)

PEOPLE = everybody(1200)
NO_MINIMUM = GateSettings(minimum_rows=0, minimum_file_rows=0)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control(sqlite_url(tmp_path)) as opened:
        yield opened


def _export(gate: Gate, control: Control, people: list[str], *, caller: Caller = CALLER, to: str = "dsp", **more: Any) -> Any:
    found = control.audiences.all(caller.tenant_id) or [audience(control, tenant=caller.tenant_id)]
    return gate.row_list(people, audience_id=found[0].audience_id, recipient=to, caller=caller, **more)


def _names(answer: Released[AudienceRows] | Denied) -> list[str]:
    assert isinstance(answer, Released), answer
    names: list[str] = answer.value.pseudonyms.to_pylist()
    return names


def _denied(answer: Any, reason: DenialReason) -> None:
    assert isinstance(answer, Denied), answer
    assert answer.reason is reason
    assert "raw-" not in answer.message
    assert "\n" not in answer.message


def test_an_audience_leaves_as_sorted_pseudonyms_and_nothing_else(control: Control) -> None:
    answer = _export(gate_over(control, PEOPLE), control, PEOPLE)
    names = _names(answer)
    assert answer.release_class is ReleaseClass.ROW_LIST
    assert (len(names), answer.value.total) == (1200, 1200)
    assert names == sorted(set(names))
    assert all(len(name) == 32 and set(name) <= set("0123456789abcdef") for name in names)
    told = {field.name for field in dataclasses.fields(AudienceRows)}
    of_the_list = {"export_id", "audience_id", "recipient", "total", "segments", "left_out"}
    assert told == {"pseudonyms", *of_the_list}  # no score, no rank, no vector


def test_people_who_are_left_out_are_counted_once_and_rounded(control: Control) -> None:
    gate = gate_over(control, PEOPLE, refusing=PEOPLE[:37])
    assert _export(gate, control, PEOPLE + PEOPLE[:300]).value.left_out == {"no consent, or several people": 30}


def test_order_and_repetition_in_the_question_change_nothing(control: Control) -> None:
    gate = gate_over(control, PEOPLE)
    assert _names(_export(gate, control, PEOPLE)) == _names(_export(gate, control, PEOPLE[::-1] + PEOPLE[:300]))


@pytest.mark.parametrize(("file", "least"), [(True, 1000), (False, 100)])
def test_short_lists_are_denied(control: Control, file: bool, least: int) -> None:
    _denied(_export(gate_over(control, PEOPLE), control, PEOPLE[: least - 1], file=file), DenialReason.TOO_FEW)
    # A thousand names for one person are one person.
    _denied(_export(gate_over(control, PEOPLE), control, PEOPLE[: least - 1] + PEOPLE[:50] * 30, file=file), DenialReason.TOO_FEW)
    assert len(_names(_export(gate_over(control, PEOPLE), control, PEOPLE[:least], file=file))) == least
    off = gate_over(control, PEOPLE, settings=NO_MINIMUM)
    assert len(_names(_export(off, control, PEOPLE[500:501], file=file))) == 1


def test_consent_is_taken_before_the_size_is_looked_at(control: Control) -> None:
    refusing, silent = PEOPLE[:150], PEOPLE[150:201]
    _denied(_export(gate_over(control, PEOPLE, refusing=refusing, silent=silent), control, PEOPLE), DenialReason.TOO_FEW)
    based = gate_over(control, PEOPLE, refusing=refusing, silent=silent, legal_basis=LegalBasis.CONTRACT)
    assert len(_names(_export(based, control, PEOPLE))) == 1050
    off = gate_over(control, PEOPLE)
    assert len(_names(_export(off, control, PEOPLE))) == 1200


def test_people_who_are_not_one_human_being_are_left_out(control: Control) -> None:
    gate = gate_over(control, PEOPLE, classes={PEOPLE[0]: "shared", PEOPLE[1]: "bot"})
    assert len(_names(_export(gate, control, PEOPLE))) == 1198


def test_an_equal_export_comes_with_the_same_pseudonyms(control: Control) -> None:
    gate = gate_over(control, PEOPLE)
    first, again = _export(gate, control, PEOPLE), _export(gate, control, PEOPLE)
    assert _names(first) == _names(again)
    assert first.value.export_id == again.value.export_id
    reopened = gate_over(control, PEOPLE)  # another process, later
    assert _names(_export(reopened, control, PEOPLE)) == _names(first)
    assert len(control.exports.all()) == 1


def test_two_recipients_cannot_join_their_lists(control: Control) -> None:
    gate = gate_over(control, PEOPLE)
    mine, theirs = _names(_export(gate, control, PEOPLE, to="a")), _names(_export(gate, control, PEOPLE, to="b"))
    assert len(mine) == len(theirs)
    assert not set(mine) & set(theirs)


def test_two_exports_to_one_recipient_cannot_be_joined(control: Control) -> None:
    gate = gate_over(control, PEOPLE)
    first, second = _names(_export(gate, control, PEOPLE)), _names(_export(gate, control, PEOPLE[:1100]))
    assert not set(first) & set(second)


@pytest.mark.parametrize(("difference", "passes"), [(1, False), (49, False), (50, True)])
def test_differences_too_small_are_withheld(control: Control, difference: int, passes: bool) -> None:
    gate = gate_over(control, PEOPLE)
    _names(_export(gate, control, PEOPLE))
    near = _export(gate, control, PEOPLE[difference:])
    if passes:
        assert len(_names(near)) == len(PEOPLE) - difference
    else:
        _denied(near, DenialReason.TOO_SIMILAR)
        _denied(_export(gate, control, PEOPLE[difference:], to="somebody else"), DenialReason.TOO_SIMILAR)
        off = gate_over(control, PEOPLE, settings=GateSettings(minimum_difference=0))
        assert len(_names(_export(off, control, PEOPLE[difference:]))) == len(PEOPLE) - difference


def test_exchanged_people_count_twice(control: Control) -> None:
    gate = gate_over(control, PEOPLE)
    _names(_export(gate, control, PEOPLE[:1100]))
    _denied(_export(gate, control, PEOPLE[24:1124]), DenialReason.TOO_SIMILAR)
    assert len(_names(_export(gate, control, PEOPLE[25:1125]))) == 1100


def test_a_withdrawal_does_not_single_its_subject_out(control: Control) -> None:
    gate = gate_over(control, PEOPLE)
    _names(_export(gate, control, PEOPLE))
    control.consents.append([ConsentRecord("account", f"{PEOPLE[7]}-account", NOW, purposes=())], now=NOW)
    _denied(_export(gate, control, PEOPLE), DenialReason.TOO_SIMILAR)


def test_tenants_do_not_withhold_each_others_exports(control: Control) -> None:
    gate, other = gate_over(control, PEOPLE), Caller("other", "key-2")
    _names(_export(gate, control, PEOPLE))
    assert len(_names(_export(gate, control, PEOPLE[1:], caller=other))) == 1199


def test_another_tenants_audience_is_absent(control: Control) -> None:
    foreign = audience(control, tenant="other")
    gate = gate_over(control, PEOPLE)
    for audience_id in (foreign.audience_id, "aud-unknown", ""):
        _denied(gate.row_list(PEOPLE, audience_id=audience_id, recipient="dsp", caller=CALLER), DenialReason.ABSENT)


@pytest.mark.parametrize(
    "definition",
    [
        {"tags": ["running", "466"]},
        {"any": [{"all": [{"tag": "466"}]}]},
        {"tag_id": 466},
        {"weights": {"466": 0.5}},
        {"names": ["Illness"]},
    ],
)
def test_audiences_of_sensitive_tags_are_denied(control: Control, definition: dict[str, Any]) -> None:
    made = audience(control, definition)
    gate = gate_over(control, PEOPLE, sensitive=frozenset({"466", "Illness"}))
    _denied(gate.row_list(PEOPLE, audience_id=made.audience_id, recipient="dsp", caller=CALLER), DenialReason.SENSITIVE)
    off = gate_over(control, PEOPLE)
    assert len(_names(off.row_list(PEOPLE, audience_id=made.audience_id, recipient="dsp", caller=CALLER))) == 1200


def test_a_lookalike_of_a_sensitive_audience_is_sensitive(control: Control) -> None:
    seed = audience(control, {"tags": ["466"]})
    definition = {"seeds": {"audience": seed.audience_id}, "size": 1200}
    made = control.audiences.create("acme", "like them", AudienceKind.LOOKALIKE, definition, now=NOW)
    of_it = control.audiences.create("acme", "like those", AudienceKind.LOOKALIKE, {"seeds": [made.audience_id]}, now=NOW)
    gate = gate_over(control, PEOPLE, sensitive=frozenset({"466"}))
    for audience_id in (made.audience_id, of_it.audience_id):
        _denied(gate.row_list(PEOPLE, audience_id=audience_id, recipient="dsp", caller=CALLER), DenialReason.SENSITIVE)


def test_pages_are_slices_of_one_export(control: Control) -> None:
    gate = gate_over(control, PEOPLE)
    whole = _names(_export(gate, control, PEOPLE))
    pages = [_export(gate, control, PEOPLE, file=False, offset=start, limit=500) for start in (0, 500, 1000, 1500)]
    assert [len(_names(page)) for page in pages] == [500, 500, 200, 0]
    assert [name for page in pages for name in _names(page)] == whole
    assert {page.value.export_id for page in pages} == {control.exports.all()[0].export_id}


def test_one_persons_answer_needs_their_consent(control: Control) -> None:
    gate = gate_over(control, PEOPLE, refusing=PEOPLE[:1], silent=PEOPLE[1:2])
    payload = {"tags": ["running"]}
    answer = gate.subject(PEOPLE[2], lambda: payload, use=Use.TAGS, caller=CALLER)
    assert isinstance(answer, Released)
    assert (answer.value, answer.release_class) == (payload, ReleaseClass.SUBJECT_LOOKUP)
    _denied(gate.subject(PEOPLE[0], lambda: payload, use=Use.TAGS, caller=CALLER), DenialReason.NO_CONSENT)
    _denied(gate.subject(PEOPLE[1], lambda: payload, use=Use.TAGS, caller=CALLER), DenialReason.NO_CONSENT)
    _denied(gate.subject("raw-nobody", lambda: payload, use=Use.TAGS, caller=CALLER), DenialReason.ABSENT)
    control.consents.append([ConsentRecord("account", f"{PEOPLE[2]}-account", NOW, purposes=(1, 3))], now=NOW)
    _denied(gate.subject(PEOPLE[2], lambda: payload, use=Use.TAGS, caller=CALLER), DenialReason.NO_CONSENT)
    assert isinstance(gate.subject(PEOPLE[2], lambda: payload, use=Use.IDENTITY, caller=CALLER), Released)


def test_operators_get_everybody_but_those_who_objected(control: Control) -> None:
    gate = gate_over(control, PEOPLE[:10], refusing=PEOPLE[:2], silent=PEOPLE[2:4])
    table = pa.table({"person_id": PEOPLE[:10] * 2, "score": [0.5] * 20})
    answer = gate.operator_file(table, "lookalike", use=Use.AUDIENCE)
    assert answer.value.table["person_id"].to_pylist() == PEOPLE[2:10] * 2
    assert (answer.value.withheld, answer.release_class) == (4, ReleaseClass.OPERATOR_FILE)
    about_nobody = gate.operator_file(pa.table({"content_id": ["c"], "tag": ["t"]}), "contents")
    assert (about_nobody.value.table.num_rows, about_nobody.value.withheld) == (1, 0)
    who_is_who = gate.operator_file(table, "identities")
    assert (who_is_who.value.table.num_rows, who_is_who.value.withheld) == (20, 0)


def test_small_counts_are_left_out_and_others_rounded(control: Control) -> None:
    gate = gate_over(control, PEOPLE, refusing=PEOPLE[:5])
    groups: dict[str, Any] = {"few": PEOPLE[:24], "twenty": PEOPLE[:25], "twice": PEOPLE[5:44] * 2, "none": [], "number": 129}
    answer = gate.aggregate(groups, caller=CALLER)
    assert answer.value.counts == {"few": None, "twenty": 20, "twice": 30, "none": None, "number": 120}
    assert answer.release_class is ReleaseClass.AGGREGATE
    off = gate_over(control, PEOPLE, settings=GateSettings(minimum_count=0, count_step=1))
    assert off.aggregate(groups, caller=CALLER).value.counts["few"] == 24


def test_queries_tell_of_one_person_who_consents_or_of_nobody(control: Control) -> None:
    gate = gate_over(control, PEOPLE[:10], refusing=PEOPLE[:1])

    def query(rows: list[dict[str, Any]], **columns: Column) -> Any:
        return gate.query(rows, columns, name="timeline", caller=CALLER, use=Use.IDENTITY)

    mine = [{"who": PEOPLE[3], "of": f"{PEOPLE[3]}-account", "what": i, "email": "raw-mail"} for i in range(3)]
    answer = query(mine, who=Column.PERSON, of=Column.ACCOUNT, what=Column.PLAIN)
    assert answer.value.rows == tuple({"who": r["who"], "of": r["of"], "what": r["what"]} for r in mine)
    assert answer.release_class is ReleaseClass.SUBJECT_LOOKUP
    _denied(query([*mine, {"who": PEOPLE[4]}], who=Column.PERSON), DenialReason.SEVERAL_PEOPLE)
    _denied(query([{"a": f"{PEOPLE[3]}-account"}, {"a": f"{PEOPLE[4]}-account"}], a=Column.ACCOUNT), DenialReason.SEVERAL_PEOPLE)
    _denied(query([{"who": PEOPLE[0]}], who=Column.PERSON), DenialReason.NO_CONSENT)
    _denied(query([{"of": f"{PEOPLE[0]}-account"}], of=Column.ACCOUNT), DenialReason.NO_CONSENT)
    _denied(query([{"of": f"{PEOPLE[3]}-account"}], of=Column.DEVICE), DenialReason.ABSENT)
    counts = query([{"tag": "running", "n": 57}, {"tag": "rowing", "n": 19}], tag=Column.PLAIN, n=Column.PEOPLE)
    assert counts.value.rows == ({"tag": "running", "n": 50},)
    assert counts.release_class is ReleaseClass.AGGREGATE


def test_the_audit_log_tells_what_was_asked_and_names_nobody(control: Control) -> None:
    gate = gate_over(control, PEOPLE, refusing=PEOPLE[:1])
    export = _export(gate, control, PEOPLE).value.export_id
    _export(gate, control, PEOPLE[:20])
    gate.subject(PEOPLE[0], dict, use=Use.TAGS, caller=CALLER)
    gate.subject("raw-nobody", dict, use=Use.TAGS, caller=CALLER)
    gate.operator_file(pa.table({"person_id": PEOPLE}), "identities")
    gate.query([{"p": PEOPLE[5]}], {"p": Column.PERSON}, name="timeline", caller=CALLER, use=Use.IDENTITY)
    entries = control.audit.latest()[::-1]
    told = [(e.actor, e.tenant_id, e.action, e.outcome, e.reason, e.row_count) for e in entries]
    assert told == [
        ("key-1", "acme", "export audience", "released", None, 1199),
        ("key-1", "acme", "export audience", "denied", "too_few", None),
        ("key-1", "acme", "look up tags", "denied", "no_consent", None),
        ("key-1", "acme", "look up tags", "denied", "absent", None),
        ("operator", None, "export identities", "released", None, 1200),
        ("key-1", "acme", "query timeline", "released", None, 1),
    ]
    assert entries[0].subject == export
    assert not any("raw-" in str(e) for e in entries)


def test_the_control_store_holds_no_person_of_an_export(control: Control) -> None:
    _names(_export(gate_over(control, PEOPLE), control, PEOPLE))
    for file in Path(control.address).parent.iterdir():
        content = file.read_bytes()
        assert not any(person.encode() in content for person in PEOPLE)

"""Attacks on the gate by code: foreign and sensitive audiences by every way in, sensitive tags in queries, counts taken apart,
absence told from refusal, forged releases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from privacy_samples import CALLER, NOW, audience, everybody, gate_over, population

from graph.control import AudienceKind, Control, sqlite_url
from graph.export import audience_bytes
from graph.privacy import Column, DenialReason, Denied, Gate, Released, Use

PEOPLE = everybody(1200)
SENSITIVE = frozenset({"466", "Illness"})


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control(sqlite_url(tmp_path)) as opened:
        yield opened


def _reason(answer: Any) -> DenialReason:
    assert isinstance(answer, Denied), answer
    return answer.reason


def _subgraph(gate: Gate, name: str) -> Any:
    return gate.subgraph(population(1200, 1), PEOPLE, name=name, recipient="analyst", caller=CALLER)


def _query(gate: Gate, rows: list[dict[str, Any]], columns: dict[str, Column], *asked: tuple[Column, str]) -> Any:
    return gate.query(rows, columns, name="a", caller=CALLER, use=Use.TAGS, asked=asked)


def test_a_subgraph_of_an_audience_keeps_the_audiences_rules(control: Control) -> None:
    gate = gate_over(control, PEOPLE, sensitive=SENSITIVE)
    sensitive, foreign, own = (
        audience(control, {"tags": ["466"]}),
        audience(control, tenant="other"),
        audience(control, {"tags": ["1"]}),
    )
    assert _reason(_subgraph(gate, sensitive.audience_id)) is DenialReason.SENSITIVE
    assert _reason(_subgraph(gate, foreign.audience_id)) is DenialReason.ABSENT
    assert _reason(_subgraph(gate, "aud-unknown")) is DenialReason.ABSENT
    assert isinstance(_subgraph(gate, own.audience_id), Released)
    assert isinstance(_subgraph(gate, "everybody"), Released)


def test_deleting_the_seeds_does_not_launder_a_lookalike(control: Control) -> None:
    seed = audience(control, {"tags": ["466"]})
    made = control.audiences.create("acme", "like them", AudienceKind.LOOKALIKE, {"seeds": seed.audience_id}, now=NOW)
    gate = gate_over(control, PEOPLE, sensitive=SENSITIVE)
    assert control.audiences.delete(seed.audience_id, "acme")
    answer = gate.row_list(PEOPLE, audience_id=made.audience_id, recipient="dsp", caller=CALLER)
    assert _reason(answer) is DenialReason.SENSITIVE


def test_sizes_of_sensitive_and_foreign_audiences_are_not_told(control: Control) -> None:
    gate = gate_over(control, PEOPLE, sensitive=SENSITIVE)
    made = [audience(control, {"tags": ["466"]}), audience(control, {"tags": ["1"]}), audience(control, tenant="other")]
    filled = [control.audiences.fill(a.audience_id, pa.table({"person_id": PEOPLE[:129]}), now=NOW) for a in made]
    told = gate.audience_sizes(filled, caller=CALLER).value.counts
    assert [told[a.audience_id] for a in filled] == [None, 120, None]


def test_queries_tell_of_no_sensitive_tag(control: Control) -> None:
    gate = gate_over(control, PEOPLE, sensitive=SENSITIVE)
    columns = {"tag_id": Column.TAG, "name": Column.TAG, "people": Column.PEOPLE}
    rows: list[dict[str, Any]] = [
        {"tag_id": "466", "name": "x", "people": 500},
        {"tag_id": "1", "name": "Illness", "people": 500},
        {"tag_id": "2", "name": "Sport", "people": 500},
    ]
    assert [row["tag_id"] for row in _query(gate, rows, columns).value.rows] == ["2"]
    # The first of the people with a tag is one person only, who may well permit the use: the tag is refused, not the person.
    first = [{"person_id": PEOPLE[3], "probability": 0.9}]
    one = {"person_id": Column.PERSON, "probability": Column.PLAIN}
    assert _reason(_query(gate, first, one, (Column.TAG, "466"))) is DenialReason.SENSITIVE
    assert isinstance(_query(gate, first, one, (Column.TAG, "2")), Released)
    about = audience(control, {"tags": ["466"]})
    assert _reason(_query(gate, rows[2:], columns, (Column.AUDIENCE, about.audience_id))) is DenialReason.SENSITIVE
    foreign = audience(control, tenant="other")
    assert _reason(_query(gate, rows[2:], columns, (Column.AUDIENCE, foreign.audience_id))) is DenialReason.ABSENT


def test_a_ratio_does_not_give_a_rounded_count_back_and_a_small_row_is_not_there(control: Control) -> None:
    gate = gate_over(control, PEOPLE)
    columns = {"tag": Column.PLAIN, "people": Column.PEOPLE, "share": Column.RATIO, "at": Column.PLAIN}
    rows = [{"tag": "a", "people": 57, "share": 57 / 1200, "at": 1}, {"tag": "b", "people": 1, "share": 1 / 1200, "at": 2}]
    assert _query(gate, rows, columns).value.rows == ({"tag": "a", "people": 50, "share": None, "at": 1},)


@pytest.mark.parametrize("rows", [[], [{"what": 1}]])
def test_a_question_about_a_person_needs_them_whatever_its_rows_say(control: Control, rows: list[dict[str, Any]]) -> None:
    gate = gate_over(control, PEOPLE, refusing=PEOPLE[:1])
    columns = {"what": Column.PLAIN}
    assert _reason(_query(gate, rows, columns, (Column.PERSON, "raw-nobody"))) is DenialReason.ABSENT
    assert _reason(_query(gate, rows, columns, (Column.ACCOUNT, "raw-nobody"))) is DenialReason.ABSENT
    assert _reason(_query(gate, rows, columns, (Column.ACCOUNT, f"{PEOPLE[0]}-account"))) is DenialReason.NO_CONSENT
    assert len(_query(gate, rows, columns, (Column.PERSON, PEOPLE[1])).value.rows) == len(rows)
    two = [{"who": PEOPLE[2]}]
    assert _reason(_query(gate, two, {"who": Column.PERSON}, (Column.PERSON, PEOPLE[1]))) is DenialReason.SEVERAL_PEOPLE


def test_nothing_is_worked_out_for_who_does_not_permit_it(control: Control) -> None:
    gate = gate_over(control, PEOPLE, refusing=PEOPLE[:1])

    def make() -> str:
        raise AssertionError("asked for an answer that may not be given")

    for person in (PEOPLE[0], "raw-nobody", None):
        assert isinstance(gate.subject(person, make, use=Use.TAGS, caller=CALLER), Denied)
    told = [(entry.outcome, entry.reason) for entry in control.audit.latest()]
    assert told == [("denied", "absent"), ("denied", "absent"), ("denied", "no_consent")]


def test_what_is_forged_past_the_constructor_is_not_written(control: Control) -> None:
    audience(control)
    gate = gate_over(control, PEOPLE)
    made = control.audiences.all("acme")[0]
    real = gate.row_list(PEOPLE, audience_id=made.audience_id, recipient="dsp", caller=CALLER)
    assert isinstance(real, Released)
    assert real.genuine
    forged: Released[Any] = object.__new__(Released)
    for name in ("value", "release_class"):
        object.__setattr__(forged, name, getattr(real, name))
    exchanged = gate.row_list(PEOPLE, audience_id=made.audience_id, recipient="dsp", caller=CALLER)
    object.__setattr__(exchanged, "value", real.value)
    for false in (forged, exchanged):
        assert isinstance(false, Released)
        assert not false.genuine
        with pytest.raises(TypeError):
            audience_bytes(false, ".csv")
    assert audience_bytes(real, ".csv")

"""What the gate tells of an audience's versions, and of a definition that nobody has stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from privacy_samples import CALLER, NOW, audience, everybody, gate_over

from graph.control import Audience, AudienceKind, Control, Definition, sqlite_url
from graph.privacy import Caller, Gate

PEOPLE = everybody(200)
SICK = {"rule": {"all": [{"tag": "illness"}]}}
WELL = {"rule": {"all": [{"tag": "running"}]}}


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control(sqlite_url(tmp_path)) as opened:
        opened.tenants.ensure("acme", now=NOW)
        yield opened


@pytest.fixture
def gate(control: Control) -> Gate:
    return gate_over(control, PEOPLE, sensitive=frozenset({"illness"}))


def fill(control: Control, made: Audience, people: list[str], definition: dict[str, Any] | None = None) -> Audience:
    new = None if definition is None else Definition("x", AudienceKind.RULE, definition)
    return control.audiences.fill(made.audience_id, pa.table({"person_id": people}), now=NOW, definition=new)


def told(
    control: Control, gate: Gate, made: Audience, caller: Caller = CALLER
) -> list[tuple[int | None, int | None, int | None]]:
    versions = control.audiences.versions(made.audience_id)
    answer = gate.audience_versions(made, versions, caller=caller)
    assert answer.genuine
    return [(v.people, v.added, v.removed) for v in reversed(answer.value)]


def test_counts_are_rounded_and_small_ones_are_not_told(control: Control, gate: Gate) -> None:
    made = audience(control, WELL)
    for people in (PEOPLE[:57], PEOPLE[30:157], PEOPLE[30:140], PEOPLE[:5]):
        made = fill(control, made, people)
    assert told(control, gate, made) == [(50, 50, None), (120, 100, 30), (110, None, None), (None, None, 110)]
    assert told(control, gate, made, Caller("other", "key-2")) == [(None, None, None)] * 4
    assert {e.action for e in control.audit.latest(1)} == {"count versions"}


def test_a_version_is_as_sensitive_as_its_own_definition_was(control: Control, gate: Gate) -> None:
    made = fill(control, audience(control, SICK), PEOPLE[:100])
    made = fill(control, made, PEOPLE[50:180], WELL)
    made = fill(control, made, PEOPLE[50:120])
    hidden = (None, None, None)
    # What the second gained and lost would tell who of it was in the first.
    assert told(control, gate, made) == [hidden, (130, None, None), (70, None, 60)]
    made = fill(control, made, PEOPLE, SICK)
    assert told(control, gate, made)[-1] == hidden


def test_defining_an_audience_anew_launders_nothing_that_was_made_of_it(control: Control, gate: Gate) -> None:
    source = fill(control, audience(control, SICK), PEOPLE[:150])
    like_it = fill(control, audience(control, {"rule": {"all": [{"audience": source.audience_id}]}}), PEOPLE[:150])
    fill(control, source, PEOPLE[:150], WELL)
    assert gate.audience_sizes([like_it], caller=CALLER).value.counts == {like_it.audience_id: None}
    again = control.audiences.get(source.audience_id, "acme")
    assert again is not None
    assert gate.audience_sizes([again], caller=CALLER).value.counts == {source.audience_id: 150}


@pytest.mark.parametrize(("people", "expected"), [(0, None), (19, None), (20, 20), (137, 130)])
def test_reach_is_told_as_a_size_is(control: Control, gate: Gate, people: int, expected: int | None) -> None:
    assert gate.reach(WELL, people, caller=CALLER).value.counts == {"people": expected}
    assert gate.reach(SICK, people, caller=CALLER).value.counts == {"people": None}
    absent = {"rule": {"none": [{"audience": "aud-0000000000000000"}]}}
    assert gate.reach(absent, people, caller=CALLER).value.counts == {"people": None}
    assert control.audiences.all() == []

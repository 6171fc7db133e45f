"""What the gate tells of what audiences are like, whom they share, and how good seeds are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from privacy_samples import CALLER, audience, everybody, gate_over

from api.audiences.overlaps import as_overlaps
from api.audiences.traits import as_insights
from graph.control import Control, sqlite_url
from graph.privacy import AudienceTraits, Caller, DenialReason, Denied, ReleaseClass, Released, SeedFigures, Trait

PEOPLE = everybody(1000)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control(sqlite_url(tmp_path)) as opened:
        yield opened


def traits(control: Control, people: list[str], found: list[Trait], **more: Any) -> Released[AudienceTraits] | Denied:
    made = more.pop("made", None) or audience(control)
    gate = gate_over(control, PEOPLE, refusing=PEOPLE[:7], sensitive=more.pop("sensitive", frozenset()))
    return gate.traits(people, lambda *_: found, audience_id=made.audience_id, caller=more.pop("caller", CALLER))


def test_counts_are_of_people_who_permit_it_and_rounded_before_anything_is_worked_out(control: Control) -> None:
    asked: list[tuple[pa.Array, pa.Array]] = []

    def count(people: pa.Array, population: pa.Array) -> list[Trait]:
        asked.append((people, population))
        return [Trait("a", "A", 139, 401), Trait("b", "B", 19, 900), Trait("c", "C", 20, 20)]

    gate = gate_over(control, PEOPLE, refusing=PEOPLE[:7])
    answer = gate.traits(PEOPLE[:150] + PEOPLE[:3], count, audience_id=audience(control).audience_id, caller=CALLER)
    assert isinstance(answer, Released)
    assert answer.release_class is ReleaseClass.AGGREGATE
    [(people, population)] = asked
    assert set(people.to_pylist()) == set(PEOPLE[7:150])
    assert set(population.to_pylist()) == set(PEOPLE[7:])
    assert answer.value == AudienceTraits(140, 990, (Trait("a", "A", 130, 400), Trait("c", "C", 20, 20)))
    assert control.audit.latest(1)[0].action == "describe audience"


def test_nothing_but_the_number_is_told_of_an_audience_too_small_for_a_list(control: Control) -> None:
    answer = traits(control, PEOPLE[7:90], [Trait("a", "A", 80, 400)])
    assert isinstance(answer, Released)
    assert answer.value == AudienceTraits(80, 990, ())


@pytest.mark.parametrize("trait", [("cancer", "x"), ("x", "cancer"), ("content:7", "x")])
def test_sensitive_tags_and_contents_are_never_told(control: Control, trait: tuple[str, str]) -> None:
    found = [Trait(*trait, 100, 100), Trait("a", "A", 100, 200)]
    answer = traits(control, PEOPLE, found, sensitive={"cancer", "content:7"})
    assert isinstance(answer, Released)
    assert [t.trait_id for t in answer.value.traits] == ["a"]


def test_sensitive_and_foreign_audiences_are_refused_alike(control: Control) -> None:
    own, sensitive = audience(control), audience(control, {"tags": ["cancer"]})

    def fails(*_: Any) -> Any:
        raise AssertionError("it is not asked")

    gate = gate_over(control, PEOPLE, sensitive={"cancer"})
    for made, caller, reason in (
        (sensitive, CALLER, DenialReason.SENSITIVE),
        (own, Caller("umbrella", "key-2"), DenialReason.ABSENT),
    ):
        for answer in (
            gate.traits(PEOPLE, fails, audience_id=made.audience_id, caller=caller),
            gate.overlaps({own.audience_id: PEOPLE, made.audience_id: PEOPLE}, caller=caller),
            gate.seed_figures(fails, audience_id=made.audience_id, caller=caller),
        ):
            assert isinstance(answer, Denied)
            assert answer.reason is reason


def test_overlaps_are_rounded_and_shares_follow_from_the_rounded_numbers(control: Control) -> None:
    ids = [audience(control).audience_id for _ in range(3)]
    gate = gate_over(control, PEOPLE, refusing=PEOPLE[:7])
    members = {ids[0]: PEOPLE[:300], ids[1]: PEOPLE[100:155], ids[2]: PEOPLE[295:319]}
    answer = gate.overlaps(members, caller=CALLER)
    assert isinstance(answer, Released)
    found = {(pair.a, pair.b): pair for pair in as_overlaps(answer.value).items}
    assert list(found) == [(ids[0], ids[1]), (ids[0], ids[2]), (ids[1], ids[2])]
    first = found[ids[0], ids[1]]
    assert (first.people, first.share_of_a, first.share_of_b) == (50, round(50 / 290, 4), 1.0)
    assert (found[ids[0], ids[2]].people, found[ids[1], ids[2]].share_of_a) == (None, None)


def test_figures_of_seeds_are_rounded(control: Control) -> None:
    gate = gate_over(control, PEOPLE)
    answer = gate.seed_figures(
        lambda: SeedFigures({"usable": 19, "people": 1234}, {"auc": 0.87654}, "blend", ("x",)), audience_id=None, caller=CALLER
    )
    assert isinstance(answer, Released)
    assert answer.value == SeedFigures({"usable": None, "people": 1230}, {"auc": 0.88}, "blend", ("x",))


def test_rare_traits_do_not_come_first_by_chance() -> None:
    told = AudienceTraits(
        1000,
        100_000,
        (Trait("common", "common", 600, 20_000), Trait("rare", "rare", 20, 500), Trait("usual", "usual", 500, 50_000)),
    )
    found = as_insights(told, 3).items
    assert [item.id for item in found] == ["common", "rare", "usual"]
    assert [item.index for item in found] == [3.0, 4.0, 1.0]
    assert [item.id for item in as_insights(told, 1).items] == ["common"]
    assert as_insights(AudienceTraits(None, 1000, ()), 5).model_dump() == {"people": None, "items": []}

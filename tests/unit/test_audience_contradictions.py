"""Contradictory rules: known ones are found with their places, and what is called contradictory is met by nobody."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from api.http.schemas.audience_rules import (
    AttributeCondition,
    AudienceCondition,
    Condition,
    CountCondition,
    EventCondition,
    MoneyCondition,
    RecencyCondition,
    RuleGroup,
    ScoreCondition,
    TagCondition,
)
from api.http.schemas.audiences import RuleAudience
from api.http.schemas.contradictions import contradiction_in

RUNNING = {"tag": "running", "min_probability": 0.5}
GERMAN = {"attribute": "country", "one_of": ["DE"]}

FOUND: list[tuple[dict[str, Any], list[str]]] = [
    ({"all": [RUNNING], "none": [RUNNING]}, ["all.0", "none.0"]),
    ({"all": [RUNNING], "none": [{"tag": "running", "min_probability": 0.4}]}, ["all.0", "none.0"]),
    ({"all": [GERMAN], "none": [{"attribute": "country", "one_of": ["FR", "DE"]}]}, ["all.0", "none.0"]),
    ({"all": [GERMAN, {"any": [RUNNING, GERMAN], "none": [GERMAN]}]}, ["all.0", "all.1.none.0"]),
    ({"all": [{"none": [GERMAN]}], "any": [GERMAN]}, ["all.0.none.0", "any.0"]),
    ({"all": [{"count": "devices", "minimum": 3}, {"count": "devices", "maximum": 2}]}, ["all.0", "all.1"]),
    ({"all": [{"last_event": "within", "days": 7}, {"last_event": "over", "days": 7}]}, ["all.0", "all.1"]),
    ({"all": [{"last_event": "within", "days": 7}], "none": [{"last_event": "within", "days": 30}]}, ["all.0", "none.0"]),
    ({"all": [{"spent": "EUR", "minimum": 10}, {"spent": "EUR", "maximum": 5}]}, ["all.0", "all.1"]),
    ({"all": [{"events": {"types": ["x"]}, "minimum": 5}], "none": [{"events": {"types": ["x"]}}]}, ["all.0", "none.0"]),
    ({"any": [RUNNING, {"all": [GERMAN, RUNNING]}], "none": [RUNNING]}, ["any", "none.0"]),
    ({"all": [{"audience": "aud-1"}], "none": [{"audience": "aud-1"}]}, ["all.0", "none.0"]),
    ({"all": [{"any": [RUNNING, GERMAN]}], "none": [{"any": [RUNNING, GERMAN]}]}, ["all.0.any", "none.0.any.0"]),
]


@pytest.mark.parametrize(("rule", "places"), FOUND, ids=[str(rule)[:70] for rule, _ in FOUND])
def test_a_contradiction_is_refused_with_its_places_and_without_values(rule: dict[str, Any], places: list[str]) -> None:
    why = contradiction_in(RuleGroup.model_validate(rule))
    assert why is not None
    said = why.replace(",", " ").replace(":", " ").split()
    assert all(place in said for place in places), why
    with pytest.raises(ValidationError) as caught:
        RuleAudience.model_validate({"kind": "rule", "name": "x", "rule": rule})
    assert why in str(caught.value.errors()[0]["msg"])
    assert not any(value in why for value in ("running", "DE", "FR", "aud-1"))


@pytest.mark.parametrize(
    "rule",
    [
        {"all": [RUNNING], "none": [{"tag": "running", "min_probability": 0.6}]},
        {"all": [GERMAN, {"attribute": "country", "one_of": ["FR"]}]},  # people have several accounts
        {"all": [{"attribute": "country", "one_of": ["DE", "FR"]}], "none": [GERMAN]},
        {"all": [{"spent": "EUR", "minimum": 10}, {"spent": "USD", "maximum": 5}]},
        {"all": [{"spent": "EUR", "minimum": 10}, {"spent": "EUR", "maximum": 5, "within_days": 3}]},
        {"all": [{"last_event": "within", "days": 30}, {"last_event": "over", "days": 7}]},
        {"any": [RUNNING, GERMAN], "none": [RUNNING]},
        {"all": [RUNNING], "none": [{"all": [RUNNING, GERMAN]}]},
    ],
    ids=str,
)
def test_what_can_be_met_is_no_contradiction(rule: dict[str, Any]) -> None:
    assert contradiction_in(RuleGroup.model_validate(rule)) is None


@pytest.mark.parametrize(
    "condition",
    [
        {"count": "devices", "minimum": 2, "maximum": 1},
        {"events": {}, "minimum": 2, "maximum": 1},
        {"spent": "EUR", "minimum": 2, "maximum": 1.5},
        {"score": "recency", "minimum": 4, "maximum": 3},
        {"spent": "EUR"},
        {"spent": "eur", "minimum": 1},
        {"score": "money"},
        {"score": "recency", "currency": "EUR"},
        {"score": "recency", "minimum": 0},
        {"last_event": "before", "days": 3},
        {"last_event": "within", "days": 0},
        {"events": {"types": []}},
        {"events": {"kind": "x"}},
        {"audience": ""},
        {"spent": "EUR", "minimum": float("nan")},
    ],
    ids=str,
)
def test_conditions_that_say_nothing_or_too_much_are_refused(condition: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RuleGroup.model_validate({"all": [condition]})


Person = dict[str, Any]


def _meets(person: Person, condition: Condition) -> bool:
    """The plain meaning of conditions over what one person is."""
    match condition:
        case RuleGroup():
            return (
                all(_meets(person, c) for c in condition.all)
                and (not condition.any or any(_meets(person, c) for c in condition.any))
                and not any(_meets(person, c) for c in condition.none)
            )
        case TagCondition():
            return bool(person["tags"][condition.tag] >= condition.min_probability)
        case AttributeCondition():
            return bool(person["countries"] & set(condition.one_of))
        case RecencyCondition():
            age = person["age"]
            return age is not None and ((age <= condition.days) == (condition.last_event == "within"))
        case AudienceCondition():
            return condition.audience in person["audiences"]
        case CountCondition() | EventCondition() | MoneyCondition() | ScoreCondition():
            least, most = condition.ends()
            value = person[type(condition).__name__]
            return value is not None and (least is None or least <= value) and (most is None or value <= most)


small = st.integers(1, 3)
ranges = st.tuples(small, small).map(sorted).map(lambda ends: {"minimum": ends[0], "maximum": ends[1]})
leaves = st.one_of(
    st.builds(lambda t, p: {"tag": t, "min_probability": p}, st.sampled_from("ab"), st.sampled_from([0.3, 0.6])),
    st.builds(lambda c: {"attribute": "country", "one_of": sorted(c)}, st.sets(st.sampled_from(["DE", "FR"]), min_size=1)),
    st.builds(lambda r: {"count": "devices", **r}, ranges),
    st.builds(lambda r: {"events": {}, **r}, ranges),
    st.builds(lambda r: {"spent": "EUR", **r}, ranges),
    st.builds(lambda r: {"score": "recency", **r}, ranges),
    st.builds(lambda w, d: {"last_event": w, "days": d}, st.sampled_from(["within", "over"]), small),
    st.just({"audience": "aud-1"}),
)


def _group(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, max_size=2)
    made = st.builds(lambda a, o, n: {"all": a, "any": o, "none": n}, several, several, several)
    return made.filter(lambda group: any(group.values()))


rules = _group(st.one_of(leaves, _group(st.one_of(leaves, _group(leaves)))))
persons = st.fixed_dictionaries(
    {
        "tags": st.fixed_dictionaries({t: st.sampled_from([0.0, 0.3, 0.5, 0.9]) for t in "ab"}),
        "countries": st.sets(st.sampled_from(["DE", "FR"])),
        "age": st.sampled_from([None, 0, 1, 2, 3, 4]),
        "audiences": st.sets(st.just("aud-1")),
        "CountCondition": st.integers(0, 4),
        "EventCondition": st.integers(0, 4),
        "MoneyCondition": st.sampled_from([None, 0, 1, 2, 3, 4]),
        "ScoreCondition": st.sampled_from([None, 1, 2, 3, 4]),
    }
)


@settings(max_examples=150, deadline=None)
@given(rules, st.lists(persons, min_size=8, max_size=16))
def test_what_is_called_contradictory_is_met_by_nobody(rule: dict[str, Any], people: list[Person]) -> None:
    group = RuleGroup.model_validate(rule)
    if contradiction_in(group) is not None:
        assert not any(_meets(person, group) for person in people)

"""Segments of an audience: those that its rule asks of everybody, or those that somebody names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from api.segments import segments_of
from gnn.taxonomy import load, of_strings
from graph.control import Audience, AudienceKind
from graph.errors import InputError

AUDIENCE_TAGS = load("iab-audience-1.1").table()
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def audience(definition: dict[str, Any]) -> Audience:
    kind = AudienceKind.RULE if "rule" in definition else AudienceKind.LOOKALIKE
    return Audience("aud-1", "acme", "runners", kind, definition, 1, 2000, NOW, NOW)


def tag(tag_id: str) -> dict[str, Any]:
    return {"tag": tag_id, "min_probability": 0.5}


COUNTRY = {"attribute": "country", "one_of": ["DE"]}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"all": [tag("483"), COUNTRY]}, {"483"}),
        ({"all": [tag("483"), {"all": [tag("607")]}]}, {"483", "607"}),
        ({"all": [tag("483")], "any": [tag("607"), tag("243")]}, {"483"}),
        ({"any": [tag("607")]}, {"607"}),
        ({"any": [{"all": [tag("607")], "any": [], "none": []}]}, {"607"}),
        ({"all": [tag("483")], "none": [tag("607")]}, {"483"}),
    ],
)
def test_what_a_rule_asks_of_everybody(rule: dict[str, Any], expected: set[str]) -> None:
    found = segments_of(audience({"rule": rule}), AUDIENCE_TAGS)
    assert {s.segment_id for s in found} == expected
    names = {row["tag_id"]: row["name"] for row in AUDIENCE_TAGS.to_pylist()}
    assert all((s.segtax, s.name, s.sensitive) == (4, names[s.segment_id], False) for s in found)


def test_content_tags_are_of_the_other_taxonomy() -> None:
    tags = load("iab-content-3.1").table()
    (found,) = segments_of(audience({"rule": {"all": [tag("483")]}}), tags)
    assert (found.segtax, found.segment_id) == (9, "483")


def test_a_sensitive_tag_says_so() -> None:
    (found,) = segments_of(audience({"rule": {"all": [tag("466")]}}), AUDIENCE_TAGS)
    (named,) = segments_of(audience({"rule": {"all": [COUNTRY]}}), None, ["4:466"])
    assert found == named
    assert found.sensitive


@pytest.mark.parametrize(
    ("definition", "tags"),
    [
        ({"rule": {"all": [COUNTRY]}}, AUDIENCE_TAGS),
        ({"rule": {"any": [tag("483"), tag("607")]}}, AUDIENCE_TAGS),
        ({"rule": {"none": [tag("483")]}}, AUDIENCE_TAGS),
        ({"rule": {"all": [tag("running")]}}, of_strings("labels", ["running"]).table()),
        ({"rule": {"all": [tag("483")]}}, None),
        ({"seed_audience_id": "aud-2", "size": 100.0}, AUDIENCE_TAGS),
    ],
)
def test_an_audience_that_asks_for_no_standard_tag_needs_names(definition: dict[str, Any], tags: Any) -> None:
    with pytest.raises(InputError, match="name what stands for it, such as 4:243"):
        segments_of(audience(definition), tags)
    found = segments_of(audience(definition), tags, ["9:483", "4:607"])
    assert [(s.segtax, s.segment_id) for s in found] == [(9, "483"), (4, "607")]


@pytest.mark.parametrize("named", ["", "4", "4:", "5:243", "x:243", ":243", "4:no such tag", "²:243"])
def test_a_name_that_is_none_is_an_error(named: str) -> None:
    with pytest.raises(InputError, match="segment"):
        segments_of(audience({"rule": {"all": [COUNTRY]}}), AUDIENCE_TAGS, [named])

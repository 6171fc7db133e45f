"""Parameters of the catalogue's statements: converted, bounded, and refused by name without repeating what was given."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cypher import ParameterError, bind
from cypher.statement import parse

STATEMENT = parse(
    "sample",
    "read",
    """
// summary: A sample.
// mode: read
// parameter: id string: an id
// parameter: limit integer = 100 1..10000: rows at most
// parameter: share number = 0.5 0..1: a share
// parameter: big integer = -5: any whole number
// parameter: some boolean = true: yes or no
// parameter: since time = "2026-01-01T00:00:00Z": a time
// parameter: names strings = []: names
RETURN 1
""",
)
DEFAULTS = {
    "id": "x",
    "limit": 100,
    "share": 0.5,
    "big": -5,
    "some": True,
    "since": datetime(2026, 1, 1, tzinfo=UTC),
    "names": [],
}


def test_defaults_fill_what_is_not_given() -> None:
    assert bind(STATEMENT, {"id": "x"}) == DEFAULTS
    assert bind(STATEMENT, {"id": "x", "limit": None}) == DEFAULTS


@pytest.mark.parametrize(
    ("name", "value", "bound"),
    [
        ("limit", "7", 7),
        ("limit", 10_000, 10_000),
        ("share", "0.25", 0.25),
        ("share", 1, 1.0),
        ("big", str(-(2**63)), -(2**63)),
        ("some", "false", False),
        ("since", "2026-03-01T12:00:00+02:00", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("since", datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        ("names", "one", ["one"]),
        ("names", '["one", "t,wo"]', ["one", "t,wo"]),
        ("names", ("a", "b"), ["a", "b"]),
        ("id", "", ""),
        ("id", "体育\0'\"", "体育\0'\""),
    ],
)
def test_values_are_converted(name: str, value: Any, bound: Any) -> None:
    assert bind(STATEMENT, {"id": "x"} | {name: value})[name] == bound


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("limit", 0, "an integer from 1 to 10000"),
        ("limit", 10_001, "an integer from 1 to 10000"),
        ("limit", 2.5, "an integer from 1 to 10000"),
        ("limit", True, "an integer from 1 to 10000"),
        ("limit", "secret", "an integer from 1 to 10000"),
        ("big", 2**63, "an integer"),
        ("share", float("nan"), "a number from 0 to 1"),
        ("share", "inf", "a number from 0 to 1"),
        ("share", -0.1, "a number from 0 to 1"),
        ("share", [], "a number from 0 to 1"),
        ("some", 1.5, "true or false"),
        ("some", "secret", "true or false"),
        ("since", "2026-03-01", "an ISO 8601 time with its offset from UTC"),
        ("since", "secret", "an ISO 8601 time with its offset from UTC"),
        ("names", "[secret", "a list of strings"),
        ("names", [1], "a list of strings"),
        ("names", 5, "a list of strings"),
        ("id", 5, "a string"),
        ("id", "\ud800", "a string"),
        ("id", "x" * 1_000_001, "a string"),
    ],
)
def test_wrong_values_are_refused_by_name(name: str, value: Any, allowed: str) -> None:
    with pytest.raises(ParameterError) as caught:
        bind(STATEMENT, {"id": "x"} | {name: value})
    assert str(caught.value) == f"query sample: parameter {name} must be {allowed}"


def test_missing_and_unknown_parameters_are_named() -> None:
    with pytest.raises(ParameterError, match="parameter id is missing: a string; an id"):
        bind(STATEMENT, {})
    with pytest.raises(ParameterError, match="parameter colour is not known; allowed: id, limit, share"):
        bind(STATEMENT, {"id": "x", "colour": "red"})
    with pytest.raises(ParameterError, match="parameter name is not known"):
        bind(STATEMENT, {"id": "x", "a b\n": "red"})


@given(st.dictionaries(st.sampled_from(list(DEFAULTS)), st.none() | st.booleans() | st.integers() | st.floats() | st.text()))
def test_whatever_is_given_is_bound_or_refused(values: dict[str, Any]) -> None:
    with suppress(ParameterError):
        bound = bind(STATEMENT, values)
        assert set(bound) == set(DEFAULTS)
        assert 1 <= bound["limit"] <= 10_000
        assert 0 <= bound["share"] <= 1

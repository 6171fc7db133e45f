"""Cursors: what was written is read back; anything else is the one 422."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.errors import ProblemError
from api.http.paging import read_offset_cursor, read_text_cursor, write_cursor


@given(st.text())
def test_text_comes_back(place: str) -> None:
    assert read_text_cursor(write_cursor(place)) == place


@given(st.integers(0, 2**53 - 1))
def test_offsets_come_back(place: int) -> None:
    assert read_offset_cursor(write_cursor(place)) == place


def test_no_cursor_is_the_start() -> None:
    assert read_text_cursor(None) is None
    assert read_offset_cursor(None) == 0


@pytest.mark.parametrize("given", ["", "x", "bnVsbA", write_cursor("a"), "dHJ1ZQ", write_cursor(2**60), "LTE", "W1tb" * 100])
def test_foreign_offsets_are_refused(given: str) -> None:
    with pytest.raises(ProblemError) as raised:
        read_offset_cursor(given)
    assert raised.value.problem.status == 422


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", max_size=60))
def test_any_text_is_read_or_refused(given: str) -> None:
    with suppress(ProblemError):  # any other error fails
        place = read_text_cursor(given)
        assert isinstance(place, str)

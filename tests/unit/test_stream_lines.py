"""From messages to lines: nothing that has content is lost, a line is one line, and saying it again says the same."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.stream.lines import line_of

AT = 1_772_323_200_123  # 2026-03-01T00:00:00.123Z


def name() -> str:
    return "kafka-t-0-7"


def line(value: bytes | None, at: int | None = AT) -> bytes | None:
    return line_of(value, at, name)


@pytest.mark.parametrize("value", [None, b"", b" ", b"\n\t ", b"\xef\xbb\xbf"])
def test_no_content_no_line(value: bytes | None) -> None:
    assert line(value) is None


@given(st.binary(max_size=60))
def test_any_bytes_are_one_line_that_keeps_them(value: bytes) -> None:
    found = line(value)
    if found is None:
        assert not value.decode("utf-8-sig").strip()
        return
    assert found.count(b"\n") == 1
    assert found.endswith(b"\n")
    text = found[:-1]
    try:
        said = value.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        assert base64.b64decode(json.loads(text).removeprefix("base64:")) == value
    else:
        assert said in (text.decode(), text.decode().replace(" ", "\n")) or json.loads(text) in (
            said,
            json.loads(json.dumps(said)),
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON), st.sampled_from([None, 2]))
def test_a_dated_call_stays_what_it_is(call: dict[str, object], indent: int | None) -> None:
    dated = call | {"timestamp": "2026-03-01T00:00:00Z"}
    found = line(json.dumps(dated, indent=indent).encode())
    assert found is not None
    assert found.count(b"\n") == 1
    assert json.loads(found) == dated


def test_an_undated_call_takes_the_time_of_its_message() -> None:
    found = json.loads(line(b'{"type": "track", "timestamp": null, "messageId": ""}') or b"")
    assert found == {"type": "track", "timestamp": "2026-03-01T00:00:00.123+00:00", "messageId": "kafka-t-0-7"}
    assert json.loads(line(b'{"type": "track", "messageId": "own"}') or b"")["messageId"] == "own"


def test_a_message_without_time_leaves_an_undated_call_to_the_quarantine() -> None:
    assert line(b'{"type": "track"}', at=None) == b'{"type": "track"}\n'


def test_depth_that_no_parser_takes_is_kept() -> None:
    deep = b"[" * 100_000
    assert line(deep) == deep + b"\n"

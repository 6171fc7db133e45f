"""GPP strings: headers, sections of the EU, Canada and the United States, and that the most restrictive wins."""

from __future__ import annotations

import itertools
import random

import pytest
from consent_strings import canadian, fibonacci, fibonacci_ranges, gpp, tc_string, text, us_section
from hypothesis import given
from hypothesis import strategies as st

from graph.privacy.signals import SignalRefused, Verdict, read_gpp, section_ids, verdict

EVERY = frozenset(range(1, 12))
WITHOUT_PROFILE = frozenset({8, 9, 10, 11})
NOTHING: frozenset[int] = frozenset()


@pytest.mark.parametrize(
    ("header", "sections"),
    [("DBABM", (2,)), ("DBABMA", (2,)), ("DBACNY", (2, 6)), ("DBACNYA", (2, 6)), ("DBABjw", (5, 6))],
)
def test_published_headers(header: str, sections: tuple[int, ...]) -> None:
    assert section_ids(header) == sections


def test_published_fibonacci_codes() -> None:
    assert [fibonacci(n) for n in range(1, 8)] == ["11", "011", "0011", "1011", "00011", "10011", "01011"]


@given(st.frozensets(st.integers(1, 2000) | st.integers(1, 40), min_size=1, max_size=60))
def test_sections_come_back_in_their_order(numbers: frozenset[int]) -> None:
    string = gpp({number: f"section{number}" for number in numbers})
    assert list(read_gpp(string).items()) == [(number, f"section{number}") for number in sorted(numbers)]


@pytest.mark.parametrize(
    ("string", "reason"),
    [
        ("", "empty"),
        ("DBABM", "its header lists other sections than there are"),
        ("DBABM~a~b", "its header lists other sections than there are"),
        ("DBACNY~" + tc_string(EVERY), "its header lists other sections than there are"),
        (text(f"{3:06b}{1:06b}{0:012b}"), "its header lists other sections than there are"),
        (tc_string(EVERY).split(".")[0], "it does not begin with a GPP header"),
        ("DCABM~" + tc_string(EVERY), "it is of GPP version 2, not 1"),
        (text(f"{3:06b}{1:06b}{1:012b}0" + "01" * 40) + "~a", "a Fibonacci number is too large"),
        (text(f"{3:06b}{1:06b}{1:012b}0" + "0" * 80) + "~a", "a Fibonacci number is too large"),
        (text(f"{3:06b}{1:06b}{3:012b}" + f"1{fibonacci(1)}{fibonacci(60_000)}" * 2) + "~a", "a range of vendors is none"),
        (text(f"{3:06b}{1:06b}{fibonacci_ranges([2])}" + "1") + "~a", "something follows"),
        (gpp({9: us_section(8)}), "its section 9 is not read here"),
        (gpp({2: tc_string(EVERY), 12: us_section(8)}), "its section 12 is not read here"),
        (gpp({1: "BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA"}), "its section 1 is not read here"),
        (gpp({2: tc_string(EVERY, disclosed=None)}), "it has no disclosed vendors"),
        ("DBABMA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA", "its policy version"),
        ("DBABjw~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNN", "its Canadian section is of version 2, not 1"),
        (gpp({6: "2YNN"}), "its US Privacy section is none of version 1"),
        (gpp({6: "1ynn"}), "its US Privacy section"),
        (gpp({6: "1YNN\n"}), "its US Privacy section"),
        (gpp({7: us_section(7, version=3)}), "its section 7 is of version 3"),
        (gpp({8: us_section(8, version=2)}), "its section 8 is of version 2"),
        (gpp({8: us_section(8, opt_outs=[2, 3])}), "an answer of a US section is none of 0, 1, 2"),
        (gpp({8: us_section(8) + "." + text("000")}), "a subsection of a US section is of an unknown type"),
        (gpp({8: us_section(8, gpc=False) + "." + text("010")}), "more than one subsection"),
        (gpp({8: us_section(8, gpc=False) + "."}), "more than one subsection"),
        (gpp({7: us_section(8)}), "it ends early"),
    ],
)
def test_a_string_that_cannot_be_read_permits_nothing(string: str, reason: str) -> None:
    told = verdict(None, string)
    assert told.purposes == NOTHING
    assert told.refusal is not None
    assert reason in told.refusal


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("1YNN", EVERY),
        ("1YNY", EVERY),
        ("1YN-", EVERY),
        ("1YYN", WITHOUT_PROFILE),
        ("1NNN", NOTHING),
        ("1NYN", NOTHING),
        ("1-NN", NOTHING),
        ("1Y-N", NOTHING),
        ("1--Y", NOTHING),
        ("1---", None),
    ],
)
def test_us_privacy(section: str, expected: frozenset[int] | None) -> None:
    told = verdict(None, gpp({6: section}))
    assert (told.purposes, told.refusal) == (expected, None)


@pytest.mark.parametrize(("section", "version"), [(7, 1), (7, 2), (8, 1)])
def test_us_sections_leave_what_was_told_and_not_opted_out(section: int, version: int) -> None:
    count = 3 if section == 7 else 2
    for notices in itertools.product((0, 1, 2), repeat=count):
        for opt_outs in itertools.product((0, 1, 2), repeat=count):
            string = gpp({section: us_section(section, version=version, notices=notices, opt_outs=opt_outs)})
            told = set(notices) == {1} and 0 not in opt_outs
            expected = (EVERY if set(opt_outs) == {2} else WITHOUT_PROFILE) if told else NOTHING
            assert verdict(None, string).purposes == expected, (notices, opt_outs)


@pytest.mark.parametrize("section", [7, 8])
def test_the_global_privacy_control_and_known_children_leave_nothing(section: int) -> None:
    def left(**said: int) -> frozenset[int] | None:
        return verdict(None, gpp({section: us_section(section, **said)})).purposes

    assert left(gpc=False) == left() == left(sensitive=1) == left(sensitive=2) == EVERY
    assert left(gpc=True) == left(children=1) == left(children=2) == NOTHING
    assert left(other_uses=1) == WITHOUT_PROFILE
    assert left(other_uses=2) == EVERY
    assert left(informed=2) == (NOTHING if section == 7 else EVERY)


def test_a_published_national_section() -> None:
    """Of version 1, nothing opted out, the control not set, then set."""
    assert verdict(None, "DBABLA~BVQqAAAAAgA.QA").purposes == EVERY
    assert verdict(None, "DBABLA~BVQqAAAAAgA.YA").purposes == NOTHING


_VENDORS = st.frozensets(st.integers(1, 200), max_size=30)


@given(
    purposes=st.frozensets(st.integers(1, 24)),
    consented=_VENDORS,
    disclosed=st.none() | _VENDORS,
    publisher=st.none() | st.frozensets(st.integers(1, 24)),
    restrictions=st.none() | st.lists(st.tuples(st.integers(1, 24), st.integers(0, 2), _VENDORS), max_size=3),
    as_specified=st.booleans(),
    vendor=st.none() | st.integers(1, 200),
)
def test_canadian_sections(
    purposes: frozenset[int],
    consented: frozenset[int],
    disclosed: frozenset[int] | None,
    publisher: frozenset[int] | None,
    restrictions: list[tuple[int, int, frozenset[int]]] | None,
    as_specified: bool,
    vendor: int | None,
) -> None:
    section = canadian(
        purposes,
        consented=consented,
        disclosed=disclosed,
        publisher=publisher,
        restrictions=restrictions,
        as_specified=as_specified,
    )
    told = verdict(None, gpp({5: section}), vendor)
    taken = {p for p, kind, who in restrictions or [] if kind != 1 and (who if vendor is None else vendor in who)}
    expected = purposes - taken - {1}
    if vendor is None:
        expected &= expected if publisher is None else publisher
    elif vendor not in consented or (disclosed is not None and vendor not in disclosed):
        expected = NOTHING
    assert told.refusal is None
    # Both forms may fit by chance; then less is permitted, never more.
    assert told.purposes == expected or (told.purposes is not None and told.purposes < expected)


def test_of_several_sections_and_strings_the_most_restrictive_wins() -> None:
    eu, canada = tc_string([1, 3, 4, 9]), canadian([3, 4, 9, 10])
    assert verdict(None, gpp({2: eu})).purposes == {1, 3, 4, 9}
    assert verdict(None, gpp({2: eu, 5: canada})).purposes == {3, 4, 9}
    assert verdict(None, gpp({2: eu, 5: canada, 6: "1YYN"})).purposes == {9}
    assert verdict(None, gpp({2: eu, 6: "1---"})).purposes == {1, 3, 4, 9}
    assert verdict(tc_string([3]), gpp({2: eu})).purposes == {3}
    assert verdict(tc_string([3]), gpp({6: "1---"})).purposes == {3}
    assert verdict(tc_string([3]), gpp({8: us_section(8, gpc=True)})).purposes == NOTHING
    assert verdict("broken", gpp({2: eu})).purposes == NOTHING
    assert verdict(eu, "broken").purposes == NOTHING


def test_thousands_of_mutations_read_as_something_or_are_refused() -> None:
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    base = [
        gpp({2: tc_string(EVERY), 6: "1YNN"}),
        gpp({5: canadian(EVERY, consented=[3], disclosed=[3]), 8: us_section(8, gpc=False)}),
        gpp({7: us_section(7, version=2, gpc=True)}),
    ]
    for _ in range(5_000):
        string = draw.choice(base)
        for _ in range(draw.randrange(1, 4)):
            at = draw.randrange(len(string))
            string = string[:at] + draw.choice(["", "A", "~", ".", "Q", "_", string[at] * 2]) + string[at + 1 :] or "D"
        told = verdict(None, string)
        try:
            sections = read_gpp(string)
        except SignalRefused:
            assert told == Verdict(NOTHING, told.refusal), seed
            assert told.refusal, seed
        else:
            assert told.refusal is not None or set(sections) <= {2, 5, 6, 7, 8}, seed

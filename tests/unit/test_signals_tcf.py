"""TC strings: every refusal, what a vendor may do, round trips, and texts that nobody meant as one."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from consent_strings import LEGITIMATE_AT, POLICY_AT, PURPOSES_AT, SPECIFIC_AT, bits_of, core, tc_string, text, vendors
from hypothesis import given
from hypothesis import strategies as st

from graph.privacy.signals import SignalRefused, read_tc_string, verdict

EVERY = frozenset(range(1, 12))
PURPOSES = st.frozensets(st.integers(1, 24))
VENDORS = st.frozensets(st.integers(1, 300), max_size=40)
RESTRICTIONS = st.lists(st.tuples(st.integers(1, 24), st.integers(0, 2), VENDORS), max_size=4)
_PUBLISHED = (
    "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA.IFoEUQQgAIQwgIwQABAEAAAAOIAACAIAAAAQAIAgEAACEAAAAAgAQBAAAAAAAGBAAgAAAA"
)
_PUBLISHED += "AAAFAAECAAAgAAQARAEQAAAAAJAAIAAgAAAYQEAAAQmAgBC3ZAYzUw"


@given(
    purposes=PURPOSES,
    legitimate=PURPOSES.map(lambda found: found - {3, 4, 5, 6}),
    consented=VENDORS,
    disclosed=VENDORS,
    restrictions=RESTRICTIONS,
    publisher=st.none() | PURPOSES,
    treatment=st.booleans(),
    by_range=st.booleans(),
    unit=st.sampled_from([6, 8, 24]),
    policy=st.sampled_from([4, 5]),
    created=st.integers(0, 2**36 - 1),
    vendor=st.integers(1, 300),
)
def test_what_was_written_is_read(purposes: frozenset[int], vendor: int, created: int, **said: Any) -> None:
    read = read_tc_string(tc_string(purposes, created=created, **said))
    assert (read.purposes, read.legitimate_interests, read.publisher_purposes) == (
        purposes,
        said["legitimate"],
        said["publisher"],
    )
    assert (read.policy, read.publisher_country, read.purpose_one_treatment) == (said["policy"], "DE", said["treatment"])
    assert round((read.created - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 10) == created
    for name, listed in (("vendors", "consented"), ("disclosed", "disclosed")):
        assert {v for v in range(1, 302) if v in getattr(read, name)} == said[listed]

    taken = {p for p, kind, who in said["restrictions"] if kind != 1 and vendor in who}
    taken |= {1} if said["treatment"] else set()
    asked = vendor in said["disclosed"] and vendor in said["consented"]
    assert read.permitted(vendor) == (purposes - taken if asked else set())
    anybody = {p for p, kind, who in said["restrictions"] if kind != 1 and who} | ({1} if said["treatment"] else set())
    own = purposes if said["publisher"] is None else purposes & said["publisher"]
    assert read.permitted(None) == own - anybody


@pytest.mark.parametrize(
    ("string", "reason"),
    [
        ("", "a segment is empty"),
        ("!!!", "a segment is empty or holds a character"),
        ("=" * 40, "a segment is empty or holds a character"),
        ("C", "it ends early"),
        (tc_string(EVERY, version=1), "it is of version 1, not 2"),
        (tc_string(EVERY, version=3), "it is of version 3, not 2"),
        (tc_string(EVERY, policy=3), "its policy version 3 is not one of 4, 5"),
        (tc_string(EVERY, policy=6), "its policy version 6"),
        (_PUBLISHED, "its policy version 2"),
        (tc_string(EVERY, specific=False), "it is not service-specific"),
        *((tc_string(EVERY, legitimate=[p]), "legitimate interest for a purpose from 3 to 6") for p in (3, 4, 5, 6)),
        (tc_string(EVERY, disclosed=None), "it has no disclosed vendors"),
        (tc_string(EVERY, disclosed=None, publisher=EVERY), "it has no disclosed vendors"),
        (tc_string(EVERY, language="A["), "a language or country is none"),
        (tc_string(EVERY, restrictions=[(4, 3, [9])]), "a restriction is of an undefined type"),
        (tc_string(EVERY, restrictions=[(0, 0, [9])]), "a restriction is of no purpose"),
        (tc_string(EVERY, restrictions=[(25, 0, [9])]), "a restriction is of no purpose"),
        (tc_string(EVERY) + "." + tc_string(EVERY).split(".")[1], "a segment is there twice"),
        (tc_string(EVERY) + ".", "a segment is empty"),
        (tc_string(EVERY) + "." + text("100" + "0" * 45), "a segment is of an unknown type"),
        (tc_string(EVERY) + "." + text("000" + "0" * 45), "a segment is of an unknown type"),
        (text(core(EVERY) + "0" * 30) + "." + tc_string(EVERY).split(".")[1], "something follows"),
        (text(core(EVERY) + "1") + "." + tc_string(EVERY).split(".")[1], "something follows"),
        (text(core(EVERY)) + "." + text("001" + f"{3:016b}1{1:012b}1{3:016b}{2:016b}"), "a range of vendors is none"),
        (text(core(EVERY)) + "." + text("001" + f"{3:016b}1{1:012b}0{0:016b}"), "a range of vendors is none"),
        (text(core(EVERY)) + "." + text("001" + f"{3:016b}1{1:012b}0{4:016b}"), "a vendor is over the highest"),
        (text(core(EVERY)) + "." + text("001" + vendors([1, 40])[:-9], 6), "it ends early"),
        ("C" * 30_000, "it is too long"),
    ],
)
def test_a_string_that_cannot_be_relied_on_permits_nothing(string: str, reason: str) -> None:
    told = verdict(string, None)
    assert told.purposes == frozenset()
    assert told.refusal is not None
    assert reason in told.refusal
    assert "\n" not in told.refusal
    if len(string) < 20_000:
        with pytest.raises(SignalRefused, match="consent string refused: "):
            read_tc_string(string)


def test_a_flat_prohibition_wins_over_every_other_restriction_of_the_purpose() -> None:
    for order in ([0, 1], [1, 0], [2, 0], [0, 2]):
        string = tc_string(EVERY, consented=[7], disclosed=[7, 8], restrictions=[(4, kind, [7]) for kind in order])
        assert verdict(string, None, 7).purposes == EVERY - {4}
    required = tc_string(EVERY, consented=[7], disclosed=[7], restrictions=[(4, 1, [7])])
    assert verdict(required, None, 7).purposes == EVERY


@pytest.mark.parametrize("vendor", [2, 3, 4])
def test_a_vendor_must_be_disclosed_and_consented_to(vendor: int) -> None:
    string = tc_string(EVERY, consented=[2, 3], disclosed=[3, 4])
    assert verdict(string, None, vendor).purposes == (EVERY if vendor == 3 else frozenset())


def test_legitimate_interest_permits_nothing() -> None:
    string = tc_string([], legitimate=[2, 7, 8, 9, 10], legitimate_vendors=[7], consented=[7], disclosed=[7])
    assert verdict(string, None, 7).purposes == verdict(string, None).purposes == frozenset()


def test_ten_thousand_mutations_never_permit_what_the_bits_do_not_say() -> None:
    """The oracle cuts the bits of the core at fixed places."""
    seed = random.randrange(2**32)
    draw = random.Random(seed)
    base = [
        tc_string(EVERY, consented=[1, 5], disclosed=range(1, 90), restrictions=[(4, 0, [5]), (9, 1, range(2, 8))]),
        tc_string([1, 3, 4], by_range=True, publisher=[3, 4], unit=24),
        tc_string([], disclosed=[1]),
    ]
    read = 0
    for _ in range(10_000):
        string = _mutated(draw.choice(base), draw)
        told = verdict(string, None)
        if told.refusal is not None:
            assert told.purposes == frozenset(), seed
            continue
        read += 1
        first, *others = string.split(".")
        bits = bits_of(first)
        assert (bits[:6], bits[SPECIFIC_AT]) == ("000010", "1"), seed
        assert int(bits[POLICY_AT : POLICY_AT + 6], 2) in (4, 5), seed
        assert "1" not in bits[LEGITIMATE_AT + 2 : LEGITIMATE_AT + 6], seed
        assert told.purposes is not None
        assert all(bits[PURPOSES_AT + p - 1] == "1" for p in told.purposes), seed
        assert any(bits_of(other).startswith("001") for other in others), seed
    assert 100 < read < 9_900


def _mutated(string: str, draw: random.Random) -> str:
    for _ in range(draw.choice([1, 1, 1, 2, 5])):
        at = draw.randrange(len(string))
        match draw.randrange(5):
            case 0:
                string = string[:at] + draw.choice("ABCQgw019-_.~=é ") + string[at + 1 :]
            case 1:
                string = string[:at] + string[at + 1 :] or "C"
            case 2:
                string = string[: at + 1]
            case 3:
                string = string[:at] + draw.choice("AQ.~") + string[at:]
            case _:
                string = string[:at] + string[draw.randrange(len(string)) :] or "C"
    return string


@given(st.text(max_size=200) | st.text(alphabet="ABCDQgw01-_.~", max_size=200), st.none() | st.integers(1, 70_000))
def test_no_text_makes_it_fail(string: str, vendor: int | None) -> None:
    for told in (verdict(string, None, vendor), verdict(None, string, vendor), verdict(string, string, vendor)):
        assert (told.refusal is None) or told.purposes == frozenset()

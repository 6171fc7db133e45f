"""Likeness of texts against independent implementations, on random texts."""

from __future__ import annotations

import jellyfish
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from graph.resolve.records.kinds import KINDS, kind_number
from graph.resolve.records.levels import level_of
from graph.resolve.records.profile import ColumnSpec
from graph.resolve.records.strings import jaro_bound, jaro_winkler, one_edit
from graph.resolve.records.values import encode, pack

WORDS = st.text("abcd", max_size=9)


def units(*texts: str) -> tuple[np.ndarray, list[int]]:
    joined = "".join(texts)
    return np.array([ord(c) for c in joined], np.uint16), [sum(map(len, texts[:i])) for i in range(len(texts))]


@settings(max_examples=400, deadline=None)
@given(WORDS, WORDS)
def test_one_edit_is_an_optimal_string_alignment_of_one(a: str, b: str) -> None:
    array, (x, y) = units(a, b)
    assert one_edit(array, x, len(a), y, len(b)) == (OSA.distance(a, b) <= 1)


@settings(max_examples=400, deadline=None)
@given(WORDS, WORDS)
def test_jaro_winkler_is_that_of_jellyfish_and_never_above_its_bound(a: str, b: str) -> None:
    array, (x, y) = units(a, b)
    ours = jaro_winkler(array, x, len(a), y, len(b), 0.0)
    jaro = jellyfish.jaro_similarity(a, b)
    prefix = next((i for i in range(4) if i >= min(len(a), len(b)) or a[i] != b[i]), 4)
    assert ours == pytest.approx(jaro + 0.1 * prefix * (1 - jaro) if a and b else 0.0, abs=1e-9)
    for least in (0.5, 0.82, 0.92, ours):
        assert jaro_winkler(array, x, len(a), y, len(b), least) == (ours if ours >= least else 0.0)
    if a and b:
        letters = [np.uint64(sum(1 << (ord(c) - 97) for c in set(text))) for text in (a, b)]
        assert jaro <= jaro_bound(letters[0], len(a), letters[1], len(b)) + 1e-9


LEVELS = [
    ("name", "catherine", "catherine", "equal"),
    ("name", "Zoë", "zoe", "equal"),
    ("name", "catherine", "cahterine", "nearly equal"),
    ("name", "stephen", "stefan", "alike"),
    ("name", "m", "mary", "part or initial"),
    ("name", "mary ann", "ann", "part or initial"),
    ("name", "mary", "john", "differs"),
    ("date", "1980-03-07", "19800307", "equal"),
    ("date", "1980-03-07", "1980-07-03", "nearly equal"),
    ("date", "1980-03-07", "1980-13-07", "nearly equal"),
    ("date", "1980-03-07", "1985-03-17", "within ten years"),
    ("date", "1980-03-07", "1950-10-30", "far"),
    ("identifier", "AB-12345", "ab12345", "equal"),
    ("identifier", "5417288", "5412788", "one edit"),
    ("identifier", "5417288", "9900135", "differs"),
    ("email", "ann.lee@a.org", "ann.lee@b.org", "equal name"),
    ("email", "ann.lee@a.org", "bob@a.org", "equal domain"),
    ("email", "ann.lee@a.org", "bob@b.org", "differs"),
    ("phone", "+44 7700 900123", "07700900123", "equal"),
    ("text", "32 Holmes Crescent", "holmes crescent 32", "nearly equal"),
    ("text", "32 Holmes Crescent", "7 Kings Road", "unlike"),
    ("number", "10.00", "10", "equal"),
    ("number", "1999", "2000", "within a hundredth"),
    ("category", "vic", "nsw", "differs"),
]


@pytest.mark.parametrize(("kind", "a", "b", "level"), LEVELS)
def test_levels_say_what_people_would_say_both_ways(kind: str, a: str, b: str, level: str) -> None:
    encoded = encode(pa.table({"c": [a, b]}), (ColumnSpec("c", kind),))
    words, zeros = np.ones(len(encoded.values.word_hash), np.float32), np.zeros(len(encoded.values.hash), np.float32)
    packed = pack(encoded.values, words, zeros, zeros)
    x, y = encoded.codes[:, 0]
    found = {level_of(kind_number(kind), *packed, *pair) for pair in ((x, y), (y, x))}
    assert {KINDS[kind_number(kind)].levels[number] for number in found} == {level}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([kind.name for kind in KINDS]), st.text(max_size=14), st.text(max_size=14))
def test_levels_are_symmetric_for_any_text(kind: str, a: str, b: str) -> None:
    encoded = encode(pa.table({"c": [a, b]}), (ColumnSpec("c", kind),))
    words, zeros = np.ones(len(encoded.values.word_hash), np.float32), np.zeros(len(encoded.values.hash), np.float32)
    packed = pack(encoded.values, words, zeros, zeros)
    x, y = encoded.codes[:, 0]
    forth, back = level_of(kind_number(kind), *packed, x, y), level_of(kind_number(kind), *packed, y, x)
    assert forth == back
    assert (forth == -1) == (x < 0 or y < 0)

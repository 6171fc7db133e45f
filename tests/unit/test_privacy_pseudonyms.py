"""Pseudonyms against Python's own HMAC."""

from __future__ import annotations

import hashlib
import hmac

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.privacy.pseudonyms import member_hashes, pseudonym, pseudonyms

IDS = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), unique=True)
KEYS = st.binary(min_size=1, max_size=64)


@settings(max_examples=10, deadline=None)
@given(IDS, KEYS)
def test_a_million_at_once_are_what_one_at_a_time_is(ids: list[str], key: bytes) -> None:
    expected = sorted(hmac.new(key, i.encode(), hashlib.sha256).hexdigest()[:32] for i in ids)
    assert pseudonyms(pa.array(ids, pa.string()), key).to_pylist() == expected
    assert sorted(pseudonym(i, key) for i in ids) == expected


@settings(max_examples=10, deadline=None)
@given(IDS, KEYS, KEYS)
def test_member_hashes_follow_the_people_and_the_key(ids: list[str], key: bytes, other: bytes) -> None:
    hashes = member_hashes(pa.array(ids, pa.string()), key)
    assert hashes.tolist() == member_hashes(pa.array(ids[::-1], pa.string()), key).tolist()[::-1]
    assert len(set(hashes.tolist())) == len(ids)
    if key != other:
        assert not set(hashes.tolist()) & set(member_hashes(pa.array(ids, pa.string()), other).tolist())

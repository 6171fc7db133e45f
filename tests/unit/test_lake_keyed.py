"""Keyed ids, against RFC 4231's construction computed by hand."""

import hashlib
import hmac

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from graph.keyed import keyed_id, keyed_ids

KEY = bytes(range(32))


@given(
    st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=20),
    st.sampled_from(["email", "ip"]),
)
def test_ids_are_cut_hmacs(values, kind):
    expected = [
        None if v is None else hmac.new(KEY, kind.encode() + b"\0" + v.encode(), hashlib.sha256).hexdigest()[:32] for v in values
    ]
    assert keyed_ids(pa.array(values, pa.string()), kind, KEY).to_pylist() == expected
    assert keyed_ids(pa.chunked_array([pa.array(values, pa.string())]), kind, KEY).to_pylist() == expected
    assert [None if v is None else keyed_id(v, kind, KEY) for v in values] == expected


def test_kind_and_key_matter():
    value = pa.array(["x"]).dictionary_encode()
    ids = {keyed_ids(value, kind, key).to_pylist()[0] for kind in ("email", "phone") for key in (KEY, KEY[::-1])}
    assert len(ids) == 4

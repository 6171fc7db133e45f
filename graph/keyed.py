"""Keyed hashing of identifiers: what stands in the graph instead of an e-mail address, a phone number or an IP.

In: cleaned values, their kind and the home's key (`Home.secret`). Out: HMAC-SHA-256 (RFC 2104) over `kind NUL value`, cut to
128 bits, as 32 hex digits. Without the key an id can neither be reversed nor be checked against a guess; the kind keeps a
phone number and an account number that look alike apart.
"""

from __future__ import annotations

import hmac

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["keyed_id", "keyed_ids"]

_BYTES = 16


def keyed_id(value: str, kind: str, key: bytes) -> str:
    """Keyed id of one value."""
    return hmac.digest(key, kind.encode() + b"\0" + value.encode(), "sha256")[:_BYTES].hex()


def keyed_ids(values: pa.Array | pa.ChunkedArray, kind: str, key: bytes) -> pa.Array:
    """Keyed ids of text values, null for null; each distinct value is hashed once."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    encoded = values if pa.types.is_dictionary(values.type) else pc.dictionary_encode(values)
    prefix = kind.encode() + b"\0"
    hashed = [
        None if value is None else hmac.digest(key, prefix + value.encode(), "sha256")[:_BYTES].hex()
        for value in encoded.dictionary.to_pylist()
    ]
    return pa.array(hashed, pa.string()).take(encoded.indices)

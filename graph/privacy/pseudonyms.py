"""Pseudonyms: what a recipient sees in place of a person id. HMAC-SHA-256 (RFC 2104) under a random key of one export, so that
two recipients, or two exports to one, cannot join their lists; cut to 128 bits, in hexadecimal.

Two forms, one function: hashlib for few ids, SQL over Arrow for a million (HMAC is two SHA-256 over padded keys).
"""

from __future__ import annotations

import hashlib
import hmac

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graph.database import connect

__all__ = ["member_hashes", "pseudonym", "pseudonyms"]

_BLOCK = 64
_LENGTH = 32


def pseudonym(person_id: str, key: bytes) -> str:
    """One person's pseudonym under an export's key."""
    return hmac.digest(key, person_id.encode(), "sha256").hex()[:_LENGTH]


def pseudonyms(person_ids: pa.Array, key: bytes) -> pa.Array:
    """Pseudonyms, sorted, so that their order says nothing about the people's. Same values as `pseudonym`."""
    padded = key.ljust(_BLOCK, b"\0")
    inner, outer = bytes(b ^ 0x36 for b in padded), bytes(b ^ 0x5C for b in padded)
    with connect() as connection:
        connection.register("people", pa.table({"id": person_ids}))
        hashed = connection.sql(
            f"SELECT left(sha256(?::BLOB || unhex(sha256(?::BLOB || encode(id)))), {_LENGTH}) AS p FROM people ORDER BY p",
            params=[outer, inner],
        ).to_arrow_table()
    return hashed["p"].combine_chunks().cast(pa.string())


def member_hashes(person_ids: pa.Array, key: bytes) -> NDArray[np.uint64]:
    """Keyed 64-bit hashes of people, in their order, the same for every export of a home: for comparing exports, never
    released. The key comes first and what is left of SHA-256 is a quarter, which length extension cannot use."""
    own = hashlib.sha256(b"tessera export members" + key).digest()
    with connect() as connection:
        connection.register("people", pa.table({"id": person_ids}))
        hashed = connection.sql(
            "SELECT unhex(left(sha256(?::BLOB || encode(id)), 16)) AS h FROM people", params=[own]
        ).to_arrow_table()
    return np.frombuffer(b"".join(hashed["h"].to_pylist()), dtype="<u8")

"""Attributes of people: which values their devices and accounts have. In: the lake and who is whom. Out: masks over people.

Each attribute is read once for a view, at the first question about it, and kept as codes: eight bytes for each person and value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["Attributes"]

# Attribute -> (lake view, its id column, kind of the member, column)
_ATTRIBUTES = {
    "country": ("accounts", "account_id", "account", "country"),
    "region": ("accounts", "account_id", "account", "region"),
    "source": ("accounts", "account_id", "account", "source"),
    "device_kind": ("devices", "device_id", "device", "kind"),
    "os": ("devices", "device_id", "device", "os"),
    "browser": ("devices", "device_id", "device", "browser"),
}


@dataclass(frozen=True)
class _Values:
    """Distinct pairs of a person's row and the code of a value in `texts`."""

    rows: NDArray[np.int32]
    codes: NDArray[np.int32]
    texts: pa.Array


class Attributes:
    """Values of one view's people. Safe to share between threads."""

    def __init__(self, members: pa.Table, people: int, connect: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        """`members`: kind, id, and row of the person, of whom there are `people`."""
        self._members = members
        self._people = people
        self._connect = connect
        self._reading = Lock()
        self._read: dict[str, _Values] = {}

    def one_of(self, attribute: str, values: Sequence[str]) -> NDArray[np.bool_]:
        """True for each person with a device or account whose attribute is one of the values."""
        with self._reading:
            if attribute not in self._read:
                self._read[attribute] = self._load(attribute)
            found = self._read[attribute]
        wanted = pc.is_in(found.texts, value_set=pa.array(values, pa.string())).to_numpy(zero_copy_only=False)
        mask = np.zeros(self._people, dtype=np.bool_)
        mask[found.rows[wanted[found.codes]]] = True
        return mask

    def _load(self, attribute: str) -> _Values:
        view, key, kind, column = _ATTRIBUTES[attribute]
        with self._connect() as connection:
            connection.register("members", self._members)
            found: pa.Table = connection.sql(
                f'SELECT DISTINCT members.row AS row, {view}."{column}" AS value FROM {view} '
                f'JOIN members ON members.id = {view}.{key} AND members.kind = $kind WHERE {view}."{column}" IS NOT NULL',
                params={"kind": kind},
            ).to_arrow_table()
        encoded = found["value"].combine_chunks().dictionary_encode()
        texts = encoded.dictionary.cast(pa.string())
        return _Values(found["row"].to_numpy(), encoded.indices.to_numpy(), texts)

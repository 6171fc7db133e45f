"""Pure functions over columns, computed once per distinct value.

In: an Arrow text column. Out: a column of the same length. A memo lives as long as its cleaner and is emptied when it is full,
so memory stays bounded however many distinct values a file holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Memo"]

T = TypeVar("T")
_LIMIT = 50_000


class Memo(Generic[T]):
    """A function of one text value with its bounded memory of results."""

    def __init__(self, function: Callable[[str], T | None]) -> None:
        self._function = function
        self._known: dict[str, T | None] = {}

    def __call__(self, value: str) -> T | None:
        """The result for one value."""
        try:
            return self._known[value]
        except KeyError:
            if len(self._known) >= _LIMIT:
                self._known.clear()
            result = self._known[value] = self._function(value)
            return result

    def distinct(self, values: pa.Array) -> tuple[Sequence[T | None], pa.Array]:
        """Results by distinct value, and for each row the index of its result (null for null)."""
        encoded = pc.dictionary_encode(values)
        return [None if v is None else self(v) for v in encoded.dictionary.to_pylist()], encoded.indices

    def column(self, values: pa.Array, type_: pa.DataType | None = None) -> pa.Array:
        """Results as a column, text unless told otherwise."""
        results, indices = self.distinct(values)
        return pa.array(results, type_ or pa.string()).take(indices)

"""Arrow tables as rows that Bolt carries fast, and the Cypher that reads them.

The driver takes about 45 µs to encode a time and next to nothing for a number, so a time travels as two numbers, whole seconds
since 1970 and nanoseconds of the second, and becomes a time again on the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from graph.schema import ARROW_TYPES, Property

__all__ = ["Rows", "encode"]

_TIME = ARROW_TYPES[Property.TIMESTAMP]
_MICROSECONDS = 1_000_000
_FEW_ROWS = 1_000


@dataclass(frozen=True)
class Rows:
    """Encoded columns, and for each property the expression that reads it from a row `r`."""

    columns: tuple[pa.ChunkedArray, ...]
    expressions: dict[str, str]

    def batches(self, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """Lists of up to `size` rows."""
        count = len(self.columns[0]) if self.columns else 0
        for start in range(0, count, size):
            yield list(zip(*(column.slice(start, size).to_pylist() for column in self.columns), strict=True))


def encode(leading: Sequence[pa.ChunkedArray], table: pa.Table, names: Sequence[str], *, sparse: bool) -> Rows:
    """Rows with the `leading` columns first (r[0], r[1], …), then the properties `names` of `table`.

    With `sparse`, properties that are null in every row are left out, as is right for new nodes and relationships. Without it
    the expressions depend on the names alone, so that the server compiles one statement for all tables of a kind.
    """
    columns, expressions = list(leading), {}
    for name in names:
        column = table[name]
        if sparse and column.null_count == len(column):
            continue
        at = len(columns)
        if column.type == _TIME:
            columns += _seconds_and_nanoseconds(column)
            time = f"datetime({{epochSeconds: r[{at}], nanosecond: r[{at + 1}]}})"
            expressions[name] = (
                f"CASE WHEN r[{at}] IS NULL THEN NULL ELSE {time} END" if column.null_count or not sparse else time
            )
        else:
            columns.append(column)
            expressions[name] = f"r[{at}]"
    return Rows(tuple(columns), expressions)


def _seconds_and_nanoseconds(column: pa.ChunkedArray) -> list[pa.ChunkedArray]:
    """Floor division and its remainder: Arrow's own division rounds towards zero, and its calls cost more than few rows do."""
    total = column.cast(pa.int64())
    if len(total) <= _FEW_ROWS:
        parts = [(None, None) if t is None else divmod(t, _MICROSECONDS) for t in total.to_pylist()]
        whole = pa.chunked_array([pa.array([second for second, _ in parts], pa.int64())])
        return [whole, pa.chunked_array([pa.array([None if r is None else r * 1000 for _, r in parts], pa.int64())])]
    truncated = pc.divide(total, _MICROSECONDS)
    negative_rest = pc.less(total, pc.multiply(truncated, _MICROSECONDS))
    seconds = pc.subtract(truncated, negative_rest.cast(pa.int64()))
    return [seconds, pc.multiply(pc.subtract(total, pc.multiply(seconds, _MICROSECONDS)), 1000)]

"""JSON text of whatever a source may hold: numbers that are none, bytes, times that Python's own types cannot hold.

In: Python or Arrow values. Out: JSON that every reader takes. What JSON does not know becomes text; `NaN` is no JSON.
"""

from __future__ import annotations

import json
import math
from typing import Any

import pyarrow as pa

__all__ = ["json_text", "python_values"]


def json_text(value: Any) -> str:
    """Compact JSON of a Python value."""
    try:
        return _ENCODER.encode(value)
    except ValueError:
        return _ENCODER.encode(_finite(value))


def python_values(values: pa.Array) -> list[Any]:
    """Python values of an array; times and durations as text, since Arrow's reach further than Python's."""
    if pa.types.is_temporal(values.type):
        return values.cast(pa.string()).to_pylist()  # type: ignore[no-any-return]
    try:
        return values.to_pylist(maps_as_pydicts="lossy")  # type: ignore[no-any-return]
    except (OverflowError, ValueError):  # a time inside a list, struct or map
        return [_python_value(scalar) for scalar in values]


def _python_value(scalar: pa.Scalar) -> Any:
    if not scalar.is_valid:
        return None
    if isinstance(scalar, pa.StructScalar):
        return {name: _python_value(member) for name, member in scalar.items()}
    if isinstance(scalar, pa.ListScalar) or pa.types.is_map(scalar.type):
        return python_values(scalar.values)
    return python_values(pa.array([scalar], scalar.type))[0]


def _finite(value: Any) -> Any:
    """The value with text in place of numbers that are none."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    return value


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_text)

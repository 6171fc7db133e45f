"""Text: columns of any type as text, ids, words and free text.

Three strictnesses: an **id** is trimmed and unusable if it is null-like, longer than 1,024 bytes, or holds control characters
or bytes that were no UTF-8 (two different ids would become one); a whole number is `7` in a column of reals too, while the
text `7.0` stays what it is, since an id goes out as it came in; a **word** (city, browser, event type) is trimmed and null if
null-like; **free text** (title, text, URL) is trimmed of nothing but control characters, and null only if blank: a film may be
called "None".
"""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from graph.json_text import json_text, python_values

__all__ = ["MAX_ID_BYTES", "NULL_LIKE", "as_text", "free_text", "ids", "tags", "words"]

MAX_ID_BYTES = 1024
_NULLS = (
    r"null,none,nil,n/a,na,#n/a,n.a.,nan,<na>,undefined,unknown,missing,(null),(none),(not set),"
    r"not set,not available,-,--,.,?,[],{},\n"
)
NULL_LIKE = frozenset(_NULLS.split(","))
"""Texts that mean nothing, in lower case."""
_NULL_LIKE = pa.array(sorted(NULL_LIKE))
_ZERO_ID = r"^(0{7,}|0{8}-0{4}-0{4}-0{4}-0{12})$"
_DAMAGED = r"[\x00-\x1f\x7f\x{FFFD}]"
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"


def as_text(values: pa.Array) -> pa.Array:
    """Any column as text: whole numbers without their point, nested values as JSON, bytes as UTF-8 with replacement."""
    type_ = values.type
    if pa.types.is_string(type_):
        return values
    if pa.types.is_dictionary(type_):
        return as_text(values.cast(type_.value_type))
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return values.cast(pa.string())
    if _is_binary(type_):
        return _decode(values)
    if pa.types.is_floating(type_):
        return _floats(values)
    if pa.types.is_decimal(type_) and type_.scale != 0:
        return pa.array([None if v is None else _shortest(v) for v in values.to_pylist()], pa.string())
    if pa.types.is_nested(type_):
        return pa.array([None if v is None else json_text(v) for v in python_values(values)], pa.string())
    return values.cast(pa.string())


def _is_binary(type_: pa.DataType) -> bool:
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(kind(type_) for kind in kinds)


def _decode(values: pa.Array) -> pa.Array:
    try:
        return values.cast(pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([None if v is None else v.decode("utf-8", "replace") for v in values.to_pylist()], pa.string())


def _floats(values: pa.Array) -> pa.Array:
    values = values.cast(pa.float64())
    whole = pc.and_(pc.is_finite(values), pc.less(pc.abs(values), 2.0**53))
    whole = pc.and_(whole, pc.equal(pc.trunc(values), values))
    integers = pc.if_else(whole, values, pa.scalar(None, pa.float64())).cast(pa.int64())
    return pc.coalesce(integers.cast(pa.string()), values.cast(pa.string()))


def _shortest(value: Decimal) -> str:
    """All digits that say something, without an exponent."""
    text = format(value, "f")
    return text.rstrip("0").removesuffix(".") if "." in text else text


def ids(values: pa.Array) -> pa.Array:
    """Usable ids, trimmed; null where there is none."""
    trimmed = pc.utf8_trim_whitespace(values)
    bad = pc.match_substring_regex(trimmed, f"{_ZERO_ID}|{_DAMAGED}|^$")
    bad = pc.or_(bad, pc.greater(pc.binary_length(trimmed), MAX_ID_BYTES))
    bad = pc.or_(bad, _null_like(trimmed))
    return _null_where(bad, trimmed)


def tags(values: pa.Array) -> pa.Array:
    """Tags byte for byte; null only if empty, too long to be a key, or damaged."""
    bad = pc.or_(pc.match_substring_regex(values, r"^$|[\x00\x{FFFD}]"), pc.greater(pc.binary_length(values), MAX_ID_BYTES))
    return _null_where(bad, values)


def words(values: pa.Array) -> pa.Array:
    """Short texts, trimmed; null where blank or null-like."""
    values = pc.utf8_trim_whitespace(free_text(values))
    return _null_where(pc.or_(pc.equal(values, ""), _null_like(values)), values)


def free_text(values: pa.Array) -> pa.Array:
    """Texts without control characters (tabs and line ends stay); null where blank."""
    if pc.any(pc.match_substring_regex(values, _CONTROL)).as_py():
        values = pc.replace_substring_regex(values, _CONTROL, "")
    return _null_where(pc.equal(pc.utf8_ltrim_whitespace(values), ""), values)


def _null_like(values: pa.Array) -> pa.Array:
    # Lower-casing copies the column; only short values can be null-like.
    short = pc.if_else(pc.less_equal(pc.binary_length(values), 16), values, pa.scalar("", pa.string()))
    return pc.is_in(pc.utf8_lower(short), _NULL_LIKE)


def _null_where(mask: pa.Array, values: pa.Array) -> pa.Array:
    if not pc.any(mask).as_py():
        return values
    return pc.if_else(pc.fill_null(mask, False), pa.scalar(None, values.type), values)

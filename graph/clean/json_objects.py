"""JSON objects from columns: one object per row of its non-null values, built by Arrow kernels, not row by row."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from graph.clean.text import as_text
from graph.json_text import json_text

__all__ = ["json_objects"]

_NEEDS_ESCAPE = r'["\\\x00-\x1f]'


def json_objects(columns: Mapping[str, pa.Array], rows: int) -> pa.Array:
    """Objects of the columns' values under their names; null for a row without any."""
    members = [_members(name, values) for name, values in columns.items() if values.null_count < rows]
    if not members:
        return pa.nulls(rows, pa.string())
    joined = pc.binary_join_element_wise(*members, "") if len(members) > 1 else members[0]
    objects = pc.binary_join_element_wise("{", pc.utf8_slice_codeunits(joined, 1), "}", "")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), objects)


def _members(name: str, values: pa.Array) -> pa.Array:
    """`,"name":value` per row, nothing for null. (Joining with skipped nulls loses rows in some versions of Arrow.)"""
    prefix = f",{json.dumps(name, ensure_ascii=False)}:"
    return pc.fill_null(pc.binary_join_element_wise(prefix, _encoded(values), ""), "")


def _encoded(values: pa.Array) -> pa.Array:
    """JSON texts of a column's values."""
    type_ = values.type
    if pa.types.is_dictionary(type_):
        return _encoded(values.cast(type_.value_type))
    if pa.types.is_boolean(type_) or pa.types.is_integer(type_) or pa.types.is_nested(type_):
        return as_text(values)
    if pa.types.is_floating(type_):
        return pc.if_else(pc.is_finite(values), as_text(values), _quoted(as_text(values)))
    return _quoted(as_text(values))


def _quoted(text: pa.Array) -> pa.Array:
    special = pc.match_substring_regex(text, _NEEDS_ESCAPE)
    if pc.any(special).as_py():
        escaped = iter(json_text(v) for v in text.filter(pc.fill_null(special, False)).to_pylist())
        plain = pc.binary_join_element_wise('"', text, '"', "")
        return pc.replace_with_mask(plain, pc.fill_null(special, False), pa.array(list(escaped), pa.string()))
    return pc.binary_join_element_wise('"', text, '"', "")

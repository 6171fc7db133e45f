"""Values of a column as texts that can be compared: folded to small letters without accents, and cut to what the kind needs.

In: an Arrow array of any scalar type and a kind (`kinds`). Out: an array of texts of the same length, null where nothing usable
stands. Dates become eight digits, YYYYMMDD, impossible ones included; a date that cannot be read keeps its digits.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["NULL_LIKE", "as_dates", "fold", "normalise"]

NULL_LIKE = ("", "nan", "null", "none", "n/a", "na", "nil", "unknown", "undefined", "-", "--", "?", "<na>", "nat")
_TEXT = pa.string()
_YEAR_FIRST = r"^(?P<y>\d{4})[-/. ]?(?P<m>\d{2})[-/. ]?(?P<d>\d{2})(?:$|[T ])"
_YEAR_LAST = r"^(?P<a>\d{1,2})[-/. ](?P<b>\d{1,2})[-/. ](?P<y>\d{4})(?:$|[T ])"
_PHONE_DIGITS = 9


def fold(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Texts in small letters without accents and outer blanks; null-likes are null; lists and other nested values are null."""
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_nested(values.type) or pa.types.is_binary(values.type):
        return pa.nulls(len(values), _TEXT)
    text = values.cast(_TEXT)
    text = pc.replace_substring_regex(pc.utf8_normalize(text, "NFKD"), r"\p{Mn}+", "")
    text = pc.utf8_trim_whitespace(pc.utf8_lower(text))
    return pc.if_else(pc.is_in(text, pa.array(NULL_LIKE)), pa.scalar(None, _TEXT), text)


def normalise(values: pa.Array | pa.ChunkedArray, kind: str, *, month_first: bool = False) -> pa.Array:
    """Comparable texts of a column of that kind; `month_first`: of 03/04/1990, which is the month."""
    text = fold(values)
    if kind == "date":
        text = as_dates(text, month_first=month_first)
    elif kind == "phone":
        text = pc.replace_substring_regex(text, r"\D+", "")
        text = pc.utf8_slice_codeunits(text, -_PHONE_DIGITS, None)
    elif kind == "identifier":
        text = pc.replace_substring_regex(text, r"[^\p{L}\p{N}]+", "")
    elif kind in ("name", "text"):
        text = pc.replace_substring_regex(text, r"[’'`]", "")
        text = pc.utf8_trim_whitespace(pc.replace_substring_regex(text, r"[^\p{L}\p{N}]+", " "))
    elif kind == "number":
        text = pc.replace_substring_regex(text, r"[^0-9.+-]+", "")
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, _TEXT), text)


def as_dates(text: pa.Array, *, month_first: bool) -> pa.Array:
    """YYYYMMDD; what is no date keeps its digits, if there are four or more."""
    first, last = pc.extract_regex(text, _YEAR_FIRST), pc.extract_regex(text, _YEAR_LAST)
    year_first = pc.binary_join_element_wise(*(pc.struct_field(first, part) for part in "ymd"), "")
    two = {part: pc.utf8_lpad(pc.struct_field(last, part), 2, "0") for part in "ab"}
    month, day = (two["a"], two["b"]) if month_first else (two["b"], two["a"])
    year_last = pc.binary_join_element_wise(pc.struct_field(last, "y"), month, day, "")
    digits = pc.utf8_slice_codeunits(pc.replace_substring_regex(text, r"\D+", ""), 0, 8)
    digits = pc.if_else(pc.greater_equal(pc.utf8_length(digits), 4), digits, pa.scalar(None, _TEXT))
    return pc.coalesce(year_first, year_last, digits)

"""What a column holds, told from its content, whatever its name.

In: the columns of the records. Out: a `ColumnSpec` for each column worth comparing: its kind of comparison. Left out are columns
that are constant, nearly empty, or different in every record (row numbers: they can never agree). A column's kind follows from
the shapes of its values: e-mail addresses, dates, numbers with `+`, amounts, few values (categories), mostly digits
(identifiers), many words (texts); else a name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.resolve.records.normalise import fold
from graph.side_by_side import each

__all__ = ["ColumnSpec", "profile", "profile_column"]


@dataclass(frozen=True)
class ColumnSpec:
    """A column that is compared. `month_first`: how its dates are written, if the year stands last."""

    name: str
    kind: str
    month_first: bool = False


@dataclass(frozen=True)
class Shares:
    """Shares from which the content decides; of the distinct values, or of the records."""

    shape: float = 0.8
    """Of the distinct values that must have one shape."""
    filled: float = 0.002
    """Of the records that must have a value, and at least two records."""
    category_values: int = 40
    """A column with at most as many distinct values is a category, if records are ten times as many."""
    text_words: float = 2.6
    """Words in a value, on the average, from which it is a text."""
    text_length: float = 32.0
    """Letters in a value, on the average, from which it is a text."""
    digits: float = 0.3
    """Of letters and digits together, the digits in an identifier."""
    repeated: float = 0.001
    """Of the values that must stand in more than one record, in a column of identifiers, numbers or categories."""


_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_DATE = r"^(1[0-9]|20)\d{2}([-/. ]?)(0\d|1[0-2])([-/. ]?)([0-2]\d|3[01])($|[t ])"
_DATE_LAST = r"^\d{1,2}[-/. ]\d{1,2}[-/. ]\d{4}($|[t ])"
_PHONE = r"^\+\d[\d ()./-]{6,}$"
_AMOUNT = r"^[$€£]?\s?[+-]?\d{1,3}(,?\d{3})*\.\d+$|^[$€£]\s?\d+$|^[+-]?\d*\.\d+$"
_YEAR = r"^(1[0-9]|20)\d{2}$"


def profile(records: pa.Table, names: Sequence[str], kinds: Mapping[str, str]) -> tuple[ColumnSpec, ...]:
    """Specs of those of the columns `names` that are worth comparing; `kinds` given by hand overrule the content."""
    found = each(lambda name: profile_column(name, records[name], kinds.get(name)), names)
    return tuple(spec for spec in found if spec is not None)


def profile_column(name: str, values: pa.ChunkedArray, kind: str | None) -> ColumnSpec | None:
    """The spec of one column; None where it can say nothing. A `kind` given by hand is always taken."""
    shares = Shares()
    text = fold(values)
    counted = pc.value_counts(text.drop_null())
    distinct, counts = counted.field("values"), counted.field("counts").to_numpy()
    filled = int(counts.sum())
    if kind is None:
        if len(distinct) < 2 or filled < max(2, shares.filled * len(text)):
            return None
        kind = _kind(distinct, counts, shares)
        one_each = filled - len(distinct) < max(1.0, shares.repeated * filled)
        if one_each and kind in ("identifier", "number", "category") and filled >= 10:
            return None
    return ColumnSpec(name, kind, kind == "date" and _month_first(distinct))


def _kind(distinct: pa.Array, counts: np.ndarray, shares: Shares) -> str:
    def share(pattern: str) -> float:
        return float(pc.mean(pc.match_substring_regex(distinct, pattern).cast(pa.int8())).as_py())

    filled = int(counts.sum())
    for pattern, kind in ((_EMAIL, "email"), (_PHONE, "phone"), (_AMOUNT, "number")):
        if share(pattern) >= shares.shape:
            return kind
    if share(_DATE) + share(_DATE_LAST) >= shares.shape:
        return "date"
    if share(_YEAR) >= 0.95 and len(distinct) <= 400:
        return "number"
    length = float(np.average(pc.utf8_length(distinct).to_numpy(), weights=counts))
    if len(distinct) <= shares.category_values and filled >= 10 * len(distinct):
        return "category"
    words = float(np.average(pc.count_substring_regex(distinct, r"\S+").to_numpy(), weights=counts))
    digits = pc.sum(pc.count_substring_regex(distinct, r"\d")).as_py()
    signs = max(pc.sum(pc.count_substring_regex(distinct, r"[\p{L}\p{N}]")).as_py(), 1)
    if digits / signs >= shares.digits and words < shares.text_words and length <= shares.text_length:
        return "identifier"
    with_number = share(r"(^|\s)\d+[a-z]?(\s|$)")
    if words >= shares.text_words or length > shares.text_length or (words >= 2 and with_number >= 0.5):
        return "text"
    return "name"


def _month_first(distinct: pa.Array) -> bool:
    """Whether more dates with the year last have their month first: a part above 12 is a day."""
    parts = pc.extract_regex(distinct, r"^(?P<a>\d{1,2})[-/. ](?P<b>\d{1,2})[-/. ]\d{4}")
    first = pc.struct_field(parts, "a").drop_null().cast(pa.int64()).to_numpy()
    second = pc.struct_field(parts, "b").drop_null().cast(pa.int64()).to_numpy()
    return bool((second > 12).sum() > (first > 12).sum())

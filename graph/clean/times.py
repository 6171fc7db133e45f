"""Times: ISO 8601 text, Parquet timestamps and dates, Unix times by their number of digits, to UTC microseconds.

A time without a zone is taken in the row's zone, else in UTC. Times before 1970 or after 2100 are no times: they are defaults
and overflows. The zone written in a time (`+02:00`) is handed back, so that the lake can keep it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from graph.clean.distinct import Memo
from graph.clean.sql import query
from graph.clean.text import as_text
from graph.clean.zones import offset_minutes

__all__ = ["TIME", "Times", "iso"]

TIME = pa.timestamp("us", tz="UTC")
_STRICT = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-](0\d|1[0-5])(:?[0-5]\d)?)?)?$"
_ZONED = r":\d{2}(?:\.\d+)?(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)$"
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(2101, 1, 1, tzinfo=UTC)
_FARTHEST = timedelta(hours=16)
"""No zone is as far from UTC."""
_UNIX = {10: 1, 13: 10**3, 16: 10**6, 19: 10**9}
_DIGITS = re.compile(r"(\d{10})(\d{0,9})(\.\d*)?")


def iso(text: str) -> str | None:
    """Text in a rarer ISO 8601 form (basic, week date, comma, lower case, UTC in words), or a Unix time, in the common form."""
    digits = _DIGITS.fullmatch(text)
    if digits and (len(digits[1]) + len(digits[2])) in _UNIX:
        whole = int(digits[1] + digits[2])
        scale = _UNIX[len(digits[1]) + len(digits[2])]
        seconds, rest = divmod(whole, scale)
        fraction = int(float(digits[3]) * 1e6) if digits[3] and len(digits[3]) > 1 and scale == 1 else rest * 10**6 // scale
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=fraction, tzinfo=None).isoformat() + "Z"
    text = re.sub(r"\s+(?:UTC|GMT)$", "Z", text.strip(), flags=re.IGNORECASE)
    text = re.sub(r"\s+(?=[+\-Zz])", "", text.replace("−", "-"))
    if not re.match(r"\d{4}-?[\dW]", text):
        return None
    try:
        found = datetime.fromisoformat(text.upper())
    except (ValueError, OverflowError):
        return None
    return found.isoformat() if abs(found.utcoffset() or timedelta()) < _FARTHEST else None


class Parsed(NamedTuple):
    """Times, null where there is none, and the offset that each was written with (null if none, or UTC)."""

    at: pa.Array
    offset: pa.Array


class Times:
    """Parser of time columns; uses DuckDB for text and for zones, whose tables it brings along."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._iso = Memo(iso)

    def __call__(self, values: pa.Array, zones: pa.Array | None = None) -> Parsed:
        """Parse a column; `zones` are the rows' canonical zones."""
        type_ = values.type
        if pa.types.is_dictionary(type_):
            return self(values.cast(type_.value_type), zones)
        nothing = pa.nulls(len(values), pa.string())
        if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
            instants = _microseconds(values)
            if pa.types.is_date(type_) or type_.tz is None:
                return Parsed(_plausible(self._localise(instants, None, zones)), nothing)
            offset = nothing if type_.tz in ("UTC", "Etc/UTC", "Z", "+00:00") else pa.repeat(type_.tz, len(values))
            return Parsed(_plausible(instants), offset)
        return self._text(as_text(values), zones)

    def _text(self, values: pa.Array, zones: pa.Array | None) -> Parsed:
        values = pc.utf8_trim_whitespace(values)
        strict = pc.match_substring_regex(values, _STRICT)
        if not pc.all(strict).as_py():
            rare = self._iso.column(pc.if_else(strict, pa.scalar(None, pa.string()), values))
            values = pc.if_else(strict, values, rare)
        written = pc.struct_field(pc.extract_regex(values, _ZONED), "zone")
        instants = query(self._connection, "SELECT TRY_CAST(written AS TIMESTAMPTZ) FROM given", written=values).cast(TIME)
        offset = pc.if_else(pc.match_substring_regex(written, r"^(Z|[+-]00(:?00)?)$"), pa.scalar(None, pa.string()), written)
        return Parsed(_plausible(self._localise(instants, pc.is_null(written), zones)), _full_offset(offset))

    def _localise(self, instants: pa.Array, naive: pa.Array | None, zones: pa.Array | None) -> pa.Array:
        """Move naive times, read as UTC so far, into their rows' zones."""
        if zones is None:
            return instants
        local = pc.and_(pc.is_valid(zones), pc.not_equal(zones, "UTC"))
        if naive is not None:
            local = pc.and_(local, naive)
        local = pc.fill_null(local, False)
        if not pc.any(local).as_py():
            return instants
        minutes = Memo(offset_minutes).column(zones, pa.int64())
        moved = query(
            self._connection,
            "SELECT CASE WHEN NOT is_local THEN instant WHEN minutes IS NOT NULL THEN instant - to_minutes(minutes) "
            "ELSE timezone(zone, timezone('UTC', instant)) END FROM given",
            instant=instants,
            zone=zones,
            minutes=minutes,
            is_local=local,
        )
        return moved.cast(TIME)


def _microseconds(values: pa.Array) -> pa.Array:
    """Timestamps or dates of any unit as UTC microseconds; null where they do not fit."""
    if pa.types.is_date(values.type):
        values = values.cast(pa.date32()).cast(pa.timestamp("s"))
    seconds = values.cast(pa.timestamp("s", values.type.tz), safe=False).cast(pa.int64())
    fits = pc.and_(pc.greater_equal(values.cast(pa.int64()), 0), pc.less(seconds, int(_LAST.timestamp())))
    kept = pc.if_else(fits, values, pa.scalar(None, values.type))
    return kept.cast(pa.timestamp("us", values.type.tz), safe=False).cast(pa.int64()).cast(TIME)


def _plausible(instants: pa.Array) -> pa.Array:
    fits = pc.and_(pc.greater_equal(instants, pa.scalar(_FIRST, TIME)), pc.less(instants, pa.scalar(_LAST, TIME)))
    return pc.if_else(fits, instants, pa.scalar(None, TIME))


def _full_offset(offset: pa.Array) -> pa.Array:
    """`+02` and `+0200` as `+02:00`."""
    if offset.null_count == len(offset):
        return offset
    offset = pc.replace_substring_regex(offset, r"^([+-]\d\d)$", r"\1:00")
    return pc.replace_substring_regex(offset, r"^([+-]\d\d)(\d\d)$", r"\1:\2")

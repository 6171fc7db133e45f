"""Numbers, currencies, truth values, lists and JSON, from text or from typed columns. What is none becomes null."""

from __future__ import annotations

import json
import re

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from graph.clean.sql import query
from graph.clean.text import NULL_LIKE, as_text

__all__ = ["bcp47", "categories", "currency", "json_values", "lists", "numbers", "purposes", "truth"]

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_TRUE = pa.array(["1", "true", "t", "yes", "y", "on", "1.0"])
_FALSE = pa.array(["0", "false", "f", "no", "n", "off", "0.0"])
_GRANTED = frozenset({*_TRUE.to_pylist(), "granted", "given"})
# ISO 4217, active codes.
_CODES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK
HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK
MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS
VED VES VND VUV WST XAF XAG XAU XCD XCG XDR XOF XPF XPT YER ZAR ZMW ZWG ZWL
"""
_CURRENCIES = frozenset(_CODES.split())
_SYMBOLS = {"€": "EUR", "£": "GBP", "₹": "INR", "₽": "RUB", "₩": "KRW", "US$": "USD"}


def numbers(values: pa.Array, *, negative: bool = True, truth_values: bool = False) -> pa.Array:
    """Finite numbers; with `truth_values`, true and false are 1 and 0."""
    type_ = values.type
    if pa.types.is_floating(type_) or pa.types.is_integer(type_) or pa.types.is_decimal(type_) or pa.types.is_boolean(type_):
        if pa.types.is_boolean(type_):
            values = values.cast(pa.int8()) if truth_values else pa.nulls(len(values), pa.float64())
        found = values.cast(pa.float64(), safe=False)
    else:
        text = pc.utf8_trim_whitespace(as_text(values))
        if truth_values:
            switched = truth(text)
            text = pc.if_else(pc.is_valid(switched), switched.cast(pa.int8()).cast(pa.string()), text)
        plain = pc.match_substring_regex(text, _NUMBER)
        found = pc.if_else(plain, text, pa.scalar(None, pa.string())).cast(pa.float64())
    fits = pc.is_finite(found)
    if not negative:
        fits = pc.and_(fits, pc.greater_equal(found, 0.0))
    return pc.if_else(fits, found, pa.scalar(None, pa.float64()))


def truth(values: pa.Array) -> pa.Array:
    """True and false as people write them."""
    if pa.types.is_boolean(values.type):
        return values
    text = pc.utf8_lower(pc.utf8_trim_whitespace(as_text(values)))
    known = pc.or_(pc.is_in(text, _TRUE), pc.is_in(text, _FALSE))
    return pc.if_else(known, pc.is_in(text, _TRUE), pa.scalar(None, pa.bool_()))


def currency(text: str) -> str | None:
    """ISO 4217 code."""
    text = text.strip().upper()
    code = _SYMBOLS.get(text, text)
    return code if code in _CURRENCIES else None


def bcp47(text: str) -> str | None:
    """Language tag in its usual case (`en-US`); of a browser's list, the first."""
    tag = re.split(r"[,;]", text.strip())[0].replace("_", "-").split(".")[0]
    if tag.lower() in NULL_LIKE or not re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}", tag):
        return None
    first, *rest = tag.split("-")
    return "-".join([first.lower(), *(p.upper() if len(p) == 2 else p.title() if len(p) == 4 else p.lower() for p in rest)])


def lists(values: pa.Array, *, empty: bool = False) -> pa.Array | None:
    """A list column as lists of text without nulls, blanks and repetitions; None for other columns.

    An empty list is null, unless `empty` says that it means something.
    """
    if not (pa.types.is_list(values.type) or pa.types.is_large_list(values.type) or pa.types.is_fixed_size_list(values.type)):
        return None
    kept = [None if v is None else list(dict.fromkeys(x for x in v if x and x.strip())) for v in _text_lists(values)]
    return pa.array(kept if empty else [v or None for v in kept], pa.list_(pa.string()))


def _text_lists(values: pa.Array) -> list[list[str] | None]:
    offsets = pc.list_value_length(values).to_pylist()
    flat = iter(as_text(values.flatten()).to_pylist())
    return [None if n is None else [next(flat) for _ in range(n)] for n in offsets]


def categories(text: str) -> list[str] | None:
    """Tags of a content, from JSON or separated by `|`."""
    return _split(text, r"\|") or None


def purposes(text: str) -> list[str] | None:
    """Purposes of a consent, from JSON or separated by `|`, comma or space; of a JSON object the members that are true. "none",
    "[]" and an object that cannot be read are consent to nothing: empty."""
    if text.lstrip().startswith("{"):
        return _granted(text)
    return _split(text, r"[|,;\s]") if text.strip() else None


def _granted(text: str) -> list[str]:
    try:
        purposes: dict[str, object] = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [name for name, answer in purposes.items() if str(answer).strip().lower() in _GRANTED]


def _split(text: str, separator: str) -> list[str]:
    pieces: list[str] | None = None
    if text.lstrip().startswith("["):
        try:
            pieces = [p if isinstance(p, str) else json.dumps(p) for p in json.loads(text) if p is not None]
        except ValueError:
            pieces = None
    if pieces is None:
        pieces = [p.strip() for p in re.split(separator, text)]
    return [p for p in dict.fromkeys(pieces) if p.strip() and p.strip().lower() not in NULL_LIKE]


def json_values(values: pa.Array, connection: duckdb.DuckDBPyConnection) -> pa.Array:
    """JSON texts that are valid; a struct, map or list column becomes JSON."""
    text = as_text(values)
    if pa.types.is_nested(values.type) or text.null_count == len(text):
        return text
    valid = query(connection, "SELECT json_valid(document) FROM given", document=text)
    return pc.if_else(valid, text, pa.scalar(None, pa.string()))

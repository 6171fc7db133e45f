"""Attributes of people: names, places, birth dates, gender, country, postcode.

Each function maps one text to its normal form, or None. Names keep their case: folding it is matching's business. A birth date
with slashes whose order is open is read day first, as most of the world writes it, unless the country is the United States.
"""

from __future__ import annotations

import importlib.resources
import re
import unicodedata
from datetime import date
from functools import cached_property

from dateutil import parser

from graph.clean.identifiers import SEPARATOR
from graph.clean.text import NULL_LIKE

__all__ = ["Countries", "birth_date", "gender", "name", "place", "postcode"]

_GENDERS = {
    **dict.fromkeys(("m", "male", "man", "boy", "masculine", "mr"), "male"),
    **dict.fromkeys(("f", "female", "woman", "girl", "feminine", "w", "ms", "mrs", "miss"), "female"),
    **dict.fromkeys(("x", "d", "o", "other", "diverse", "non-binary", "nonbinary", "non binary", "nb"), "other"),
}
_YEAR_FIRST = re.compile(r"(\d{4})([-/.\s]?)(\d{1,2})\2(\d{1,2})(?:[T ].*)?", re.DOTALL)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.\s])(\d{1,2})\2(\d{4})")
_NAMED_MONTH = re.compile(r"(?=.*[A-Za-z]{3})(?=.*\b\d{4}\b)[\w\s,.\-]{8,30}")
_ALIASES = (
    "uk:GB united kingdom:GB great britain:GB england:GB scotland:GB wales:GB northern ireland:GB usa:US "
    "united states of america:US u.s.:US u.s.a.:US america:US deutschland:DE "
    "south korea:KR republic of korea:KR korea, south:KR north korea:KP russia:RU "
    "russian federation:RU czech republic:CZ holland:NL the netherlands:NL viet nam:VN ivory coast:CI macedonia:MK burma:MM "
    "myanmar:MM turkey:TR türkiye:TR españa:ES österreich:AT schweiz:CH suisse:CH italia:IT brasil:BR méxico:MX 中国:CN 日本:JP"
)
_ALPHA_3 = (
    "ARE:AE ARG:AR AUS:AU AUT:AT BEL:BE BGD:BD BGR:BG BRA:BR CAN:CA CHE:CH CHL:CL CHN:CN COL:CO CZE:CZ DEU:DE DNK:DK EGY:EG "
    "ESP:ES EST:EE FIN:FI FRA:FR GBR:GB GRC:GR HKG:HK HRV:HR HUN:HU IDN:ID IND:IN IRL:IE IRN:IR ISL:IS ISR:IL ITA:IT JPN:JP "
    "KEN:KE KOR:KR LTU:LT LUX:LU LVA:LV MAR:MA MEX:MX MYS:MY NGA:NG NLD:NL NOR:NO NZL:NZ PAK:PK PER:PE PHL:PH POL:PL PRT:PT "
    "ROU:RO RUS:RU SAU:SA SGP:SG SRB:RS SVK:SK SVN:SI SWE:SE THA:TH TUR:TR TWN:TW UKR:UA URY:UY VEN:VE VNM:VN ZAF:ZA"
)


def name(text: str) -> str | None:
    """NFKC, single spaces; None if null-like or without a letter."""
    found = place(text)
    return found if found and any(c.isalpha() for c in found) else None


def place(text: str) -> str | None:
    """Street, city or region: NFKC, single spaces; None if null-like. A street may be a bare number."""
    text = " ".join(unicodedata.normalize("NFKC", text).split())
    if not text.isprintable():
        text = " ".join("".join(c for c in text if c.isprintable()).split())
    return text if text and text.lower() not in NULL_LIKE else None


def postcode(text: str) -> str | None:
    """Upper case, single spaces; None if null-like or zeros."""
    text = " ".join(unicodedata.normalize("NFKC", text).upper().split())
    if text.lower() in NULL_LIKE or not text.strip("0 -") or len(text) > 16 or not text.isprintable():
        return None
    return text


def gender(text: str) -> str | None:
    """`male`, `female` or `other`."""
    return _GENDERS.get(text.strip().lower().rstrip("."))


def birth_date(text: str) -> str | None:
    """ISO date of `date SEPARATOR country`; None where impossible, or the 1 January 1900 that stands for no date."""
    text, _, country = text.partition(SEPARATOR)
    text = text.strip()
    if found := _YEAR_FIRST.fullmatch(text):
        year, month, day = int(found[1]), int(found[3]), int(found[4])
    elif found := _YEAR_LAST.fullmatch(text):
        first, second, year = int(found[1]), int(found[3]), int(found[4])
        month_first = second > 12 or (first <= 12 and country == "US" and found[2] != ".")
        month, day = (first, second) if month_first else (second, first)
    elif _NAMED_MONTH.fullmatch(text):
        try:
            parsed = parser.parse(text, dayfirst=True)
        except (ValueError, OverflowError):
            return None
        year, month, day = parsed.year, parsed.month, parsed.day
    else:
        return None
    try:
        born = date(year, month, day)
    except ValueError:
        return None
    return born.isoformat() if date(1900, 1, 1) < born < date(2101, 1, 1) else None


class Countries:
    """ISO 3166 countries, with the names that tz's `iso3166.tab` gives them; read at first use."""

    @cached_property
    def _codes(self) -> dict[str, str]:
        table = (importlib.resources.files("tzdata") / "zoneinfo" / "iso3166.tab").read_text("utf-8")
        rows = [line.split("\t") for line in table.splitlines() if line and not line.startswith("#")]
        codes = {code.lower(): code for code, _ in rows} | {label.lower(): code for code, label in rows}
        aliases = re.findall(r"(\S[^:]*?):([A-Z]{2})(?: |$)", _ALIASES + " " + _ALPHA_3)
        return codes | {alias.lower(): code for alias, code in aliases}

    def __call__(self, text: str) -> str | None:
        """The alpha-2 code of a code or an English name."""
        return self._codes.get(" ".join(text.lower().split()))

"""Normal forms that advertising platforms hash: one text of an account in, the text whose hash the platform compares, or None.

Sources, as read in November 2026:
Google  "Format user data" of the Data Manager API, and "Formatting guidelines for uploading hashed data" of Customer Match
Meta    "Customer information parameters" of the Marketing API, "How to format a customer list"
TikTok  "List of supported IDs and formats for a customer file"
UID2    "Normalization and encoding" of the Unified ID 2.0 documentation

What comes in has been cleaned (`graph.clean`): e-mails are lower-case, telephones are E.164 or opaque digits, dates ISO,
countries alpha-2, genders `male`, `female` or `other`. Nothing here relies on it.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

__all__ = [
    "day",
    "e164",
    "email",
    "email_without_gmail_variants",
    "email_without_suffix",
    "gender",
    "letters",
    "lower",
    "mailbox",
    "phone_digits",
    "plain_country",
    "plain_postcode",
    "postcode",
    "us_state",
    "words",
]

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_POSTCODE = re.compile(r"[A-Z0-9][A-Z0-9 -]{0,15}")


def email(text: str) -> str | None:
    """Lower-case, without white space; None without a local part and a domain."""
    text = "".join(text.split()).lower()
    local, _, domain = text.rpartition("@")
    return text if local and domain else None


def email_without_gmail_variants(text: str, domains: frozenset[str]) -> str | None:
    """As `email`; of an address in one of the domains the dots of the local part go, and its `+` with what follows."""
    if (found := email(text)) is None:
        return None
    local, _, domain = found.rpartition("@")
    if domain in domains:
        local = local.partition("+")[0].replace(".", "")
    return f"{local}@{domain}" if local else None


def email_without_suffix(text: str) -> str | None:
    """As `email`, without the `+` of the local part and what follows it."""
    if (found := email(text)) is None:
        return None
    local, _, domain = found.rpartition("@")
    local = local.partition("+")[0]
    return f"{local}@{domain}" if local else None


def mailbox(text: str) -> str | None:
    """The mailbox behind an address, as far as any platform sees through spellings: for comparing, never hashed."""
    if (found := email_without_suffix(text)) is None:
        return None
    local, _, domain = found.rpartition("@")
    if domain in ("gmail.com", "googlemail.com"):
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}" if local else None


def e164(text: str) -> str | None:
    """A telephone with `+` and country code; None for any other."""
    return text if _E164.fullmatch(text) else None


def phone_digits(text: str) -> str | None:
    """The digits of an E.164 telephone: country code first, no leading zero."""
    found = e164(text)
    return None if found is None else found[1:]


def lower(text: str) -> str | None:
    """Lower-case, without white space around it."""
    return text.strip().lower() or None


def words(text: str) -> str | None:
    """A name: lower-case, without punctuation and symbols, single spaces, in UTF-8's composed form."""
    text = unicodedata.normalize("NFC", text).lower()
    kept = "".join(c for c in text if c.isspace() or unicodedata.category(c)[0] in "LMN")
    return " ".join(kept.split()) or None


def letters(text: str) -> str | None:
    """A city or region: lower-case letters of any script, nothing else."""
    text = unicodedata.normalize("NFC", text).lower()
    return "".join(c for c in text if unicodedata.category(c)[0] in "LM") or None


def us_state(text: str) -> str | None:
    """A state of the United States by its two letters, lower-case; None for its full name."""
    found = letters(text)
    return found if found is not None and len(found) == 2 and found.isascii() else None


def postcode(text: str, country: str | None) -> str | None:
    """Lower-case, without spaces and dashes; of a postcode of the United States the first five characters."""
    found = "".join(c for c in text.lower() if c.isalnum())
    return (found[:5] if country == "US" else found) or None


def plain_postcode(text: str) -> str | None:
    """A postcode as it stands, for a column that is not hashed; None for what could be no postcode, such as a formula."""
    return text if _POSTCODE.fullmatch(text) else None


def plain_country(text: str) -> str | None:
    """A country's two letters."""
    return text if _COUNTRY.fullmatch(text) else None


def gender(text: str) -> str | None:
    """`m` or `f`."""
    return {"male": "m", "female": "f"}.get(text)


def day(text: str) -> str | None:
    """An ISO date as YYYYMMDD."""
    try:
        return date.fromisoformat(text).strftime("%Y%m%d")
    except ValueError:
        return None

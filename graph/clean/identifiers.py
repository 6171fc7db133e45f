"""Identifiers of people and devices: e-mail addresses, phone numbers, advertising ids.

E-mail: syntax and Unicode form by `email_validator` (no look-ups), lower-case; addresses that stand for nobody are junk.
Phone: E.164 by `phonenumbers`, in the region of the row's country; a national number without a country stays as its digits, an
opaque key that matches the same number written the same way but never an E.164 number (those begin with `+`).
Advertising id: lower-case; all zeros means opted out.
"""

from __future__ import annotations

import re

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from graph.clean.text import MAX_ID_BYTES, NULL_LIKE

__all__ = ["SEPARATOR", "advertising_id", "email", "phone"]

SEPARATOR = "\x1f"
"""Between the value and the country in the text that `phone` takes."""

# Anything this accepts, email_validator accepts unchanged; it is some twenty times as fast.
_COMMON = re.compile(
    r"[a-z0-9]+(?:[._+-][a-z0-9]+)*@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:com|net|org|edu|gov|info|[a-z]{2})"
)
_NOBODY = """
test testing tester noreply no-reply no_reply donotreply do-not-reply none null nil na n/a nan noemail no-email no.email nomail
unknown undefined invalid nobody anonymous notprovided mailer-daemon postmaster
"""
_PLACEHOLDERS = """
user username name email mail me you your.name yourname your.email youremail someone somebody foo bar baz abc a x xx xxx example
sample demo first.last firstname.lastname
"""
_JUNK = frozenset(_NOBODY.split())
_JUNK_AT_EXAMPLE = frozenset(_PLACEHOLDERS.split())
_EXAMPLE = frozenset({"example.com", "example.org", "example.net", "email.com", "domain.com", "test.com"})
_DIGITS = re.compile(r"[^\d]")
_SEQUENCES = ("0123456789", "1234567890", "12345678", "123456789", "987654321", "9876543210")


def email(text: str) -> str | None:
    """The normal form of an address; None where it is none, or junk."""
    text = text.strip()
    if "<" in text and text.endswith(">"):
        text = text[text.rindex("<") + 1 : -1]
    if text[:7].lower() == "mailto:":
        text = text[7:]
    text = text.strip().lower()
    if len(text) > 254:
        return None
    if not (_COMMON.fullmatch(text) and "--" not in text and text.index("@") <= 64):
        try:
            text = validate_email(text, check_deliverability=False, strict=True).normalized.lower()
        except EmailNotValidError:
            return None
    local, _, domain = text.rpartition("@")
    plain = local.split("+")[0]
    if plain in _JUNK or (domain in _EXAMPLE and plain in _JUNK_AT_EXAMPLE):
        return None
    return text


def phone(text: str) -> str | None:
    """The normal form of `number SEPARATOR country` (alpha-2, or nothing); None where it is no number, or junk."""
    text, _, country = text.partition(SEPARATOR)
    text = text.strip()
    if text[:4].lower() == "tel:":
        text = text[4:]
    if text.startswith("00"):
        text = "+" + text[2:]
    digits = _DIGITS.sub("", text)
    if len(set(digits)) < 2 or digits in _SEQUENCES or len(text) > 40:
        return None
    if text.startswith("+") or country:
        return _e164(text, country)
    if re.search(r"[^\d\s()./\-]", text) or not 7 <= len(digits) <= 15:
        return None
    return digits


def _e164(text: str, country: str) -> str | None:
    """E.164 of an international number, or of a national one of `country`; None where no such number is possible. The parser
    takes one trunk prefix off at a time (+49 0 0 30 …): what it gives is read again until it stays as it is."""
    while True:
        try:
            number = phonenumbers.parse(text, country or None)
        except phonenumbers.NumberParseException:
            return None
        if not phonenumbers.is_possible_number(number):
            return None
        found = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if found == text:
            return found
        text, country = found, ""


def advertising_id(text: str) -> str | None:
    """The id in lower case; None if null-like or all zeros."""
    text = text.strip().lower()
    if text in NULL_LIKE or not text.strip("0-") or len(text.encode()) > MAX_ID_BYTES or not text.isprintable():
        return None
    return text

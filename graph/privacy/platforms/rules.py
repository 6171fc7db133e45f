"""What each advertising platform takes: columns, how each is made from an account, how it is hashed. A frozen table.

`version` names a set of rules and stands in the manifest of every file made by it: whoever changes a rule gives it another
number.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from graph.privacy.platforms import normal

__all__ = ["PLATFORMS", "Account", "Column", "Form", "Platform"]

Account = Mapping[str, Any]
"""An account's cleaned columns by name."""


class Form(StrEnum):
    """How a column's text is written."""

    HEX = "sha256-hex"
    BASE64 = "sha256-base64"
    PLAIN = "plain"


@dataclass(frozen=True)
class Column:
    """A column of the file: its header, the normal form of an account's value, and how that is written."""

    header: str
    normal: Callable[[Account], str | None]
    form: Form = Form.HEX

    def written(self, account: Account) -> str | None:
        """The cell for an account; None where it has nothing usable."""
        text = self.normal(account)
        if text is None or self.form is Form.PLAIN:
            return text
        digest = hashlib.sha256(text.encode()).digest()
        return digest.hex() if self.form is Form.HEX else base64.b64encode(digest).decode()


@dataclass(frozen=True)
class Platform:
    """A platform. `fields` are the account's columns that its rules read, and no others are read at all; the first two columns of
    the file are e-mail and telephone."""

    name: str
    version: str
    fields: tuple[str, ...]
    columns: tuple[Column, ...]

    def identifiers(self, account: Account) -> tuple[str | None, str | None]:
        """The cells of e-mail and telephone."""
        email, phone = (column.written(account) for column in self.columns[:2])
        return email, phone

    def row(self, account: Account) -> tuple[str | None, ...] | None:
        """The cells of one account; None where it has neither e-mail nor telephone."""
        identifiers = self.identifiers(account)
        return identifiers + tuple(column.written(account) for column in self.columns[2:]) if any(identifiers) else None


def _of(field: str, rule: Callable[[str], str | None]) -> Callable[[Account], str | None]:
    def read(account: Account) -> str | None:
        text: str | None = account[field]
        return None if text is None else rule(text)

    return read


_GOOGLE_MAIL = frozenset({"gmail.com", "googlemail.com"})
_GMAIL = frozenset({"gmail.com"})
_ADDRESS = ("given_name", "family_name", "country", "postcode")


def _with_address(field: str, rule: Callable[[str], str | None]) -> Callable[[Account], str | None]:
    """Google matches a name by first name, last name, country and postcode together: without all four none is given away."""
    read = _of(field, rule)
    return lambda account: read(account) if all(account[f] is not None for f in _ADDRESS) else None


def _region(account: Account) -> str | None:
    text = account["region"]
    if text is None:
        return None
    return normal.us_state(text) if account["country"] == "US" else normal.letters(text)


def _postcode(account: Account) -> str | None:
    text = account["postcode"]
    return None if text is None else normal.postcode(text, account["country"])


_GOOGLE = Platform(
    "google",
    "google-customer-match/1",
    ("email", "phone", *_ADDRESS),
    (
        Column("Email", _of("email", lambda text: normal.email_without_gmail_variants(text, _GOOGLE_MAIL))),
        Column("Phone", _of("phone", normal.e164)),
        Column("First Name", _with_address("given_name", normal.lower)),
        Column("Last Name", _with_address("family_name", normal.lower)),
        Column("Country", _with_address("country", normal.plain_country), Form.PLAIN),
        Column("Zip", _with_address("postcode", normal.plain_postcode), Form.PLAIN),
    ),
)
_META = Platform(
    "meta",
    "meta-custom-audiences/1",
    ("email", "phone", "given_name", "family_name", "city", "region", "postcode", "country", "birth_date", "gender"),
    (
        Column("email", _of("email", normal.email)),
        Column("phone", _of("phone", normal.phone_digits)),
        Column("fn", _of("given_name", normal.words)),
        Column("ln", _of("family_name", normal.words)),
        Column("ct", _of("city", normal.letters)),
        Column("st", _region),
        Column("zip", _postcode),
        Column("country", _of("country", normal.lower)),
        Column("dob", _of("birth_date", normal.day)),
        Column("gen", _of("gender", normal.gender)),
    ),
)
_TIKTOK = Platform(
    "tiktok",
    "tiktok-custom-audiences/1",
    ("email", "phone"),
    (
        Column("Email_SHA256", _of("email", normal.email_without_suffix)),
        Column("Phone_SHA256", _of("phone", normal.e164)),
    ),
)
_UID2 = Platform(
    "uid2",
    "uid2-raw-hashes/1",
    ("email", "phone"),
    (
        Column("email_hash", _of("email", lambda text: normal.email_without_gmail_variants(text, _GMAIL)), Form.BASE64),
        Column("phone_hash", _of("phone", normal.e164), Form.BASE64),
    ),
)

PLATFORMS: Mapping[str, Platform] = MappingProxyType({p.name: p for p in (_GOOGLE, _META, _TIKTOK, _UID2)})
"""Platforms by name."""

"""Accounts: what shops, newspapers, forums and a CRM wrote down about people, with the faults that such data has.

Typos (insertion, deletion, substitution, transposition), nicknames, initials, swapped name fields, other notations, missing
and null-like values, changed and shared e-mail addresses, former homes. One person may have several accounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from graph.synth.draw import Floats, Ints, column, generator, hex_ids, instants, weighted
from graph.synth.parameters import Population
from graph.synth.people import People
from graph.synth.records import Record

__all__ = ["NULL_LIKES", "SOURCES", "Accounts", "make_accounts"]

SOURCES = ("shop", "news", "crm", "forum")
NULL_LIKES = ("null", "n/a", "-", "none", "test@test.com", "unknown")
_NULL_PHONES = ("0000000000", "n/a", "1234567890", "-")
# Probability that a source asks for a field at all: shop, news, crm, forum.
_ASKED = {
    "email": (0.98, 0.97, 0.70, 0.95),
    "phone": (0.60, 0.08, 0.85, 0.02),
    "name": (0.98, 0.55, 1.00, 0.15),
    "birth_date": (0.25, 0.20, 0.85, 0.10),
    "gender": (0.30, 0.25, 0.80, 0.15),
    "address": (0.95, 0.05, 0.80, 0.01),
}


@dataclass(frozen=True)
class Accounts:
    """Accounts ordered by person."""

    ids: pa.Array
    person: Ints
    first: Ints  # person → first account
    last: Ints
    created: Floats  # seconds since 1970
    table: pa.Table

    def __len__(self) -> int:
        return len(self.person)


class _Draws:
    """A stream of uniform numbers, drawn in blocks: NumPy's scalar calls are slow."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._block, self._at = rng, rng.random(1 << 16).tolist(), 0

    def __call__(self) -> float:
        if self._at == len(self._block):
            self._block, self._at = self._rng.random(1 << 16).tolist(), 0
        self._at += 1
        return float(self._block[self._at - 1])

    def below(self, n: int) -> int:
        return int(self() * n)


def make_accounts(parameters: Population, people: People, records: list[Record]) -> Accounts:
    """Draw accounts and what each of them says."""
    rng = generator(parameters.seed, "accounts")
    n = len(people)
    has = rng.random(n) < parameters.account_share
    count = np.where(has, weighted(rng, (0.6, 0.3, 0.1), n) + 1, 0)
    person = np.repeat(np.arange(n), count)
    ids = np.arange(n)
    source = weighted(rng, (0.35, 0.3, 0.2, 0.15), len(person))
    start = parameters.start_seconds
    created = start - rng.exponential(400 * 86_400, len(person)) + rng.random(len(person)) * 20 * 86_400
    draw = _Draws(rng)
    rows = [_row(records[p], int(s), draw, parameters.typo_share) for p, s in zip(person, source, strict=True)]
    account_ids = hex_ids(rng, "a", len(person), 14)
    table = pa.table(
        {
            "account_id": account_ids,
            "source": column(SOURCES, source),
            **{name: pa.array([r.get(name) for r in rows], pa.string()) for name in _COLUMNS},
            "created_at": instants(created),
            "loyalty_tier": column(("basic", "silver", "gold"), np.where(source == 0, rng.integers(-1, 3, len(person)), -1)),
        }
    ).take(pa.array(rng.permutation(len(person))))
    first, last = np.searchsorted(person, ids), np.searchsorted(person, ids, side="right")
    return Accounts(account_ids, person, first.astype(np.int64), last.astype(np.int64), created, table)


_COLUMNS = (
    "email", "phone", "given_name", "family_name", "birth_date", "gender", "street", "city", "postcode", "region", "country",
)  # fmt: skip


def _row(record: Record, source: int, draw: _Draws, typo_share: float) -> dict[str, Any]:
    row: dict[str, Any] = {"country": record.homes[0][4]}
    if draw() < _ASKED["email"][source]:
        row["email"] = _email(record, draw, typo_share)
    if draw() < _ASKED["phone"][source]:
        row["phone"] = _phone(record, draw)
    if draw() < _ASKED["name"][source]:
        row["given_name"], row["family_name"] = _name(record, draw, typo_share)
    if draw() < _ASKED["birth_date"][source]:
        row["birth_date"] = _birth(record, draw)
    if draw() < _ASKED["gender"][source]:
        row["gender"] = (("F", "female", "f", "Woman") if record.female else ("M", "male", "m", "Man"))[draw.below(4)]
    if draw() < _ASKED["address"][source]:
        street, row["city"], row["postcode"], row["region"], _ = record.homes[draw.below(len(record.homes))]
        words = street.rsplit(" ", 1)
        if "|" in words[-1]:
            forms = words[-1].split("|")
            street = f"{words[0]} {forms[0] if draw() < 0.6 else forms[draw.below(len(forms))]}"
        row["street"] = _typo(street, draw) if draw() < typo_share else street
        if draw() < typo_share:
            row["city"] = _typo(row["city"], draw)
        if draw() < 0.04:
            row["postcode"] = None
    return row


def _email(record: Record, draw: _Draws, typo_share: float) -> str:
    chance = draw()
    if chance < 0.03:
        return NULL_LIKES[draw.below(len(NULL_LIKES))]
    if record.shared_email and chance < 0.55:
        email = record.shared_email
    else:
        email = record.emails[0] if draw() < 0.75 else record.emails[1]
    local, domain = email.split("@")
    if draw() < typo_share / 2:
        local = _typo(local, draw)
    if draw() < 0.03:
        local += "+" + SOURCES[draw.below(len(SOURCES))]
    email = f"{local}@{domain}"
    chance = draw()
    return email.upper() if chance < 0.03 else email.capitalize() if chance < 0.1 else f" {email}" if chance < 0.13 else email


def _phone(record: Record, draw: _Draws) -> str | None:
    if draw() < 0.04:
        return _NULL_PHONES[draw.below(len(_NULL_PHONES))]
    number = record.landline if record.landline and (record.phone is None or draw() < 0.35) else record.phone
    if number is None:
        return None
    code = record.calling_code
    national = number if code == "1" else f"0{number}"
    forms = (
        f"+{code}{number}",
        f"+{code} {number[:3]} {number[3:6]} {number[6:]}",
        f"{'0011' if code == '61' else '00'}{code}{number}" if code != "1" else f"1-{number[:3]}-{number[3:6]}-{number[6:]}",
        national,
        f"{national[:4]} {national[4:]}" if code != "1" else f"({number[:3]}) {number[3:6]}-{number[6:]}",
    )
    return forms[draw.below(len(forms))]


def _name(record: Record, draw: _Draws, typo_share: float) -> tuple[str | None, str | None]:
    given, family = record.given, record.family
    chance = draw()
    if record.latin and chance < 0.3:
        given, family = record.latin
    elif record.nicknames and chance < 0.14:
        given = record.nicknames[draw.below(len(record.nicknames))]
    elif not record.latin and chance < 0.18:
        given = f"{given[0]}."
    if draw() < typo_share:
        given = _typo(given, draw)
    if draw() < typo_share:
        family = _typo(family, draw)
    chance = draw()
    if chance < 0.03:
        return family, given
    if chance < 0.05:
        return None, family
    case = draw()
    if case < 0.05:
        return given.upper(), family.upper()
    return (given.lower(), family.lower()) if case < 0.1 else (given, family)


def _birth(record: Record, draw: _Draws) -> str:
    chance, birth = draw(), record.birth
    if chance < 0.02:
        return ("1900-01-01", "0000-00-00", "1970-01-01")[draw.below(3)]
    if chance < 0.05 and birth.day <= 12:
        birth = birth.replace(month=birth.day, day=birth.month)
    elif chance < 0.08:
        birth += timedelta(days=draw.below(21) - 10)
    return birth.strftime("%Y%m%d") if chance > 0.95 else birth.isoformat()


def _typo(text: str, draw: _Draws) -> str:
    if len(text) < 3:
        return text
    at = 1 + draw.below(len(text) - 2)
    kind = draw.below(4)
    if kind == 0:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    letter = "abcdefghijklmnopqrstuvwxyz"[draw.below(26)] if text.isascii() else text[draw.below(len(text))]
    return text[:at] + letter + text[at + (kind == 2) :]

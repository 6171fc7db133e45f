"""One fused record of a person: each attribute of the members by survivorship rules, its source kept, conflicts listed.

In: a connection with the views `accounts` and `devices`, the members of one person. Out: a `Profile`. Of the different values of
an attribute one survives (the rules of master data management; Berson and Dubov 2011), by criteria in this order:

1. the most trusted source, where an order of sources is given
2. the attribute's rule: most frequent, most recent, longest
3. the other two of these rules, then the smallest value, so that the result is a function of the members alone

Values that differ in case, accents, spaces and punctuation are one value, written as its best single row has it. The defaults:
what does not change in a life (birth date, gender) goes by frequency, since a typing error stands alone; what changes (e-mail,
phone, address, family name) by recency; given names by frequency, then length, since nicknames are shorter. An address survives
as a whole, from one row: a street of one home with the postcode of another is no address. Unknown columns, the JSON object
`_traits`, go by recency. A conflict is a losing value that is no spelling of the winner: one that more than a third of the
letters tell apart, or any other for dates, e-mails, numbers and gender. What a person's devices are (`device.…`) differs between
devices by nature, and is no conflict.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import duckdb
import pyarrow as pa
from rapidfuzz.distance import OSA

from graph.errors import InputError
from graph.tables import LINEAGE, TABLES, TIME

__all__ = ["Attribute", "Candidate", "Conflict", "Profile", "ProfileRules", "profile"]

Rule = Literal["frequent", "recent", "longest"]
Member = tuple[str, str]
"""Kind and id."""

_ADDRESS = ("street", "postcode", "city", "region", "country")
_EXACT = ("birth_date", "email", "phone", "gender", "language", "timezone")


@dataclass(frozen=True)
class ProfileRules:
    """Which rule comes first for an attribute. `address` stands for its five columns together."""

    rules: Mapping[str, Rule] = field(
        default_factory=lambda: {
            "given_name": "frequent",
            "family_name": "recent",
            "birth_date": "frequent",
            "gender": "frequent",
            "email": "recent",
            "phone": "recent",
            "address": "recent",
            "kind": "frequent",
            "os": "recent",
            "browser": "recent",
            "language": "frequent",
            "timezone": "frequent",
        }
    )
    other: Rule = "recent"
    spelling: float = 1 / 3
    """Share of letters to edit up to which two texts are spellings of one."""


@dataclass(frozen=True)
class Candidate:
    """A value as one member's row gives it. `at`: when that row was made or last brought; None where nothing dates it."""

    value: Any
    member: Member
    source: str
    at: datetime | None


@dataclass(frozen=True)
class Conflict:
    """A value that did not survive, and all rows that give it."""

    value: Any
    given_by: tuple[Candidate, ...]


@dataclass(frozen=True)
class Attribute:
    """The surviving value, the row it is from, how many rows agree, the rule that decided, and what contradicts it."""

    name: str
    value: Any
    member: Member
    source: str
    at: datetime | None
    support: int
    decided_by: str
    conflicts: tuple[Conflict, ...] = ()


@dataclass(frozen=True)
class Profile:
    """Attributes by name, in order of the name; an account's are under their column, a device's under `device.` and column where
    they describe the device and not its owner."""

    members: tuple[Member, ...]
    attributes: Mapping[str, Attribute]

    def values(self) -> dict[str, Any]:
        """The fused record."""
        return {name: a.value for name, a in self.attributes.items()}


def profile(
    connection: duckdb.DuckDBPyConnection,
    members: Sequence[Member],
    *,
    trust: Sequence[str] = (),
    rules: ProfileRules | None = None,
) -> Profile:
    """Fuse the records of `members`. `trust`: sources (of accounts, or names of source folders), the most trusted first; others
    come after them. Members without a record say nothing. Raises InputError for an unknown kind of member."""
    rules = rules or ProfileRules()
    unknown = sorted({kind for kind, _ in members} - {"account", "device"})
    if unknown:
        raise InputError(f"{unknown[0]!r} is no kind of member; use account or device")
    found: dict[str, list[Candidate]] = {}
    for kind in ("account", "device"):
        ids = sorted({id_ for k, id_ in members if k == kind})
        for row in _rows(connection, kind, ids) if ids else ():
            for name, value in _attributes(kind, row):
                source = str(row.get("source") or row["_source"] or "")
                at = row["_as_of"] or row.get("created_at") or row.get("first_seen")
                found.setdefault(name, []).append(Candidate(value, (kind, row[f"{kind}_id"]), source, at))
    attributes: dict[str, Attribute] = {}
    for name in sorted(found):
        fused = _fuse(name, found[name], trust, rules)
        if name == "address":
            attributes |= _address(fused, rules.spelling)
        else:
            attributes[name] = fused
    return Profile(tuple(sorted(set(members))), dict(sorted(attributes.items())))


def _rows(connection: duckdb.DuckDBPyConnection, kind: str, ids: list[str]) -> list[dict[str, Any]]:
    key = f"{kind}_id"
    times = {name for name, type_ in (TABLES[f"{kind}s"].columns | LINEAGE).items() if type_ == TIME}
    found: pa.Table = connection.sql(
        f"SELECT * FROM {kind}s WHERE {key} IN (SELECT unnest($ids::VARCHAR[])) ORDER BY {key}", params={"ids": ids}
    ).to_arrow_table()
    for name in times & set(found.column_names):
        found = found.set_column(found.column_names.index(name), name, found[name].cast(TIME))
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def _attributes(kind: str, row: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Name and value of everything that a row says about the person."""
    aside = {f"{kind}_id", "source", "created_at", "first_seen", "user_agent", *_ADDRESS}
    prefix = "" if kind == "account" else "device."
    owner = ("language", "timezone")
    for name in TABLES[f"{kind}s"].columns:
        if name not in aside and row[name] is not None:
            yield (name if name in owner else prefix + name), row[name]
    if kind == "account" and (row["street"] or row["postcode"] or row["city"]):
        yield "address", tuple(row[name] for name in _ADDRESS)
    for name, value in json.loads(row["_traits"] or "{}").items():
        if value not in (None, "", [], {}):
            yield prefix + name, value


def _plain(value: Any) -> str:
    """A value without case, accents, spaces and punctuation: spellings that are one value."""
    if not isinstance(value, str):
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str).casefold()
    letters = unicodedata.normalize("NFKD", value.casefold())
    return "".join(c for c in letters if c.isalnum()) or value


def _fuse(name: str, candidates: Sequence[Candidate], trust: Sequence[str], rules: ProfileRules) -> Attribute:
    """The surviving one of the candidates. All criteria are compared so that the greatest wins."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(_plain(candidate.value), []).append(candidate)
    rank = {source: len(trust) - place for place, source in enumerate(trust)}
    first = rules.rules.get(name.removeprefix("device."), rules.other)
    order: list[str] = ["trusted", first, *(r for r in ("frequent", "recent", "longest") if r != first)]

    def worth(plain: str) -> dict[str, float]:
        group = groups[plain]
        return {
            "trusted": max(rank.get(c.source, 0) for c in group),
            "frequent": len(group),
            "recent": max(_seconds(c.at) for c in group),
            "longest": len(plain),
        }

    values = {plain: worth(plain) for plain in groups}
    ordered = sorted(groups, key=lambda p: (*(-values[p][r] for r in order), p))
    best = ordered[0]
    decided = "only value"
    if len(ordered) > 1:
        decided = next((r for r in order if values[best][r] != values[ordered[1]][r]), "smallest")
    row = min(groups[best], key=lambda c: (-rank.get(c.source, 0), -_seconds(c.at), str(c.value), c.member))
    conflicts = tuple(
        Conflict(groups[p][0].value, tuple(sorted(groups[p], key=lambda c: (c.member, c.source))))
        for p in ordered[1:]
        if not name.startswith("device.") and (name == "address" or not _spelling(name, best, p, rules.spelling))
    )
    return Attribute(name, row.value, row.member, row.source, row.at, len(groups[best]), decided, conflicts)


def _spelling(name: str, one: str, other: str, share: float) -> bool:
    """Whether two plain values are spellings of one; a house number has none."""
    if one == other:
        return True
    if name in _EXACT or [c for c in one if c.isdigit()] != [c for c in other if c.isdigit()]:
        return False
    return bool(OSA.distance(one, other) <= share * max(len(one), len(other)))


def _seconds(at: datetime | None) -> float:
    return float("-inf") if at is None else at.timestamp()


def _address(whole: Attribute, spelling: float) -> dict[str, Attribute]:
    """The columns of the surviving address. Another address is a conflict in each column that it contradicts."""
    found: dict[str, Attribute] = {}
    for place, name in enumerate(_ADDRESS):
        value = whole.value[place]
        if value is None:
            continue
        conflicts = tuple(
            Conflict(c.value[place], c.given_by)
            for c in whole.conflicts
            if c.value[place] is not None and not _spelling(name, _plain(value), _plain(c.value[place]), spelling)
        )
        found[name] = Attribute(name, value, whole.member, whole.source, whole.at, whole.support, whole.decided_by, conflicts)
    return found

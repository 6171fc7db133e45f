"""Accounts of people who have nothing in common, so that a small lake holds more than the few accounts that a test is about."""

from __future__ import annotations

from typing import Any

__all__ = ["strangers"]

_COLUMNS = ("account_id", "given_name", "family_name", "birth_date", "email", "phone")
_ROWS = (
    ("s1", "Greta", "Waldmann", "1955-05-09", "greta.w@mail.org", "+4930811234"),
    ("s2", "Hanno", "Berger", "1961-07-15", "post61@home.net", "+33145678123"),
    ("s3", "Ines", "Feldkamp", "1999-12-31", "feldkamp@works.info", "+12025550149"),
)


def strangers(*columns: str) -> list[dict[str, Any]]:
    """Three accounts; with these columns only, where any are named."""
    wanted = {"account_id", *(columns or _COLUMNS)}
    return [{c: v for c, v in zip(_COLUMNS, row, strict=True) if c in wanted} for row in _ROWS]

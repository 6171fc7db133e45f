"""Opaque cursors: the place after which the next page starts, in URL-safe base64. They hold no personal data."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from api.http.errors import Problem, ProblemError

__all__ = ["read_offset_cursor", "read_text_cursor", "write_cursor"]

_BAD = Problem("invalid-cursor", 422, "Invalid request", "This cursor is not one that this operation gave.")


def write_cursor(place: str | int) -> str:
    """The cursor of a place."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def read_text_cursor(cursor: str | None) -> str | None:
    """The text that a cursor stands for; None for no cursor. Raises the 422 for one that is not of this operation."""
    place = _read(cursor)
    if place is not None and not isinstance(place, str):
        raise ProblemError(_BAD)
    return place


def read_offset_cursor(cursor: str | None) -> int:
    """The number of rows that a cursor stands for; 0 for no cursor. Raises the 422 for one that is not of this operation."""
    place = _read(cursor)
    if place is None:
        return 0
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < 2**53:
        raise ProblemError(_BAD)
    return place


def _read(cursor: str | None) -> Any:
    if cursor is None:
        return None
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise ProblemError(_BAD) from None
    if place is None:
        raise ProblemError(_BAD)
    return place

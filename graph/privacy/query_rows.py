"""Rows of a named query, for a tenant: about one person, or about nobody.

In: rows and what each column holds. Out: the rows with their declared columns, and the people they name. Columns that nobody has
declared are dropped, so that a query which grows a column does not leak it. Counts of people are rounded, and a ratio of such
counts, which would give the exact one back, is withheld.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from enum import StrEnum
from typing import Any

from graph.privacy.consent import Consents

__all__ = ["Column", "people_named", "shown", "without_tags"]

Rows = Sequence[Mapping[str, Any]]


class Column(StrEnum):
    """What a column of a query holds."""

    PERSON = "person"
    DEVICE = "device"
    ACCOUNT = "account"
    PEOPLE = "people"  # a count of people, or of what people did
    RATIO = "ratio"  # a quotient of such counts
    TAG = "tag"  # a tag's id or name
    AUDIENCE = "audience"  # an audience's id
    PLAIN = "plain"  # nothing about anybody but those whom the row names


def people_named(rows: Rows, columns: Mapping[str, Column], consents: Consents) -> set[str | None]:
    """Persons whom the rows name, by their own id or by a device's or account's; None for a device or account of nobody known."""
    found: set[str | None] = set()
    for name, column in columns.items():
        values = {str(row[name]) for row in rows if row.get(name) is not None}
        if column is Column.PERSON:
            found |= values
        elif column in (Column.DEVICE, Column.ACCOUNT):
            found |= {consents.person_of(column.value, value) for value in values}
    return found


def without_tags(rows: Rows, columns: Mapping[str, Column], tags: Container[str]) -> Rows:
    """The rows that name none of these tags."""
    named = [name for name, column in columns.items() if column is Column.TAG]
    return [row for row in rows if not any(row.get(name) in tags for name in named)]


def shown(rows: Rows, columns: Mapping[str, Column], least: int, step: int, *, named: bool) -> tuple[dict[str, Any], ...]:
    """The declared columns, counts of people rounded down to a multiple of `step`, None under `least`. A row all of whose counts
    are under it is left out, since its being there counts too, unless the rows are about somebody `named`."""
    counted = [name for name, column in columns.items() if column is Column.PEOPLE]
    told = ({name: _value(row.get(name), column, least, step) for name, column in columns.items()} for row in rows)
    return tuple(row for row in told if named or not counted or any(row[name] is not None for name in counted))


def _value(value: Any, column: Column, least: int, step: int) -> Any:
    if column is Column.RATIO:
        return None
    if column is not Column.PEOPLE:
        return value
    return value - value % step if isinstance(value, int) and value >= least else None

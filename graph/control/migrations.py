"""From the tables of an earlier version to those of this one, inside the transaction that opens the store: all or nothing.

In: a store whose missing tables were made already, and its version. Out: missing columns, and the rows that the new tables
should have had. Each step leaves alone what is as it should be.
"""

from __future__ import annotations

from sqlalchemy import inspect, select, text
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateColumn

from graph.control.audience_members import seeds_as_bytes
from graph.control.models import AudienceDefinitionRow, AudienceRow, AudienceVersionRow, Base

__all__ = ["migrate"]


def migrate(session: Session, found: int) -> None:
    """Bring a store of version `found` up to date."""
    _add_columns(session)
    if found < 2:
        _keep_versions_of_audiences(session)


def _add_columns(session: Session) -> None:
    """Columns that tables of an earlier version lack: nullable, or with a default of the database."""
    connection = session.connection()
    known = inspect(connection)
    quote = connection.dialect.identifier_preparer.format_table
    for table in Base.metadata.sorted_tables:
        there = {column["name"] for column in known.get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                made = CreateColumn(column).compile(dialect=connection.dialect)
                session.execute(text(f"ALTER TABLE {quote(table)} ADD COLUMN {made}"))


def _keep_versions_of_audiences(session: Session) -> None:
    """Until version 1 an audience had one definition, seeds as `kind:id` texts in it, and its current members only, which the
    graph was given when they were written."""
    numbered = select(AudienceDefinitionRow.audience_id)
    for row in session.scalars(select(AudienceRow).where(AudienceRow.audience_id.not_in(numbered))).all():
        definition = dict(row.definition)
        listed = definition.get("seeds")
        seeds = None
        if isinstance(listed, list) and all(isinstance(seed, str) and ":" in seed for seed in listed):
            del definition["seeds"]
            parts = [seed.partition(":") for seed in listed]
            seeds = seeds_as_bytes([kind for kind, _, _ in parts], [subject for _, _, subject in parts])
        row.definition, row.definition_number, row.published = definition, 1, row.version or None
        session.add(
            AudienceDefinitionRow(
                audience_id=row.audience_id, number=1, kind=row.kind, definition=definition, seeds=seeds, at=row.created_at
            )
        )
        if row.version:
            session.add(
                AudienceVersionRow(
                    audience_id=row.audience_id, version=row.version, definition_number=1, at=row.updated_at, size=row.size
                )
            )
    session.flush()

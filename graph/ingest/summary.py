"""What an ingest did, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["IngestSummary", "TableSummary"]


@dataclass(frozen=True)
class TableSummary:
    """One table. `read` is the sum of the others; `updated` are rows of keys known before, `unchanged` those that say what is
    known, `duplicates` repetitions inside one file, `quarantined` counts rows by reason."""

    table: str
    read: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)

    @property
    def rejected(self) -> int:
        """Rows quarantined, for any reason."""
        return sum(self.quarantined.values())

    def plus(self, other: TableSummary) -> TableSummary:
        """Both together."""
        reasons = {r: self.quarantined.get(r, 0) + other.quarantined.get(r, 0) for r in (*self.quarantined, *other.quarantined)}
        return TableSummary(
            self.table,
            self.read + other.read,
            self.added + other.added,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.duplicates + other.duplicates,
            reasons,
        )


@dataclass(frozen=True)
class IngestSummary:
    """One source: its tables that were read, in order, the files that had been taken before and were skipped, and whether the
    lake (quarantine included) has other rows than before."""

    source: str
    tables: tuple[TableSummary, ...]
    skipped: tuple[str, ...]
    changed: bool

    @property
    def read(self) -> int:
        """Rows read."""
        return sum(t.read for t in self.tables)

    @property
    def rejected(self) -> int:
        """Rows quarantined."""
        return sum(t.rejected for t in self.tables)

"""What audience building hands to the graph: the audiences and who is in them. Plain Arrow tables, ids as text."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

__all__ = ["AUDIENCES", "MEMBER_OF", "Audiences"]

AUDIENCES = pa.schema(
    [
        ("audience_id", pa.string()),
        ("name", pa.string()),
        ("kind", pa.string()),  # rule or lookalike
        ("size", pa.int64()),
        ("version", pa.int64()),
    ]
)
MEMBER_OF = pa.schema([("person_id", pa.string()), ("audience_id", pa.string())])


@dataclass(frozen=True)
class Audiences:
    """Each table has the schema of the same name above."""

    audiences: pa.Table = field(default_factory=AUDIENCES.empty_table)
    member_of: pa.Table = field(default_factory=MEMBER_OF.empty_table)

"""What interest learning hands to the graph: tags, what contents are about, and what persons are interested in.

Plain Arrow tables with the schemas below. Empty tables are fine; `Interests()` says nothing at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from graph.tables import TIME

__all__ = ["ABOUT", "INTERESTED_IN", "TAGS", "Interests"]

TAGS = pa.schema(
    [
        ("tag_id", pa.string()),  # for tags of `labels` and content categories: the tag's string itself
        ("name", pa.string()),
        ("taxonomy", pa.string()),  # labels, category, iab-audience-1.1, iab-content-3.1 or the name of one's own file
        ("sensitive", pa.bool_()),
        ("parent_id", pa.string()),  # tag_id of the parent, null for a root
    ]
)
ABOUT = pa.schema([("content_id", pa.string()), ("tag_id", pa.string()), ("score", pa.float64())])
INTERESTED_IN = pa.schema(
    [
        ("person_id", pa.string()),
        ("tag_id", pa.string()),
        ("probability", pa.float64()),
        ("model", pa.string()),  # model version
        ("at", TIME),  # as-of time of the model's input
    ]
)


@dataclass(frozen=True)
class Interests:
    """Each table has the schema of the same name above. Only the twenty most probable tags of a person reach the graph."""

    tags: pa.Table = field(default_factory=TAGS.empty_table)
    about: pa.Table = field(default_factory=ABOUT.empty_table)
    interested_in: pa.Table = field(default_factory=INTERESTED_IN.empty_table)

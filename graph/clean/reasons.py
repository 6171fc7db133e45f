"""Why a row is unusable: the texts that the quarantine table holds. The first reason found is the one given."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from graph.clean.kinds import kind_of
from graph.clean.text import as_text
from graph.tables import InputTable

__all__ = ["reasons"]

_UNUSABLE = {
    "id": "is no usable id",
    "time": "is no time between 1970 and 2100",
    "subject_kind": "is neither device nor account",
    "end_kind": "is neither device nor account",
    "tag": "is no usable tag",
}


def reasons(table: InputTable, raw: Mapping[str, pa.Array], clean: Mapping[str, pa.Array], rows: int) -> pa.Array:
    """A reason per row, null where the row is good."""
    why = pa.nulls(rows, pa.string())
    for column in table.required:
        if column not in clean:
            return pa.repeat(pa.scalar(f"{column} is missing"), rows)
        bad = pc.is_null(clean[column])
        if not pc.any(bad).as_py():
            continue
        blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(as_text(raw[column])), ""), True)
        unusable = f"{column} {_UNUSABLE.get(kind_of(table.name, column), 'is not usable')}"
        told = pc.if_else(blank, f"{column} is missing", unusable)
        why = pc.coalesce(why, pc.if_else(bad, told, pa.scalar(None, pa.string())))
    if table.one_of:
        neither = pa.repeat(True, rows)
        for column in table.one_of:
            if column in clean:
                neither = pc.and_(neither, pc.is_null(clean[column]))
        text = f"no usable {' or '.join(table.one_of)}"
        why = pc.coalesce(why, pc.if_else(neither, pa.scalar(text), pa.scalar(None, pa.string())))
    return why

"""The input tables (what a source may hold) and the lake tables (what ingest makes of them).

A lake table has the input table's known columns, cleaned and typed, plus lineage columns that start with an underscore.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

__all__ = ["LAKE_TABLES", "LINEAGE", "QUARANTINE", "TABLES", "TIME", "InputTable", "lake_schema"]

TIME = pa.timestamp("us", tz="UTC")
_TEXT = pa.string()
_REAL = pa.float64()
_LIST = pa.list_(pa.string())


@dataclass(frozen=True)
class InputTable:
    """One input table: `key` columns identify a row; a row without a usable `required` column is quarantined;
    `one_of` lists columns of which at least one must be usable; `derived` are columns that cleaning adds."""

    name: str
    key: tuple[str, ...]
    required: tuple[str, ...]
    columns: dict[str, pa.DataType]
    one_of: tuple[str, ...] = ()
    derived: dict[str, pa.DataType] | None = None


TABLES: dict[str, InputTable] = {
    t.name: t
    for t in (
        InputTable(
            "events",
            ("event_id",),
            ("event_id", "at"),
            {
                "event_id": _TEXT,
                "at": TIME,
                "device_id": _TEXT,
                "account_id": _TEXT,
                "type": _TEXT,
                "content_id": _TEXT,
                "ip": _TEXT,
                "url": _TEXT,
                "title": _TEXT,
                "text": _TEXT,
                "referrer": _TEXT,
                "user_agent": _TEXT,
                "timezone": _TEXT,
                "weight": _REAL,
                "value": _REAL,
                "currency": _TEXT,
                "properties": _TEXT,  # JSON text
            },
            one_of=("device_id", "account_id"),
            derived={"bot": pa.bool_()},
        ),
        InputTable(
            "devices",
            ("device_id",),
            ("device_id",),
            {
                "device_id": _TEXT,
                "kind": _TEXT,
                "os": _TEXT,
                "browser": _TEXT,
                "user_agent": _TEXT,
                "advertising_id": _TEXT,
                "language": _TEXT,
                "timezone": _TEXT,
                "first_seen": TIME,
            },
            derived={"bot": pa.bool_()},
        ),
        InputTable(
            "accounts",
            ("account_id",),
            ("account_id",),
            {
                "account_id": _TEXT,
                "source": _TEXT,
                "email": _TEXT,
                "phone": _TEXT,
                "given_name": _TEXT,
                "family_name": _TEXT,
                "birth_date": _TEXT,  # ISO date
                "gender": _TEXT,
                "street": _TEXT,
                "city": _TEXT,
                "postcode": _TEXT,
                "region": _TEXT,
                "country": _TEXT,
                "created_at": TIME,
            },
        ),
        InputTable(
            "contents",
            ("content_id",),
            ("content_id",),
            {
                "content_id": _TEXT,
                "title": _TEXT,
                "text": _TEXT,
                "category": _LIST,
                "url": _TEXT,
                "lang": _TEXT,
            },
        ),
        InputTable(
            "relations",
            ("from_kind", "from_id", "to_kind", "to_id", "type"),
            ("from_kind", "from_id", "to_kind", "to_id", "type"),
            {
                "from_kind": _TEXT,
                "from_id": _TEXT,
                "to_kind": _TEXT,
                "to_id": _TEXT,
                "type": _TEXT,
                "weight": _REAL,
                "at": TIME,
            },
        ),
        InputTable(
            "labels",
            ("subject_kind", "subject_id", "tag"),
            ("subject_kind", "subject_id", "tag"),
            {
                "subject_kind": _TEXT,
                "subject_id": _TEXT,
                "tag": _TEXT,
                "value": _REAL,
                "at": TIME,
            },
        ),
        InputTable(
            "consents",
            ("subject_kind", "subject_id", "at"),
            ("subject_kind", "subject_id"),
            {
                "subject_kind": _TEXT,
                "subject_id": _TEXT,
                "purposes": _LIST,  # TCF purpose numbers as text
                "tc_string": _TEXT,
                "gpp_string": _TEXT,
                "gpc": pa.bool_(),
                "at": TIME,
            },
        ),
    )
}

LINEAGE: dict[str, pa.DataType] = {
    "_source": _TEXT,  # name of the source folder
    "_row": pa.int64(),  # number of the row in its file, from 1
    "_as_of": TIME,  # time of the latest tracking call that the row reflects, null for rows of table files
    "_batch": pa.int64(),  # number of the commit that brought the row; a later batch's row supersedes an earlier one's
    "_traits": _TEXT,  # JSON object of the unknown columns, null when there are none
    "_raw": _TEXT,  # JSON object of raw values that cleaning could not use, null when there are none
}


QUARANTINE: dict[str, pa.DataType] = {
    "table": _TEXT,  # input table, or `segment` for a tracking call that maps to none
    "file": _TEXT,  # name of the file in its source folder
    "row": pa.int64(),  # number of the row in its file, from 1, the header not counted
    "reason": _TEXT,
    "raw": _TEXT,  # JSON object of the row as it came, or JSON text of the line that could not be read
    "_source": _TEXT,
    "_batch": pa.int64(),
}

LAKE_TABLES: tuple[str, ...] = (*TABLES, "quarantine")


def lake_schema(name: str) -> pa.Schema:
    """Arrow schema of a lake table: known, derived, lineage columns; of `quarantine` its own."""
    if name == "quarantine":
        return pa.schema(list(QUARANTINE.items()))
    table = TABLES[name]
    return pa.schema([*table.columns.items(), *(table.derived or {}).items(), *LINEAGE.items()])

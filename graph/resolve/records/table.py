"""The records of the lake's accounts: what of each can be compared.

In: a connection with the view `accounts` (`graph.tables`). Out: a table of texts with `account_id`, the known columns, and a
column for each member of the accounts' `_traits`; where cleaning could not use a value, as it came (`_raw`), since a birth date
with a typing error is still a birth date. Not taken: `source`, `created_at`, which describe the row and not the person, and
members whose name is that of a known column.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from graph.resolve.null_like import NULL_LIKE
from graph.tables import TABLES

__all__ = ["KNOWN_COLUMNS", "records_table"]

_NOT_COMPARED = frozenset({"account_id", "source", "created_at"})
KNOWN_COLUMNS = tuple(name for name in TABLES["accounts"].columns if name not in _NOT_COMPARED)
_CONTACTS = ("email", "phone")
"""What cleaning refused of these is no address and no number; nor is what stands for no value."""
_MOST_TRAITS = 60
"""Traits compared, at most: those that most accounts have."""


def records_table(connection: duckdb.DuckDBPyConnection, where: str = "true") -> pa.Table:
    """The table, ordered by account id; `where`: a condition over the view, not of user input."""
    traits = [
        str(name)
        for name, _ in connection.execute(
            f"SELECT name, count(*) AS number FROM (SELECT unnest(json_keys(_traits)) AS name FROM accounts WHERE {where} "
            "AND _traits IS NOT NULL) GROUP BY name ORDER BY number DESC, name"
        ).fetchall()
        if name not in TABLES["accounts"].columns and not str(name).startswith("_")
    ][:_MOST_TRAITS]
    known = [
        f"CASE WHEN NOT regexp_matches(lower({column}), '{NULL_LIKE}') THEN {column} END AS {column}"
        if column in _CONTACTS
        else f"coalesce({column}::VARCHAR, json_extract_string(_raw, '$.{column}')) AS {column}"
        for column in KNOWN_COLUMNS
    ]
    unknown = [f"json_extract_string(_traits, {_path(name)}) AS {_quoted(name)}" for name in sorted(traits)]
    columns = ", ".join(["account_id", *known, *unknown])
    table = connection.sql(f"SELECT {columns} FROM accounts WHERE {where} ORDER BY account_id").to_arrow_table()
    return table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _path(name: str) -> str:
    """A JSON path to a member of any name, as an SQL text."""
    member = name.replace("\\", "\\\\").replace('"', '\\"').replace("'", "''")
    return f"'$.\"{member}\"'"

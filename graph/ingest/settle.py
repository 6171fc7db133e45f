"""Staged rows against each other and against the lake: what is new, what updates, what repeats, what conflicts.

In: one staged file, and the files of its table that come before it. Out: at most two files, of rows with new keys and of rows
that supersede earlier ones, ready to be committed; counts; and the conflicts (one key, two contents in one file), which go to
quarantine. Content is the known columns, traits and raw values; the other lineage tells rows of one content not apart.

Work is proportional to what repeats: keys are compared by hash first, and a file without repetitions is taken as it is. DuckDB
spills to disk beyond its memory limit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from graph.database import connect
from graph.json_text import json_text
from graph.lake import DataFile, latest, scan
from graph.tables import TABLES, lake_schema

__all__ = ["Settled", "Settler"]

_LINEAGE = ("_source", "_row", "_batch", "_as_of")


@dataclass
class Settled:
    """Files to commit with their rows, `fresh` with new keys only; counts; conflicts as (row number, JSON)."""

    fresh: tuple[Path, int] | None = None
    updated: tuple[Path, int] | None = None
    added: int = 0
    superseding: int = 0
    unchanged: int = 0
    duplicates: int = 0
    conflicts: list[tuple[int, str]] = field(default_factory=list)


class Settler:
    """Compares with DuckDB, in bounded memory; `folder` takes its files."""

    def __init__(self, folder: Path, memory_limit: str = "600MB") -> None:
        self._folder = folder
        self._connection = connect(memory_limit=memory_limit, temp_directory=str(folder / "spill"))

    def close(self) -> None:
        """Release memory and spilled files."""
        self._connection.close()

    def rows(self, name: str, staged: Path, rows: int, known: Sequence[DataFile], *, merge: bool = False) -> Settled:
        """Settle a staged file of `rows` rows. With `merge`, rows of one key merge, later over earlier, and do not conflict."""
        keys = [f'"{k}"' for k in TABLES[name].key]
        new = f"(SELECT *, hash({', '.join(keys)}) AS h FROM {scan([staged])})"
        self._table("suspects", f"SELECT h FROM {new} GROUP BY h HAVING count(*) > 1")
        if known:
            old = f"SELECT hash({', '.join(keys)}) FROM {scan([f.path for f in known])}"
            self._run(f"INSERT INTO suspects SELECT DISTINCT h FROM {new} WHERE h IN ({old}) EXCEPT FROM suspects")
        if not self._count("suspects"):
            return Settled((staged, rows), added=rows)
        order = '"_as_of" NULLS FIRST, "_row"' if merge else '"_row"'
        self._table(
            "candidates",
            f"SELECT * EXCLUDE (h), row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY {order}) AS nth "
            f"FROM {new} WHERE h IN (FROM suspects)",
        )
        earlier = latest(name, known)
        self._table("earlier", f"FROM ({earlier}) WHERE hash({', '.join(keys)}) IN (FROM suspects)")
        same_key = " AND ".join(f"a.{k} IS NOT DISTINCT FROM b.{k}" for k in keys)
        settled = Settled()
        if merge:
            self._table("folded", _folded(name, keys))
            self._table("firsts", _merged(name, same_key))
        else:
            self._repeated(name, same_key, settled)
            self._table("firsts", "SELECT * EXCLUDE (nth), 1 AS times FROM candidates WHERE nth = 1")
        self._table(
            "fates",
            f"SELECT a.*, CASE WHEN b._batch IS NULL THEN 'new' WHEN {_equal(name)} THEN 'same' ELSE 'later' END AS fate "
            f"FROM firsts a LEFT JOIN earlier b ON {same_key}",
        )
        fates = self._run("SELECT fate, count(*), sum(times) FROM fates GROUP BY fate").fetchall()
        counts = {fate: (int(count), int(times)) for fate, count, times in fates}
        fresh, fresh_times = counts.get("new", (0, 0))
        plain = rows - self._count("candidates")
        settled.added = plain + fresh
        settled.superseding = counts.get("later", (0, 0))[1] + fresh_times - fresh
        settled.unchanged = counts.get("same", (0, 0))[1]
        columns = ", ".join(f'"{f.name}"' for f in lake_schema(name))
        if settled.added:
            kept = f"SELECT {columns} FROM {new} WHERE h NOT IN (FROM suspects)"
            path = self._copy(staged, "new", f"{kept} UNION ALL (SELECT {columns} FROM fates WHERE fate = 'new' ORDER BY _row)")
            settled.fresh = (path, settled.added)
        if later := counts.get("later", (0, 0))[0]:
            settled.updated = (
                self._copy(staged, "later", f"SELECT {columns} FROM fates WHERE fate = 'later' ORDER BY _row"),
                later,
            )
        return settled

    def quarantine(self, staged: Path, known: Sequence[DataFile]) -> tuple[Path, int] | None:
        """The quarantined rows that are not in quarantine already: same table, file name, row, reason and content."""
        identity = '"table", "file", "row", "reason", "raw"'
        seen = f" EXCEPT SELECT {identity} FROM {scan([f.path for f in known])}" if known else ""
        self._table("unseen", f"SELECT {identity} FROM {scan([staged])}{seen}")
        if not (rows := self._count("unseen")):
            return None
        columns = ", ".join(f'a."{f.name}"' for f in lake_schema("quarantine"))
        lineage = f'(SELECT any_value("_source") AS "_source", any_value("_batch") AS "_batch" FROM {scan([staged])})'
        joined = f"SELECT {columns} FROM (SELECT * FROM unseen, {lineage}) a ORDER BY ALL"
        return self._copy(staged, "new", joined), rows

    def _repeated(self, name: str, same_key: str, settled: Settled) -> None:
        """Rows after the first of their key: duplicates if they say the same, else conflicts."""
        fields = ", ".join(f'"{c}" := a."{c}"' for c in _content(name))
        found = self._run(
            f"SELECT a._row, to_json(struct_pack({fields}))::VARCHAR, {_equal(name)} "
            f"FROM candidates a JOIN candidates b ON {same_key} AND b.nth = 1 WHERE a.nth > 1 ORDER BY a._row"
        )
        while batch := found.fetchmany(10_000):
            for row, raw, equal in batch:
                if equal:
                    settled.duplicates += 1
                else:
                    settled.conflicts.append((row, json_text({k: v for k, v in json.loads(raw).items() if v is not None})))

    def _run(self, sql: str) -> duckdb.DuckDBPyConnection:
        return self._connection.execute(sql)

    def _table(self, name: str, sql: str) -> None:
        self._run(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")

    def _count(self, relation: str) -> int:
        [(count,)] = self._run(f"SELECT count(*) FROM {relation}").fetchall()
        return int(count)

    def _copy(self, staged: Path, what: str, sql: str) -> Path:
        path = staged.with_name(f"{staged.stem}-{what}.parquet")
        quoted = str(path).replace("'", "''")
        self._run(f"COPY ({sql}) TO '{quoted}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)")
        return path


def _content(name: str) -> list[str]:
    return [f.name for f in lake_schema(name) if f.name not in _LINEAGE]


def _equal(name: str) -> str:
    return " AND ".join(f'a."{c}" IS NOT DISTINCT FROM b."{c}"' for c in _content(name))


def _folded(name: str, keys: list[str]) -> str:
    """SQL of one row per key from candidates: of each column the last value there is, objects merged, first seen the first."""
    order = "ORDER BY nth"
    columns = []
    for column in (f.name for f in lake_schema(name) if f'"{f.name}"' not in keys):
        if column in ("_traits", "_raw"):
            listed = f'list("{column}" {order}) FILTER (WHERE "{column}" IS NOT NULL)'
            columns.append(f'list_reduce({listed}, lambda x, y: json_merge_patch(x, y)::VARCHAR) AS "{column}"')
        elif column == "first_seen":
            columns.append("min(first_seen) AS first_seen")
        else:
            columns.append(f'last("{column}" {order}) FILTER (WHERE "{column}" IS NOT NULL) AS "{column}"')
    return f"SELECT {', '.join(keys)}, {', '.join(columns)}, count(*) AS times FROM candidates GROUP BY {', '.join(keys)}"


def _merged(name: str, same_key: str) -> str:
    """SQL of folded rows over the earlier rows of their keys; a call older than what the row reflects only fills gaps."""
    old = "(b._as_of IS NOT NULL AND (a._as_of IS NULL OR a._as_of < b._as_of))"
    columns = []
    for column in (f.name for f in lake_schema(name)):
        a, b = f'a."{column}"', f'b."{column}"'
        if column in ("_source", "_row", "_batch") or column in TABLES[name].key:
            columns.append(a)
        elif column in ("_traits", "_raw"):
            patched = f"CASE WHEN {old} THEN json_merge_patch({a}, {b}) ELSE json_merge_patch({b}, {a}) END::VARCHAR"
            columns.append(f'CASE WHEN {a} IS NULL THEN {b} WHEN {b} IS NULL THEN {a} ELSE {patched} END AS "{column}"')
        elif column == "first_seen":
            columns.append(f"coalesce(least({a}, {b}), {a}, {b}) AS first_seen")
        elif column == "_as_of":
            columns.append(f"coalesce(greatest({a}, {b}), {a}, {b}) AS _as_of")
        else:
            columns.append(f'CASE WHEN {old} THEN coalesce({b}, {a}) ELSE coalesce({a}, {b}) END AS "{column}"')
    return f"SELECT {', '.join(columns)}, a.times FROM folded a LEFT JOIN earlier b ON {same_key}"

"""The lake: cleaned input and quarantine as Delta tables, append-only, the source of truth of a home.

In: Parquet files written in the staging folder. Out: their rows, all at once or not at all, and the latest row of each key
through DuckDB views. Files of the home's `lake/` folder:

<table>/            a Delta table per lake table; its files are `added-…` (keys new at the time) or `updated-…` (keys that may
                    supersede earlier rows), followed by the number of their batch
manifest/           a Delta table with a row per input file taken: digest and counts; written last in every commit
pending.json        a commit under way: a redo log, written before the first table is touched, removed after the last
staging/            files being written; without a redo log they belong to nobody and are removed

A batch is visible once the manifest holds it, so readers see whole commits only, and need no lock. One process writes.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, Schema
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, create_table_with_add_actions

from graph.database import connect
from graph.errors import HomeNotWritable
from graph.files import replace_file
from graph.tables import LAKE_TABLES, TABLES, lake_schema

__all__ = ["MANIFEST", "DataFile", "Lake", "Part", "latest", "writing_to"]

MANIFEST = pa.schema(
    [
        ("digest", pa.string()),  # SHA-256 of table name and content of the file
        ("table", pa.string()),
        ("file", pa.string()),
        ("_source", pa.string()),
        ("_batch", pa.int64()),
        ("counts", pa.string()),  # JSON: rows read, added, updated, unchanged, duplicates, quarantined by reason
    ]
)
_NAME = re.compile(r"(added|updated)-(\d+)-")
_SQL = {pa.string(): "VARCHAR", pa.float64(): "DOUBLE", pa.int64(): "BIGINT", pa.bool_(): "BOOLEAN"}


@dataclass(frozen=True)
class DataFile:
    """A Parquet file of rows. `fresh`: its keys were new when it was written, so it supersedes no row."""

    path: Path
    rows: int
    fresh: bool
    batch: int


@dataclass(frozen=True)
class Part:
    """A file in the staging folder that a commit moves into a table; `digest` tells it from others of its batch."""

    table: str
    staged: str
    rows: int
    fresh: bool
    batch: int
    digest: str

    @property
    def name(self) -> str:
        """File name in the table's folder."""
        return f"{'added' if self.fresh else 'updated'}-{self.batch:08d}-{self.digest[:16]}.parquet"


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Turn what the system says about a full disk or a read-only folder into HomeNotWritable."""
    try:
        yield
    except (OSError, DeltaError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise HomeNotWritable(path, reason) from error


class Lake:
    """The lake in one folder; it need not exist. Reading changes nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    # -- reading ---------------------------------------------------------------------------------------------------------

    def connect(self, memory_limit: str | None = None) -> duckdb.DuckDBPyConnection:
        """A connection in UTC with a view per lake table, of the columns of `lake_schema`: the latest row of each key.

        It sees the lake as it was when it was made. `memory_limit` as DuckDB writes it ("2GB"); larger work spills to the
        system's temporary folder.
        """
        config: dict[str, Any] = {"temp_directory": str(Path(tempfile.gettempdir()) / "tessera-spill")}
        if memory_limit:
            config["memory_limit"] = memory_limit
        connection = connect(**config)
        for name, files in self.files().items():
            connection.execute(f"CREATE VIEW {name} AS {latest(name, files)}")
        return connection

    def rows(self, name: str) -> int:
        """Rows of a view of `connect`."""
        files = self._files(name, self.last_batch())
        if all(f.fresh for f in files):
            return sum(f.rows for f in files)
        with connect() as connection:
            [(count,)] = connection.execute(f"SELECT count(*) FROM ({latest(name, files)})").fetchall()
        return int(count)

    def snapshot_id(self) -> str:
        """Changes if and only if the rows change; the same input gives the same id in every home."""
        names = sorted(f"{name}/{f.path.name}" for name, files in self.files().items() for f in files)
        return hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]

    def files(self) -> dict[str, list[DataFile]]:
        """The visible files of every lake table, in batch order. The mark is read first: what it covers is there."""
        last = self.last_batch()
        return {name: self._files(name, last) for name in LAKE_TABLES}

    def last_batch(self) -> int:
        """Number of the last whole commit's last batch; 0 for an empty lake."""
        return max((f.batch for f in self._files("manifest", None)), default=0)

    def taken(self) -> set[str]:
        """Digests of the input files taken so far."""
        files = self._files("manifest", None)
        return {d for f in files for d in pq.read_table(f.path, columns=["digest"])["digest"].to_pylist()}

    def _files(self, name: str, last: int | None) -> list[DataFile]:
        folder = self.path / name
        if not (folder / "_delta_log").is_dir() or not DeltaTable.is_deltatable(str(folder)):
            return []
        actions = pa.table(DeltaTable(str(folder)).get_add_actions(flatten=True))
        found = []
        for path, rows in zip(actions["path"].to_pylist(), actions["num_records"].to_pylist(), strict=True):
            named = _NAME.match(path)
            # A file that something else wrote (compaction, deletion of rows) may hold rows of any batch that is visible.
            batch = int(named[2]) if named else 0
            if last is None or batch <= last:
                fresh = named is not None and named[1] == "added"
                found.append(DataFile(folder / path, int(rows), fresh, batch))
        return sorted(found, key=lambda f: (f.batch, f.path.name))

    # -- writing ---------------------------------------------------------------------------------------------------------

    @property
    def staging(self) -> Path:
        """Folder where parts are written before they are committed."""
        return self.path / "staging"

    def recover(self) -> None:
        """Finish a commit that a killed process began; remove the files of one that it had not. Raises HomeNotWritable."""
        with writing_to(self.path):
            if self._pending.exists():
                self._apply()
            shutil.rmtree(self.staging, ignore_errors=True)

    def discard(self) -> None:
        """Remove staged files that are part of no commit: of an ingest that failed."""
        if not self._pending.exists():
            shutil.rmtree(self.staging, ignore_errors=True)

    def commit(self, parts: Sequence[Part], taken: pa.Table) -> None:
        """Take the parts and the manifest rows (`MANIFEST`) into the lake, all or nothing. Raises HomeNotWritable.

        Once the redo log is written the commit cannot fail any more: whoever writes next finishes it.
        """
        last = max([p.batch for p in parts] + taken["_batch"].to_pylist())
        digest = hashlib.sha256(json.dumps([asdict(p) for p in parts] + taken.to_pylist()).encode()).hexdigest()
        with writing_to(self.path):
            self.staging.mkdir(parents=True, exist_ok=True)
            pq.write_table(taken.cast(MANIFEST), self.staging / "manifest.parquet")
            mark = Part("manifest", "manifest.parquet", taken.num_rows, True, last, digest)
            for part in (*parts, mark):
                _sync(self.staging / part.staged)
            replace_file(self._pending, json.dumps([asdict(p) for p in (*parts, mark)]).encode())
            self._apply()
            shutil.rmtree(self.staging, ignore_errors=True)

    def append(self, name: str, table: pa.Table, source: str = "appended") -> int:
        """Commit rows that are clean already and hold each key once; returns their batch. Columns that are missing are null.

        For rows that do not come from files; they supersede rows with the same key.
        """
        self.recover()
        batch = self.last_batch() + 1
        lineage = {
            "_source": pa.repeat(source, table.num_rows),
            "_row": pa.array(range(1, table.num_rows + 1), pa.int64()),
            "_batch": pa.repeat(batch, table.num_rows),
        }
        present = {**{c: table[c] for c in table.column_names}, **lineage}
        schema = lake_schema(name)
        columns = [present[f.name].cast(f.type) if f.name in present else pa.nulls(table.num_rows, f.type) for f in schema]
        rows = pa.Table.from_arrays(columns, schema=schema)
        with writing_to(self.path):
            self.staging.mkdir(parents=True, exist_ok=True)
            staged = self.staging / f"{name}.parquet"
            pq.write_table(rows, staged)
            digest = hashlib.sha256(staged.read_bytes()).hexdigest()
        part = Part(name, staged.name, table.num_rows, False, batch, digest)
        entry = {
            "digest": digest,
            "table": name,
            "file": "",
            "_source": source,
            "_batch": batch,
            "counts": json.dumps({"read": table.num_rows}),
        }
        self.commit([part] if table.num_rows else [], pa.Table.from_pylist([entry], schema=MANIFEST))
        return batch

    @property
    def _pending(self) -> Path:
        return self.path / "pending.json"

    def _apply(self) -> None:
        """Carry out the redo log, whatever of it has been done before; the manifest comes last."""
        parts = [Part(**p) for p in json.loads(self._pending.read_text())]
        by_table: dict[str, list[Part]] = {}
        for part in parts:
            by_table.setdefault(part.table, []).append(part)
        for name, group in by_table.items():
            folder = self.path / name
            folder.mkdir(parents=True, exist_ok=True)
            known = {f.path.name for f in self._files(name, None)}
            new = [p for p in group if p.name not in known]
            for part in new:
                if (self.staging / part.staged).exists():
                    (self.staging / part.staged).replace(folder / part.name)
            if new:
                _sync(folder)
                _add(folder, MANIFEST if name == "manifest" else lake_schema(name), new)
        self._pending.unlink()


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _add(folder: Path, schema: pa.Schema, parts: Sequence[Part]) -> None:
    """One Delta commit that adds files which are in the table's folder already."""
    actions = []
    for part in parts:
        stat = (folder / part.name).stat()
        stats = json.dumps({"numRecords": part.rows})
        actions.append(AddAction(part.name, stat.st_size, {}, int(stat.st_mtime * 1000), True, stats))
    if DeltaTable.is_deltatable(str(folder)):
        DeltaTable(str(folder)).create_write_transaction(actions, "append", Schema.from_arrow(schema))
    else:
        create_table_with_add_actions(str(folder), Schema.from_arrow(schema), actions, mode="error")


def latest(name: str, files: Sequence[DataFile]) -> str:
    """SQL of the latest row of each key in these files; without files, of no row with the right columns.

    Only files that may supersede rows are looked up again, so that a lake without updates is a plain scan.
    """
    schema = lake_schema(name)
    if not files:
        empty = ", ".join(f'CAST(NULL AS {sql_type(f.type)}) AS "{f.name}"' for f in schema)
        return f"SELECT {empty} WHERE false"
    columns = ", ".join(f't."{f.name}"' for f in schema)
    every = f"SELECT {columns} FROM {scan([f.path for f in files])} AS t"
    later = [f.path for f in files if not f.fresh]
    if not later or name not in TABLES:
        return every
    keys = TABLES[name].key
    listed = ", ".join(f'"{k}"' for k in keys)
    same = " AND ".join(f't."{k}" IS NOT DISTINCT FROM u."{k}"' for k in keys)
    return (
        f"{every} LEFT JOIN (SELECT {listed}, max(_batch) AS latest FROM {scan(later)} GROUP BY {listed}) AS u "
        f"ON {same} WHERE u.latest IS NULL OR u.latest <= t._batch"
    )


def scan(paths: Sequence[Path]) -> str:
    """SQL table function over Parquet files."""
    return "read_parquet([" + ", ".join("'" + str(p).replace("'", "''") + "'" for p in paths) + "])"


def sql_type(type_: Any) -> str:
    """DuckDB's name of a lake column's type."""
    if pa.types.is_timestamp(type_):
        return "TIMESTAMPTZ"
    if pa.types.is_list(type_):
        return f"{sql_type(type_.value_type)}[]"
    return _SQL[type_]

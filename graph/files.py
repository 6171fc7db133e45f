"""Files that are either whole or not there: the one way in which Tessera writes them.

A file is written beside its final name, flushed to disk, and renamed, so that `kill -9` leaves the old one or the new one.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from graph.database import connect
from graph.errors import HomeNotWritable, InputError

__all__ = ["SUFFIXES", "read_table", "replace_file", "replacing", "write_table"]

SUFFIXES = (".parquet", ".csv", ".jsonl")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; it becomes `path` if the block succeeds and is removed if not."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes, *, mode: int = 0o644, overwrite: bool = True) -> None:
    """Write `content` to `path` in one step. With `overwrite=False` the first of two racing writers wins."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        if overwrite:
            os.replace(temporary, path)
        else:
            try:
                os.link(temporary, path)
            except FileExistsError:
                return
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet, CSV or JSON lines, by the suffix of `path`.

    Lists in CSV are JSON text. Raises InputError for another suffix, HomeNotWritable when the file cannot be written.
    """
    suffix = path.suffix
    if suffix not in SUFFIXES:
        raise InputError(f"{path}: cannot write {suffix or 'a file without suffix'}; use one of {', '.join(SUFFIXES)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            if suffix == ".parquet":
                pq.write_table(table, temporary, compression="zstd")
                return
            with connect() as connection:
                connection.register("written", table)
                options = "FORMAT csv, HEADER" if suffix == ".csv" else "FORMAT json"
                connection.execute(f"COPY written TO '{str(temporary).replace(chr(39), chr(39) * 2)}' ({options})")
    except (OSError, duckdb.IOException) as error:
        raise HomeNotWritable(path.parent, str(error).splitlines()[0]) from error


def read_table(path: Path) -> pa.Table:
    """Read a small user-given table (seeds, truth) of any of the three formats, all CSV columns as text.

    Raises InputError with the file's name and the reason.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: cannot read {path.suffix or 'a file without suffix'}; use one of {', '.join(SUFFIXES)}")
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path)
        reader = (
            "read_csv(?, all_varchar = true, header = true)"
            if path.suffix == ".csv"
            else "read_json(?, format = 'newline_delimited')"
        )
        with connect() as connection:
            return connection.sql(f"SELECT * FROM {reader}", params=[str(path)]).to_arrow_table()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, pa.ArrowInvalid, duckdb.Error) as error:
        raise InputError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error

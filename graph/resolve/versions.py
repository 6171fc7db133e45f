"""The derived tables of a run as a folder of Parquet files, `identity/resolved/<number>/`, one file per table.

A folder is written whole before the identity log names it; the log's transaction is the switch. The folder before the current
one is kept for readers that have just looked its name up; others are removed.
"""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path

import pyarrow.parquet as pq

from graph.errors import HomeNotWritable
from graph.files import write_table
from graph.resolution import Resolution

__all__ = ["prune", "read_version", "write_version"]


def write_version(folder: Path, resolution: Resolution) -> str:
    """Write the tables into a new folder under `folder`; returns its name. Raises HomeNotWritable."""
    numbers = [int(p.name) for p in folder.glob("*") if p.name.isdigit()] if folder.exists() else []
    name = f"{max(numbers, default=0) + 1:08d}"
    for table in fields(Resolution):
        write_table(getattr(resolution, table.name), folder / name / f"{table.name}.parquet")
    return name


def read_version(folder: Path, name: str) -> Resolution:
    """Read the tables of a version. Raises FileNotFoundError when it was removed."""
    return Resolution(**{t.name: pq.read_table(folder / name / f"{t.name}.parquet") for t in fields(Resolution)})


def prune(folder: Path, keep: set[str]) -> None:
    """Remove all versions but these. Raises HomeNotWritable."""
    try:
        for path in folder.glob("*"):
            if path.name not in keep:
                shutil.rmtree(path)
    except OSError as error:
        raise HomeNotWritable(folder, error.strerror or str(error)) from error

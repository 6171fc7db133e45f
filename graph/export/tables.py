"""Audience files and operator tables: CSV, JSON lines or Parquet, by suffix, each with a manifest beside it.

An audience file has one column, `pseudonym`, in the pseudonyms' own order: no score, no rank, no id.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from graph.export.manifest import Manifest, measured, write_manifest
from graph.export.opening import opened
from graph.files import write_table
from graph.privacy.payloads import AudienceRows, OperatorTable
from graph.privacy.released import Released

__all__ = ["audience_bytes", "write_audience", "write_operator"]


def write_audience(released: Released[AudienceRows], path: Path) -> Manifest:
    """Write an audience. Raises InputError for an unknown suffix, HomeNotWritable when it cannot be written."""
    rows = opened(released, AudienceRows)
    write_table(_pseudonyms(rows), path)
    facts = {"export": rows.export_id, "audience": rows.audience_id, "recipient": rows.recipient}
    return write_manifest(path, {"people": len(rows.pseudonyms)}, facts, rows.left_out)


def audience_bytes(released: Released[AudienceRows], suffix: str) -> bytes:
    """The same file's content, for a response. `suffix` is `.csv`, `.jsonl` or `.parquet`. Raises InputError."""
    rows = opened(released, AudienceRows)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"audience{suffix}"
        write_table(_pseudonyms(rows), path)
        return path.read_bytes()


def write_operator(released: Released[OperatorTable], path: Path) -> Manifest:
    """Write an operator's table, raw ids and all, without a manifest beside it. Raises InputError, HomeNotWritable."""
    value = opened(released, OperatorTable)
    write_table(value.table, path)
    return measured(path, {"rows": value.table.num_rows, "withheld": value.withheld})


def _pseudonyms(rows: AudienceRows) -> pa.Table:
    return pa.table({"pseudonym": rows.pseudonyms})

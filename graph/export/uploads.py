"""Upload files for advertising platforms: CSV with the platform's headers, hashed cells. In: released rows, nothing else."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from graph.errors import InputError
from graph.export.manifest import Manifest, write_manifest
from graph.export.opening import opened
from graph.export.partial import write_whole
from graph.privacy.payloads import UploadRows
from graph.privacy.released import Released

__all__ = ["upload_chunks", "write_upload"]


def write_upload(released: Released[UploadRows], path: Path) -> Manifest:
    """Write the file and its manifest. Raises InputError for another suffix than `.csv`, HomeNotWritable."""
    rows = opened(released, UploadRows)
    if path.suffix != ".csv":
        raise InputError(f"{path}: a file for {rows.platform} is .csv")
    write_whole(path, upload_chunks(released))
    facts = {
        "export": rows.export_id,
        "audience": rows.audience_id,
        "recipient": rows.recipient,
        "platform": rows.platform,
        "rules": rows.rules,
        "columns": list(rows.rows.columns),
    }
    return write_manifest(path, {"people": rows.people, "rows": rows.rows.rows}, facts, rows.left_out)


def upload_chunks(released: Released[UploadRows]) -> Iterator[bytes]:
    """The file's content in pieces of some megabytes at most."""
    rows = opened(released, UploadRows).rows
    return _chunks(rows.columns, rows.read())


def _chunks(columns: Sequence[str], batches: Iterator[list[tuple[str | None, ...]]]) -> Iterator[bytes]:
    yield _csv([columns])
    for batch in batches:
        yield _csv(batch)


def _csv(rows: Iterable[Sequence[str | None]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()

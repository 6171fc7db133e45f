"""The record of runs: one JSON line for every training and search, in MODELS/runs.jsonl, appended and flushed.

A line that a killed process left unfinished is passed over, and the next one starts on a line of its own. No personal data.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from graph.errors import HomeNotWritable

__all__ = ["record_run", "runs"]

_FILE = "runs.jsonl"


def record_run(models: Path, kind: str, at: datetime, **facts: Any) -> None:
    """Append a run of this kind (train, search). Raises HomeNotWritable."""
    line = json.dumps({"kind": kind, "at": at.isoformat(timespec="seconds"), **facts}, sort_keys=True, default=str)
    try:
        models.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(models / _FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            os.write(descriptor, (b"\n" if torn else b"") + line.encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise HomeNotWritable(models, error.strerror or str(error)) from error


def runs(models: Path) -> list[dict[str, Any]]:
    """Every run that was recorded, oldest first."""
    try:
        lines = (models / _FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        try:
            found.append(dict(json.loads(line)))
        except ValueError:  # cut off by a kill
            continue
    return found

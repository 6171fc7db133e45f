"""What lies beside a released file: how many rows it has and its SHA-256, so that the recipient can tell that it is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from graph.errors import HomeNotWritable
from graph.files import replace_file

__all__ = ["Manifest", "measured", "write_manifest"]


@dataclass(frozen=True)
class Manifest:
    """A written file. `counts` says what is in it, by name."""

    path: Path
    counts: Mapping[str, int]
    sha256: str


def measured(path: Path, counts: Mapping[str, int]) -> Manifest:
    """The manifest of a file, not written anywhere. Raises HomeNotWritable when the file is gone."""
    try:
        with path.open("rb") as written:
            return Manifest(path, counts, hashlib.file_digest(written, "sha256").hexdigest())
    except OSError as error:
        raise HomeNotWritable(path.parent, error.strerror or str(error)) from error


def write_manifest(
    path: Path,
    counts: Mapping[str, int],
    facts: Mapping[str, object],
    left_out: Mapping[str, int | None] | None = None,
) -> Manifest:
    """Write `<file>.manifest.json` after the file itself: a file without one is not complete. `left_out` counts people by reason,
    null where they are too few to tell. Raises HomeNotWritable."""
    manifest = measured(path, counts)
    content = {"file": path.name, **facts, "counts": dict(counts), "sha256": manifest.sha256}
    if left_out is not None:
        content["left_out"] = dict(left_out)
    try:
        replace_file(path.with_name(f"{path.name}.manifest.json"), json.dumps(content, indent=2).encode() + b"\n")
    except OSError as error:
        raise HomeNotWritable(path.parent, error.strerror or str(error)) from error
    return manifest

"""A file that is written from beginning to end, however often that is interrupted: `.<name>.part` beside it, under a lock, until
it is whole. A killed process leaves the part and never a half file under the name; the next one writes over it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

from graph.errors import HomeNotWritable, InputError

__all__ = ["write_whole"]


def write_whole(path: Path, chunks: Iterable[bytes]) -> None:
    """Write the chunks to `path`. An older manifest goes first, since it would be another file's. Raises InputError while another
    process writes the same file, HomeNotWritable when it cannot be written."""
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(part, path)
        with os.fdopen(descriptor, "wb") as out:
            try:
                for chunk in chunks:
                    out.write(chunk)
                out.flush()
                os.fsync(descriptor)
                path.with_name(f"{path.name}.manifest.json").unlink(missing_ok=True)
                os.replace(part, path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise HomeNotWritable(path.parent, error.strerror or str(error)) from error


def _locked(part: Path, path: Path) -> int:
    """The part's descriptor, empty and locked: the lock goes with the process."""
    while True:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it before may have renamed it in between: then this is no longer the part.
            if part.exists() and os.fstat(descriptor).st_ino == part.stat().st_ino:
                os.ftruncate(descriptor, 0)
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise InputError(f"{path}: another process is writing it; wait, or write elsewhere") from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)

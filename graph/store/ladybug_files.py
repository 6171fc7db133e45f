"""The embedded graph's files: whole databases, of which one is current.

    current          JSON: name of the current database file, id of the home whose graph it is
    graph-….lbug     a database; never changed once it is current
    writer.lock      held while a new one is made

A change is made on another file and takes effect when `current` is replaced, so that `kill -9` leaves the old graph or the new
one, and readers of the old one, in whichever process, go on undisturbed until they look again. (Ladybug itself lets one process
write and any number read a file, but a reader would see pages of a checkpoint that happens under it.)
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from graph.errors import HomeNotWritable, StoreError, StoreUnavailable
from graph.files import replace_file

__all__ = ["Current", "GraphFiles"]

_WAIT_SECONDS = 30


@dataclass(frozen=True)
class Current:
    """The current database: its file and the home whose graph it holds."""

    file: Path
    home_id: str


@dataclass(frozen=True)
class GraphFiles:
    """The folder of the embedded graph."""

    folder: Path

    def current(self) -> Current | None:
        """The current database, or None before the first. Raises StoreError where `current` is damaged or unreadable."""
        note = self.folder / "current"
        try:
            found = json.loads(note.read_text(encoding="utf-8"))
            return Current(self.folder / found["file"], found["home_id"])
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{note} cannot be read ({error.strerror or error}); check the folder {self.folder}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{note} is damaged; delete the folder {self.folder} and rebuild the graph from the lake") from error

    @contextmanager
    def rewriting(self, home_id: str, *, copy: bool) -> Iterator[Path]:
        """Yield the path of a new file, a copy of the current database if `copy`; it becomes current if the block succeeds.

        Raises StoreUnavailable where another process writes for long, HomeNotWritable.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / "writer.lock", timeout=_WAIT_SECONDS, thread_local=False):
                old = self.current()
                self._sweep(old)
                new = self.folder / f"graph-{secrets.token_hex(6)}.lbug"
                try:
                    if copy and old is not None:
                        shutil.copyfile(old.file, new)
                    yield new
                    with new.open("rb") as written:
                        os.fsync(written.fileno())
                    replace_file(self.folder / "current", json.dumps({"file": new.name, "home_id": home_id}).encode())
                finally:
                    self._sweep(self.current())
        except Timeout as error:
            raise StoreUnavailable(str(self.folder), "another process is writing it") from error
        except OSError as error:
            raise HomeNotWritable(self.folder, error.strerror or str(error)) from error

    def _sweep(self, keep: Current | None) -> None:
        """Remove databases that are not current, with their logs. Readers that have one open keep it."""
        for file in self.folder.glob("graph-*.lbug*"):
            if keep is None or not file.name.startswith(keep.file.name):
                file.unlink(missing_ok=True)

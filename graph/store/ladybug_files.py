"""The embedded graph's files: whole databases, of which one is current.

    current               JSON: name of the current database file, id of the home whose graph it is
    graph-….lbug          a database; never changed once it is current
    working-….lbug, .lock a database that one process changes in place (see `ladybug_live`), and the lock that says it lives
    writer.lock           held while a new one is made, and while a working database has changes that no current one has

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
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from graph.errors import HomeNotWritable, StoreError, StoreUnavailable
from graph.files import replace_file

__all__ = ["Current", "GraphFiles", "WorkingFile"]

_WAIT_SECONDS = 30


@dataclass(frozen=True)
class Current:
    """The current database: its file and the home whose graph it holds."""

    file: Path
    home_id: str


@dataclass(frozen=True)
class WorkingFile:
    """A database file of one process. Whoever can take its lock finds it abandoned."""

    file: Path
    lock: FileLock

    def remove(self) -> None:
        """Remove the file with its logs, the lock last, so that what is left half-way is swept later."""
        for file in self.file.parent.glob(f"{self.file.name}*"):
            file.unlink(missing_ok=True)
        Path(self.lock.lock_file).unlink(missing_ok=True)
        self.lock.release()


@dataclass(frozen=True)
class GraphFiles:
    """The folder of the embedded graph. One object's lock may be taken several times over, by one thread at a time."""

    folder: Path
    _lock: FileLock = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lock = FileLock(self.folder / "writer.lock", timeout=_WAIT_SECONDS, thread_local=False)
        object.__setattr__(self, "_lock", lock)

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
    def locked(self) -> Iterator[None]:
        """Hold the writer's lock. Raises StoreUnavailable where another process has it for long, HomeNotWritable."""
        with self.translating():
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._lock:
                yield

    @contextmanager
    def rewriting(self, home_id: str, *, source: Path | None) -> Iterator[Path]:
        """Yield the path of a new file, a copy of `source` if there is one; it becomes current if the block succeeds.

        The lock is the caller's. Raises HomeNotWritable.
        """
        with self.translating():
            self._sweep()
            new = self._new("graph")
            try:
                if source is not None:
                    shutil.copyfile(source, new)
                yield new
                with new.open("rb") as written:
                    os.fsync(written.fileno())
                replace_file(self.folder / "current", json.dumps({"file": new.name, "home_id": home_id}).encode())
            finally:
                self._sweep()

    def working(self, source: Path | None) -> WorkingFile:
        """A working database, a copy of `source` if there is one, else no file yet. The lock is the caller's.

        Raises HomeNotWritable.
        """
        with self.translating():
            self._sweep()
            file = self._new("working")
            lock = FileLock(file.with_suffix(".lock"), timeout=0, thread_local=False)
            lock.acquire()
            made = WorkingFile(file, lock)
            try:
                if source is not None:
                    shutil.copyfile(source, file)
            except OSError:
                made.remove()
                raise
            return made

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Give the errors of files as the project's. Raises StoreUnavailable, HomeNotWritable."""
        try:
            yield
        except Timeout as error:
            raise StoreUnavailable(str(self.folder), "another process is writing it") from error
        except OSError as error:
            raise HomeNotWritable(self.folder, error.strerror or str(error)) from error

    def _new(self, kind: str) -> Path:
        return self.folder / f"{kind}-{secrets.token_hex(6)}.lbug"

    def _sweep(self) -> None:
        """Remove databases that are not current, with their logs, and working ones whose process has ended. Readers that have
        one open keep it."""
        keep = self.current()
        for file in self.folder.glob("graph-*.lbug*"):
            if keep is None or not file.name.startswith(keep.file.name):
                file.unlink(missing_ok=True)
        for note in self.folder.glob("working-*.lock"):
            abandoned = FileLock(note, timeout=0, thread_local=False)
            try:
                abandoned.acquire()
            except Timeout:
                continue
            WorkingFile(note.with_suffix(".lbug"), abandoned).remove()

"""The home folder: where everything of one deployment lies, its id, its hashing key and its writer lock.

home.json            home id and layout version
key                  secret for keyed hashing, made at first use, mode 0600 (unless a key is given in the settings)
writer.lock          held by the one process that writes
lake/                Delta tables: cleaned input, quarantine, manifest of what was taken
identity/            identity.sqlite (person ids, aliases, log), derived link and evidence tables
graph/               the Ladybug database file
control/             control.sqlite (audiences, keys, consents, exports, audit)
models/              model versions and `current`
cache/               text vectors by content hash
neo4j/               data of the local Neo4j server
"""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from graph.errors import HomeError, HomeLocked, HomeNotWritable
from graph.files import replace_file

__all__ = ["Home"]

_LAYOUT = 1


@dataclass(frozen=True)
class Home:
    """Paths and identity of one home. Make one with `Home.open`."""

    path: Path
    home_id: str

    @classmethod
    def open(cls, path: Path) -> Home:
        """Open a home, making it when it does not exist. Raises HomeNotWritable, HomeError."""
        path = path.absolute()
        marker = path / "home.json"
        try:
            if not marker.exists():
                path.mkdir(parents=True, exist_ok=True)
                replace_file(
                    marker,
                    json.dumps({"home_id": secrets.token_hex(8), "layout": _LAYOUT}).encode(),
                )
            found = json.loads(marker.read_text())
        except OSError as error:
            raise HomeNotWritable(path, error.strerror or str(error)) from error
        except ValueError as error:
            raise HomeError(f"{marker} is damaged ({error}); restore it from a backup, or use another TESSERA_HOME") from error
        if found.get("layout") != _LAYOUT:
            raise HomeError(
                f"{path} has layout {found.get('layout')}, this version reads {_LAYOUT}; use the version that made it"
            )
        return cls(path, str(found["home_id"]))

    @property
    def lake(self) -> Path:
        """Folder of the Delta tables."""
        return self.path / "lake"

    @property
    def identity(self) -> Path:
        """Folder of the identity log and of the derived link tables."""
        return self.path / "identity"

    @property
    def graph(self) -> Path:
        """Folder of the embedded graph store."""
        return self.path / "graph"

    @property
    def control(self) -> Path:
        """Folder of the control store."""
        return self.path / "control"

    @property
    def models(self) -> Path:
        """Folder of the model versions."""
        return self.path / "models"

    @property
    def cache(self) -> Path:
        """Folder of caches; may be deleted at any time."""
        return self.path / "cache"

    @property
    def neo4j(self) -> Path:
        """Folder of the local Neo4j server's data."""
        return self.path / "neo4j"

    def secret(self) -> bytes:
        """The home's hashing key, 32 bytes, made at first use. Never log it. Raises HomeNotWritable, HomeError."""
        file = self.path / "key"
        try:
            if not file.exists():
                replace_file(file, secrets.token_bytes(32), mode=0o600, overwrite=False)
            key = file.read_bytes()
        except OSError as error:
            raise HomeNotWritable(self.path, error.strerror or str(error)) from error
        if len(key) != 32:
            raise HomeError(f"{file} is damaged; restore it from a backup, since identifiers hashed with another key never match")
        return key

    @contextmanager
    def writing(self, command: str) -> Iterator[None]:
        """Hold the writer lock; it falls away with the process, however that ends. Raises HomeLocked, HomeNotWritable."""
        lock = FileLock(self.path / "writer.lock", thread_local=False)
        note = self.path / "writer.txt"
        try:
            lock.acquire(timeout=0)
        except Timeout:
            holder = note.read_text() if note.exists() else "another process"
            raise HomeLocked(self.path, holder) from None
        except OSError as error:
            raise HomeNotWritable(self.path, error.strerror or str(error)) from error
        try:
            try:
                note.write_text(f"`tessera {command}` (process {os.getpid()} on {socket.gethostname()})")
            except OSError as error:
                raise HomeNotWritable(self.path, error.strerror or str(error)) from error
            yield
        finally:
            note.unlink(missing_ok=True)
            lock.release()

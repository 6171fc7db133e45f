"""Text vectors are computed once: a cache on disk by content hash, beside any encoder.

The key is SHA-256 of encoder name and text, so another model never meets another's vectors. Entries lie in segment files of
one call each, `KEYS.npy` (n × 32 bytes) and `VECTORS.npy` (n × d, float32) in one `.npz`, written beside their final name and
renamed: a crash leaves a segment whole or absent. A damaged segment is dropped, since a cache may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gnn.text.encoder import Encoder, Vectors
from graph.errors import HomeNotWritable
from graph.files import replace_file

__all__ = ["CachedEncoder"]


class CachedEncoder:
    """An encoder that asks the disk first. `folder` is made when needed."""

    def __init__(self, encoder: Encoder, folder: Path) -> None:
        self._encoder = encoder
        self.name = encoder.name
        self.dimensions = encoder.dimensions
        self._folder = folder / "text" / hashlib.sha256(encoder.name.encode()).hexdigest()[:16]
        self.computed = 0
        """Texts that had to be encoded since this object was made."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of the texts, read or computed; what was computed is kept. Raises HomeNotWritable."""
        keys = [hashlib.sha256(f"{self.name}\0{text}".encode()).digest() for text in texts]
        wanted = set(keys)
        known = self._read(wanted)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            vectors = self._encoder.encode(list(missing.values()))
            self.computed += len(missing)
            self._append(list(missing), vectors)
            known.update(zip(missing, vectors, strict=True))
        if not keys:
            return np.zeros((0, self.dimensions), np.float32)
        return np.stack([known[key] for key in keys]).astype(np.float32, copy=False)

    def _read(self, wanted: set[bytes]) -> dict[bytes, Vectors]:
        found: dict[bytes, Vectors] = {}
        for segment in sorted(self._folder.glob("*.npz")):
            try:
                with segment.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                    keys, vectors = stored["keys"], stored["vectors"]
            except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
                segment.unlink(missing_ok=True)
                continue
            if keys.ndim != 2 or vectors.shape != (len(keys), self.dimensions):
                segment.unlink(missing_ok=True)
                continue
            for key, vector in zip(keys, vectors, strict=True):
                if (raw := key.tobytes()) in wanted:
                    found[raw] = vector
        return found

    def _append(self, keys: list[bytes], vectors: Vectors) -> None:
        buffer = io.BytesIO()
        np.savez(buffer, keys=np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 32), vectors=vectors)
        name = hashlib.sha256(b"".join(keys)).hexdigest()[:24]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            replace_file(self._folder / f"{name}.npz", buffer.getvalue())
        except OSError as error:
            raise HomeNotWritable(self._folder, error.strerror or str(error)) from error

"""Model versions on disk: written whole or not at all, read without torch.

MODELS/VERSION/ holds model.json (what it is, with the SHA-256 of every other file), persons.parquet, tags.parquet,
about.parquet, probabilities.npy (persons × tags), embeddings.npy (persons × d) and, where a network was trained, states.pt
(state_dicts only, loaded with `weights_only`). MODELS/current names the version in use. A version is written into a temporary
folder and renamed; `current` is replaced in one step. The version's name is a hash of its content: the same input, options and
machine give the same version.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from graph.errors import HomeNotWritable, ModelError, NothingResolved
from graph.files import replace_file
from graph.interests import ABOUT, INTERESTED_IN, TAGS, Interests

__all__ = ["Version", "current", "load", "promote", "save", "versions"]

Floats = npt.NDArray[np.float32]
_FORMAT = 1
_FILES = ("persons.parquet", "tags.parquet", "about.parquet", "probabilities.npy", "embeddings.npy")
_CHUNK = 50_000_000  # bytes of probabilities looked at together


@dataclass(frozen=True)
class Version:
    """One trained version, opened for reading; matrices are memory-mapped."""

    name: str
    folder: Path
    person_ids: pa.Array
    """(n,) in the model's own order."""
    tags: pa.Table
    """`graph.interests.TAGS` rows; the first k are the columns of the probabilities."""
    probabilities: Floats
    """(n, k) in 0..1; k is 0 where there was nothing to learn tags from."""
    embeddings: Floats
    """(n, d), unit rows; zero rows for persons without any link."""
    about: pa.Table
    metrics: Mapping[str, Any]
    notes: tuple[str, ...]
    as_of: datetime | None

    @property
    def tag_ids(self) -> list[str]:
        """Names of the probabilities' columns."""
        ids: list[str] = self.tags.column("tag_id").slice(0, self.probabilities.shape[1]).to_pylist()
        return ids

    def person_tags(self, minimum: float = 0.0) -> Iterator[pa.Table]:
        """person_id, tag, probability at or above `minimum`, in person order, in tables of bounded size."""
        k = self.probabilities.shape[1]
        tags = pa.array(self.tag_ids, pa.string())
        step = max(1, _CHUNK // max(4 * k, 1))
        for start in range(0, len(self.person_ids) if k else 0, step):
            part = np.asarray(self.probabilities[start : start + step])
            row, column = np.nonzero(part >= minimum)
            yield pa.table(
                {
                    "person_id": self.person_ids.take(pa.array(row + start)),
                    "tag": tags.take(pa.array(column)),
                    "probability": part[row, column].astype(np.float64),
                }
            )

    def tags_of(self, person_id: str) -> list[tuple[str, float]]:
        """(tag_id, probability), most probable first; empty for a person the model does not know."""
        place = self.person_ids.index(pa.scalar(person_id, pa.string())).as_py()
        if place < 0:
            return []
        row = np.asarray(self.probabilities[place])
        ids = self.tag_ids
        return [(ids[i], float(row[i])) for i in np.argsort(-row, kind="stable")]

    def interests(self, top: int = 20) -> Interests:
        """What goes to the graph: each person's `top` most probable tags."""
        ids = pa.array(self.tag_ids, pa.string())
        k = self.probabilities.shape[1]
        tables = []
        step = max(1, _CHUNK // max(4 * k, 1))
        for start in range(0, len(self.person_ids) if k and top else 0, step):
            part = np.asarray(self.probabilities[start : start + step])
            best = np.argsort(-part, axis=1, kind="stable")[:, :top]
            rows = np.repeat(np.arange(len(part)), best.shape[1])
            probability = np.take_along_axis(part, best, axis=1).ravel().astype(np.float64)
            count = len(rows)
            tables.append(
                pa.table(
                    [
                        self.person_ids.take(pa.array(rows + start)),
                        ids.take(pa.array(best.ravel())),
                        pa.array(probability),
                        pa.repeat(pa.scalar(self.name), count),
                        pa.repeat(pa.scalar(self.as_of, INTERESTED_IN.field("at").type), count),
                    ],
                    schema=INTERESTED_IN,
                )
            )
        interested = pa.concat_tables(tables) if tables else INTERESTED_IN.empty_table()
        return Interests(tags=self.tags, about=self.about, interested_in=interested.filter(pc.field("probability") > 0))


def save(
    models: Path,
    *,
    person_ids: pa.Array,
    tags: pa.Table,
    probabilities: Floats,
    embeddings: Floats,
    about: pa.Table,
    metrics: Mapping[str, Any],
    notes: tuple[str, ...],
    as_of: datetime | None,
    details: Mapping[str, Any],
    write_states: Callable[[Path], None] | None = None,
) -> Version:
    """Write a version and make it the current one. `write_states` writes states.pt into the folder it is given; `details` is
    whatever else is needed to use the states again, as JSON. Raises HomeNotWritable."""
    temporary = models / f".{secrets.token_hex(6)}.part"
    try:
        temporary.mkdir(parents=True)
        pq.write_table(pa.table({"person_id": person_ids.cast(pa.string())}), temporary / "persons.parquet")
        pq.write_table(tags.cast(TAGS), temporary / "tags.parquet")
        pq.write_table(about.cast(ABOUT), temporary / "about.parquet")
        np.save(temporary / "probabilities.npy", np.ascontiguousarray(probabilities, np.float32))
        np.save(temporary / "embeddings.npy", np.ascontiguousarray(embeddings, np.float32))
        files = {name: _digest(temporary / name) for name in _FILES}
        name = "v" + hashlib.sha256(json.dumps([files, details], sort_keys=True, default=str).encode()).hexdigest()[:16]
        if write_states is not None:
            write_states(temporary)
            files["states.pt"] = _digest(temporary / "states.pt")
        described = {
            "format": _FORMAT,
            "version": name,
            "files": files,
            "metrics": metrics,
            "notes": list(notes),
            "as_of": as_of.isoformat() if as_of else None,
            "details": details,
        }
        replace_file(temporary / "model.json", json.dumps(described, indent=1, sort_keys=True).encode())
        for file in temporary.iterdir():
            with file.open("rb") as written:
                os.fsync(written.fileno())
        final = models / name
        if final.exists():  # the same content: keep the whole one, replace a damaged one
            try:
                kept = load(models, name)
            except ModelError:
                shutil.rmtree(final)
            else:
                promote(models, name)
                return kept
        os.replace(temporary, final)
        promote(models, name)
    except OSError as error:
        raise HomeNotWritable(models, error.strerror or str(error)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return load(models, name)


def promote(models: Path, name: str) -> None:
    """Make a version the current one. Raises ModelError for one that is missing or damaged, HomeNotWritable."""
    load(models, name)
    try:
        replace_file(models / "current", name.encode())
    except OSError as error:
        raise HomeNotWritable(models, error.strerror or str(error)) from error


def versions(models: Path) -> list[str]:
    """Names of the versions there are, sorted."""
    return sorted(p.parent.name for p in models.glob("v*/model.json")) if models.exists() else []


def current(models: Path) -> Version:
    """The version in use. Raises NothingResolved when nothing was trained yet, ModelError when it is damaged."""
    try:
        name = (models / "current").read_text().strip()
    except FileNotFoundError:
        raise NothingResolved(models.parent, "model", "tessera train") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{models / 'current'} cannot be read ({error}); run `tessera train`") from error
    return load(models, name)


def load(models: Path, name: str) -> Version:
    """Open a version. Raises ModelError with what is wrong with it and what to do."""
    folder = models / name
    if not name or "/" in name or not (folder / "model.json").exists():
        raise ModelError(f"model version {name or '(empty)'} is not in {models}; run `tessera train`")
    try:
        described = json.loads((folder / "model.json").read_text())
        if described["format"] != _FORMAT:
            raise ModelError(f"{folder} has format {described['format']}, this version reads {_FORMAT}; run `tessera train`")
        for file, digest in described["files"].items():
            if _digest(folder / file) != digest:
                raise ValueError(f"{file} is not what was written")
        return Version(
            name=name,
            folder=folder,
            person_ids=pq.read_table(folder / "persons.parquet").column(0).combine_chunks(),
            tags=pq.read_table(folder / "tags.parquet"),
            probabilities=np.load(folder / "probabilities.npy", mmap_mode="r", allow_pickle=False),
            embeddings=np.load(folder / "embeddings.npy", mmap_mode="r", allow_pickle=False),
            about=pq.read_table(folder / "about.parquet"),
            metrics=described["metrics"],
            notes=tuple(described["notes"]),
            as_of=datetime.fromisoformat(described["as_of"]) if described["as_of"] else None,
        )
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"model version {folder} is damaged ({reason}); run `tessera train` to make it anew") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""One model version on disk, opened for reading.

MODELS/VERSION/ holds
model.json          what it is: SHA-256 of every other file, metrics, notes, options, data snapshot, code, time
persons.parquet     person_id, in the model's own order
tags.parquet        `graph.interests.TAGS`; the first k are the columns of the probabilities
about.parquet       `graph.interests.ABOUT`
probabilities.npy   persons × tags
embeddings.npy      persons × d
labels.parquet      person, tag, value: the labels that the version was trained on, by row and column
reference.json      histograms of the training snapshot, for the drift monitor, where there are any
contents.npy        hashes of the contents known at training, likewise
states.pt           where a network was trained: state_dicts only, loaded with `weights_only`
trees.npz           where trees were fitted: arrays only (`gnn.training.ensemble` reads both)
and whatever else a caller of `save` had written, which is hashed too but read by its owner alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from graph.errors import ModelError
from graph.interests import INTERESTED_IN, Interests

__all__ = ["FORMAT", "Version", "check", "described", "digest", "load", "versions"]

Floats = npt.NDArray[np.float32]
FORMAT = 1
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
    details: Mapping[str, Any]
    """Options, and what else is needed to use the states again."""
    extras: Mapping[str, str]
    """Name of each file that a caller of `save` had written, with its SHA-256."""

    @property
    def tag_ids(self) -> list[str]:
        """Names of the probabilities' columns."""
        ids: list[str] = self.tags.column("tag_id").slice(0, self.probabilities.shape[1]).to_pylist()
        return ids

    def extra(self, name: str) -> Path:
        """Path of a file that a caller of `save` had written. Raises ModelError where it is missing or damaged."""
        if name not in self.extras:
            raise ModelError(f"model version {self.name} has no {name}; run `tessera train`")
        check(self.folder, {name: self.extras[name]})
        return self.folder / name

    def labels(self) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """(n, k) values of the labels that the version was trained on, and (n,) whose labels were known. Nobody's in versions
        from before labels were kept."""
        values = np.zeros((len(self.person_ids), self.probabilities.shape[1]), np.float32)
        labelled = np.zeros(len(self.person_ids), np.bool_)
        if (self.folder / "labels.parquet").exists():
            rows = pq.read_table(self.folder / "labels.parquet")
            person = rows.column("person").to_numpy()
            labelled[person] = True
            positive = rows.column("tag").is_valid().to_numpy()
            values[person[positive], rows.column("tag").drop_null().to_numpy()] = rows.column("value").to_numpy()[positive]
        return values, labelled

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


def versions(models: Path) -> list[str]:
    """Names of the versions there are, sorted."""
    return sorted(p.parent.name for p in models.glob("v*/model.json")) if models.exists() else []


def described(models: Path, name: str) -> dict[str, Any]:
    """model.json of a version, its other files unread. Raises ModelError."""
    folder = models / name
    if not name or "/" in name or not (folder / "model.json").exists():
        raise ModelError(f"model version {name or '(empty)'} is not in {models}; run `tessera train`")
    try:
        found: dict[str, Any] = json.loads((folder / "model.json").read_text())
        if found["format"] != FORMAT:
            raise ModelError(f"{folder} has format {found['format']}, this version reads {FORMAT}; run `tessera train`")
        return found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, error) from error


def check(folder: Path, files: Mapping[str, str]) -> None:
    """Compare files with their SHA-256. Raises ModelError for one that is not what was written."""
    try:
        for file, expected in files.items():
            if digest(folder / file) != expected:
                raise ValueError(f"{file} is not what was written")
    except (OSError, ValueError) as error:
        raise _damaged(folder, error) from error


def load(models: Path, name: str) -> Version:
    """Open a version, having checked its files but those of others. Raises ModelError with what is wrong and what to do."""
    folder = models / name
    found = described(models, name)
    try:
        extras = found.get("extras", {})
        check(folder, found["files"])
        return Version(
            name=name,
            folder=folder,
            person_ids=pq.read_table(folder / "persons.parquet").column(0).combine_chunks(),
            tags=pq.read_table(folder / "tags.parquet"),
            probabilities=np.load(folder / "probabilities.npy", mmap_mode="r", allow_pickle=False),
            embeddings=np.load(folder / "embeddings.npy", mmap_mode="r", allow_pickle=False),
            about=pq.read_table(folder / "about.parquet"),
            metrics=found["metrics"],
            notes=tuple(found["notes"]),
            as_of=datetime.fromisoformat(found["as_of"]) if found["as_of"] else None,
            details=found["details"],
            extras=extras,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> ModelError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return ModelError(f"model version {folder} is damaged ({reason}); run `tessera train` to make it anew")


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

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
engagement-*.npy    persons × contents (`gnn.registry.sparse`), for lookalikes and the scorer of single persons
and whatever else a caller of `save` had written, which is hashed too but read by its owner alone. Beside them stands what was
learned of persons since (`gnn.registry.refreshed`): `probabilities` and `embeddings` are as they were trained, what the methods
below say of persons is as it is by now.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import scipy.sparse as sp

from gnn.registry.refreshed import NOTHING, Refreshed
from gnn.registry.refreshed import read as read_refreshed
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
    refreshed: Refreshed = NOTHING

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
        labelled = np.zeros(len(self.person_ids), np.bool_)
        rows = self._label_rows()
        if rows is not None:
            labelled[rows.column("person").to_numpy()] = True
        return self.label_matrix().toarray(), labelled

    def label_matrix(self) -> sp.csr_matrix:
        """(n, k) values of the labels that the version was trained on, sparse."""
        shape = (len(self.person_ids), self.probabilities.shape[1])
        rows = self._label_rows()
        if rows is None:
            return sp.csr_matrix(shape, dtype=np.float32)
        positive = rows.filter(rows.column("tag").is_valid())
        person, tag, value = (positive.column(name).to_numpy() for name in ("person", "tag", "value"))
        return sp.csr_matrix((value.astype(np.float32), (person, tag)), shape=shape)

    def _label_rows(self) -> pa.Table | None:
        path = self.folder / "labels.parquet"
        return pq.read_table(path) if path.exists() else None

    def again(self) -> Version:
        """The same with what was refreshed by now. Raises ModelError."""
        return replace(self, refreshed=read_refreshed(self.folder))

    def replaced(self) -> npt.NDArray[np.int64]:
        """Rows of the trained matrices that no longer hold: of persons who were refreshed or are withheld; ascending."""
        now = self.refreshed
        gone = pa.concat_arrays([now.person_ids, now.withheld])
        return np.flatnonzero(pc.is_in(self.person_ids, value_set=gone).to_numpy(zero_copy_only=False))

    def vectors(self) -> tuple[pa.Array, Floats]:
        """Person ids and embeddings (n, d) as they are by now: trained ones in their order, then those refreshed."""
        if not self.refreshed:
            return self.person_ids, self.embeddings
        stay = np.ones(len(self.person_ids), np.bool_)
        stay[self.replaced()] = False
        ids = pa.concat_arrays([self.person_ids.filter(pa.array(stay)), self.refreshed.person_ids])
        return ids, np.vstack([self.embeddings[stay], self.refreshed.embeddings.reshape(-1, self.embeddings.shape[1])])

    def person_tags(self, minimum: float = 0.0) -> Iterator[pa.Table]:
        """person_id, tag, probability at or above `minimum`, in person order, those refreshed last, in tables of bounded size."""
        tags = pa.array(self.tag_ids, pa.string())
        for people, part in self._parts():
            row, column = np.nonzero(part >= minimum)
            yield pa.table(
                {
                    "person_id": people.take(pa.array(row)),
                    "tag": tags.take(pa.array(column)),
                    "probability": part[row, column].astype(np.float64),
                }
            )

    def people_with(self, minimum: float, *groups: pa.Array) -> npt.NDArray[np.int64]:
        """(groups, k) how many of each group of person ids have each tag with at least this probability."""
        found = np.zeros((len(groups), len(self.tag_ids)), np.int64)
        for people, part in self._parts():
            for number, group in enumerate(groups):
                inside = pc.is_in(people, value_set=group).to_numpy(zero_copy_only=False)
                found[number] += (part[inside] >= minimum).sum(axis=0)
        return found

    def tags_of(self, person_id: str) -> list[tuple[str, float]]:
        """(tag_id, probability), most probable first; empty for a person the model does not know."""
        row = self.scores_of(person_id)
        if row is None:
            return []
        ids = self.tag_ids
        return [(ids[i], float(row[i])) for i in np.argsort(-row, kind="stable")]

    def scores_of(self, person_id: str) -> Floats | None:
        """(k,) probabilities of a person; None for one of whom nothing is told."""
        if self.refreshed.hides(person_id):
            return None
        if (place := self.refreshed.row_of(person_id)) >= 0:
            return np.asarray(self.refreshed.probabilities[place])
        place = self.person_ids.index(pa.scalar(person_id, pa.string())).as_py()
        return np.asarray(self.probabilities[place]) if place >= 0 else None

    def interests(self, top: int = 20) -> Interests:
        """What goes to the graph: each person's `top` most probable tags."""
        ids = pa.array(self.tag_ids, pa.string())
        tables = []
        for people, part in self._parts() if top else ():
            best = np.argsort(-part, axis=1, kind="stable")[:, :top]
            rows = np.repeat(np.arange(len(part)), best.shape[1])
            probability = np.take_along_axis(part, best, axis=1).ravel().astype(np.float64)
            count = len(rows)
            tables.append(
                pa.table(
                    [
                        people.take(pa.array(rows)),
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

    def _parts(self) -> Iterator[tuple[pa.Array, Floats]]:
        """Person ids and probabilities as they are by now, some at a time; nothing without tags."""
        k = self.probabilities.shape[1]
        gone = self.replaced() if self.refreshed else np.zeros(0, np.int64)
        step = max(1, _CHUNK // max(4 * k, 1))
        for start in range(0, len(self.person_ids) if k else 0, step):
            part = np.asarray(self.probabilities[start : start + step])
            people = self.person_ids.slice(start, len(part))
            if len(inside := gone[(gone >= start) & (gone < start + step)] - start):
                stay = np.ones(len(part), np.bool_)
                stay[inside] = False
                part, people = part[stay], people.filter(pa.array(stay))
            yield people, part
        if k and len(self.refreshed.person_ids):
            yield self.refreshed.person_ids, self.refreshed.probabilities


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
            refreshed=read_refreshed(folder),
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

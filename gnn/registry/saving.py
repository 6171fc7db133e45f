"""Write a version: results of a training in, a folder under its content's name out, and that version current.

It is written into a temporary folder, flushed, and renamed; then the run is recorded; then it is promoted; then the oldest
versions beyond `KEPT` go. Killed in between, what was not done is not seen. A version's name is a hash of its files and details
(not of states.pt and trees.npz, which the probabilities follow from, nor of time, notes and metrics): the same input, options,
code and machine give the same version, and saving it again changes nothing but the record of runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from gnn.registry.code import code_version
from gnn.registry.promotion import promote
from gnn.registry.retention import prune
from gnn.registry.runs import record_run
from gnn.registry.version import FORMAT, Version, check, described, digest, load
from graph.errors import HomeNotWritable, ModelError
from graph.files import replace_file
from graph.interests import ABOUT, TAGS

__all__ = ["Reference", "save"]

Floats = npt.NDArray[np.float32]
Write = Callable[[Path], None]
_ABANDONED_SECONDS = 86_400
_OWN = frozenset(
    {"model.json", "persons.parquet", "tags.parquet", "about.parquet", "probabilities.npy", "embeddings.npy"}
    | {"labels.parquet", "reference.json", "contents.npy", "states.pt", "trees.npz"}
)


@dataclass(frozen=True)
class Reference:
    """What the drift monitor compares with (`gnn.monitor`): histograms as JSON, and hashes of the known contents."""

    histograms: Mapping[str, Any] = field(default_factory=dict)
    contents: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


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
    write_states: Write | None = None,
    labels: tuple[Floats, npt.NDArray[np.bool_]] | None = None,
    data: Mapping[str, Any] | None = None,
    reference: Reference | None = None,
    extras: Mapping[str, Write] | None = None,
    now: Callable[[], datetime] = utc_now,
) -> Version:
    """Write a version, record the run and make the version the current one.

    `write_states` writes states.pt, trees.npz or both into the folder it is given; `details` is whatever else is needed to use
    them again, as JSON. `labels`: values (n, k) of the first k tags and whose are known (n,). `data`: what it was trained on
    (`data_snapshot`). `extras`: file name to what writes that file at the path it is given; such files are hashed, are part
    of the version's name (so let the same content give the same bytes), and are opened by `Version.extra`.
    Raises HomeNotWritable.
    """
    temporary = models / f".{secrets.token_hex(6)}.part"
    try:
        _sweep(models)
        temporary.mkdir(parents=True)
        pq.write_table(pa.table({"person_id": person_ids.cast(pa.string())}), temporary / "persons.parquet")
        pq.write_table(tags.cast(TAGS), temporary / "tags.parquet")
        pq.write_table(about.cast(ABOUT), temporary / "about.parquet")
        np.save(temporary / "probabilities.npy", np.ascontiguousarray(probabilities, np.float32))
        np.save(temporary / "embeddings.npy", np.ascontiguousarray(embeddings, np.float32))
        if labels is not None:
            pq.write_table(_label_rows(*labels), temporary / "labels.parquet")
        if reference is not None:
            (temporary / "reference.json").write_text(json.dumps(reference.histograms, sort_keys=True))
            np.save(temporary / "contents.npy", reference.contents)
        files = {path.name: digest(path) for path in sorted(temporary.iterdir())}
        extra_files = {name: _written(temporary, name, write) for name, write in sorted((extras or {}).items())}
        named = [files, details, *([extra_files] if extra_files else [])]
        name = "v" + hashlib.sha256(json.dumps(named, sort_keys=True, default=str).encode()).hexdigest()[:16]
        if write_states is not None:
            write_states(temporary)
            files |= {file: digest(temporary / file) for file in ("states.pt", "trees.npz") if (temporary / file).exists()}
        about_it = {
            "format": FORMAT,
            "version": name,
            "files": files,
            "extras": extra_files,
            "metrics": metrics,
            "notes": list(notes),
            "as_of": as_of.isoformat() if as_of else None,
            "details": details,
            "data": dict(data or {}),
            "code": code_version(),
            "created_at": now().isoformat(timespec="seconds"),
        }
        replace_file(temporary / "model.json", json.dumps(about_it, indent=1, sort_keys=True).encode())
        for path in (*temporary.iterdir(), temporary):
            _flush(path)
        new = _place(models, temporary, name)
        told = {k: about_it[k] for k in ("metrics", "data", "code")}
        record_run(models, "train", now(), version=name, new=new, options=details.get("options", {}), **told)
        promote(models, name, action="train", at=now())
        prune(models)
    except OSError as error:
        raise HomeNotWritable(models, error.strerror or str(error)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return load(models, name)


def _place(models: Path, temporary: Path, name: str) -> bool:
    """Give the folder its name, unless there is a whole version of that name already. True where it was new."""
    final = models / name
    if final.exists():
        try:
            load(models, name)
            check(final, described(models, name).get("extras", {}))
        except ModelError:
            shutil.rmtree(final)
        else:
            return False
    os.replace(temporary, final)
    return True


def _written(folder: Path, name: str, write: Write) -> str:
    if not name or name in _OWN or Path(name).name != name or name.startswith("."):
        raise ValueError(f"{name!r} cannot be the name of a further file of a version")
    write(folder / name)
    return digest(folder / name)


def _label_rows(values: Floats, labelled: npt.NDArray[np.bool_]) -> pa.Table:
    """A row per label that is not 0; a person without any has a row without tag."""
    person, tag = np.nonzero(values * labelled[:, None])
    bare = np.setdiff1d(np.flatnonzero(labelled), person)
    return pa.table(
        {
            "person": np.r_[person, bare],
            "tag": pa.array(
                np.r_[tag, np.zeros(len(bare), np.int64)], pa.int64(), mask=np.arange(len(person) + len(bare)) >= len(person)
            ),
            "value": np.r_[values[person, tag], np.zeros(len(bare), np.float32)].astype(np.float32),
        }
    )


def _sweep(models: Path) -> None:
    """Remove what killed processes left: versions being removed, and versions half written a day ago or more."""
    if not models.is_dir():
        return
    for left in models.glob(".*"):
        abandoned = left.suffix == ".part" and left.is_dir() and time.time() - left.stat().st_mtime > _ABANDONED_SECONDS
        if left.suffix == ".removed" or abandoned:
            shutil.rmtree(left, ignore_errors=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

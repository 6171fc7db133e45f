"""What was learned of persons after a training without training: rows beside a version, which itself stays as it was.

VERSION/refreshed/NNNNNNNN.parquet: person_id, withheld, probabilities (k), embedding (d); of a person the row in the file with
the highest number holds. A withheld person has neither tags nor a place among others until a later row says otherwise. The
metadata of a file say up to which batch of the lake, and which record of the consent log, everything was looked at, and whether
it repeats all that still holds of the files before it (`whole`), which are removed then.

A file is written whole or not at all (`graph.files`), after it the files that it repeats go: killed at any moment, the rows
before or those after stand. The files are not part of the version's name, nor hashed: they follow from the version and the lake.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from graph.errors import HomeNotWritable, ModelError
from graph.files import replacing

__all__ = ["NOTHING", "Refreshed", "append", "newest", "read"]

Floats = npt.NDArray[np.float32]
_FOLDER = "refreshed"
_NAME = re.compile(r"(\d{8})\.parquet")
_MOST_FILES = 32


@dataclass(frozen=True)
class Refreshed:
    """The rows that hold, r of them, and how far they go."""

    person_ids: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    """(r,), each once."""
    probabilities: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """(r, k)"""
    embeddings: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    """(r, d)"""
    withheld: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    """Persons of whom neither these rows nor the version's are told."""
    batch: int | None = None
    """Last batch of the lake that was looked at; None where nothing was refreshed yet."""
    consents: int = 0
    """Number of the last record of the consent log that was looked at."""
    number: int = 0
    """Of the newest file; it grows with every refresh."""

    def __bool__(self) -> bool:
        return bool(len(self.person_ids) or len(self.withheld))

    def row_of(self, person_id: str) -> int:
        """A person's row; −1 for none."""
        return int(self.person_ids.index(pa.scalar(person_id, pa.string())).as_py())

    def hides(self, person_id: str) -> bool:
        """Whether the person is withheld."""
        return bool(self.withheld.index(pa.scalar(person_id, pa.string())).as_py() >= 0)


NOTHING = Refreshed()


def read(folder: Path) -> Refreshed:
    """What stands beside the version in `folder`. Raises ModelError where a file is damaged."""
    for _ in range(3):  # a writer may remove what was listed, having written it anew
        try:
            return _read(_files(folder))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelError(
                f"{folder / _FOLDER} is damaged ({reason}); remove it, and run `tessera model refresh` to make it anew"
            ) from error
    raise ModelError(f"{folder / _FOLDER} does not stand still; try again")


def newest(folder: Path) -> int:
    """Number of the newest file beside the version in `folder`; 0 for none."""
    return max(_files(folder), default=0)


def append(
    folder: Path,
    person_ids: Sequence[str],
    probabilities: Floats,
    embeddings: Floats,
    withheld: Sequence[str],
    *,
    batch: int,
    consents: int,
) -> int:
    """Add rows of `person_ids` (r,), and persons from now on withheld; the caller is the only writer. Gives the number of the
    file. Without rows the file says how far was looked. Raises HomeNotWritable, ModelError."""
    files = _files(folder)
    number = max(files, default=0) + 1
    rows = _table(person_ids, probabilities, embeddings, withheld)
    whole = len(files) >= _MOST_FILES
    if whole:
        rows = _latest([*(pq.read_table(path) for _, path in _standing(files)), rows])
    told = {"batch": batch, "consents": consents, "whole": int(whole)}
    rows = rows.replace_schema_metadata({k: str(v) for k, v in told.items()})
    try:
        (folder / _FOLDER).mkdir(exist_ok=True)
        with replacing(folder / _FOLDER / f"{number:08d}.parquet") as path:
            pq.write_table(rows, path)
        for old in files.values() if whole else ():
            old.unlink(missing_ok=True)
    except OSError as error:
        raise HomeNotWritable(folder, error.strerror or str(error)) from error
    return number


def _files(folder: Path) -> dict[int, Path]:
    found = {int(named[1]): path for path in (folder / _FOLDER).glob("*.parquet") if (named := _NAME.fullmatch(path.name))}
    return dict(sorted(found.items()))


def _standing(files: Mapping[int, Path]) -> list[tuple[int, Path]]:
    """Those from the last one on that repeats all before it."""
    standing = list(files.items())
    for at in range(len(standing) - 1, 0, -1):
        if (pq.read_metadata(standing[at][1]).metadata or {}).get(b"whole") == b"1":
            return standing[at:]
    return standing


def _read(files: Mapping[int, Path]) -> Refreshed:
    standing = _standing(files)
    if not standing:
        return NOTHING
    tables = [pq.read_table(path) for _, path in standing]
    told = {k.decode(): int(v) for k, v in tables[-1].schema.metadata.items() if k in (b"batch", b"consents")}
    rows = _latest(tables)
    withheld = rows.column("withheld")
    said = rows.filter(pc.invert(withheld))
    return Refreshed(
        person_ids=said.column("person_id").combine_chunks(),
        probabilities=_matrix(said.column("probabilities")),
        embeddings=_matrix(said.column("embedding")),
        withheld=rows.column("person_id").filter(withheld).combine_chunks(),
        batch=told["batch"],
        consents=told["consents"],
        number=standing[-1][0],
    )


def _latest(tables: Sequence[pa.Table]) -> pa.Table:
    """Of each person the last row, in the order in which they came."""
    rows = pa.concat_tables([t.replace_schema_metadata(None) for t in tables])
    place = pa.array(np.arange(rows.num_rows))
    last = pa.table({"person_id": rows.column("person_id"), "place": place}).group_by("person_id").aggregate([("place", "max")])
    return rows.take(pa.array(np.sort(last.column("place_max").to_numpy()))).combine_chunks()


def _table(person_ids: Sequence[str], probabilities: Floats, embeddings: Floats, withheld: Sequence[str]) -> pa.Table:
    """Withheld persons have no values: a row of zeros, which is never read."""
    ids = [*person_ids, *withheld]
    empty = [np.zeros((len(withheld), matrix.shape[1]), np.float32) for matrix in (probabilities, embeddings)]
    return pa.table(
        {
            "person_id": pa.array(ids, pa.string()),
            "withheld": pa.array([False] * len(person_ids) + [True] * len(withheld), pa.bool_()),
            "probabilities": _lists(np.vstack([probabilities, empty[0]])),
            "embedding": _lists(np.vstack([embeddings, empty[1]])),
        }
    )


def _lists(matrix: Floats) -> pa.Array:
    values = pa.array(np.ascontiguousarray(matrix, np.float32).reshape(-1))
    offsets = np.arange(len(matrix) + 1, dtype=np.int32) * np.int32(matrix.shape[1])
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _matrix(column: pa.ChunkedArray) -> Floats:
    lists = column.combine_chunks()
    values = np.asarray(lists.flatten().to_numpy(zero_copy_only=False), np.float32)
    return values.reshape(len(lists), -1) if len(lists) else np.zeros((0, 0), np.float32)

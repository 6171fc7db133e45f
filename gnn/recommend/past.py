"""What persons have engaged with and seen, by person id: the part of a stored recommender that is about persons."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gnn.features.population import Population
from gnn.recommend.history import History, history_of

__all__ = ["SEEN", "Past", "joined", "past_of", "to_history"]

Indices = npt.NDArray[np.int64]
Rows = npt.NDArray[np.void]
SEEN = np.dtype([("content", "<i4"), ("weight", "<f4"), ("at", "<i8")])
"""A content by its place, the strength of the engagement (0: merely seen), microseconds since 1970 (0 where undated)."""


@dataclass(frozen=True)
class Past:
    """n persons, sorted by their id; `rows[pointers[p]:pointers[p + 1]]` are those of person p."""

    person_ids: pa.Array
    pointers: Indices
    rows: Rows

    def of(self, person_id: str) -> Rows | None:
        """A person's rows; None for somebody who is not there."""
        at = bisect_left(range(len(self.person_ids)), person_id, key=lambda i: self.person_ids[i].as_py())
        if at == len(self.person_ids) or self.person_ids[at].as_py() != person_id:
            return None
        return np.asarray(self.rows[self.pointers[at] : self.pointers[at + 1]])


def past_of(data: Population, order: Indices) -> Past:
    """Everybody in a population, also those without any event; contents by their place in `order` (m,)."""
    place_of = np.empty(data.contents, np.int64)
    place_of[order] = np.arange(data.contents)
    history = history_of(data)
    person, content = [history.person], [history.content]
    weight, at = [history.weight], [history.at]
    if data.also_seen is not None and data.also_seen.nnz:
        merely = data.also_seen
        person.append(np.repeat(np.arange(data.persons), np.diff(merely.indptr)))
        content.append(merely.indices.astype(np.int64))
        weight.append(np.zeros(merely.nnz, np.float32))
        at.append(np.zeros(merely.nnz, np.int64))
    ids = data.person_ids.to_pylist()
    by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
    place = np.empty(len(ids), np.int64)
    place[by_id] = np.arange(len(ids))
    whose = place[np.concatenate(person)]
    sorting = np.argsort(whose, kind="stable")
    rows = np.zeros(len(sorting), SEEN)
    for name, parts in (("content", [place_of[c] for c in content]), ("weight", weight), ("at", at)):
        rows[name] = np.concatenate(parts)[sorting]
    pointers = np.concatenate([[0], np.cumsum(np.bincount(whose, minlength=len(ids)))]).astype(np.int64)
    return Past(data.person_ids.take(pa.array(by_id)), pointers, rows)


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows of several parts of one person, one per content: the strongest engagement, the latest time."""
    rows = np.concatenate([np.zeros(0, SEEN), *parts])
    contents, place = np.unique(rows["content"], return_inverse=True)
    out = np.zeros(len(contents), SEEN)
    out["content"] = contents
    np.maximum.at(out["weight"], place, rows["weight"])
    np.maximum.at(out["at"], place, rows["at"])
    return out


def to_history(rows: Rows, contents: int) -> History:
    """The engagements among one person's rows, as the history of one person."""
    own = rows[rows["weight"] > 0]
    own = own[np.lexsort((own["content"], own["at"]))]
    return History(
        pointers=np.array([0, len(own)], np.int64),
        content=own["content"].astype(np.int64),
        at=own["at"].astype(np.int64),
        weight=own["weight"].astype(np.float32),
        contents=contents,
    )

"""Look-ups of interests, in memory: the tags of one model version and everybody's probabilities. Without torch."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.interests import TAGS

__all__ = ["InterestIndex", "Score", "TagRow"]


@dataclass(frozen=True)
class TagRow:
    """A tag, as `graph.interests.TAGS` has it."""

    tag_id: str
    name: str
    taxonomy: str
    sensitive: bool
    parent_id: str | None


@dataclass(frozen=True)
class Score:
    """A person's probability of a tag."""

    tag_id: str
    name: str
    probability: float


class InterestIndex:
    """An immutable index of one model version's tags and probabilities (people × tags)."""

    def __init__(
        self,
        version: str | None = None,
        *,
        tags: pa.Table | None = None,
        person_ids: pa.Array | None = None,
        tag_ids: Sequence[str] = (),
        probabilities: NDArray[np.float32] | None = None,
    ) -> None:
        """`tags` describes the taxonomy; the columns of `probabilities` are `tag_ids`, its rows `person_ids`."""
        self.version = version
        described = TAGS.empty_table() if tags is None else tags.select(TAGS.names)
        rows = (TagRow(**row) for row in described.to_pylist())
        self._tags = sorted((t for t in rows if t.tag_id), key=lambda t: t.tag_id)
        self._names = {t.tag_id: t.name for t in self._tags}
        self.sensitive = frozenset(text for t in self._tags if t.sensitive for text in (t.tag_id, t.name))
        """Ids and names of the sensitive tags."""
        people = pa.array([], pa.string()) if person_ids is None else person_ids
        self._order = pc.sort_indices(people)
        self._people = people
        self._column = {tag: at for at, tag in enumerate(tag_ids)}
        self._tag_ids = list(tag_ids)
        self._probabilities = np.zeros((0, 0), np.float32) if probabilities is None else probabilities
        hidden = [tag in self.sensitive or self._names.get(tag) in self.sensitive for tag in self._tag_ids]
        self._told = ~np.array(hidden, dtype=bool)

    def tags_after(self, tag_id: str | None, limit: int) -> tuple[list[TagRow], bool]:
        """Up to `limit` tags with a higher id, and whether there are more."""
        start = 0 if tag_id is None else bisect_right(self._tags, tag_id, key=lambda t: t.tag_id)
        return self._tags[start : start + limit], start + limit < len(self._tags)

    def of_person(self, person_id: str, *, min_probability: float, limit: int) -> list[Score]:
        """A person's tags of at least this probability, most probable first (equal ones by id); no sensitive ones."""
        at = bisect_left(self._order, person_id, key=lambda row: self._people[row.as_py()].as_py())
        if at == len(self._order) or self._people[self._order[at].as_py()].as_py() != person_id:
            return []
        scores = np.asarray(self._probabilities[self._order[at].as_py()], dtype=np.float64)
        (columns,) = np.nonzero(self._told & (scores >= min_probability))
        best = sorted(columns.tolist(), key=lambda c: (-scores[c], self._tag_ids[c]))[:limit]
        return [Score(t, self._names.get(t, t), float(scores[c])) for c in best for t in (self._tag_ids[c],)]

    def at_least(self, tag_id: str, minimum: float) -> pa.Array:
        """Ids of the people whose probability of the tag reaches the minimum; empty for an unknown tag."""
        column = self._column.get(tag_id)
        if column is None:
            return pa.array([], pa.string())
        return self._people.filter(pa.array(np.asarray(self._probabilities[:, column]) >= minimum))

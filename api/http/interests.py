"""Look-ups of interests, in memory: the tags of one model version and everybody's probabilities. Without torch."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gnn import registry
from gnn.registry import Version
from graph.errors import NothingResolved
from graph.interests import TAGS, Interests

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
    """An immutable index of one model version, or of none: then there are no tags and nobody has any."""

    def __init__(self, version: Version | None) -> None:
        """`version` stays open: its matrices are memory-mapped."""
        self.model = version
        tags = TAGS.empty_table() if version is None else version.tags
        self._tags = sorted((TagRow(**row) for row in tags.select(TAGS.names).to_pylist()), key=lambda t: t.tag_id)
        self._names = {t.tag_id: t.name for t in self._tags}
        self.sensitive = frozenset(text for t in self._tags if t.sensitive for text in (t.tag_id, t.name))
        """Ids and names of the sensitive tags."""
        self._people = pa.array([], pa.string()) if version is None else version.person_ids
        self._order = pc.sort_indices(self._people).to_numpy()
        self._tag_ids = [] if version is None else version.tag_ids
        self._column = {tag: at for at, tag in enumerate(self._tag_ids)}
        hidden = [tag in self.sensitive or self._names.get(tag) in self.sensitive for tag in self._tag_ids]
        self._told = ~np.array(hidden, dtype=bool)
        self._replaced = np.zeros(0, np.int64) if version is None else version.replaced()

    @classmethod
    def open(cls, models: Path, before: InterestIndex | None = None) -> InterestIndex:
        """The current version's, or that of none where nothing has been trained; of the version that `before` holds, what was
        refreshed since is read alone. Raises ModelError."""
        known = None if before is None else before.model
        if known is not None and registry.current_name(models) == known.name:
            return cls(known.again())
        try:
            return cls(registry.current(models))
        except NothingResolved:
            return cls(None)

    @property
    def version(self) -> str | None:
        """Name of the model version."""
        return None if self.model is None else self.model.name

    def table(self) -> Interests:
        """What the graph is told: everybody's most probable tags."""
        return Interests() if self.model is None else self.model.interests()

    def tags_after(self, tag_id: str | None, limit: int) -> tuple[list[TagRow], bool]:
        """Up to `limit` tags with a higher id, and whether there are more."""
        start = 0 if tag_id is None else bisect_right(self._tags, tag_id, key=lambda t: t.tag_id)
        return self._tags[start : start + limit], start + limit < len(self._tags)

    def of_person(self, person_id: str, *, min_probability: float, limit: int) -> list[Score]:
        """A person's tags of at least this probability, most probable first (equal ones by id); no sensitive ones."""
        row = self._scores(person_id)
        if row is None:
            return []
        scores = np.asarray(row, dtype=np.float64)
        (columns,) = np.nonzero(self._told & (scores >= min_probability))
        best = sorted(columns.tolist(), key=lambda c: (-scores[c], self._tag_ids[c]))[:limit]
        return [Score(t, self._names.get(t, t), float(scores[c])) for c in best for t in (self._tag_ids[c],)]

    def tells(self, tag_id: str) -> bool:
        """Whether people may be told their probability of a tag: one of the version's that is not sensitive."""
        column = self._column.get(tag_id)
        return column is not None and bool(self._told[column])

    def name_of(self, tag_id: str) -> str:
        """A tag's name; its id where it has none."""
        return self._names.get(tag_id, tag_id)

    def at_least(self, tag_id: str, minimum: float) -> pa.Array:
        """Ids of the people whose probability of the tag reaches the minimum; empty for an unknown tag."""
        column = self._column.get(tag_id)
        if self.model is None or column is None:
            return pa.array([], pa.string())
        reaching = np.asarray(self.model.probabilities[:, column]) >= minimum
        reaching[self._replaced] = False
        now = self.model.refreshed
        if not len(now.person_ids):
            return self._people.filter(pa.array(reaching))
        later = now.person_ids.filter(pa.array(now.probabilities[:, column] >= minimum))
        return pa.concat_arrays([self._people.filter(pa.array(reaching)), later])

    def _scores(self, person_id: str) -> npt.NDArray[np.float32] | None:
        """(k,) probabilities of a person; None for one of whom nothing is told. As `Version.scores_of`, without a search through
        everybody."""
        if self.model is None or self.model.refreshed.hides(person_id):
            return None
        if (row := self.model.refreshed.row_of(person_id)) >= 0:
            return np.asarray(self.model.refreshed.probabilities[row])
        at = bisect_left(self._order, person_id, key=lambda row: self._people[int(row)].as_py())
        if at == len(self._order) or self._people[int(self._order[at])].as_py() != person_id:
            return None
        return np.asarray(self.model.probabilities[int(self._order[at])])

"""Look-ups of recommendations, in memory: the stored recommender of one model version, and what people have seen since. No torch.

What has been seen is never offered: what the version knew, what the lake's later batches hold, and, for a person whom the version
did not know, all that the lake holds of their devices and accounts. Contents about a sensitive tag are never told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gnn.recommend.newer import NEWER, events_after, events_of
from gnn.recommend.past import SEEN, Rows
from gnn.recommend.stored import MANIFEST, Offer, StoredRecommender, open_recommender
from gnn.registry import Version
from graph.resolution import Resolution

__all__ = ["RecommendationIndex", "about_sensitive"]

Connect = Callable[[], duckdb.DuckDBPyConnection]
_ABOUT = 0.2
"""A content counts as about a sensitive tag from this score on, far below what would name the tag as its subject."""


class RecommendationIndex:
    """An immutable index of one model version's recommender and one state of the lake; without a recommender nobody has any."""

    def __init__(
        self, version: Version | None, stored: StoredRecommender | None, connect: Connect, key: bytes, newer: Mapping[str, Rows]
    ) -> None:
        """`newer`: rows by person of the batches after the recommender's."""
        self._version, self._stored, self._connect, self._key, self._newer = version, stored, connect, key, newer
        self._withheld = None if stored is None or version is None else _sensitive(version, stored)

    @classmethod
    def open(
        cls,
        version: Version | None,
        resolution: Resolution,
        connect: Connect,
        *,
        key: bytes,
        last_batch: int,
        before: RecommendationIndex | None = None,
    ) -> RecommendationIndex:
        """The recommender of a version; from the index `before`, where that has the same. Raises ModelError."""
        if version is None or MANIFEST not in version.extras:
            return cls(version, None, connect, key, {})
        kept = before._stored if before is not None and before.version == version.name else None
        stored = kept or open_recommender(version.extra)
        newer: dict[str, Rows] = {}
        if last_batch > stored.batch:
            with connect() as connection:
                newer = _by_person(events_after(connection, stored.batch, key=key), resolution, stored)
        return cls(version, stored, connect, key, newer)

    @property
    def version(self) -> str | None:
        """Name of the model version; None where none has a recommender."""
        return None if self._version is None or self._stored is None else self._version.name

    def of_person(self, person_ids: Sequence[str], members: Sequence[tuple[str, str]], k: int) -> list[Offer]:
        """Up to `k` contents, best first. `person_ids`: the person's and those that merges retired; `members`: kind and id."""
        if self._stored is None:
            return []
        known = [rows for p in person_ids if (rows := self._stored.past.of(p)) is not None]
        if not known:
            with self._connect() as connection:
                known = [_rows(events_of(connection, members, key=self._key), self._stored)]
        later = [self._newer[p] for p in person_ids if p in self._newer]
        return self._stored.offers([*known, *later], k, self._withheld)


def about_sensitive(version: Version) -> frozenset[str]:
    """Ids of the contents about a sensitive tag."""
    tags = version.tags.filter(pc.field("sensitive"))
    names = pa.array({*tags["tag_id"].to_pylist(), *tags["name"].to_pylist()}, pa.string())
    rows = version.about.filter((pc.field("score") >= _ABOUT) & pc.field("tag_id").isin(names))
    return frozenset(rows["content_id"].to_pylist())


def _sensitive(version: Version, stored: StoredRecommender) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    withheld = np.zeros(stored.recommender.contents, np.bool_)
    withheld[[stored.places[c] for c in about_sensitive(version) if c in stored.places]] = True
    return withheld


def _by_person(events: pa.Table, resolution: Resolution, stored: StoredRecommender) -> dict[str, Rows]:
    members = resolution.members.select(["kind", "id", "person_id"])
    events = events.join(members, ["kind", "id"], join_type="inner")
    rows = _rows(events.select(NEWER.names), stored)
    known = pc.is_in(events["content_id"], value_set=stored.recommender.content_ids).to_numpy(zero_copy_only=False)
    persons = events["person_id"].filter(pa.array(known)).combine_chunks().dictionary_encode()
    order = np.argsort(persons.indices.to_numpy(), kind="stable")
    ends = np.cumsum(np.bincount(persons.indices.to_numpy(), minlength=len(persons.dictionary)))
    return dict(zip(persons.dictionary.to_pylist(), np.split(rows[order], ends[:-1]), strict=True)) if len(ends) else {}


def _rows(events: pa.Table, stored: StoredRecommender) -> Rows:
    """SEEN rows of NEWER events with contents that the recommender knows. A weight counts as in engagement: log1p."""
    places = pc.index_in(events["content_id"], value_set=stored.recommender.content_ids)
    events = events.filter(pc.is_valid(places))
    rows = np.zeros(events.num_rows, SEEN)
    rows["content"] = pc.drop_null(places).to_numpy()
    rows["weight"] = np.log1p(events["weight"].to_numpy())
    rows["at"] = events["at"].to_numpy()
    return rows

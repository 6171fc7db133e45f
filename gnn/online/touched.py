"""Persons as they are now: their devices and accounts and the lake in, what a scorer is asked (`Asked`) out.

A person of the training has what it knew of them and what came since; who is made of other devices and accounts than then is read
anew. Contents that the training did not know say nothing. Tagging events are no engagement, as in `gnn.features.population`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from gnn.online.scorer import Scorer
from gnn.online.world import Asked
from gnn.recommend.newer import events_of

__all__ = ["Person", "Touched", "as_they_are", "subjects_after"]

Indices = npt.NDArray[np.int64]
Member = tuple[str, str]


@dataclass(frozen=True)
class Person:
    """A living person: `members` are (kind, id) each."""

    person_id: str
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Touched:
    """`persons` (b,) in the order of `asked`; `mixed`: who is made of persons whose labels no one view hides."""

    persons: tuple[Person, ...]
    asked: Asked
    mixed: tuple[Person, ...]


@dataclass(frozen=True)
class _Origin:
    """What the training knew of one person's members. `rows`: where it had them; `place`: the one row that was just them, else
    −1; `anew`: all their events have to be read; `hidden` and `fold` as in `Asked`, None where there are several."""

    rows: frozenset[int]
    place: int
    anew: bool
    related_anew: bool
    hidden: int | None
    fold: int


def subjects_after(connection: duckdb.DuckDBPyConnection, batch: int) -> list[Member]:
    """(kind, id) of whom events and relations of the lake's later batches name."""
    return [(str(kind), str(id_)) for kind, id_ in connection.execute(_SUBJECTS, {"batch": batch}).fetchall()]


_SUBJECTS = """
SELECT DISTINCT CASE WHEN account_id IS NOT NULL THEN 'account' ELSE 'device' END, coalesce(account_id, device_id) FROM events
WHERE _batch > $batch
UNION SELECT from_kind, from_id FROM relations WHERE _batch > $batch
UNION SELECT to_kind, to_id FROM relations WHERE _batch > $batch
ORDER BY 1, 2
"""
_RELATED = """
SELECT o.owner, to_kind, to_id FROM relations JOIN online_members o ON o.kind = from_kind AND o.id = from_id
UNION SELECT o.owner, from_kind, from_id FROM relations JOIN online_members o ON o.kind = to_kind AND o.id = to_id
"""


def as_they_are(
    scorer: Scorer, connection: duckdb.DuckDBPyConnection, persons: Sequence[Person], *, key: bytes, replaced: bool
) -> Touched:
    """`connection` has the lake's views, `key` is the home's hashing key; `replaced`: whether rows of later batches may stand in
    place of rows that the training read, so that nothing of those can be kept."""
    batch = int(scorer.frozen.facts["batch"])
    related_since = set(connection.execute(_RELATED_SINCE, {"batch": batch}).fetchall())
    origins = [_origin(scorer, person, related_since, replaced) for person in persons]
    kept = [i for i, origin in enumerate(origins) if origin.hidden is not None]
    chosen, known = [persons[i] for i in kept], [origins[i] for i in kept]
    asked = Asked(
        places=np.array([o.place for o in known], np.int64),
        engagement=_engagement(scorer, connection, chosen, known, key, batch),
        related=_related(scorer, connection, chosen, known),
        hidden=np.array([-1 if o.hidden is None else o.hidden for o in known], np.int64),
        fold=np.array([o.fold for o in known], np.int64),
    )
    return Touched(tuple(chosen), asked, tuple(p for p, o in zip(persons, origins, strict=True) if o.hidden is None))


_RELATED_SINCE = """
SELECT from_kind, from_id FROM relations WHERE _batch > $batch UNION SELECT to_kind, to_id FROM relations WHERE _batch > $batch
"""


def _origin(scorer: Scorer, person: Person, related_since: set[Member], replaced: bool) -> _Origin:
    trained = scorer.trained(person.members)
    rows = np.unique(trained[trained >= 0])
    whole = len(rows) == 1 and int((trained >= 0).sum()) == int(scorer.member_counts[rows[0]])
    joined = len(rows) > 0 and not whole  # a merge, or what a split left
    missed = bool((trained < 0).any()) and not scorer.frozen.facts["complete"]
    hidden, folds = (sorted(set(of[rows].tolist()) - {-1}) for of in (scorer.frozen.known.view_of, scorer.frozen.known.answering))
    return _Origin(
        rows=frozenset(rows.tolist()),
        place=int(rows[0]) if whole else -1,
        anew=joined or missed or replaced,
        related_anew=not whole or not related_since.isdisjoint(person.members),
        hidden=None if len(hidden) > 1 else (hidden or [-1])[0],
        fold=(folds or [-1])[0],
    )


def _engagement(
    scorer: Scorer,
    connection: duckdb.DuckDBPyConnection,
    persons: Sequence[Person],
    origins: Sequence[_Origin],
    key: bytes,
    batch: int,
) -> sp.csr_matrix:
    """(b, m): log1p of the summed weights by now."""
    anew = [o.anew for o in origins]
    stored = np.array([i for i, o in enumerate(origins) if o.place >= 0 and not o.anew], np.int64)
    before = scorer.frozen.known.engagement[[origins[i].place for i in stored]].tocoo()
    shape = (len(persons), before.shape[1])
    total = sp.csr_matrix((np.expm1(before.data.astype(np.float64)), (stored[before.row], before.col)), shape=shape)
    for since, some in ((batch, [i for i, a in enumerate(anew) if not a]), (-1, [i for i, a in enumerate(anew) if a])):
        owners = {member: i for i in some for member in persons[i].members}
        if owners:
            total = total + _weights(scorer, events_of(connection, list(owners), key=key, after=since), owners, shape)
    total = sp.csr_matrix(total)
    total.eliminate_zeros()
    total.sort_indices()
    total.data = np.log1p(total.data)
    return sp.csr_matrix(total, dtype=np.float32)


def _weights(scorer: Scorer, events: pa.Table, owners: dict[Member, int], shape: tuple[int, int]) -> sp.csr_matrix:
    """(b, m) float64: summed weights of NEWER events."""
    known = scorer.content_places
    place = np.array([known.get(c, -1) for c in events["content_id"].to_pylist()], np.int64)
    subjects = zip(events["kind"].to_pylist(), events["id"].to_pylist(), strict=True)
    rows = np.array([owners[s] for s in subjects], np.int64)
    kept = place >= 0
    weight = events["weight"].to_numpy(zero_copy_only=False)[kept]
    return sp.csr_matrix((weight, (rows[kept], place[kept])), shape=shape, dtype=np.float64)


def _related(
    scorer: Scorer, connection: duckdb.DuckDBPyConnection, persons: Sequence[Person], origins: Sequence[_Origin]
) -> sp.csr_matrix:
    """(b, n): 1 for each person of the training that they are related to."""
    kept = np.array([i for i, o in enumerate(origins) if not o.related_anew], np.int64)
    stored = scorer.frozen.known.relations[[origins[i].place for i in kept]].tocoo()
    row, column = [kept[stored.row]], [stored.col.astype(np.int64)]
    anew = [(i, *member) for i, o in enumerate(origins) if o.related_anew for member in persons[i].members]
    if anew:
        owners, kinds, ids = zip(*anew, strict=True)
        connection.register("online_members", pa.table({"owner": owners, "kind": kinds, "id": ids}))
        found = connection.execute(_RELATED).fetchall()
        connection.unregister("online_members")
        whose = np.array([owner for owner, _, _ in found], np.int64)
        other = scorer.trained(_members(found))
        own = [int(o) in origins[w].rows for o, w in zip(other, whose, strict=True)]
        there = (other >= 0) & ~np.array(own, np.bool_)
        row, column = [*row, whose[there]], [*column, other[there]]
    places = np.concatenate(row), np.concatenate(column)
    shape = (len(persons), scorer.frozen.known.relations.shape[1])
    related = sp.csr_matrix((np.ones(len(places[0]), np.float32), places), shape=shape)
    related.data[:] = 1.0  # several relations with one person are one
    return related


def _members(found: Iterable[tuple[int, str, str]]) -> list[Member]:
    return [(kind, id_) for _, kind, id_ in found]

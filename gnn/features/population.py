"""What there is to learn from: the lake's events, contents, relations and labels, joined to persons, as sparse matrices.

In: a DuckDB connection with the lake's views, a `Resolution`, and the ids of the persons that may be used. Out: a
`Population`, whose persons stand in the order of their smallest member (`kind:id`), never of person ids, so that the same
input gives the same result in every home.

Tagging events (type `tag`, or any event whose text is one of the label tags) spell a person's labels out. They are kept apart
in `tagged` and are never engagement; `gnn.features.channels` sees to it that nobody's own reach their own input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from graph.project.contents import CONTENT_ID, prepare_contents
from graph.resolution import Resolution

__all__ = ["MINIMUM_EXAMPLES", "Population", "Recent", "Tagging", "population"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
MINIMUM_EXAMPLES = 5
"""Of fewer labelled persons nothing is claimed: the tag is neither learned nor told, and the version's notes say so."""


@dataclass(frozen=True)
class Tagging:
    """Tagging events as aligned arrays: this person put this tag on this content, so many times."""

    person: Indices
    content: Indices
    tag: Indices
    count: Floats


@dataclass(frozen=True)
class Recent:
    """The latest events of each person, tagging events left out: aligned arrays by person, then by time, undated ones first."""

    person: Indices
    content: Indices
    type: Indices
    """A number for each type of event."""
    at: Indices
    """Microseconds since 1970, −1 where undated."""


@dataclass(frozen=True)
class Population:
    """Axes: n persons, m contents, k tags, c categories. Sparse matrices are CSR, float32."""

    person_ids: pa.Array
    content_ids: list[str]
    engagement: sp.csr_matrix
    """(n, m): log1p of the summed weights of a person's events on a content; tagging events do not count."""
    relations: sp.csr_matrix
    """(n, n): relations between persons, symmetric, without loops."""
    tags: list[str]
    """Label tags with enough examples, sorted."""
    skipped: list[str]
    """Label tags with too few examples to learn."""
    labels: Floats
    """(n, k): value of each label in 0..1; a labelled person's unlisted tags are 0."""
    labelled: npt.NDArray[np.bool_]
    """(n,): whose labels are known."""
    tagged: Tagging
    texts: list[str]
    """(m,): title and text of each content, empty where there is none."""
    categories: list[str]
    """Content categories, sorted."""
    content_category: sp.csr_matrix
    """(m, c): 1 where a content has the category."""
    as_of: datetime | None
    """Latest event; None without events."""
    engaged_at: Indices | None = None
    """(entries of `engagement`,) in its order: microseconds since 1970 of the person's last event on it; None: undated."""
    also_seen: sp.csr_matrix | None = None
    """(n, m): 1 for contents that a person has seen without engaging: only tagged, or with events that weigh nothing."""
    recent: Recent | None = None
    """Read where it is asked for."""

    @property
    def persons(self) -> int:
        """Number of persons."""
        return len(self.person_ids)

    @property
    def contents(self) -> int:
        """Number of contents."""
        return len(self.content_ids)


def population(
    connection: duckdb.DuckDBPyConnection, resolution: Resolution, eligible: pa.Array, *, key: bytes, recent_events: int = 0
) -> Population:
    """Read everything once. Memory grows with distinct (person, content) pairs, not with events. `key` is the home's hashing
    key: contents have the ids they have in the graph, where an address that holds personal data is hashed. `recent_events`: so
    many of each person's latest events are read one by one; with 0 none is looked at."""
    members = resolution.members.select(["kind", "id", "person_id"])
    with _registered(connection, members, eligible):
        prepare_contents(connection, key)
        run = _runner(connection)
        run(_PERSONS)
        run(_EVENTS)
        person_ids = run("SELECT person_id FROM gnn_person ORDER BY p").column(0)
        person_ids = person_ids.combine_chunks() if isinstance(person_ids, pa.ChunkedArray) else person_ids
        n = len(person_ids)
        tag_examples = run(_LABEL_TAGS)
        counts = dict(zip(tag_examples.column(0).to_pylist(), tag_examples.column(1).to_pylist(), strict=True))
        tags = sorted(t for t, c in counts.items() if c >= MINIMUM_EXAMPLES)
        labels, labelled = _labels(run(_LABELS), tags, n)
        contents = run(_CONTENTS)
        content_ids = contents.column("content_id").to_pylist()
        m = len(content_ids)
        engaged = run(_ENGAGEMENT)
        weights = np.log1p(_column(engaged, "weight", np.float64)).astype(np.float32)
        engagement = _csr(_column(engaged, "p", np.int64), _column(engaged, "c", np.int64), weights, (n, m))
        related = run(_RELATIONS)
        one_way = _csr(
            _column(related, "a", np.int64), _column(related, "b", np.int64), _column(related, "weight", np.float32), (n, n)
        )
        seen = run(_ALSO_SEEN)
        categories, content_category = _categories(run(_CATEGORIES), m)
        as_of = run('SELECT max("at") FROM events').column(0)[0].as_py()
        return Population(
            person_ids=person_ids,
            content_ids=content_ids,
            engagement=engagement,
            relations=sp.csr_matrix(one_way.maximum(one_way.T)),
            tags=tags,
            skipped=sorted(t for t, c in counts.items() if c < MINIMUM_EXAMPLES),
            labels=labels,
            labelled=labelled,
            tagged=_tagging(run(_TAGGING), tags),
            texts=contents.column("text").to_pylist(),
            categories=categories,
            content_category=content_category,
            as_of=as_of,
            engaged_at=_column(engaged, "at", np.int64),
            also_seen=_csr(
                _column(seen, "p", np.int64), _column(seen, "c", np.int64), np.ones(seen.num_rows, np.float32), (n, m)
            ),
            recent=_recent(run(_RECENT.format(limit=recent_events))) if recent_events else None,
        )


# A weight that is missing or no number counts as 1; a negative one as 0; none is larger than 1e12.
_PERSONS = """
CREATE OR REPLACE TEMP TABLE gnn_person AS
SELECT person_id, (row_number() OVER (ORDER BY first_member) - 1)::BIGINT AS p FROM (
  SELECT person_id, min(kind || ':' || id) AS first_member FROM gnn_members
  WHERE person_id IN (SELECT person_id FROM gnn_eligible) GROUP BY person_id)
"""
_EVENTS = f"""
CREATE OR REPLACE TEMP TABLE gnn_event AS
SELECT p, content_id, text, n, weight, tagging, last_at FROM (
  SELECT CASE WHEN account_id IS NOT NULL THEN 'account' ELSE 'device' END AS kind, coalesce(account_id, device_id) AS id,
    {CONTENT_ID} AS content_id, CASE WHEN type = 'tag' OR text IN (SELECT tag FROM labels) THEN text END AS text,
    coalesce(type = 'tag', false) OR coalesce(text IN (SELECT tag FROM labels), false) AS tagging, count(*) AS n,
    max("at") AS last_at,
    sum(CASE WHEN weight IS NULL OR isnan(weight) THEN 1 ELSE least(greatest(weight, 0), 1e12) END) AS weight
  FROM events LEFT JOIN urls u ON u.raw = url WHERE content_id IS NOT NULL OR url IS NOT NULL GROUP BY ALL)
JOIN gnn_members USING (kind, id) JOIN gnn_person USING (person_id)
"""
_LABEL_ROWS = """
SELECT p, tag, avg(CASE WHEN value IS NULL OR isnan(value) THEN 1 ELSE least(greatest(value, 0), 1) END) AS value
FROM labels JOIN gnn_members ON kind = subject_kind AND id = subject_id JOIN gnn_person USING (person_id)
WHERE value IS NOT NULL OR json_extract(_raw, '$.value') IS NULL
GROUP BY p, tag
"""
_LABEL_TAGS = f"SELECT tag, count(*) FILTER (WHERE value >= 0.5) FROM ({_LABEL_ROWS}) GROUP BY tag"
_LABELS = f"{_LABEL_ROWS} ORDER BY p, tag"
_CONTENTS = f"""
CREATE OR REPLACE TEMP TABLE gnn_content AS
SELECT content_id, (row_number() OVER (ORDER BY content_id) - 1)::BIGINT AS c FROM (
  SELECT content_id FROM contents UNION SELECT DISTINCT content_id FROM gnn_event);
SELECT c.content_id, coalesce(nullif(concat_ws('. ', x.title, x.text), ''), t.title, '') AS text
FROM gnn_content c LEFT JOIN contents x ON x.content_id = c.content_id
LEFT JOIN (SELECT {CONTENT_ID} AS content_id, min(title) AS title FROM events LEFT JOIN urls u ON u.raw = url
           WHERE title IS NOT NULL GROUP BY ALL) t ON t.content_id = c.content_id
ORDER BY c.c
"""
_ENGAGEMENT = """
SELECT p, c, sum(weight) AS weight, epoch_us(max(last_at)) AS "at" FROM gnn_event JOIN gnn_content USING (content_id)
WHERE NOT tagging GROUP BY p, c HAVING sum(weight) > 0 ORDER BY p, c
"""
_ALSO_SEEN = """
SELECT p, c FROM gnn_event JOIN gnn_content USING (content_id)
GROUP BY p, c HAVING coalesce(sum(weight) FILTER (WHERE NOT tagging), 0) <= 0 ORDER BY p, c
"""
_TAGGING = """
SELECT p, c, text AS tag, sum(n) AS n FROM gnn_event JOIN gnn_content USING (content_id)
WHERE tagging AND text IS NOT NULL GROUP BY p, c, text ORDER BY p, c, text
"""
_RELATIONS = """
SELECT a.p AS a, b.p AS b,
  max(CASE WHEN weight IS NULL OR isnan(weight) THEN 1 ELSE least(greatest(weight, 0), 1e6) END) AS weight
FROM relations
JOIN gnn_members ma ON ma.kind = from_kind AND ma.id = from_id JOIN gnn_person a ON a.person_id = ma.person_id
JOIN gnn_members mb ON mb.kind = to_kind AND mb.id = to_id JOIN gnn_person b ON b.person_id = mb.person_id
WHERE a.p <> b.p GROUP BY a.p, b.p ORDER BY a.p, b.p
"""
_RECENT = f"""
SELECT p, c, dense_rank() OVER (ORDER BY type NULLS FIRST) - 1 AS type, coalesce(epoch_us("at"), -1) AS "at" FROM (
  SELECT p, c, type, "at", row_number() OVER (PARTITION BY p ORDER BY "at" DESC NULLS LAST, event_id DESC) AS back FROM (
    SELECT CASE WHEN account_id IS NOT NULL THEN 'account' ELSE 'device' END AS kind, coalesce(account_id, device_id) AS id,
      {CONTENT_ID} AS content_id, type, "at", event_id
    FROM events LEFT JOIN urls u ON u.raw = url
    WHERE NOT coalesce(type = 'tag', false) AND NOT coalesce(text IN (SELECT tag FROM labels), false))
  JOIN gnn_members USING (kind, id) JOIN gnn_person USING (person_id) JOIN gnn_content USING (content_id))
WHERE back <= {{limit}} ORDER BY p, back DESC
"""
_CATEGORIES = """
SELECT DISTINCT c, trim(category) AS category FROM (
  SELECT content_id, unnest(category) AS category FROM contents) JOIN gnn_content USING (content_id)
WHERE trim(category) <> '' ORDER BY c, category
"""


@contextmanager
def _registered(connection: duckdb.DuckDBPyConnection, members: pa.Table, eligible: pa.Array) -> Iterator[None]:
    connection.register("gnn_members", members)
    connection.register("gnn_eligible", pa.table({"person_id": eligible.cast(pa.string())}))
    try:
        yield
    finally:
        for table in ("gnn_person", "gnn_event", "gnn_content", "urls"):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        for view in ("gnn_members", "gnn_eligible"):
            connection.unregister(view)


def _runner(connection: duckdb.DuckDBPyConnection) -> Callable[[str], pa.Table]:
    def run(statements: str) -> pa.Table:
        *first, last = (s for s in statements.split(";\n") if s.strip())
        for statement in first:
            connection.execute(statement)
        if last.lstrip().startswith("CREATE"):
            connection.execute(last)
            return pa.table({})
        return connection.sql(last).to_arrow_table()

    return run


def _column(table: pa.Table, name: str, dtype: type) -> npt.NDArray[Any]:
    return np.asarray(table.column(name).to_numpy(zero_copy_only=False)).astype(dtype)


def _csr(rows: Indices, columns: Indices, values: Floats, shape: tuple[int, int]) -> sp.csr_matrix:
    matrix = sp.csr_matrix((values.astype(np.float32), (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    return matrix


def _labels(rows: pa.Table, tags: list[str], n: int) -> tuple[Floats, npt.NDArray[np.bool_]]:
    place = {t: i for i, t in enumerate(tags)}
    person = _column(rows, "p", np.int64)
    tag = np.array([place.get(t, -1) for t in rows.column("tag").to_pylist()], dtype=np.int64)
    labels = np.zeros((n, len(tags)), np.float32)
    keep = tag >= 0
    labels[person[keep], tag[keep]] = _column(rows, "value", np.float32)[keep]
    labelled = np.zeros(n, np.bool_)
    labelled[person] = True
    return labels, labelled


def _tagging(rows: pa.Table, tags: list[str]) -> Tagging:
    place = {t: i for i, t in enumerate(tags)}
    tag = np.array([place.get(t, -1) for t in rows.column("tag").to_pylist()], dtype=np.int64)
    keep = tag >= 0
    person, content = _column(rows, "p", np.int64)[keep], _column(rows, "c", np.int64)[keep]
    return Tagging(person, content, tag[keep], _column(rows, "n", np.float32)[keep])


def _recent(rows: pa.Table) -> Recent:
    person, content, kind, at = (_column(rows, name, np.int64) for name in ("p", "c", "type", "at"))
    return Recent(person=person, content=content, type=kind, at=at)


def _categories(rows: pa.Table, m: int) -> tuple[list[str], sp.csr_matrix]:
    values = rows.column("category").to_pylist()
    names = sorted(set(values))
    place = {c: i for i, c in enumerate(names)}
    columns = np.array([place[v] for v in values], dtype=np.int64)
    return names, _csr(_column(rows, "c", np.int64), columns, np.ones(len(values), np.float32), (m, len(names)))

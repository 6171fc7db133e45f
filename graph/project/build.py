"""The whole identity graph as a `Snapshot`: what lake and resolution say, in the labels and types of `graph.schema`.

In: a connection with the lake's views, a `Resolution`, optionally what was learned and which audiences there are. Out: Arrow
tables in which every relationship's ends are among the nodes and keys are unique, always in the same order. E-mail addresses,
telephone numbers, names, street addresses and IPs appear nowhere but as keyed hashes, which the resolution holds already.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from graph.audiences import Audiences
from graph.interests import Interests
from graph.progress import Progress, ignore_progress
from graph.project.contents import CONTENT_ID, SAFE_URL, prepare_contents
from graph.project.nodes import NODE_QUERIES
from graph.project.relationships import relationship_query
from graph.resolution import Resolution
from graph.schema import Edge, Label, edges
from graph.snapshot import Snapshot, node_schema, relationship_schema

__all__ = ["ENGAGED", "ENGAGED_CONTENTS", "snapshot", "table_of"]

# Weights add up as decimals, since a sum of floating-point numbers depends on the order in which threads come by.
ENGAGED = f"""
CREATE OR REPLACE TEMP TABLE engaged AS
WITH said AS (
    SELECT CASE WHEN account_id IS NULL THEN 'device' ELSE 'account' END AS subject_kind,
           coalesce(account_id, device_id) AS subject_id, {CONTENT_ID} AS content_id, coalesce(type, 'event') AS type,
           make_timestamp(epoch_us("at"))::DATE AS date,
           TRY_CAST(greatest(least(coalesce(weight, 1), 1e15), -1e15) AS DECIMAL(38, 6)) AS weight, "at" AS happened
    FROM {{events}} LEFT JOIN urls u ON u.raw = url WHERE content_id IS NOT NULL OR url IS NOT NULL
)
SELECT subject_kind, subject_id, content_id, type, date::VARCHAR AS day, count(*) AS count,
       coalesce(sum(weight), 0)::DOUBLE AS weight, min(happened) AS first_at, max(happened) AS last_at
FROM said GROUP BY subject_kind, subject_id, content_id, type, date
"""

ENGAGED_CONTENTS = f"""
CREATE OR REPLACE TEMP TABLE engaged_contents AS
WITH described AS (
    SELECT {CONTENT_ID} AS content_id, arg_max(title, ("at", title)) AS title, arg_max({SAFE_URL}, ("at", {SAFE_URL})) AS url
    FROM events LEFT JOIN urls u ON u.raw = url
    WHERE (title IS NOT NULL AND content_id IS NOT NULL) OR url IS NOT NULL GROUP BY 1
)
SELECT content_id, title, url FROM (SELECT DISTINCT content_id FROM engaged) LEFT JOIN described USING (content_id)
"""

_TEMPORARY = ("urls", "engaged", "engaged_contents")


def snapshot(
    connection: duckdb.DuckDBPyConnection,
    resolution: Resolution,
    *,
    home_id: str,
    key: bytes,
    interests: Interests | None = None,
    audiences: Audiences | None = None,
    progress: Progress = ignore_progress,
) -> Snapshot:
    """Build the snapshot. `key` is the home's hashing key; `progress` is called with (what, done, total).

    Interests and audiences that name persons, tags or contents which are not there are left out.
    """
    interests, audiences = interests or Interests(), audiences or Audiences()
    views = {
        "members": resolution.members,
        "persons": resolution.persons,
        "evidence": resolution.evidence,
        "signed_in": resolution.signed_in,
        "has_identifier": resolution.has_identifier,
        "identifiers": resolution.identifiers,
        "seen_on": resolution.seen_on,
        "networks": resolution.networks,
        "households": resolution.households,
        "learned_tags": interests.tags,
        "learned_about": interests.about,
        "learned_interests": interests.interested_in,
        "audiences": audiences.audiences,
        "audience_members": audiences.member_of,
    }
    total = len(NODE_QUERIES) + len(edges()) + 1
    try:
        progress("graph: events", 0, total)
        for name, table in views.items():
            connection.register(name, table)
        prepare_contents(connection, key)
        connection.execute(ENGAGED.format(events="events"))
        connection.execute(ENGAGED_CONTENTS)
        nodes: dict[Label, pa.Table] = {}
        relationships: dict[Edge, pa.Table] = {}
        for label, query in NODE_QUERIES.items():
            progress(f"graph: {label}", len(nodes) + 1, total)
            nodes[label] = table_of(connection, query, node_schema(label))
            views[f"node_{label.value.lower()}"] = nodes[label]
            connection.register(f"node_{label.value.lower()}", nodes[label])
        for edge in edges():
            progress(f"graph: {edge.type}", len(nodes) + len(relationships) + 1, total)
            relationships[edge] = table_of(connection, relationship_query(edge), relationship_schema(edge))
        progress("graph", total, total)
    finally:
        for name in views:
            connection.unregister(name)
        for name in _TEMPORARY:
            connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
    return Snapshot(home_id, nodes, relationships)


def table_of(connection: duckdb.DuckDBPyConnection, query: str, schema: pa.Schema) -> pa.Table:
    """The result of a query with the columns of a schema, in its order; columns that the query lacks are null."""
    found = connection.sql(query).to_arrow_table()
    columns = [found[f.name].cast(f.type) if f.name in found.column_names else pa.nulls(found.num_rows, f.type) for f in schema]
    return pa.Table.from_arrays(columns, schema=schema)

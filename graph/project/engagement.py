"""What new events say of contents, as a `Delta`: the engagements of the subjects that they name, and the contents engaged.

In: a connection with the lake's views, kind and id of the subjects. Out: their ENGAGED relationships with the sums over all their
events, and the nodes of those contents; applied again it changes nothing. Contents' tags are not among it.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from graph.project.build import ENGAGED, ENGAGED_CONTENTS, table_of
from graph.project.contents import prepare_contents
from graph.project.nodes import NODE_QUERIES
from graph.project.relationships import relationship_query
from graph.schema import Edge, Label, Type
from graph.snapshot import Delta, node_schema, relationship_schema

__all__ = ["engagement"]

_OWN = """
CREATE OR REPLACE TEMP TABLE own_events AS
SELECT * FROM events WHERE device_id IN (SELECT id FROM engaging WHERE kind = 'device')
   OR account_id IN (SELECT id FROM engaging WHERE kind = 'account')
"""
_TEMPORARY = ("own_events", "urls", "engaged", "engaged_contents")


def engagement(connection: duckdb.DuckDBPyConnection, subjects: pa.Table, *, home_id: str, key: bytes) -> Delta:
    """The delta. `subjects`: kind and id. `key`: the home's hashing key."""
    connection.register("engaging", subjects)
    try:
        connection.execute(_OWN)
        prepare_contents(connection, key)
        connection.execute(ENGAGED.format(events="own_events"))
        # Events of a device with an account count for the account, whose other events are not all among these.
        connection.execute("DELETE FROM engaged WHERE (subject_kind, subject_id) NOT IN (SELECT (kind, id) FROM engaging)")
        connection.execute(ENGAGED_CONTENTS)
        contents = f"SELECT * FROM ({NODE_QUERIES[Label.CONTENT]}) WHERE content_id IN (SELECT content_id FROM engaged)"
        nodes = {Label.CONTENT: table_of(connection, contents, node_schema(Label.CONTENT))}
        relationships = {}
        for source in (Label.DEVICE, Label.ACCOUNT):
            edge = Edge(Type.ENGAGED, source, Label.CONTENT)
            relationships[edge] = table_of(connection, relationship_query(edge), relationship_schema(edge))
    finally:
        connection.unregister("engaging")
        for name in _TEMPORARY:
            connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
    return Delta(home_id, {k: t for k, t in nodes.items() if t.num_rows}, {k: t for k, t in relationships.items() if t.num_rows})

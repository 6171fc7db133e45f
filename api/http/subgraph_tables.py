"""What a subgraph is drawn from: persons, their devices and accounts, and their most probable tags, as a `Snapshot`.

Only what a released subgraph may tell of is read, so that a large home does not have to be projected whole for it.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from graph.interests import Interests
from graph.resolution import Resolution
from graph.schema import Edge, Label, Type
from graph.snapshot import Snapshot

__all__ = ["subgraph_snapshot"]

_DEVICES = """
SELECT id AS device_id, d.kind, d.os FROM members LEFT JOIN devices d ON d.device_id = id WHERE members.kind = 'device'
"""


def subgraph_snapshot(
    connection: duckdb.DuckDBPyConnection, resolution: Resolution, interests: Interests, home_id: str
) -> Snapshot:
    """`connection` has the lake's views. Properties that no released subgraph tells are left out."""
    members = resolution.members
    connection.register("members", members)
    devices = connection.sql(_DEVICES).to_arrow_table()
    connection.unregister("members")
    tags = interests.tags
    parents = tags.filter(pc.is_in(tags["parent_id"], value_set=tags["tag_id"].combine_chunks()))
    return Snapshot(
        home_id,
        {
            Label.PERSON: resolution.persons,
            Label.DEVICE: devices,
            Label.ACCOUNT: pa.table({"account_id": members.filter(pc.equal(members["kind"], "account"))["id"]}),
            Label.TAG: tags.select(["tag_id", "name", "taxonomy", "sensitive"]),
        },
        {
            Edge(Type.BELONGS_TO, label, Label.PERSON): _belonging(members, kind)
            for label, kind in ((Label.DEVICE, "device"), (Label.ACCOUNT, "account"))
        }
        | {
            Edge(Type.INTERESTED_IN, Label.PERSON, Label.TAG): interests.interested_in.rename_columns(
                {"person_id": "source", "tag_id": "target"}
            ),
            Edge(Type.PARENT, Label.TAG, Label.TAG): parents.select(["tag_id", "parent_id"]).rename_columns(["source", "target"]),
        },
    )


def _belonging(members: pa.Table, kind: str) -> pa.Table:
    of_kind = members.filter(pc.equal(members["kind"], kind))
    return of_kind.select(["id", "person_id"]).rename_columns(["source", "target"])

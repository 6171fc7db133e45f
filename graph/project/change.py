"""A change of the identity graph as a `Delta`: what an incremental resolution changed, in the labels and types of `graph.schema`.

In: the region around the changed subjects, before and after. Out: the nodes and relationships that are new or different, and
the keys of those that are gone. What events say of contents is not among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from graph.resolution import Region, ResolutionChange
from graph.schema import RELATIONSHIPS, Edge, Label, Type
from graph.snapshot import Delta, node_schema, relationship_schema

__all__ = ["change"]

Key = tuple[Any, ...]
Rows = dict[Key, Key]
"""Whole row by its key."""


def change(home_id: str, changed: ResolutionChange) -> Delta:
    """The delta of a resolution's change. Applying it again changes nothing."""
    before, after = _nodes(changed.before), _nodes(changed.after)
    links_before, links_after = _links(changed.before), _links(changed.after)
    nodes, deleted = {}, {}
    for label in after:
        rows = _different(before[label], after[label])
        if rows:
            nodes[label] = _table(rows, node_schema(label))
        gone = sorted(key for (key,) in before[label].keys() - after[label].keys())
        if gone:
            deleted[label] = pa.array(gone, pa.string())
    relationships, cut = {}, {}
    for edge in links_after:
        rows = _different(links_before[edge], links_after[edge])
        schema = relationship_schema(edge)
        if rows:
            relationships[edge] = _table(rows, schema)
        lost = {
            key: row
            for key, row in links_before[edge].items()
            if key not in links_after[edge] and not _deleted(deleted, edge, key)
        }
        if lost:
            names = ["source", "target", *RELATIONSHIPS[edge.type].discriminators]
            cut[edge] = _table(lost, schema).select(names)
    return Delta(home_id, nodes, relationships, deleted, cut)


def _different(before: Mapping[Key, Key], after: Mapping[Key, Key]) -> Rows:
    return {key: row for key, row in after.items() if before.get(key) != row}


def _deleted(deleted: Mapping[Label, pa.Array], edge: Edge, key: Key) -> bool:
    """Whether an end is deleted, and the relationship with it."""
    return any(
        label in deleted and end in deleted[label].to_pylist() for label, end in ((edge.source, key[0]), (edge.target, key[1]))
    )


def _nodes(region: Region) -> dict[Label, Rows]:
    found = region.resolution
    members = {(r["kind"], r["id"]): r for r in found.members.to_pylist()}
    devices = [
        (d["device_id"], d["kind"], d["os"], d["browser"], m["class"], m["since"], m["last_seen"])
        for d in region.devices.to_pylist()
        if (m := members.get(("device", d["device_id"]))) is not None
    ]
    accounts = [
        (a["account_id"], a["source"], a["country"], a["region"], a["created_at"], m["class"])
        for a in region.accounts.to_pylist()
        if (m := members.get(("account", a["account_id"]))) is not None
    ]
    return {
        Label.PERSON: _keyed(found.persons, 1),
        Label.DEVICE: {row[:1]: row for row in devices},
        Label.ACCOUNT: {row[:1]: row for row in accounts},
        Label.IDENTIFIER: _keyed(found.identifiers.select(["identifier_id", "kind", "generic"]), 1),
        Label.NETWORK: _keyed(found.networks, 1),
    }


def _links(region: Region) -> dict[Edge, Rows]:
    found = region.resolution
    tables: dict[Edge, Rows] = {
        Edge(Type.SIGNED_IN_AS, Label.DEVICE, Label.ACCOUNT): _keyed(found.signed_in, 2),
        Edge(Type.SEEN_ON, Label.DEVICE, Label.NETWORK): _keyed(found.seen_on, 2),
    }
    labels = {"device": Label.DEVICE, "account": Label.ACCOUNT}
    for kind, label in labels.items():
        tables[Edge(Type.BELONGS_TO, label, Label.PERSON)] = {
            (r["id"], r["person_id"]): (r["id"], r["person_id"], r["confidence"], r["since"])
            for r in found.members.to_pylist()
            if r["kind"] == kind
        }
        tables[Edge(Type.HAS_IDENTIFIER, label, Label.IDENTIFIER)] = {
            (r["id"], r["identifier_id"]): (r["id"], r["identifier_id"])
            for r in found.has_identifier.to_pylist()
            if r["kind"] == kind
        }
        for target in labels.values():
            tables[Edge(Type.SAME_PERSON, label, target)] = {}
    for r in found.evidence.to_pylist():
        if r["weight"] > 0:
            edge = Edge(Type.SAME_PERSON, labels[r["left_kind"]], labels[r["right_kind"]])
            key = (r["left_id"], r["right_id"], r["method"])
            tables[edge][key] = (*key, r["weight"], r["probability"], r["first_seen"], r["last_seen"])
    return tables


def _keyed(table: pa.Table, width: int) -> Rows:
    rows = list(zip(*(c.to_pylist() for c in table.columns), strict=True)) if table.num_rows else []
    return {row[:width]: row for row in rows}


def _table(rows: Mapping[Key, Key], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*(rows[key] for key in sorted(rows, key=str)), strict=True))
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)

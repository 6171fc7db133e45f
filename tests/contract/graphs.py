"""Small graphs for the store tests: tables from rows, what a store holds, and what it should hold after a delta."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from graph.schema import NODES, RELATIONSHIPS, Edge, Label, Type, edges
from graph.snapshot import Delta, Snapshot, node_schema, relationship_schema
from graph.store.conform import relationship_keys
from graph.store.protocol import GraphStore

HOME = "0123456789abcdef"
DAY = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
Rows = list[dict[str, Any]]


def edge(kind: Type, source: Label, target: Label) -> Edge:
    return Edge(kind, source, target)


def snapshot(nodes: Mapping[Label, Rows], relationships: Mapping[Edge, Rows], home_id: str = HOME) -> Snapshot:
    return Snapshot(
        home_id,
        {label: pa.Table.from_pylist(rows, schema=node_schema(label)) for label, rows in nodes.items()},
        {e: pa.Table.from_pylist(rows, schema=relationship_schema(e)) for e, rows in relationships.items()},
    )


def delta(
    nodes: Mapping[Label, Rows] | None = None,
    relationships: Mapping[Edge, Rows] | None = None,
    deleted_nodes: Mapping[Label, list[str]] | None = None,
    deleted_relationships: Mapping[Edge, Rows] | None = None,
    cleared: frozenset[Edge] = frozenset(),
    home_id: str = HOME,
) -> Delta:
    whole = snapshot(nodes or {}, relationships or {}, home_id)
    return Delta(
        home_id,
        whole.nodes,
        whole.relationships,
        {label: pa.array(keys, pa.string()) for label, keys in (deleted_nodes or {}).items()},
        {
            e: pa.Table.from_pylist(rows, schema=relationship_schema(e)).select(relationship_keys(e))
            for e, rows in (deleted_relationships or {}).items()
        },
        cleared,
    )


def held(store: GraphStore) -> dict[Any, Any]:
    """Everything that a store holds: by label, key to properties; by edge, (source, target, discriminators) to properties."""
    found: dict[Any, Any] = {}
    for label, node in NODES.items():
        columns = ", ".join(f"n.{name} AS {name}" for name in (node.key, *node.properties))
        rows = store.execute(f"MATCH (n:{label}) RETURN {columns}", {})
        found[label] = {row.pop(node.key): row for row in rows}
        assert len(found[label]) == len(rows)
    for e in edges():
        columns = "".join(f", r.{name} AS {name}" for name in RELATIONSHIPS[e.type].properties)
        ends = f"a.{NODES[e.source].key} AS source, b.{NODES[e.target].key} AS target"
        rows = store.execute(f"MATCH (a:{e.source})-[r:{e.type}]->(b:{e.target}) RETURN {ends}{columns}", {})
        found[e] = {tuple(row[key] for key in relationship_keys(e)): row for row in rows}
        assert len(found[e]) == len(rows)
    return found


def expected(whole: Snapshot) -> dict[Any, Any]:
    """What `held` has to give after `replace(whole)`, from the tables alone."""
    found: dict[Any, Any] = {label: {} for label in NODES} | {e: {} for e in edges()}
    for label, table in whole.nodes.items():
        found[label] = {row.pop(NODES[label].key): row for row in table.to_pylist()}
    for e, table in whole.relationships.items():
        found[e] = {tuple(row[key] for key in relationship_keys(e)): row for row in table.to_pylist()}
    return found


def changed(before: dict[Any, Any], change: Delta) -> dict[Any, Any]:
    """What `held` has to give after `apply(change)`: the definition in `graph.snapshot.Delta`, on dicts."""
    after = {key: dict(rows) for key, rows in before.items()}
    for e in change.cleared:
        after[e] = {}
    for label, keys in change.deleted_nodes.items():
        for key in keys.to_pylist():
            after[label].pop(key, None)
            for e in edges():
                after[e] = {
                    k: row for k, row in after[e].items() if (e.source, k[0]) != (label, key) and (e.target, k[1]) != (label, key)
                }
    for e, table in change.deleted_relationships.items():
        for row in table.to_pylist():
            after[e].pop(tuple(row[key] for key in relationship_keys(e)), None)
    added = expected(Snapshot(change.home_id, change.nodes, change.relationships))
    return {key: rows | added[key] for key, rows in after.items()}


P, D, A = Label.PERSON, Label.DEVICE, Label.ACCOUNT
BELONGS_D, BELONGS_A = edge(Type.BELONGS_TO, D, P), edge(Type.BELONGS_TO, A, P)
SAME_DD, SAME_DA = edge(Type.SAME_PERSON, D, D), edge(Type.SAME_PERSON, D, A)
ENGAGED_D, ENGAGED_A = edge(Type.ENGAGED, D, Label.CONTENT), edge(Type.ENGAGED, A, Label.CONTENT)
INTERESTED = edge(Type.INTERESTED_IN, P, Label.TAG)
MEMBER = edge(Type.MEMBER_OF, P, Label.AUDIENCE)


def town() -> Snapshot:
    """Five people: Ann (p1) with two devices and an account, Ben (p2) who shares a network and an identifier with her, Cid (p3)
    in Ann's household, a shared device (p4), a bot (p5). Fractions are sums of powers of two, so that sums are exact."""
    at = [DAY + timedelta(hours=h) for h in range(10)]
    people = [("p1", "person", 2, 1), ("p2", "person", 1, 1), ("p3", "person", 1, 0), ("p4", "shared", 1, 0), ("p5", "bot", 1, 0)]
    devices = [("d1", "desktop"), ("d2", "mobile"), ("d3", "tablet"), ("d4", "tv")]
    nodes: dict[Label, Rows] = {
        P: [{"person_id": p, "class": c, "devices": d, "accounts": a, "created_at": at[0]} for p, c, d, a in people],
        D: [
            {"device_id": d, "kind": kind, "os": "os", "class": "person", "first_seen": at[i], "last_seen": at[i + 1]}
            for i, (d, kind) in enumerate(devices, 1)
        ]
        + [{"device_id": "d5", "kind": "web", "class": "shared"}, {"device_id": "d6", "kind": "app", "class": "bot"}],
        A: [
            {"account_id": "a1", "source": "crm", "country": "NL", "created_at": at[1], "class": "person"},
            {"account_id": "a2", "source": "shop", "region": "Zuid", "created_at": at[2], "class": "person"},
        ],
        Label.IDENTIFIER: [
            {"identifier_id": "i1", "kind": "email", "generic": False},
            {"identifier_id": "i2", "kind": "phone", "generic": True},
        ],
        Label.NETWORK: [
            {"network_id": "n1", "devices": 3, "generic": False},
            {"network_id": "n2", "devices": 900, "generic": True},
        ],
        Label.CONTENT: [{"content_id": f"c{i}", "title": f"Title {i} 体育", "lang": "en"} for i in range(1, 5)],
        Label.TAG: [
            {"tag_id": "t1", "name": "Sport", "taxonomy": "iab", "sensitive": False},
            {"tag_id": "t2", "name": "Music", "taxonomy": "iab", "sensitive": False},
            {"tag_id": "t3", "name": "Health", "taxonomy": "iab", "sensitive": True},
        ],
        Label.AUDIENCE: [{"audience_id": "u1", "name": "Sporty", "kind": "rule", "size": 2, "version": 1}],
        Label.HOUSEHOLD: [{"household_id": "h1"}],
    }
    belongs = {"confidence": 0.75, "since": at[1]}
    engaged = [("d1", "c1", "view", 3, 2), ("d1", "c1", "buy", 1, 3), ("d2", "c2", "view", 2, 5), ("d3", "c1", "view", 4, 1)]
    seen_on = [("d1", "n1"), ("d2", "n1"), ("d3", "n1"), ("d1", "n2"), ("d4", "n2")]
    about = [("c1", "t1", 0.75), ("c2", "t1", 0.5), ("c3", "t2", 1.0), ("c4", "t1", 0.25)]
    interested = [
        *(("p1", "t1", 0.75), ("p1", "t2", 0.5), ("p2", "t1", 0.5)),
        *(("p2", "t3", 0.625), ("p3", "t1", 0.25), ("p3", "t2", 0.875)),
    ]
    relationships: dict[Edge, Rows] = {
        BELONGS_D: [
            {"source": "d1", "target": "p1", "confidence": 1.0, "since": at[1]},
            {"source": "d2", "target": "p1", "confidence": 0.5, "since": at[6]},
            *({"source": d, "target": p} | belongs for d, p in [("d3", "p2"), ("d4", "p3"), ("d5", "p4"), ("d6", "p5")]),
        ],
        BELONGS_A: [{"source": "a1", "target": "p1"} | belongs, {"source": "a2", "target": "p2"} | belongs],
        edge(Type.SIGNED_IN_AS, D, A): [
            {"source": s, "target": t, "count": 2, "first_seen": at[1], "last_seen": at[3]}
            for s, t in [("d1", "a1"), ("d3", "a2"), ("d5", "a1"), ("d5", "a2")]
        ],
        edge(Type.HAS_IDENTIFIER, D, Label.IDENTIFIER): [{"source": "d3", "target": "i1"}, {"source": "d4", "target": "i2"}],
        edge(Type.HAS_IDENTIFIER, A, Label.IDENTIFIER): [{"source": "a1", "target": "i1"}, {"source": "a1", "target": "i2"}],
        edge(Type.SEEN_ON, D, Label.NETWORK): [{"source": d, "target": n, "count": 1} for d, n in seen_on],
        SAME_DD: [
            {"source": "d2", "target": "d1", "method": "co_location", "weight": 3.5, "probability": 0.875, "last_seen": at[4]},
            {"source": "d2", "target": "d1", "method": "content", "weight": 1.25, "probability": 0.75, "first_seen": at[2]},
        ],
        SAME_DA: [{"source": "d1", "target": "a1", "method": "sign_in", "weight": 8.0, "probability": 0.9375}],
        ENGAGED_D: [
            {"source": d, "target": c, "type": k, "day": "2026-03-01", "count": n, "first_at": at[h], "last_at": at[h + 1]}
            for d, c, k, n, h in engaged
        ],
        ENGAGED_A: [
            {"source": "a1", "target": "c3", "type": "view", "day": "2026-03-02", "count": 1, "first_at": at[7], "last_at": at[8]}
        ],
        edge(Type.ABOUT, Label.CONTENT, Label.TAG): [{"source": c, "target": t, "score": s} for c, t, s in about],
        INTERESTED: [{"source": p, "target": t, "probability": x, "model": "m1", "at": at[9]} for p, t, x in interested],
        edge(Type.PARENT, Label.TAG, Label.TAG): [{"source": "t2", "target": "t1"}],
        edge(Type.RELATED, A, A): [{"source": "a1", "target": "a2", "type": "friend", "weight": 1.0}],
        MEMBER: [{"source": "p1", "target": "u1"}, {"source": "p2", "target": "u1"}],
        edge(Type.LIVES_IN, P, Label.HOUSEHOLD): [{"source": "p1", "target": "h1"}, {"source": "p3", "target": "h1"}],
    }
    return snapshot(nodes, relationships)


QUERIES: dict[str, list[dict[str, Any]]] = {
    "audience": [{"audience_id": "u1"}],
    "audience_composition": [{"audience_id": "u1"}, {"audience_id": "u1", "minimum_probability": 0}],
    "audience_members": [{"audience_id": "u1"}, {"audience_id": "u1", "after": "p1"}, {"audience_id": "u1", "limit": 1}],
    "audiences": [{}],
    "cross_device_pairs": [{}, {"minimum_confidence": 0.5, "limit": 1}],
    "data_freshness": [{}],
    "generic_identifiers": [{}],
    "household": [{"person_id": "p1"}],
    "neighbours_in_two_hops": [{"person_id": "p1"}],
    "people_by_tag": [{"tag_id": "t1"}, {"tag_id": "t1", "minimum_probability": 0.25}],
    "person": [{"person_id": "p1"}],
    "person_members": [{"person_id": "p1"}, {"person_id": "p1", "limit": 2}],
    "person_of_account": [{"account_id": "a2"}],
    "person_of_device": [{"device_id": "d5"}],
    "person_tags": [{"person_id": "p1"}, {"person_id": "p1", "minimum_probability": 0.75}],
    "person_timeline": [{"person_id": "p1"}, {"person_id": "p1", "limit": 2}],
    "recent_merges": [{}],
    "shared_devices": [{}, {"minimum_accounts": 1}],
    "similar_people": [{"person_id": "p1"}],
    "tag_overlap": [{"tag_id": "t1"}, {"tag_id": "t1", "minimum_probability": 0}],
    "tags": [{}, {"after": "t1", "limit": 1}],
    "top_contents_of_tag": [{"tag_id": "t1"}],
    "who_is_account": [{"account_id": "a1"}],
    "who_is_device": [{"device_id": "d2"}],
    "why_same_person": [{"person_id": "p1"}],
}
"""Parameters with which each query of the catalogue finds something in `town`."""

"""Queries of the catalogue on graphs that a test makes for itself: an empty one, and one of several pages."""

from __future__ import annotations

from graphs import MEMBER, QUERIES, delta

from graph.schema import Label
from graph.store import GraphStore

Stores = tuple[GraphStore, GraphStore]


def test_queries_work_on_an_empty_graph(stores: Stores) -> None:
    for name, cases in QUERIES.items():
        assert stores[0].query(name, cases[0]) == stores[1].query(name, cases[0])


def test_pages_follow_one_another(stores: Stores) -> None:
    people = [{"person_id": f"p{i:03}"} for i in range(25)]
    change = delta({Label.PERSON: people, Label.AUDIENCE: [{"audience_id": "u"}]})
    members = delta({}, {MEMBER: [{"source": p["person_id"], "target": "u"} for p in people]})
    for store in stores:
        store.apply(change)
        store.apply(members)
        after, seen = "", []
        while page := store.query("audience_members", {"audience_id": "u", "limit": 10, "after": after}):
            seen += [row["person_id"] for row in page]
            after = seen[-1]
        assert seen == [p["person_id"] for p in people]

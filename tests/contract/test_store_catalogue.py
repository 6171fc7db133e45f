"""Every query of the catalogue on both stores over the same graph: equal rows, in the same order, with the declared columns."""

from __future__ import annotations

from typing import Any

import pytest
from graphs import DAY, QUERIES, town

import cypher
from graph.errors import QueryError
from graph.store import GraphStore

Stores = tuple[GraphStore, GraphStore]


def test_every_query_is_tested_here() -> None:
    assert set(QUERIES) == set(cypher.names())


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_both_stores_give_the_same_rows(town_stores: Stores, name: str) -> None:
    declared = [column.name for column in cypher.load(name, "neo4j").columns]
    for given in QUERIES[name]:
        embedded, server = (store.query(name, given) for store in town_stores)
        assert embedded == server
        assert embedded
        assert all(list(row) == declared for row in (*embedded, *server))


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_both_stores_say_nothing_about_what_is_not_there(town_stores: Stores, name: str) -> None:
    absent = {p.name: "absent" for p in cypher.load(name, "neo4j").parameters if p.name.endswith("_id")}
    if absent:
        assert [store.query(name, absent) for store in town_stores] == [[], []]


def rows(stores: Stores, name: str, **given: Any) -> list[list[Any]]:
    return [list(row.values()) for row in stores[0].query(name, given)]


def at(hour: int) -> Any:
    return DAY.replace(hour=DAY.hour + hour)


def test_the_answers_are_right(town_stores: Stores) -> None:
    """Worked out by hand from `graphs.town`."""
    ask = lambda name, **given: rows(town_stores, name, **given)  # noqa: E731
    assert ask("person", person_id="p1") == [["p1", "person", 2, 1, DAY, "h1"]]
    assert ask("person", person_id="p2") == [["p2", "person", 1, 1, DAY, None]]
    assert ask("person_members", person_id="p1") == [
        ["d1", None, 1.0, at(1)],
        ["d2", None, 0.5, at(6)],
        [None, "a1", 0.75, at(1)],
    ]
    assert ask("household", person_id="p1") == [["h1", "p1", "person"], ["h1", "p3", "person"]]
    assert ask("household", person_id="p3", limit=1) == [["h1", "p1", "person"]]
    assert [r[:3] for r in ask("shared_devices")] == [["d5", "shared", 2]]
    assert ask("people_by_tag", tag_id="t1") == [["p1", "person", 0.75, 2, 1], ["p2", "person", 0.5, 1, 1]]
    assert ask("tag_overlap", tag_id="t1") == [["t2", "Music", 1, 0.5], ["t3", "Health", 1, 0.5]]
    assert ask("neighbours_in_two_hops", person_id="p1") == [["p2", "person", 1, 1]]
    assert ask("recent_merges") == [["p1", "person", 3, at(6), 0.5], ["p2", "person", 2, at(1), 0.75]]
    assert ask("audience_composition", audience_id="u1") == [
        ["t1", "Sport", 2, 1.0, 0.4, 2.5],
        ["t2", "Music", 1, 0.5, 0.4, 1.25],
        ["t3", "Health", 1, 0.5, 0.2, 2.5],
    ]
    assert ask("generic_identifiers") == [["i2", "phone", 2]]
    assert ask("cross_device_pairs") == [
        ["p1", "d1", "d2", "co_location", 3.5, 0.875, at(4)],
        ["p1", "d1", "d2", "content", 1.25, 0.75, None],
    ]
    assert [r[4:6] for r in ask("why_same_person", person_id="p1")] == [["sign_in", 8.0], ["co_location", 3.5], ["content", 1.25]]
    assert [[*r[:1], *r[2:]] for r in ask("top_contents_of_tag", tag_id="t1")] == [
        ["c1", 0.75, 8, at(4)],
        ["c2", 0.5, 2, at(6)],
        ["c4", 0.25, 0, None],
    ]
    assert [r[2:7] for r in ask("person_timeline", person_id="p1")] == [
        [None, "a1", "view", 1, "c3"],
        ["d2", None, "view", 2, "c2"],
        ["d1", None, "buy", 1, "c1"],
        ["d1", None, "view", 3, "c1"],
    ]
    assert ask("similar_people", person_id="p1") == [["p3", 2, 0.625], ["p2", 1, 0.375]]
    assert [(r[0], r[4]) for r in ask("tags")] == [("t1", 2), ("t2", 2), ("t3", 1)]
    assert ask("data_freshness") == [[6, at(5), 2, at(2), 4, at(3), 5, at(8), 6, at(9)]]
    assert ask("audience", audience_id="u1") == [["u1", "Sporty", "rule", 2, 1, 2]]


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("person", {}, "parameter person_id is missing: a string; the person"),
        ("person", {"person_id": 7}, "parameter person_id must be a string"),
        ("person", {"person_id": "p", "colour": "red"}, "parameter colour is not known; allowed: person_id"),
        ("audiences", {"limit": 0}, "parameter limit must be an integer from 1 to 10000"),
        ("audiences", {"limit": "many"}, "parameter limit must be an integer from 1 to 10000"),
        (
            "people_by_tag",
            {"tag_id": "t", "minimum_probability": "nan"},
            "parameter minimum_probability must be a number from 0 to 1",
        ),
    ],
)
def test_a_wrong_parameter_is_named(town_stores: Stores, name: str, given: dict[str, Any], message: str) -> None:
    for store in town_stores:
        with pytest.raises(QueryError, match=message):
            store.query(name, given)


def test_text_from_a_command_line_is_typed(town_stores: Stores) -> None:
    for store in town_stores:
        assert len(store.query("people_by_tag", {"tag_id": "t1", "minimum_probability": "0.25", "limit": "2"})) == 2


INJECTIONS = ["p1' OR 1=1 //", 'p1" OR ""="', "p1'}) DETACH DELETE p //", "$person_id", "p1\\' OR true", "`p1`", "p1\0", "*"]


@pytest.mark.parametrize("value", INJECTIONS)
def test_a_parameter_is_never_a_statement(town_stores: tuple[GraphStore, GraphStore], value: str) -> None:
    for store in town_stores:
        assert store.query("person", {"person_id": value}) == []
        assert store.query("who_is_device", {"device_id": value}) == []
        assert store.execute("RETURN $value AS value", {"value": value}) == [{"value": value}]
        assert store.counts() == town().counts()

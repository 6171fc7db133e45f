from __future__ import annotations

from collections import defaultdict
from datetime import UTC
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lake_tables import KEY, Rows, connect, minutes, sign_ins
from strangers import strangers

from graph.audiences import AUDIENCES, MEMBER_OF, Audiences
from graph.home import Home
from graph.interests import ABOUT, INTERESTED_IN, TAGS, Interests
from graph.keyed import keyed_id
from graph.project import snapshot
from graph.resolve import resolve
from graph.schema import NODES, RELATIONSHIPS, Label, Type, edges
from graph.snapshot import Snapshot, node_schema, relationship_schema


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


def project(home: Home, interests: Interests | None = None, audiences: Audiences | None = None, **tables: Rows) -> Snapshot:
    connection = connect(**tables)
    found = snapshot(
        connection,
        resolve(connection, home, key=KEY),
        home_id=home.home_id,
        key=KEY,
        interests=interests,
        audiences=audiences,
    )
    assert connection.sql("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
    return found


def rows(found: Snapshot, type_: Type, source: Label | None = None, target: Label | None = None) -> list[dict[str, Any]]:
    return [
        row
        for edge, table in found.relationships.items()
        if edge.type == type_ and source in (None, edge.source) and target in (None, edge.target)
        for row in table.to_pylist()
    ]


def check(found: Snapshot) -> None:
    """The promises of `graph.snapshot.Snapshot`."""
    assert set(found.nodes) == set(Label)
    assert set(found.relationships) == set(edges())
    keys: dict[Label, set[str]] = {}
    for label, table in found.nodes.items():
        assert table.schema == node_schema(label)
        listed = table[NODES[label].key].to_pylist()
        assert None not in listed
        assert listed == sorted(set(listed), key=lambda key: key.encode())
        keys[label] = set(listed)
    for edge, table in found.relationships.items():
        assert table.schema == relationship_schema(edge)
        assert set(table["source"].to_pylist()) <= keys[edge.source], edge
        assert set(table["target"].to_pylist()) <= keys[edge.target], edge
        told = ("source", "target", *RELATIONSHIPS[edge.type].discriminators)
        identities = [tuple(r[c] for c in told) for r in table.select(list(told)).to_pylist()]
        assert len(identities) == len(set(identities))
        assert all(None not in i for i in identities)


PERSONAL = {
    "email": "maria.rossi@example.com",
    "phone": "+4930123456",
    "given_name": "Mariagrazia",
    "family_name": "Rossini",
    "birth_date": "1980-01-02",
    "street": "Via Appia 17",
    "city": "Benevento",
    "postcode": "82100",
}


def everything() -> dict[str, Rows]:
    return {
        "events": [
            *sign_ins("d1", "a1", 2),
            {
                "event_id": "v1",
                "at": minutes(1),
                "device_id": "d1",
                "type": "view",
                "content_id": "c1",
                "ip": "192.0.2.77",
                "weight": 2.5,
            },
            {
                "event_id": "v2",
                "at": minutes(9),
                "device_id": "d2",
                "account_id": "a1",
                "type": "view",
                "content_id": "c9",
                "title": "Late",
                "url": "https://example.com/9",
            },
            {"event_id": "v3", "at": minutes(5), "device_id": "d2", "account_id": "a1", "content_id": "c9", "title": "Early"},
            {"event_id": "v4", "at": minutes(6), "device_id": "d2", "url": "https://example.com/only-url", "title": "By address"},
            {
                "event_id": "v5",
                "at": minutes(7),
                "device_id": "d2",
                "url": "https://example.com/welcome?email=maria.rossi@example.com",
            },
            {"event_id": "v6", "at": minutes(8), "device_id": "d2", "url": "https://example.com/user/maria.rossi%40example.com"},
            {"event_id": "v7", "at": minutes(8), "device_id": "d2", "type": "heartbeat", "ip": "2001:db8::77"},
        ],
        "devices": [
            {
                "device_id": "d1",
                "kind": "mobile",
                "os": "iOS",
                "browser": "Safari",
                "first_seen": minutes(-60),
                "advertising_id": "38400000-8cf0-11bd",
            }
        ],
        "accounts": [
            {
                "account_id": "a1",
                "source": "shop",
                "country": "IT",
                "region": "Campania",
                "created_at": minutes(-90),
                "_traits": '{"nickname": "Mariuccia"}',
                **PERSONAL,
            }
        ],
        "contents": [
            {"content_id": "c1", "title": "One", "category": ["news", "sport"], "lang": "en", "url": "https://example.com/1"},
            {"content_id": "c2", "title": "Two", "category": ["news"]},
            {"content_id": "c3"},
        ],
        "relations": [
            {"from_kind": "account", "from_id": "a1", "to_kind": "account", "to_id": "a2", "type": "friend", "weight": 0.5},
            {"from_kind": "account", "from_id": "a1", "to_kind": "device", "to_id": "d1", "type": "owns"},
            {"from_kind": "unknown", "from_id": "d2", "to_kind": "account", "to_id": "a1", "type": "alias"},
            {"from_kind": "account", "from_id": "a1", "to_kind": "group", "to_id": "g1", "type": "group"},
        ],
        "labels": [
            {"subject_kind": "account", "subject_id": "a1", "tag": "sport", "value": 1.0},
            {"subject_kind": "device", "subject_id": "d1", "tag": "jazz"},
        ],
    }


def test_what_the_lake_says_is_in_the_graph(home: Home) -> None:
    found = project(home, **everything())
    check(found)
    devices = {r.pop("device_id"): r for r in found.nodes[Label.DEVICE].to_pylist()}
    assert devices["d1"] == {
        "kind": "mobile",
        "os": "iOS",
        "browser": "Safari",
        "class": "person",
        "first_seen": minutes(-60),
        "last_seen": minutes(60),
    }
    assert (devices["d2"]["kind"], devices["d2"]["first_seen"]) == (None, minutes(5))
    accounts = {r.pop("account_id"): r for r in found.nodes[Label.ACCOUNT].to_pylist()}
    assert accounts["a1"] == {
        "source": "shop",
        "country": "IT",
        "region": "Campania",
        "created_at": minutes(-90),
        "class": "person",
    }
    assert accounts["a2"] == {"source": None, "country": None, "region": None, "created_at": None, "class": "person"}
    contents = {r["content_id"]: (r["title"], r["url"], r["lang"]) for r in found.nodes[Label.CONTENT].to_pylist()}
    assert contents == {
        "c1": ("One", "https://example.com/1", "en"),
        "c2": ("Two", None, None),
        "c3": (None, None, None),
        "c9": ("Late", "https://example.com/9", None),
        "https://example.com/only-url": ("By address", "https://example.com/only-url", None),
        "https://example.com/welcome": (None, "https://example.com/welcome", None),
        (hashed := keyed_id("https://example.com/user/maria.rossi%40example.com", "url", KEY)): (None, hashed, None),
    }
    tags = {r["tag_id"]: (r["name"], r["taxonomy"], r["sensitive"]) for r in found.nodes[Label.TAG].to_pylist()}
    assert tags == {"news": ("news", "category", False), "sport": ("sport", "labels", False), "jazz": ("jazz", "labels", False)}
    assert [(r["source"], r["target"], r["score"]) for r in rows(found, Type.ABOUT)] == [
        ("c1", "news", 1.0),
        ("c1", "sport", 1.0),
        ("c2", "news", 1.0),
    ]
    assert [(r["source"], r["target"], r["type"], r["weight"]) for r in rows(found, Type.RELATED)] == [
        ("a1", "d1", "owns", None),
        ("a1", "a2", "friend", 0.5),
    ]
    assert {(r["source"], r["target"]) for r in rows(found, Type.HAS_IDENTIFIER)} == {
        ("a1", keyed_id(PERSONAL["email"], "email", KEY)),
        ("a1", keyed_id(PERSONAL["phone"], "phone", KEY)),
        ("d1", keyed_id("38400000-8cf0-11bd", "advertising_id", KEY)),
    }
    assert {(r["source"], r["target"], r["count"]) for r in rows(found, Type.SEEN_ON)} == {
        ("d1", keyed_id("192.0.2.77", "ip", KEY), 1),
        ("d2", keyed_id("2001:db8::77", "ip", KEY), 1),
    }
    assert {r["method"] for r in rows(found, Type.SAME_PERSON)} == {"sign_in", "alias"}
    assert len(rows(found, Type.BELONGS_TO)) == 4
    persons = sorted((r["devices"], r["accounts"]) for r in found.nodes[Label.PERSON].to_pylist())
    assert persons == [(0, 1), (2, 1)]


def test_an_engagement_is_the_accounts_if_the_event_has_one(home: Home) -> None:
    found = project(home, **everything())
    engaged = {(r["source"], r["target"], r["type"]): (r["day"], r["count"], r["weight"]) for r in rows(found, Type.ENGAGED)}
    assert engaged == {
        ("d1", "c1", "view"): ("2026-03-01", 1, 2.5),
        ("a1", "c9", "view"): ("2026-03-01", 1, 1.0),
        ("a1", "c9", "event"): ("2026-03-01", 1, 1.0),
        ("d2", "https://example.com/only-url", "event"): ("2026-03-01", 1, 1.0),
        ("d2", "https://example.com/welcome", "event"): ("2026-03-01", 1, 1.0),
        ("d2", keyed_id("https://example.com/user/maria.rossi%40example.com", "url", KEY), "event"): ("2026-03-01", 1, 1.0),
    }


def test_no_personal_value_stands_anywhere_in_the_graph(home: Home) -> None:
    found = project(home, **everything())
    secret = [*PERSONAL.values(), "maria.rossi", "192.0.2.77", "2001:db8::77", "38400000", "Mariuccia"]
    for table in (*found.nodes.values(), *found.relationships.values()):
        for column in table.columns:
            for value in column.to_pylist():
                assert not [s for s in secret if isinstance(value, str) and s.lower() in value.lower()]


def test_interests_and_audiences_join_what_is_there_and_nothing_else(home: Home) -> None:
    plain = project(home, **everything())
    person = rows(plain, Type.BELONGS_TO, Label.ACCOUNT)[0]["target"]
    tags = [
        ("1", "Sport", "iab", False, None),
        *((str(n), f"Tag {n}", "iab", n == 7, "1") for n in range(2, 30)),
        ("99", "Orphan", "iab", False, "98"),
        ("sport", "Sport!", "own", True, None),
    ]
    interests = Interests(
        pa.Table.from_pylist([dict(zip(TAGS.names, t, strict=True)) for t in tags], schema=TAGS),
        pa.Table.from_pylist(
            [
                {"content_id": "c1", "tag_id": "1", "score": 0.7},
                {"content_id": "gone", "tag_id": "1", "score": 1.0},
                {"content_id": "c3", "tag_id": "gone", "score": 1.0},
            ],
            schema=ABOUT,
        ),
        pa.Table.from_pylist(
            [
                {"person_id": p, "tag_id": str(n), "probability": n / 100, "model": "m1", "at": minutes(1)}
                for n in range(1, 40)
                for p in (person, "gone")
            ],
            schema=INTERESTED_IN,
        ),
    )
    audiences = Audiences(
        pa.Table.from_pylist([{"audience_id": "x", "name": "Fans", "kind": "rule", "size": 1, "version": 3}], schema=AUDIENCES),
        pa.Table.from_pylist(
            [{"person_id": p, "audience_id": a} for p in (person, "gone") for a in ("x", "gone")] * 2, schema=MEMBER_OF
        ),
    )
    found = project(home, interests, audiences, **everything())
    check(found)
    interested = rows(found, Type.INTERESTED_IN)
    assert sorted(int(r["target"]) for r in interested) == list(range(10, 30))  # the twenty most probable
    assert {(r["source"], r["model"], r["at"]) for r in interested} == {(person, "m1", minutes(1))}
    assert [(r["source"], r["target"], r["score"]) for r in rows(found, Type.ABOUT)] == [("c1", "1", 0.7), ("c2", "news", 1.0)]
    assert {(r["source"], r["target"]) for r in rows(found, Type.PARENT)} == {(str(n), "1") for n in range(2, 30)}
    assert [(r["source"], r["target"]) for r in rows(found, Type.MEMBER_OF)] == [(person, "x")]
    described = {r["tag_id"]: (r["name"], r["taxonomy"], r["sensitive"]) for r in found.nodes[Label.TAG].to_pylist()}
    assert described["sport"] == ("Sport!", "own", True)
    assert described["7"] == ("Tag 7", "iab", True)
    assert described["jazz"] == ("jazz", "labels", False)


def test_people_who_live_together_are_two_persons_of_one_household(home: Home) -> None:
    def resident(account: str, given: str, birth: str, street: str) -> dict[str, Any]:
        return {
            "account_id": account,
            "given_name": given,
            "family_name": "Rossi",
            "birth_date": birth,
            "street": street,
            "postcode": "82100",
        }

    accounts = [
        resident("a1", "Maria", "1980-01-02", "Via Appia 17"),
        resident("a2", "Giovanni", "1978-11-23", "Via Appia 17"),
        resident("a3", "Lucia", "1991-07-09", "Piazza Roma 3"),
        *strangers(),
    ]
    found = project(home, accounts=accounts)
    check(found)
    person = {r["source"]: r["target"] for r in rows(found, Type.BELONGS_TO, Label.ACCOUNT)}
    assert person["a1"] != person["a2"]
    lives = {r["source"]: r["target"] for r in rows(found, Type.LIVES_IN)}
    assert set(lives) == {person["a1"], person["a2"]}
    assert lives[person["a1"]] == lives[person["a2"]]
    assert found.nodes[Label.HOUSEHOLD]["household_id"].to_pylist() == sorted(set(lives.values()))


def test_an_empty_lake_is_an_empty_graph_of_every_label_and_type(home: Home) -> None:
    found = project(home)
    check(found)
    assert set(found.counts().values()) == {0}
    assert set(found.counts()) == {x.value for x in (*Label, *Type)}


EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "device_id": st.sampled_from(["d1", "d2"]),
            "account_id": st.sampled_from(["a1", "a2", None]),
            "content_id": st.sampled_from(["c1", "c2", None]),
            "type": st.sampled_from(["view", "buy", None]),
            "weight": st.sampled_from([0.1, 0.25, 3.0, None]),
            "at": st.integers(0, 4000).map(minutes),
        }
    ),
    max_size=20,
)


@settings(max_examples=10, deadline=None)
@given(EVENTS, st.randoms())
def test_engagement_equals_a_loop_and_the_graph_does_not_depend_on_row_order(
    tmp_path_factory: pytest.TempPathFactory, events: list[dict[str, Any]], generator: Any
) -> None:
    home = Home.open(tmp_path_factory.mktemp("home"))
    events = [{"event_id": f"e{n}", **e} for n, e in enumerate(events)]
    found = project(home, events=events)
    check(found)
    expected: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for e in events:
        if e["content_id"]:
            day = e["at"].astimezone(UTC).strftime("%Y-%m-%d")
            expected[e["account_id"] or e["device_id"], e["content_id"], e["type"] or "event", day].append(e)
    engaged = {(r["source"], r["target"], r["type"], r["day"]): r for r in rows(found, Type.ENGAGED)}
    assert set(engaged) == set(expected)
    for key, group in expected.items():
        r = engaged[key]
        assert r["count"] == len(group)
        assert r["weight"] == pytest.approx(sum(1.0 if e["weight"] is None else e["weight"] for e in group))
        assert (r["first_at"], r["last_at"]) == (min(e["at"] for e in group), max(e["at"] for e in group))
    generator.shuffle(events)
    again = project(home, events=events)
    for label, table in found.nodes.items():
        assert table.equals(again.nodes[label])
    for edge, table in found.relationships.items():
        assert table.equals(again.relationships[edge]), edge

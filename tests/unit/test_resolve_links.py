from __future__ import annotations

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st
from lake_tables import KEY, connect, minutes

from graph.keyed import keyed_id
from graph.resolve.links import build_links


def test_every_subject_that_any_table_names_is_there_once() -> None:
    connection = connect(
        events=[
            {"event_id": "e1", "at": minutes(3), "device_id": "d1", "account_id": "a1"},
            {"event_id": "e2", "at": minutes(1), "device_id": "d2"},
            {"event_id": "e3", "at": minutes(2), "account_id": "a2"},
        ],
        devices=[{"device_id": "d2", "first_seen": minutes(-5)}, {"device_id": "d3"}],
        accounts=[{"account_id": "a1", "created_at": minutes(-9)}, {"account_id": "a3"}],
        relations=[
            {"from_kind": "account", "from_id": "a4", "to_kind": "device", "to_id": "d4", "type": "owns"},
            {"from_kind": "group", "from_id": "g1", "to_kind": "account", "to_id": "a1", "type": "group"},
        ],
        labels=[{"subject_kind": "device", "subject_id": "d5", "tag": "x"}],
        consents=[{"subject_kind": "account", "subject_id": "a5", "purposes": ["1"]}],
    )
    build_links(connection, KEY)
    rows = connection.sql("SELECT kind, id, number, since, last_seen FROM subjects ORDER BY number").fetchall()
    assert [(k, i) for k, i, *_ in rows] == [("account", f"a{n}") for n in range(1, 6)] + [
        ("device", f"d{n}") for n in range(1, 6)
    ]
    assert [number for _, _, number, _, _ in rows] == list(range(10))
    dates = {(k, i): (since, last) for k, i, _, since, last in rows}
    assert dates["account", "a1"] == (minutes(-9), minutes(3))
    assert dates["device", "d2"] == (minutes(-5), minutes(1))
    assert dates["device", "d5"] == (None, None)


def test_an_alias_end_of_unknown_kind_is_a_known_device_else_an_account() -> None:
    alias = {"from_kind": "unknown", "to_kind": "account", "to_id": "a1", "type": "alias", "at": minutes(1)}
    connection = connect(
        events=[{"event_id": "e1", "at": minutes(0), "device_id": "anonymous-1"}],
        relations=[{**alias, "from_id": "anonymous-1"}, {**alias, "from_id": "old-account"}, {**alias, "from_id": "a1"}],
    )
    build_links(connection, KEY)
    assert connection.sql("SELECT left_kind, left_id, right_kind, right_id FROM aliases ORDER BY ALL").fetchall() == [
        ("account", "a1", "account", "old-account"),
        ("account", "a1", "device", "anonymous-1"),
    ]
    assert connection.sql("SELECT kind || ':' || id FROM subjects ORDER BY ALL").fetchall() == [
        ("account:a1",),
        ("account:old-account",),
        ("device:anonymous-1",),
    ]


def test_identifiers_and_networks_are_keyed_hashes_with_their_degrees() -> None:
    connection = connect(
        accounts=[{"account_id": f"a{n}", "email": "x@example.com"} for n in range(3)],
        devices=[{"device_id": "d0", "advertising_id": "x@example.com"}],
        events=[{"event_id": f"e{n}", "at": minutes(n), "device_id": f"d{n % 2}", "ip": "192.0.2.1"} for n in range(5)],
    )
    build_links(connection, KEY)
    assert sorted(connection.sql("SELECT identifier_id, identifier_kind, degree FROM identifiers").fetchall()) == sorted(
        [
            (keyed_id("x@example.com", "email", KEY), "email", 3),
            (keyed_id("x@example.com", "advertising_id", KEY), "advertising_id", 1),
        ]
    )
    assert connection.sql("SELECT * FROM networks").fetchall() == [(keyed_id("192.0.2.1", "ip", KEY), 2)]
    assert connection.sql("SELECT device_id, count FROM seen_on ORDER BY 1").fetchall() == [("d0", 3), ("d1", 2)]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["d1", "d2", None]),
        st.sampled_from(["a1", "a2", None]),
        st.sampled_from(["192.0.2.1", "192.0.2.2", None]),
        st.integers(0, 50),
    ).filter(lambda e: e[0] or e[1]),
    max_size=25,
)


@settings(max_examples=15, deadline=None)
@given(EVENTS)
def test_counts_and_dates_equal_those_of_a_loop(events: list[tuple[str | None, str | None, str | None, int]]) -> None:
    rows = [
        {"event_id": str(n), "at": minutes(m), "device_id": d, "account_id": a, "ip": ip}
        for n, (d, a, ip, m) in enumerate(events)
    ]
    connection = connect(events=rows)
    build_links(connection, KEY)
    signed, seen = defaultdict(list), defaultdict(list)
    for d, a, ip, m in events:
        if d and a:
            signed[d, a].append(minutes(m))
        if d and ip:
            seen[d, keyed_id(ip, "ip", KEY)].append(minutes(m))
    found = connection.sql("SELECT device_id, account_id, count, first_seen, last_seen FROM signed_in").fetchall()
    assert {(d, a): rest for d, a, *rest in found} == {k: [len(v), min(v), max(v)] for k, v in signed.items()}
    found = connection.sql("SELECT device_id, network_id, count, first_seen, last_seen FROM seen_on").fetchall()
    assert {(d, n): rest for d, n, *rest in found} == {k: [len(v), min(v), max(v)] for k, v in seen.items()}

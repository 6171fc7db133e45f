"""Old evidence weighs less, and a wrong clock makes nothing old. Each with the mechanism on and off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lake_tables import connect

from graph.resolve.cluster import cluster
from graph.resolve.contraction import ClusterRules
from graph.resolve.decay import AsOf, Decay, Month, choose_as_of, decay_evidence, default_as_of, find_as_of, remaining

NOW = datetime(2026, 6, 15, tzinfo=UTC)
DECAY = Decay()


def with_evidence(rows: list[tuple[int, int, str, float, datetime | None]]) -> duckdb.DuckDBPyConnection:
    connection = connect()
    connection.execute(
        "CREATE TEMP TABLE evidence (left_number BIGINT, right_number BIGINT, method VARCHAR, weight DOUBLE, "
        "sources VARCHAR[], first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ)"
    )
    connection.executemany("INSERT INTO evidence VALUES (?, ?, ?, ?, [], ?, ?)", [(*r, r[-1]) for r in rows])
    return connection


def weights(connection: duckdb.DuckDBPyConnection) -> dict[tuple[int, int], float]:
    found = connection.sql("SELECT left_number, right_number, weight FROM evidence").fetchall()
    return {(a, b): w for a, b, w in found}


def people(connection: duckdb.DuckDBPyConnection, nodes: int) -> list[int]:
    rows = connection.sql("SELECT left_number, right_number, weight FROM evidence").fetchnumpy()
    pairs = [np.asarray(rows[n]) for n in ("left_number", "right_number")]
    found = cluster(np.zeros(nodes, bool), *(p.astype(np.int64) for p in pairs), np.asarray(rows["weight"]), ClusterRules())
    return found.anchor.tolist()


@pytest.mark.parametrize("ages", [True, False])
def test_a_telephone_given_away_long_ago_joins_only_where_evidence_does_not_age(ages: bool) -> None:
    sold, new = NOW - timedelta(days=4 * 365), NOW - timedelta(days=20)
    connection = with_evidence([(0, 1, "sign_in", 6.0, sold), (1, 2, "sign_in", 6.0, new)])
    if ages:
        assert decay_evidence(connection, DECAY, NOW) == 0
    assert people(connection, 3) == ([0, 1, 1] if ages else [0, 0, 0])


def test_what_is_older_than_the_limit_is_gone() -> None:
    old = NOW - timedelta(days=4 * 180 + 31)
    connection = with_evidence([(0, 1, "shared_network", 6.0, old), (1, 2, "shared_email", 6.0, old)])
    assert decay_evidence(connection, DECAY, NOW) == 1
    assert list(weights(connection)) == [(1, 2)]


def test_assertions_comparisons_and_what_has_no_date_do_not_age() -> None:
    old = NOW - timedelta(days=20 * 365)
    rows = [
        (0, 1, "asserted_same", 1000.0, old),
        (0, 2, "asserted_never", -1e6, old),
        (0, 3, "given_name_differs", -7.0, old),
        (0, 4, "sign_in", 6.0, None),
        (0, 5, "sign_in", 6.0, NOW + timedelta(days=500)),
    ]
    connection = with_evidence(rows)
    assert decay_evidence(connection, DECAY, NOW) == 0
    assert weights(connection) == {(a, b): w for a, b, _, w, _ in rows}


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["sign_in", "alias", "shared_network", "cross_device_networks", "shared_phone", "asserted_same", "x"]
            ),
            st.floats(-9, 9),
            st.none() | st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
        ),
        min_size=1,
        max_size=8,
    ),
    st.datetimes(datetime(2015, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
)
def test_the_table_and_the_formula_agree(rows: list[tuple[str, float, datetime | None]], as_of: datetime) -> None:
    connection = with_evidence([(0, n + 1, *row) for n, row in enumerate(rows)])
    expired = decay_evidence(connection, DECAY, as_of)
    parts = {(0, n + 1): (remaining(DECAY, m, seen, as_of), w) for n, (m, w, seen) in enumerate(rows)}
    assert weights(connection) == pytest.approx({pair: part * w for pair, (part, w) in parts.items() if part > 0})
    assert expired == sum(part == 0 for part, _ in parts.values())


@settings(max_examples=200, deadline=None)
@given(st.datetimes(datetime(2015, 1, 1), datetime(2026, 6, 1), timezones=st.just(UTC)), st.integers(0, 29 * 86_400))
def test_weights_change_only_when_the_as_of_time_enters_a_new_period(seen: datetime, later_seconds: int) -> None:
    period = timedelta(days=30)
    begin = datetime(1970, 1, 1, tzinfo=UTC) + (NOW - datetime(1970, 1, 1, tzinfo=UTC)) // period * period
    anchor = remaining(DECAY, "sign_in", seen, begin)
    assert remaining(DECAY, "sign_in", seen, begin + timedelta(seconds=later_seconds)) == anchor
    following = remaining(DECAY, "sign_in", seen, begin + period)
    assert following < anchor or anchor == 0


def month(events: int, year: int, number: int) -> Month:
    return Month(events, datetime(year, number, 1, tzinfo=UTC), datetime(year, number, 27, tzinfo=UTC))


STEADY = [month(1000 + 10 * n, 2025, n) for n in range(1, 13)]


@pytest.mark.parametrize(
    ("later", "kept"),
    [
        ([], 0),
        ([month(700, 2026, 1)], 1),
        ([month(1, 2031, 5)], 0),
        ([month(1, 2031, 5), month(1, 2035, 1), month(1, 2099, 12)], 0),
        ([month(1, 2026 + n // 12, n % 12 + 1) for n in range(200)], 0),  # thin, without a gap, and more months than the others
        ([month(900, 2026, 1), month(2, 2026, 2), month(3, 2029, 2)], 1),
        ([month(900, 2031, 5), month(800, 2031, 6)], 2),  # a home that was idle for years and is used again
        ([month(300, 2026, 1), month(100, 2026, 2), month(30, 2026, 3)], 3),  # a home that is used less and less
    ],
)
def test_the_as_of_time_is_that_of_the_latest_month_to_be_trusted(later: list[Month], kept: int) -> None:
    found = choose_as_of([*STEADY, *later])
    assert found == AsOf([*STEADY, *later][11 + kept].last, tuple(later[kept:]))
    assert ("wrong clock" in str(found)) == (len(later) > kept)


def test_small_homes() -> None:
    assert choose_as_of([]) == AsOf(None)
    assert choose_as_of([month(1, 2031, 1)]).at == month(1, 2031, 1).last
    assert choose_as_of([month(1, 2025, 1), month(1, 2031, 1)]).at == month(1, 2031, 1).last  # either may be wrong
    assert choose_as_of([month(9, 2025, 1), month(1, 2031, 1)]).at == month(9, 2025, 1).last


@pytest.mark.parametrize("robust", [True, False])
def test_one_event_years_ahead_expires_nothing(robust: bool) -> None:
    events = [{"event_id": f"e{n}", "at": NOW - timedelta(hours=n), "device_id": "d"} for n in range(50)]
    ahead = {"event_id": "ahead", "at": NOW + timedelta(days=30 * 365), "device_id": "d"}
    lake = connect(events=[*events, ahead])
    assert default_as_of(lake) == NOW
    assert [m.events for m in find_as_of(lake).ignored] == [1]
    latest = lake.sql('SELECT max("at") FROM events').to_arrow_table().column(0)[0].as_py()
    connection = with_evidence([(0, 1, "sign_in", 6.0, NOW)])
    expired = decay_evidence(connection, DECAY, default_as_of(lake) if robust else latest)
    assert expired == (0 if robust else 1)
    assert default_as_of(connect()) is None

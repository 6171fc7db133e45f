import datetime
import zoneinfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.clean.times import Times

UTC = datetime.UTC


@pytest.fixture(scope="module")
def times():
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return Times(connection)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2016-05-08T17:39:31Z", "2016-05-08T17:39:31"),
        ("2016-05-08 17:39:31.123456789+02", "2016-05-08T15:39:31.123456"),
        ("2016-05-08T17:39:31+0530", "2016-05-08T12:09:31"),
        ("2016-05-08T17:39:31 -08:00", "2016-05-09T01:39:31"),
        ("2016-05-08T17:39", "2016-05-08T17:39:00"),
        ("2016-05-08", "2016-05-08T00:00:00"),
        ("20160508T173931Z", "2016-05-08T17:39:31"),
        ("2016-W18-7", "2016-05-08T00:00:00"),
        ("2016-05-08t17:39:31z", "2016-05-08T17:39:31"),
        ("2016-05-08T17:39:31,5Z", "2016-05-08T17:39:31.500000"),
        ("1462729171", "2016-05-08T17:39:31"),
        ("1462729171250", "2016-05-08T17:39:31.250000"),
        ("1462729171250001", "2016-05-08T17:39:31.250001"),
        ("1462729171250001999", "2016-05-08T17:39:31.250001"),
        ("1462729171.5", "2016-05-08T17:39:31.500000"),
        ("1969-12-31T23:59:59Z", None),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00"),
        ("2100-12-31T23:59:59Z", "2100-12-31T23:59:59"),
        ("2101-01-01T00:00:00Z", None),
        ("2016-13-01", None),
        ("2016-02-30T00:00:00Z", None),
        ("08/05/2016", None),
        ("infinity", None),
        ("epoch", None),
        ("12345", None),
        ("", None),
        ("now", None),
    ],
)
def test_text(times, raw, expected):
    (found,) = times(pa.array([raw])).at.to_pylist()
    assert found == (expected and datetime.datetime.fromisoformat(expected).replace(tzinfo=UTC))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_parquet_timestamps(times, unit, zone):
    instant = datetime.datetime(2024, 3, 1, 12, tzinfo=UTC)
    column = pa.array([int(instant.timestamp()), None], pa.int64()).cast(pa.timestamp("s")).cast(pa.timestamp(unit))
    column = column.cast(pa.int64()).cast(pa.timestamp(unit, zone))
    parsed = times(column)
    assert parsed.at.to_pylist() == [instant, None]
    assert parsed.offset.to_pylist() == [zone if zone not in (None, "UTC") else None, None if zone in (None, "UTC") else zone]


def test_extreme_timestamps_are_no_times(times):
    extremes = pa.array([-(2**62), 2**62, -1, 0], pa.int64())
    for unit in ("s", "ms", "us", "ns"):
        found = times(extremes.cast(pa.timestamp(unit))).at.to_pylist()
        assert found[0] is None
        assert found[2] is None
        assert found[3] == datetime.datetime(1970, 1, 1, tzinfo=UTC)
        if unit != "ns":
            assert found[1] is None


def test_dates_and_numbers(times):
    assert times(pa.array([datetime.date(2024, 3, 1)])).at.to_pylist() == [datetime.datetime(2024, 3, 1, tzinfo=UTC)]
    assert times(pa.array([1709294400, 5])).at.to_pylist() == [datetime.datetime(2024, 3, 1, 12, tzinfo=UTC), None]


def test_offset_written_in_the_time_is_told(times):
    raw = pa.array(["2024-01-01T10:00:00+02", "2024-01-01T10:00:00-0330", "2024-01-01T10:00:00Z", "2024-01-01"])
    assert times(raw).offset.to_pylist() == ["+02:00", "-03:30", None, None]


zones = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC", "+05:30", "-08:00", None]
)
naive = st.datetimes(datetime.datetime(1971, 1, 1), datetime.datetime(2037, 1, 1)).map(lambda t: t.replace(microsecond=0))


@given(st.lists(st.tuples(naive, zones), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_naive_times_are_local_to_their_row(times, rows):
    """Against Python's zoneinfo; an hour that is there twice or not at all may be read either way."""
    column = pa.array([t.isoformat() for t, _ in rows])
    found = times(column, pa.array([z for _, z in rows], pa.string())).at.to_pylist()
    for (local, zone), instant in zip(rows, found, strict=True):
        if zone is None or zone == "UTC":
            possible = {local.replace(tzinfo=UTC)}
        elif zone[0] in "+-":
            possible = {datetime.datetime.fromisoformat(local.isoformat() + zone)}
        else:
            possible = {local.replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=f).astimezone(UTC) for f in (0, 1)}
        assert instant in possible, (local, zone)


@given(st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_time_or_none(times, text):
    column = pa.array([text.encode("utf-8", "replace").decode()])
    (found,) = times(column).at.to_pylist()
    assert found is None or 1970 <= found.year <= 2100

"""The cleaner on whole rows: reasons, raw values, traits, derived columns."""

import datetime
import json

import pyarrow as pa
import pytest

from graph.clean import Cleaner
from graph.tables import TABLES

UTC = datetime.UTC
GOOD = {"event_id": "e", "at": "2024-01-01T10:00:00Z", "device_id": "d"}


@pytest.fixture(scope="module")
def cleaner():
    return Cleaner()


def clean(cleaner, table, *rows):
    """Rows of text, cleaned: (row without nulls, reason)."""
    names = list(dict.fromkeys(n for row in rows for n in row))
    batch = pa.RecordBatch.from_pydict({n: pa.array([row.get(n) for row in rows]) for n in names})
    found, why = cleaner(table, batch)
    return [
        ({k: v for k, v in row.items() if v is not None}, reason)
        for row, reason in zip(found.to_pylist(), why.to_pylist(), strict=True)
    ]


def test_output_has_the_columns_of_the_lake_table_but_where_it_came_from(cleaner):
    for name, table in TABLES.items():
        batch = pa.RecordBatch.from_pydict({table.required[0]: ["x"]})
        found, _ = cleaner(name, batch)
        assert found.schema.names == [*table.columns, *(table.derived or {}), "_as_of", "_traits", "_raw"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"event_id": None}, "event_id is missing"),
        ({"event_id": "  "}, "event_id is missing"),
        ({"event_id": "null"}, "event_id is no usable id"),
        ({"event_id": "x" * 2000}, "event_id is no usable id"),
        ({"event_id": "a\x00b"}, "event_id is no usable id"),
        ({"at": None}, "at is missing"),
        ({"at": "soon"}, "at is no time between 1970 and 2100"),
        ({"at": "1801-01-01"}, "at is no time between 1970 and 2100"),
        ({"device_id": "00000000-0000-0000-0000-000000000000"}, "no usable device_id or account_id"),
        ({"device_id": None, "account_id": "a"}, None),
        ({"device_id": "undefined", "account_id": "a"}, None),
    ],
)
def test_reasons_of_events(cleaner, change, reason):
    assert clean(cleaner, "events", GOOD | change)[0][1] == reason


def test_missing_columns_are_a_reason(cleaner):
    assert clean(cleaner, "events", {"event_id": "e", "device_id": "d"})[0][1] == "at is missing"
    assert clean(cleaner, "events", {"event_id": "e", "at": "2024-01-01"})[0][1] == "no usable device_id or account_id"


@pytest.mark.parametrize(
    ("table", "row", "reason"),
    [
        ("labels", {"subject_kind": "person", "subject_id": "a", "tag": "x"}, "subject_kind is neither device nor account"),
        ("labels", {"subject_kind": "Account", "subject_id": "a", "tag": "none"}, None),
        ("labels", {"subject_kind": "account", "subject_id": "a", "tag": ""}, "tag is missing"),
        (
            "relations",
            {"from_kind": "account", "from_id": "a", "to_kind": "content", "to_id": "b", "type": "t"},
            "to_kind is neither device nor account",
        ),
        (
            "relations",
            {"from_kind": "account", "from_id": "a", "to_kind": "device", "to_id": "b", "type": "null"},
            "type is not usable",
        ),
        ("contents", {"content_id": "-"}, "content_id is no usable id"),
        ("consents", {"subject_kind": "device", "subject_id": "d"}, None),
    ],
)
def test_reasons_of_other_tables(cleaner, table, row, reason):
    assert clean(cleaner, table, row)[0][1] == reason


def test_bad_values_become_null_and_stay_raw(cleaner):
    bad = {
        "account_id": "a",
        "email": "test@x.org",
        "birth_date": "1990-02-30",
        "gender": "?",
        "created_at": "never",
        "city": "N/A",
    }
    ((row, reason),) = clean(cleaner, "accounts", bad)
    assert reason is None
    assert set(row) == {"account_id", "_raw"}
    assert json.loads(row["_raw"]) == {k: v for k, v in bad.items() if k != "account_id"}


def test_blank_values_are_no_loss(cleaner):
    ((row, _),) = clean(cleaner, "accounts", {"account_id": "a", "email": "  ", "city": ""})
    assert row == {"account_id": "a"}


def test_unknown_columns_become_traits_with_their_types(cleaner):
    extra = {"tier": "gold", "points": 7, "ratio": 0.5, "vip": True, "tags": ["a", "b"], "more": {"x": 1}, "nothing": None}
    ((row, _),) = clean(cleaner, "devices", {"device_id": "d", **extra})
    assert json.loads(row["_traits"]) == {k: v for k, v in extra.items() if v is not None}


def test_naive_time_takes_the_row_zone_and_a_written_zone_is_kept(cleaner):
    rows = clean(
        cleaner,
        "events",
        GOOD | {"at": "2024-07-01 10:00:00", "timezone": "Pacific Daylight Time"},
        GOOD | {"at": "2024-07-01 10:00:00"},
        GOOD | {"at": "2024-07-01T10:00:00+02:00"},
        GOOD | {"at": "2024-07-01T10:00:00Z", "timezone": "Europe/Berlin"},
        GOOD | {"at": "2024-07-01T10:00:00", "timezone": "Nowhere/Land"},
    )
    hours = [(row["at"].astimezone(UTC).hour, row.get("timezone")) for row, _ in rows]
    assert hours == [(17, "America/Los_Angeles"), (10, None), (8, "+02:00"), (10, "Europe/Berlin"), (10, None)]
    assert json.loads(rows[4][0]["_raw"]) == {"timezone": "Nowhere/Land"}


def test_a_url_is_a_content_unless_there_is_one(cleaner):
    url = "https://Shop.example.com/a?utm_campaign=x#top"
    rows = clean(cleaner, "events", GOOD | {"url": url}, GOOD | {"url": url, "content_id": "c"}, GOOD)
    assert [(row.get("content_id"), row.get("url")) for row, _ in rows] == [
        ("https://shop.example.com/a", url),
        ("c", url),
        (None, None),
    ]


def test_user_agents_fill_what_is_missing(cleaner):
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"
    bot = "Googlebot/2.1 (+http://www.google.com/bot.html)"
    rows = clean(
        cleaner,
        "devices",
        {"device_id": "a", "user_agent": agent},
        {"device_id": "b", "user_agent": agent, "kind": "Smart TV", "os": "Tizen"},
        {"device_id": "c", "user_agent": bot},
        {"device_id": "d", "kind": "toaster"},
    )
    told = [(row.get("kind"), row.get("os"), row.get("browser"), row.get("bot")) for row, _ in rows]
    assert told[:2] == [("desktop", "Windows", "Chrome", False), ("tv", "Tizen", "Chrome", False)]
    assert told[2][3] is True
    assert told[3] == (None, None, None, None)


def test_tags_keep_every_byte(cleaner):
    tags = [" jazz ", "Jazz", "jazz\t", "N/A", "日本"]
    rows = clean(cleaner, "labels", *({"subject_kind": "account", "subject_id": "a", "tag": t, "value": "1"} for t in tags))
    assert [(row["tag"], row["value"], reason) for row, reason in rows] == [(t, 1.0, None) for t in tags]


def test_consent_to_nothing_is_not_unknown_consent(cleaner):
    rows = clean(
        cleaner,
        "consents",
        {"subject_kind": "device", "subject_id": "d", "purposes": "[]", "gpc": "1"},
        {"subject_kind": "device", "subject_id": "e", "purposes": "1,3"},
        {"subject_kind": "device", "subject_id": "f", "purposes": ""},
    )
    assert [(row.get("purposes"), row.get("gpc")) for row, _ in rows] == [([], True), (["1", "3"], None), (None, None)]


def test_ids_of_any_type_are_text(cleaner):
    batch = pa.RecordBatch.from_pydict(
        {
            "event_id": pa.array([1, 0], pa.int32()),
            "at": pa.array([0, 1_700_000_000], pa.timestamp("s")),
            "device_id": pa.array(["d", "e"]).dictionary_encode(),
            "account_id": pa.array([12.0, None]),
            "properties": pa.array([{"a": 1}, None]),
            "weight": pa.array([-1, 2]),
            "title": pa.array(["x", None], pa.large_string()),
        }
    )
    found, why = cleaner("events", batch)
    assert why.null_count == 2
    row = found.to_pylist()[0]
    assert (row["event_id"], row["device_id"], row["account_id"], row["properties"]) == ("1", "d", "12", '{"a":1}')
    assert row["weight"] is None
    assert json.loads(row["_raw"]) == {"weight": "-1"}
    assert found.to_pylist()[1]["event_id"] == "0"


def test_cleaning_is_row_by_row(cleaner):
    """A batch gives what its rows give one by one, whatever the memos have seen."""
    rows = [
        GOOD | {"event_id": f"e{i}", "ip": ip, "weight": w, "user_agent": a, "x": str(i)}
        for i, (ip, w, a) in enumerate(
            [("1.2.3.4", "1", None), ("::1", "x", "Googlebot/2.1"), ("ip7", None, "-"), (None, "-3", "curl/8")]
        )
    ]
    together = clean(cleaner, "events", *rows)
    assert together == [clean(Cleaner(), "events", row)[0] for row in rows]

"""Values that real exports hold and no specification mentions: what cleaning makes of them."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from graph.clean import Cleaner


@pytest.fixture(scope="module")
def cleaner() -> Cleaner:
    return Cleaner()


def _column(cleaner: Cleaner, table: str, name: str, values: pa.Array) -> list[object]:
    rows, _ = cleaner(table, pa.RecordBatch.from_pydict({name: values}))
    return rows[name].to_pylist()


def test_an_id_is_one_id_whatever_type_an_export_gave_it(cleaner: Cleaner) -> None:
    typed = {
        "text": pa.array(["1", "22", "100"]),
        "integer": pa.array([1, 22, 100]),
        "real": pa.array([1.0, 22.0, 100.0]),
        "decimal": pa.array([Decimal(1), Decimal(22), Decimal(100)], pa.decimal128(38, 10)),
        "hundreds": pa.array([Decimal(1), Decimal(22), Decimal(100)], pa.decimal128(5, 0)),
    }
    found = {kind: _column(cleaner, "accounts", "account_id", values) for kind, values in typed.items()}
    assert found == {key: ["1", "22", "100"] for key in typed}


def test_ids_that_only_look_like_numbers_stay(cleaner: Cleaner) -> None:
    ids = ["007", "00.0", "7.0", "1.00", "1.5", "1.0.0", "v1.0", "1e5", "-1.0", "12345678901234567890.0"]
    assert _column(cleaner, "accounts", "account_id", pa.array(ids)) == ids


def test_decimals_that_are_no_whole_numbers_keep_their_digits(cleaner: Cleaner) -> None:
    values = pa.array([Decimal("1.50"), Decimal("0.00000001"), Decimal("12345678901234567890.12"), None], pa.decimal128(38, 10))
    assert _column(cleaner, "accounts", "account_id", values) == ["1.5", "0.00000001", "12345678901234567890.12", None]


@pytest.mark.parametrize("offset", ["+99:00", "-24:00", "+16:00", "-1600"])
def test_an_offset_that_no_zone_has_makes_no_time(cleaner: Cleaner, offset: str) -> None:
    rows, why = cleaner(
        "events", pa.RecordBatch.from_pydict({"event_id": ["e"], "device_id": ["d"], "at": [f"2024-01-01T00:00:00{offset}"]})
    )
    assert rows["at"].to_pylist() == [None]
    assert why.to_pylist() == ["at is no time between 1970 and 2100"]


@pytest.mark.parametrize("written", ["2024-05-01 12:00:00 UTC", "2024-05-01 12:00:00.000000 UTC", "2024-05-01T12:00:00 GMT"])
def test_utc_in_words_is_utc(cleaner: Cleaner, written: str) -> None:
    batch = pa.RecordBatch.from_pydict({"event_id": ["e"], "device_id": ["d"], "at": [written], "timezone": ["Asia/Tokyo"]})
    rows, _ = cleaner("events", batch)
    assert [str(at) for at in rows["at"].to_pylist()] == ["2024-05-01 12:00:00+00:00"]


@pytest.mark.parametrize(
    "given",
    [
        pa.array(['{"1": true, "3": "granted", "2": false, "4": null}']),
        pa.array([{"1": True, "3": True, "2": False, "4": None}]),
        pa.array([[("1", True), ("3", True), ("2", False)]], pa.map_(pa.string(), pa.bool_())),
    ],
    ids=["text", "struct", "map"],
)
def test_purposes_by_name_are_those_that_are_granted(cleaner: Cleaner, given: pa.Array) -> None:
    assert _column(cleaner, "consents", "purposes", given) == [["1", "3"]]


def test_purposes_of_which_none_is_granted_are_consent_to_nothing(cleaner: Cleaner) -> None:
    assert _column(cleaner, "consents", "purposes", pa.array(['{"1": false}', "{}", '{"1": tru'])) == [[], [], []]

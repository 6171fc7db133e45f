"""Sources that nobody meant to send, through ingest: no traceback, no lost row, no row that was never there."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graph.clean import Cleaner
from graph.errors import UnreadableFile
from graph.ingest import ingest
from graph.lake import Lake

FAR = 2**62
"""Microseconds after 1970: farther than Python's dates reach."""


def _take(tmp_path: Path, name: str, content: bytes | pa.Table) -> Lake:
    source = tmp_path / "source"
    source.mkdir()
    if isinstance(content, pa.Table):
        pq.write_table(content, source / name)
    else:
        (source / name).write_bytes(content)
    lake = Lake(tmp_path / "lake")
    ingest(source, lake, Cleaner())
    return lake


def _rows(lake: Lake, table: str) -> list[dict[str, object]]:
    connection = lake.connect()
    try:
        return connection.sql(f"FROM {table} ORDER BY ALL").to_arrow_table().to_pylist()
    finally:
        connection.close()


@pytest.mark.parametrize("start", [b"\n\n", b"\r\n", b"\xef\xbb\xbf\n", b"\r"])
def test_blank_lines_before_a_csv_header_are_no_rows(tmp_path: Path, start: bytes) -> None:
    lake = _take(tmp_path, "accounts.csv", start + b"account_id,email\na,a@gmx.de\nb,\n")
    assert [(row["account_id"], row["_row"]) for row in _rows(lake, "accounts")] == [("a", 1), ("b", 2)]


def test_times_that_python_cannot_hold_are_quarantined(tmp_path: Path) -> None:
    columns = {
        "event_id": ["e1", "e2"],
        "device_id": ["d", "d"],
        "at": pa.array([FAR, -FAR], pa.timestamp("us")),
        "day": pa.array([2**30, 1], pa.date32()),
        "took": pa.array([FAR, 1], pa.duration("s")),
        "blob": pa.array([b"\xff\x00", None]),
        "nested": pa.array([{"t": FAR}, None], pa.struct([("t", pa.timestamp("us"))])),
    }
    rows = _rows(_take(tmp_path, "events.parquet", pa.table(columns)), "quarantine")
    assert [row["reason"] for row in rows] == ["at is no time between 1970 and 2100"] * 2
    assert str(FAR) in str(rows[0]["raw"])
    assert "b'" not in str(rows[0]["raw"])


def test_traits_that_python_cannot_hold_are_kept_as_far_as_they_go(tmp_path: Path) -> None:
    columns = {
        "account_id": ["a"],
        "created_at": pa.array([FAR], pa.timestamp("us", tz="UTC")),
        "birth_date": pa.array([2**30], pa.date32()),
        "when": pa.array([FAR], pa.timestamp("us")),
        "nested": pa.array([{"t": FAR, "x": 1}], pa.struct([("t", pa.timestamp("us")), ("x", pa.int8())])),
    }
    (row,) = _rows(_take(tmp_path, "accounts.parquet", pa.table(columns)), "accounts")
    assert row["created_at"] is None
    assert row["birth_date"] is None
    assert "created_at" in str(row["_raw"])
    assert str(FAR) in str(row["_traits"])
    assert '"x":1' in str(row["_traits"])


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("accounts.csv", "account_id,email\na,b\n".encode("utf-16-le"), "UTF-16"),
        ("accounts.csv", gzip.compress(b"account_id\na\n"), "gzip"),
        ("accounts.jsonl", gzip.compress(b'{"account_id": "a"}\n'), "gzip"),
        ("accounts.csv", b"PAR1\x15\x04", "Parquet"),
        ("accounts.jsonl", b"PAR1\x15\x04", "Parquet"),
    ],
)
def test_a_file_that_is_not_what_its_suffix_says(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    with pytest.raises(UnreadableFile, match=told):
        _take(tmp_path, name, content)


def test_numbers_that_are_none_stay_json_when_calls_merge(tmp_path: Path) -> None:
    calls = b'{"type": "identify", "userId": "u", "timestamp": "2024-01-0%d", "traits": {"deep": {"score": [NaN, Infinity]}}}\n'
    (row,) = _rows(_take(tmp_path, "x.segment.jsonl", calls % 1 + calls % 2), "accounts")
    assert row["_traits"] == '{"deep":{"score":["nan","inf"]}}'

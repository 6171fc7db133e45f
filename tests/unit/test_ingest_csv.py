"""The CSV readers: the fast and the patient one agree, and nothing stops at a bad row."""

import csv
import gzip
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.ingest import read_csv
from graph.ingest.batches import NotWellFormed, column_names
from graph.ingest.read_csv import csv_readers
from graph.ingest.source import SourceFile

HEADER = ["device_id", "kind", "note"]


def read(path, reader, suffix=".csv"):
    """Rows with their numbers, and rejected rows, of one reader."""
    file = SourceFile(path, "devices", suffix)
    rows, rejected = [], []
    for batch in csv_readers(file)[reader](lambda size: None):
        rows += zip(batch.numbers.to_pylist(), batch.columns.to_pylist(), strict=True)
        rejected += [(r.row, r.reason, r.raw) for r in batch.rejected]
    return rows, rejected


def read_any(path, suffix=".csv"):
    for reader in range(3):
        try:
            return reader, *read(path, reader, suffix)
        except NotWellFormed:
            continue
    raise AssertionError("the last reader gave up")


def written(rows, **options):
    out = io.StringIO(newline="")
    csv.writer(out, **options).writerows([HEADER, *rows])
    return out.getvalue().encode()


field = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
table = st.lists(st.tuples(field.map(lambda t: "k" + t), field, field), max_size=12)


@given(table, st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=80, deadline=None)
def test_readers_agree_on_any_well_formed_file(tmp_path_factory, rows, end):
    path = tmp_path_factory.mktemp("csv") / "devices.csv"
    path.write_bytes(written(rows, lineterminator=end, quoting=csv.QUOTE_ALL))
    expected = [(i, {"device_id": a, "kind": b, "note": c or None}) for i, (a, b, c) in enumerate(rows, 1)]
    for reader in (0, 2):
        assert read(path, reader) == (expected, [])


def test_byte_order_mark_column_order_and_case(tmp_path):
    path = tmp_path / "devices.csv"
    path.write_bytes(b"\xef\xbb\xbfKind , DEVICE_ID,extra\r\nweb,d1,x\r\n")
    for reader in (0, 2):
        assert read(path, reader)[0] == [(1, {"kind": "web", "device_id": "d1", "extra": "x"})]


def test_ragged_rows_are_rejected_with_their_numbers(tmp_path):
    path = tmp_path / "devices.csv"
    path.write_bytes(b"device_id,kind,note\na,web,1\nb\n\nc,web,2\nd,web,3,4\n" + b"e,web,5\n" * 3 + b"f,web\n")
    for reader in (0, 2):
        rows, rejected = read(path, reader)
        assert [(n, r["device_id"]) for n, r in rows] == [(1, "a"), (3, "c"), (5, "e"), (6, "e"), (7, "e")]
        assert rejected == [
            (2, "malformed row: 1 fields where the header has 3", '"b"'),
            (4, "malformed row: 4 fields where the header has 3", '"d,web,3,4"'),
            (8, "malformed row: 2 fields where the header has 3", '"f,web"'),
        ]


def test_an_open_quote_costs_one_row(tmp_path):
    path = tmp_path / "devices.csv"
    path.write_bytes(b'device_id,kind,note\na,web,"open\nb,web,x\nc,web,"a ""quoted""\nline"\nd,web,y\n')
    reader, rows, rejected = read_any(path)
    assert reader == 2
    assert [r["device_id"] for _, r in rows] == ["b", "c", "d"]
    assert rows[1][1]["note"] == 'a "quoted"\nline'
    assert [(n, raw) for n, _, raw in rejected] == [(1, '"a,web,\\"open"')]


def test_two_open_quotes_do_not_swallow_what_is_between(tmp_path):
    path = tmp_path / "devices.csv"
    path.write_bytes(b'device_id,kind,note\na,web,"open\nb,web,x\nc,"web,open\nd,web,y\n')
    _, rows, rejected = read_any(path)
    assert [r["device_id"] for _, r in rows] == ["b", "d"]
    assert len(rejected) == 2


def test_stray_quotes_inside_fields_are_text(tmp_path):
    path = tmp_path / "devices.csv"
    path.write_bytes(b'device_id,kind,note\na,web,5" disk\nb,web,x\nc,web,3" disk\n')
    _, rows, rejected = read_any(path)
    assert [r["note"] for _, r in rows] == ['5" disk', "x", '3" disk']
    assert rejected == []


def test_ten_megabytes_in_one_field_are_taken(tmp_path):
    path = tmp_path / "devices.csv"
    path.write_bytes(b"device_id,kind,note\na,web,1\nb,web," + b"x" * (10 << 20) + b"\nc,web,3\n")
    reader, rows, rejected = read_any(path)
    assert reader == 1
    assert [len(r["note"]) for _, r in rows] == [1, 10 << 20, 1]
    assert rejected == []


def test_a_row_over_the_limit_is_rejected_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(read_csv, "MAX_RECORD", 1000)
    monkeypatch.setattr(read_csv, "_BLOCKS", (512, 800))
    path = tmp_path / "devices.csv"
    path.write_bytes(b"device_id,kind,note\na,web,1\nb,web," + b"x" * 5000 + b"\nc,web,3\nd,web," + b"y" * 1001)
    reader, rows, rejected = read_any(path)
    assert reader == 2
    assert [r["device_id"] for _, r in rows] == ["a", "c"]
    assert [(n, reason) for n, reason, _ in rejected] == [(n, "malformed row: longer than 1000 characters") for n in (2, 4)]


def test_bad_bytes_and_nul_are_kept_apart_from_good_text(tmp_path):
    path = tmp_path / "devices.csv"
    path.write_bytes(b"device_id,kind,note\na\xff,web,x\nb,web,n\x00l\nc,web,caf\xc3\xa9\n\xff\n")
    for reader in (0, 2):
        rows, rejected = read(path, reader)
        assert [(r["device_id"], r["note"]) for _, r in rows] == [("a�", "x"), ("b", "n\x00l"), ("c", "café")]
        assert [n for n, _, _ in rejected] == [4]


@pytest.mark.parametrize("reader", [0, 2])
def test_gzip_and_empty_files(tmp_path, reader):
    path = tmp_path / "devices.csv.gz"
    path.write_bytes(gzip.compress(written([["a", "web", "1"]] * 3)))
    assert len(read(path, reader, ".csv.gz")[0]) == 3
    path = tmp_path / "devices.csv"
    for content in (b"device_id,kind,note\n", b"device_id,kind,note"):
        path.write_bytes(content)
        assert read_any(path)[1:] == ([], [])


def test_row_numbers_across_many_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(read_csv, "_BLOCKS", (1 << 12, 1 << 12))
    monkeypatch.setattr(read_csv, "_BATCH_ROWS", 500)
    path = tmp_path / "devices.csv"
    lines = ["device_id,kind,note", *(f"d{i},web" if i % 97 == 0 else f"d{i},web,x" for i in range(1, 5001))]
    path.write_text("\n".join(lines))
    for reader in (0, 2):
        rows, rejected = read(path, reader)
        assert all(row["device_id"] == f"d{number}" for number, row in rows)
        assert [n for n, _, _ in rejected] == list(range(97, 5001, 97))
        assert len(rows) + len(rejected) == 5000


def test_column_names():
    assert column_names("devices", [" Device_ID", "OS", "x", "x", "", "_batch"]) == [
        "device_id",
        "os",
        "x",
        "x_again",
        "column_5",
        "input_batch",
    ]
    with pytest.raises(KeyError, match="os"):
        column_names("devices", ["os", "OS "])

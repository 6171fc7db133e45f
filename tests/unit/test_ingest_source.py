"""What is a source, and what is refused before anything is taken."""

import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graph.errors import DuplicateTable, SourceNotFound, UnknownTable, UnreadableFile
from graph.ingest.source import check, digest, discover

GOOD = "event_id,at,device_id\ne1,2024-01-01,d1\n"


def test_tables_of_every_format_are_found(tmp_path):
    names = ["accounts.parquet", "contents.csv", "devices.csv.gz", "events.jsonl", "labels.jsonl.gz"]
    names += ["b.segment.jsonl", "a.segment.jsonl.gz"]
    others = ["README.md", "notes.txt", ".events.csv", "_SUCCESS", "_old.csv", "events.tsv", "config.json"]
    for name in names + others:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "more").mkdir()
    found = discover(tmp_path)
    assert [f.path.name for f in found] == [*names[:5], "a.segment.jsonl.gz", "b.segment.jsonl"]
    assert [f.table for f in found] == ["accounts", "contents", "devices", "events", "labels", "segment", "segment"]


def test_upper_case_names(tmp_path):
    (tmp_path / "Events.CSV").write_text(GOOD)
    (file,) = discover(tmp_path)
    assert (file.table, file.suffix) == ("events", ".csv")


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    return text


def test_no_source(tmp_path):
    with pytest.raises(SourceNotFound) as error:
        discover(tmp_path / "nowhere")
    assert "nowhere: no such folder" in one_line(error)
    with pytest.raises(SourceNotFound) as error:
        discover(tmp_path)
    assert "holds no table" in one_line(error)
    (tmp_path / "events.csv").write_text(GOOD)
    with pytest.raises(SourceNotFound) as error:
        discover(tmp_path / "events.csv")
    assert "is no folder" in one_line(error)


def test_unknown_and_double_tables(tmp_path):
    (tmp_path / "evnts.csv").write_text(GOOD)
    with pytest.raises(UnknownTable) as error:
        discover(tmp_path)
    assert "evnts.csv: unknown table" in one_line(error)
    (tmp_path / "evnts.csv").unlink()
    (tmp_path / "events.csv").write_text(GOOD)
    (tmp_path / "events.jsonl").write_text("")
    with pytest.raises(DuplicateTable) as error:
        discover(tmp_path)
    assert "events.csv" in one_line(error)
    assert "events.jsonl" in one_line(error)


def test_a_folder_named_like_a_table(tmp_path):
    (tmp_path / "events.parquet").mkdir()
    with pytest.raises(UnreadableFile) as error:
        discover(tmp_path)
    assert "no regular file" in one_line(error)


def parquet_bytes(tmp_path, columns):
    path = tmp_path / "made"
    pq.write_table(pa.table(columns), path)
    content = path.read_bytes()
    path.unlink()
    return content


def refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    (file,) = discover(tmp_path)
    with pytest.raises(UnreadableFile) as error:
        check(file)
    assert name in one_line(error)
    return one_line(error)


def test_headers_without_the_key(tmp_path):
    text = refused(tmp_path, "events.csv", b"id,time,secret@mail.com\n1,2,3\n")
    assert "no column event_id, at, device_id or account_id" in text
    assert "secret" not in text  # a file without a header has data in its first row
    assert "columns separated by commas" in text


def test_empty_csv(tmp_path):
    assert "no column event_id" in refused(tmp_path, "events.csv", b"")


def test_column_given_twice(tmp_path):
    assert "column at twice" in refused(tmp_path, "events.csv", b"event_id,at,AT,device_id\n")


def test_utf16(tmp_path):
    assert "UTF-16" in refused(tmp_path, "events.csv", GOOD.encode("utf-16"))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all"])
def test_no_parquet(tmp_path, content):
    refused(tmp_path, "events.parquet", content)


def test_truncated_parquet(tmp_path):
    content = parquet_bytes(tmp_path, {"event_id": ["a"] * 1000, "at": ["2024"] * 1000, "device_id": ["d"] * 1000})
    refused(tmp_path, "events.parquet", content[: len(content) // 2])


def test_parquet_without_the_key(tmp_path):
    assert "no column device_id" in refused(tmp_path, "devices.parquet", parquet_bytes(tmp_path, {"x": [1]}))


def test_broken_gzip(tmp_path):
    assert "gzip" in refused(tmp_path, "events.csv.gz", b"not gzip")
    assert "gzip" in refused(tmp_path, "events.csv.gz", gzip.compress(GOOD.encode() * 10)[:20])


def test_digest_tells_tables_and_contents_apart(tmp_path):
    for name in ("events.csv", "devices.csv"):
        (tmp_path / name).write_text(GOOD)
    first = {digest(f) for f in discover(tmp_path)}
    assert len(first) == 2
    (tmp_path / "events.csv").write_text(GOOD + "e2,2024-01-01,d1\n")
    assert len(first | {digest(f) for f in discover(tmp_path)}) == 3

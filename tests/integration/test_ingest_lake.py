"""Sources into the lake: formats, updates, repetitions, conflicts, quarantine, tracking calls."""

import gzip
import json

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph.clean import Cleaner
from graph.errors import UnreadableFile
from graph.ingest import ingest
from graph.lake import Lake
from graph.tables import LAKE_TABLES

HEADER = "event_id,at,device_id,type\n"


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "home" / "lake")


@pytest.fixture(scope="session")
def cleaner():
    return Cleaner()


@pytest.fixture
def take(tmp_path, lake, cleaner):
    """Write files into a fresh source folder and ingest it."""

    def run(source="s", progress=None, **files):
        folder = tmp_path / source
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for name, content in files.items():
            path = folder / name.replace("__", ".")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return ingest(folder, lake, cleaner, *([progress] if progress else []))

    return run


def query(lake, sql):
    return lake.connect().sql(sql).fetchall()


def counts(summary, table):
    t = next(t for t in summary.tables if t.table == table)
    assert t.read == t.added + t.updated + t.unchanged + t.duplicates + t.rejected
    return t.added, t.updated, t.unchanged, t.duplicates, t.rejected


ROWS = [{"event_id": f"e{i}", "at": f"2024-01-0{1 + i % 9}T00:00:00Z", "device_id": f"d{i}", "x": str(i)} for i in range(50)]


def written(suffix):
    table = pa.Table.from_pylist(ROWS)
    if "parquet" in suffix:
        out = pa.BufferOutputStream()
        pq.write_table(table, out)
        return out.getvalue().to_pybytes()
    if "csv" in suffix:
        out = pa.BufferOutputStream()
        pyarrow.csv.write_csv(table, out)
        content = out.getvalue().to_pybytes()
    else:
        content = "\n".join(json.dumps(r) for r in ROWS).encode()
    return gzip.compress(content) if suffix.endswith("gz") else content


@pytest.mark.parametrize("suffix", ["parquet", "csv", "csv.gz", "jsonl", "jsonl.gz"])
def test_every_format_gives_the_same_rows(take, lake, suffix):
    summary = take(**{f"events.{suffix}": written(suffix)})
    assert counts(summary, "events") == (50, 0, 0, 0, 0)
    found = query(
        lake,
        "SELECT event_id, strftime(\"at\", '%Y-%m-%dT%H:%M:%SZ'), device_id, _traits->>'x', _source, _row "
        "FROM events ORDER BY _row",
    )
    assert found == [(r["event_id"], r["at"], r["device_id"], r["x"], "s", i) for i, r in enumerate(ROWS, 1)]


def test_the_same_source_twice_changes_nothing(take, lake):
    files = {
        "events.csv": HEADER + "e1,2024-01-01,d1,x\nbad,,d,x\n",
        "a.segment.jsonl": '{"type":"track","event":"x","userId":"a","timestamp":"2024-01-01T00:00:00Z"}\n',
    }
    assert take(**files).changed
    before = lake.snapshot_id(), query(lake, "FROM events ORDER BY ALL"), query(lake, "FROM quarantine")
    again = take(**files)
    assert not again.changed
    assert again.tables == ()
    assert again.skipped == ("events.csv", "a.segment.jsonl")
    renamed = take("other_name", **files)
    assert not renamed.changed
    assert (lake.snapshot_id(), query(lake, "FROM events ORDER BY ALL"), query(lake, "FROM quarantine")) == before


def test_a_grown_file_adds_only_what_is_new(take, lake):
    first = HEADER + "e1,2024-01-01,d1,x\ne2,2024-01-02,d2,y\n,2024-01-01,d,x\n"
    take(**{"events.csv": first})
    summary = take(**{"events.csv": first + "e3,2024-01-03,d3,z\n,2024-01-01,d,x\n"})
    assert counts(summary, "events") == (1, 0, 2, 0, 2)
    assert query(lake, "SELECT event_id, _batch FROM events ORDER BY 1") == [("e1", 1), ("e2", 1), ("e3", 2)]
    assert query(lake, "SELECT row FROM quarantine ORDER BY 1") == [(3,), (5,)]


def test_the_same_rows_in_another_order_and_format_change_nothing(take, lake):
    take(**{"events.parquet": written("parquet")})
    before = lake.snapshot_id()
    lines = [json.dumps(r) for r in reversed(ROWS)]
    summary = take(**{"events.jsonl": "\n".join(lines)})
    assert counts(summary, "events") == (0, 0, 50, 0, 0)
    assert not summary.changed
    assert lake.snapshot_id() == before


def test_a_row_delivered_later_replaces_the_whole_row(take, lake):
    take(**{"accounts.csv": "account_id,email,city,tier\na1,a@x.org,Rome,gold\na2,b@x.org,Oslo,gold\n"})
    first = lake.snapshot_id()
    summary = take(**{"accounts.csv": "account_id,email\na1,new@x.org\n"})
    assert counts(summary, "accounts") == (0, 1, 0, 0, 0)
    found = query(lake, "SELECT account_id, email, city, _traits, _batch FROM accounts ORDER BY 1")
    assert found == [("a1", "new@x.org", None, None, 2), ("a2", "b@x.org", "Oslo", '{"tier":"gold"}', 1)]
    assert lake.snapshot_id() != first
    assert lake.rows("accounts") == 2


def test_one_id_twice_in_a_file(take, lake):
    rows = "e1,2024-01-01,d1,x\ne2,2024-01-01,d1,x\ne1,2024-01-01,d1,x\ne1,2024-01-01,d1,CHANGED\ne1,2024-01-01,d1,x\n"
    summary = take(**{"events.csv": HEADER + rows})
    assert counts(summary, "events") == (2, 0, 0, 2, 1)
    assert query(lake, "SELECT event_id, type FROM events ORDER BY 1") == [("e1", "x"), ("e2", "x")]
    ((table, file, row, reason, raw, batch),) = query(lake, 'SELECT "table", file, row, reason, raw, _batch FROM quarantine')
    assert (table, file, row, reason, batch) == (
        "events",
        "events.csv",
        4,
        "another row of the file has the same event_id and other values",
        1,
    )
    assert json.loads(raw)["type"] == "CHANGED"


def test_keys_of_several_columns(take, lake):
    labels = "subject_kind,subject_id,tag,value\naccount,a,jazz,1\naccount,a, jazz,1\naccount,a,jazz,0\ndevice,a,jazz,1\n"
    assert counts(take(**{"labels.csv": labels}), "labels") == (3, 0, 0, 0, 1)
    consents = "subject_kind,subject_id,purposes,at\ndevice,d,1,2024-01-01\ndevice,d,,2024-02-01\ndevice,d,2,\n"
    assert counts(take(**{"consents.csv": consents}), "consents") == (3, 0, 0, 0, 0)
    assert counts(take(**{"consents.csv": consents.replace("d,2,", "d,3,")}), "consents") == (0, 1, 2, 0, 0)
    assert query(lake, 'SELECT purposes FROM consents WHERE "at" IS NULL') == [(["3"],)]


def test_quarantine_holds_the_row_and_the_reason(take, lake):
    rows = "e1,never,d1,x\nnull,2024-01-01,d1,x\ne3,2024-01-01,,x\ne4,2024-01-01\ne5,2024-01-01,d5,x\n"
    summary = take(**{"events.csv": HEADER + rows})
    assert counts(summary, "events") == (1, 0, 0, 0, 4)
    found = query(lake, "SELECT row, reason, raw FROM quarantine ORDER BY row")
    assert [(row, reason) for row, reason, _ in found] == [
        (1, "at is no time between 1970 and 2100"),
        (2, "event_id is no usable id"),
        (3, "no usable device_id or account_id"),
        (4, "malformed row: 2 fields where the header has 4"),
    ]
    assert json.loads(found[0][2]) == {"event_id": "e1", "at": "never", "device_id": "d1", "type": "x"}
    assert json.loads(found[3][2]) == "e4,2024-01-01"
    assert summary.tables[0].quarantined["malformed row"] == 1


def test_bad_lines_of_json(take, lake):
    lines = [
        '{"device_id":"d1","n":1}',
        "{broken",
        "[1]",
        '"text"',
        "",
        '{"kind":"tv"}',
        '{"device_id":"d\\ud800"}',
        "{" * 100_000,
    ]
    summary = take(**{"devices.jsonl": "\n".join(lines)})
    assert counts(summary, "devices") == (1, 0, 0, 0, 6)
    assert query(lake, "SELECT device_id, _traits FROM devices") == [("d1", '{"n":1}')]
    assert [r for (r,) in query(lake, "SELECT row FROM quarantine ORDER BY row")] == [2, 3, 4, 5, 6, 7]


def test_ten_megabytes_in_one_field_and_nul_bytes(take, lake):
    big = "x" * (10 << 20)
    content = f"content_id,title,text\nc1,t,{big}\nc2,n\x00l,short\nc\x003,t,x\n"
    assert counts(take(**{"contents.csv": content}), "contents") == (2, 0, 0, 0, 1)
    assert query(lake, "SELECT content_id, title, length(text) FROM contents ORDER BY 1") == [
        ("c1", "t", 10 << 20),
        ("c2", "nl", 5),
    ]


def test_empty_tables(take, lake):
    schema = pa.schema([("device_id", pa.string())])
    out = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), out)
    summary = take(**{"events.csv": HEADER, "devices.parquet": out.getvalue().to_pybytes(), "labels.jsonl": ""})
    assert not summary.changed
    assert all(lake.rows(name) == 0 for name in LAKE_TABLES)
    assert take(**{"events.csv": HEADER}).skipped == ("events.csv",)


def test_one_bad_file_changes_nothing(take, lake, tmp_path):
    take(**{"devices.csv": "device_id\nd0\n"})
    before = lake.snapshot_id()
    good = {"devices.csv": "device_id\nd1\n"}
    text = ("device_id,at,event_id\n" + "".join(f"d{i},2024-01-01,{i * 7919}\n" for i in range(200_000))).encode()
    cut = gzip.compress(text)[:-3000]  # its header is well, its end is not
    with pytest.raises(UnreadableFile, match=r"events\.csv\.gz: its gzip data is damaged or cut short"):
        take(**good, **{"events.csv.gz": cut})
    out = pa.BufferOutputStream()
    pq.write_table(pa.table({"event_id": [str(i) for i in range(9999)], "at": ["2024"] * 9999, "device_id": ["d"] * 9999}), out)
    damaged = bytearray(out.getvalue().to_pybytes())
    damaged[100:5000] = b"\xff" * 4900  # a footer that is well, pages that are not
    with pytest.raises(UnreadableFile, match=r"events\.parquet"):
        take(**good, **{"events.parquet": bytes(damaged)})
    assert lake.snapshot_id() == before
    assert query(lake, "SELECT device_id FROM devices") == [("d0",)]
    assert take(**good).changed
    assert not lake.staging.exists()


def call(kind, at, **more):
    return json.dumps({"type": kind, "timestamp": f"2024-01-{at:02d}T00:00:00Z", "messageId": f"m{kind}{at}{len(more)}", **more})


def test_tracking_calls_become_rows(take, lake):
    context = {"device": {"type": "android", "advertisingId": "00000000-0000-0000-0000-000000000000"}, "ip": "8.8.8.8"}
    lines = [
        call("identify", 1, userId="a", anonymousId="d", traits={"email": "A@x.org", "plan": "free"}, context=context),
        call("track", 2, userId="a", anonymousId="d", event="Buy", properties={"revenue": 5}),
        call("page", 3, anonymousId="d", context={"page": {"url": "https://x.org/a?utm_source=q"}}),
        call("alias", 4, userId="a", previousId="d9"),
        call("group", 5, userId="a", groupId="g"),
        call("dance", 6, userId="a"),
        "{broken",
    ]
    summary = take(**{"x.segment.jsonl": "\n".join(lines)})
    assert counts(summary, "events") == (3, 0, 0, 0, 0)
    assert counts(summary, "segment") == (0, 0, 0, 0, 2)
    assert query(lake, "SELECT email, _traits FROM accounts") == [("a@x.org", '{"plan":"free"}')]
    assert query(lake, "SELECT device_id, kind, advertising_id FROM devices") == [("d", "mobile", None)]
    found = query(lake, 'SELECT type, account_id, device_id, content_id, value FROM events ORDER BY "at"')
    assert found == [
        ("identify", "a", "d", None, None),
        ("Buy", "a", "d", None, 5.0),
        ("page_view", None, "d", "https://x.org/a", None),
    ]
    found = query(lake, "SELECT from_kind, from_id, to_kind, to_id, type FROM relations ORDER BY type")
    assert found == [("unknown", "d9", "account", "a", "alias"), ("account", "a", "group", "g", "group")]
    assert query(lake, 'SELECT "table", row FROM quarantine ORDER BY row') == [("segment", 6), ("segment", 7)]


def test_identify_calls_merge_their_traits(take, lake):
    take(**{"accounts.csv": "account_id,email,city,tier\na,old@x.org,Rome,gold\n"})
    lines = [
        call("identify", 5, userId="a", traits={"firstName": "Ann", "plan": "free"}),
        call("identify", 6, userId="a", traits={"email": "new@x.org", "plan": "pro"}),
    ]
    summary = take(**{"x.segment.jsonl": "\n".join(lines)})
    assert counts(summary, "accounts") == (0, 2, 0, 0, 0)
    columns = "SELECT email, given_name, city, _traits::JSON->>'plan', _traits::JSON->>'tier' FROM accounts"
    assert query(lake, columns) == [("new@x.org", "Ann", "Rome", "pro", "gold")]
    before = lake.snapshot_id()
    summary = take(**{"y.segment.jsonl": lines[0] + "\n\n"})  # delivered again, late
    assert counts(summary, "accounts") == (0, 0, 1, 0, 0)
    assert lake.snapshot_id() == before
    take(**{"z.segment.jsonl": call("identify", 7, userId="a", traits={"email": "newest@x.org"})})
    assert query(lake, columns) == [("newest@x.org", "Ann", "Rome", "pro", "gold")]
    assert lake.rows("accounts") == 1


def test_an_inbox_of_many_files_is_one_batch(take, lake):
    files = {f"{i:03d}.segment.jsonl": call("track", 1 + i % 28, userId=f"a{i}", event="x", extra=i) for i in range(60)}
    files = {n: c.replace('"messageId": "m', f'"messageId": "{n}') for n, c in files.items()}
    assert counts(take("inbox", **files), "events") == (60, 0, 0, 0, 0)
    assert lake.last_batch() == 1
    files["060.segment.jsonl"] = call("track", 1, userId="b", event="x")
    summary = take("inbox", **files)
    assert counts(summary, "events") == (1, 0, 0, 0, 0)
    assert len(summary.skipped) == 60


def test_table_files_and_calls_of_one_source_meet(take, lake):
    files = {
        "events.csv": HEADER + "mtrack14,2024-01-01,d1,x\n",
        "accounts.csv": "account_id,email\na,a@x.org\n",
        "c.segment.jsonl": call("identify", 1, userId="a", traits={"firstName": "Ann"})
        + "\n"
        + call("track", 1, userId="a", event="y", k=1, j=2),
    }
    summary = take(**files)
    assert query(lake, "SELECT account_id, email, given_name FROM accounts") == [("a", "a@x.org", "Ann")]
    assert counts(summary, "events") == (1, 1, 0, 0, 0)  # the call has the id of the file's row
    assert query(lake, "SELECT event_id, type, account_id FROM events") == [("mtrack14", "y", "a")]


def test_progress_reaches_the_size_of_the_file(take):
    seen = []
    take(progress=lambda *told: seen.append(told), **{"events.csv": HEADER + "e1,2024-01-01,d1,x\n" * 100})
    what, done, total = seen[-1]
    assert (what, done) == ("ingest events", total)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=10))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_survives_the_way_into_the_lake(tmp_path_factory, cleaner, rows):
    """Titles lose control characters only; traits lose nothing; no row is lost."""
    folder = tmp_path_factory.mktemp("source")
    table = pa.table(
        {"content_id": [f"c{i}" for i in range(len(rows))], "title": [t for t, _ in rows], "note": [n for _, n in rows]}
    )
    pyarrow.csv.write_csv(table, folder / "contents.csv")
    lake = Lake(folder / "lake")
    ingest(folder, lake, cleaner)
    found = {
        c: (title, json.loads(traits) if traits else {})
        for c, title, traits in query(lake, "SELECT content_id, title, _traits FROM contents")
    }
    for i, (title, note) in enumerate(rows):
        kept = "".join(c for c in title if c in "\t\n\r" or not (c < " " or c == "\x7f"))
        assert (found[f"c{i}"][0] or "").strip() == kept.strip()
        assert found[f"c{i}"][1].get("note", "") == note

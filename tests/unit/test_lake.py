import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from graph.lake import MANIFEST, Lake, Part
from graph.tables import LAKE_TABLES, TABLES, lake_schema

AT = datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC)


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "home" / "lake")


def events(**columns):
    count = len(next(iter(columns.values())))
    return pa.table({"at": pa.array([AT] * count), **columns})


@pytest.mark.parametrize("name", LAKE_TABLES)
def test_empty_lake_has_every_view_with_its_types(lake, name):
    table = lake.connect().sql(f"FROM {name}").to_arrow_table()
    assert table.num_rows == 0
    assert table.schema.names == lake_schema(name).names
    plain = [t if not pa.types.is_list(t) else pa.list_(t.value_type) for t in table.schema.types]
    assert [t.value_type if pa.types.is_list(t) else t for t in plain] == [
        t.value_type if pa.types.is_list(t) else t for t in lake_schema(name).types
    ]
    assert lake.rows(name) == 0


def test_reading_an_empty_lake_makes_nothing(lake):
    lake.connect()
    lake.snapshot_id()
    assert not lake.path.exists()


def test_later_rows_supersede_and_others_stay(lake):
    lake.append("events", events(event_id=["a", "b"], device_id=["d", "e"], type=["x", "y"]))
    first = lake.snapshot_id()
    lake.append("events", events(event_id=["b", "c"], device_id=["e", "f"], type=["z", "w"]))
    found = lake.connect().sql("SELECT event_id, type, _batch FROM events ORDER BY ALL").fetchall()
    assert found == [("a", "x", 1), ("b", "z", 2), ("c", "w", 2)]
    assert lake.rows("events") == 3
    assert lake.snapshot_id() != first


def test_null_parts_of_a_key_are_equal(lake):
    row = {"subject_kind": ["device"], "subject_id": ["d"]}
    lake.append("consents", pa.table({**row, "gpc": [False]}))
    lake.append("consents", pa.table({**row, "gpc": [True]}))
    lake.append("consents", pa.table({**row, "gpc": [False], "at": pa.array([AT])}))
    found = lake.connect().sql('SELECT gpc, "at" IS NULL FROM consents ORDER BY ALL').fetchall()
    assert found == [(False, False), (True, True)]


def test_same_rows_give_the_same_snapshot_id_in_another_home(tmp_path):
    table = events(event_id=["a"], device_id=["d"])
    ids = set()
    for home in ("one", "two"):
        lake = Lake(tmp_path / home)
        lake.append("events", table)
        ids.add(lake.snapshot_id())
    assert len(ids) == 1


def test_tables_are_delta_tables_that_others_can_read(lake):
    lake.append("devices", pa.table({"device_id": ["d1", "d2"]}))
    delta = DeltaTable(str(lake.path / "devices"))
    assert delta.version() == 0
    assert sorted(delta.to_pyarrow_table()["device_id"].to_pylist()) == ["d1", "d2"]


def staged_part(lake, batch, table="devices"):
    lake.staging.mkdir(parents=True)
    schema = lake_schema(table)
    key = TABLES[table].key[0]
    columns = [pa.array([f"{table}-{batch}"]) if f.name == key else pa.nulls(1, f.type) for f in schema]
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), lake.staging / "x.parquet")
    return Part(table, "x.parquet", 1, True, batch, f"{batch:064d}")


def manifest_row(batch):
    row = {"digest": f"d{batch}", "table": "devices", "file": "f", "_source": "s", "_batch": batch, "counts": "{}"}
    return pa.Table.from_pylist([row], schema=MANIFEST)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", range(4))
def test_a_commit_that_is_cut_short_is_invisible_until_finished(lake, monkeypatch, step):
    """The commit dies before its `step`-th table is added; readers see nothing of it, and recovery finishes it."""
    import graph.lake

    lake.append("devices", pa.table({"device_id": ["d0"]}))
    before = lake.snapshot_id()
    part = staged_part(lake, 2)
    calls = []
    add = graph.lake._add

    def dying(*arguments):
        if len(calls) == step // 2:
            if step % 2:
                add(*arguments)
            raise Killed
        calls.append(arguments)
        add(*arguments)

    monkeypatch.setattr(graph.lake, "_add", dying)
    with pytest.raises(Killed):
        lake.commit([part], manifest_row(2))
    monkeypatch.undo()
    if step < 3:  # after the manifest the commit is whole
        assert lake.snapshot_id() == before
        assert lake.rows("devices") == 1
    lake.recover()
    assert lake.rows("devices") == 2
    assert lake.taken() >= {"d2"}
    after = lake.snapshot_id()
    lake.recover()
    assert lake.snapshot_id() == after
    assert DeltaTable(str(lake.path / "devices")).version() == 1
    assert not (lake.path / "pending.json").exists()
    assert not lake.staging.exists()


def test_staged_files_without_a_commit_are_removed(lake):
    staged_part(lake, 1)
    lake.recover()
    assert not lake.staging.exists()
    assert lake.rows("devices") == 0


def test_a_file_that_something_else_rewrote_still_counts(lake):
    lake.append("events", events(event_id=["a", "b"], device_id=["d", "e"], type=["x", "y"]))
    lake.append("events", events(event_id=["b"], device_id=["e"], type=["z"]))
    DeltaTable(str(lake.path / "events")).delete("event_id = 'a'")
    assert lake.connect().sql("SELECT event_id, type FROM events").fetchall() == [("b", "z")]
    assert lake.rows("events") == 1


def test_paths_with_quotes_and_spaces(tmp_path):
    lake = Lake(tmp_path / "it's a lake")
    lake.append("devices", pa.table({"device_id": ["d"]}))
    assert lake.connect().sql("SELECT device_id FROM devices").fetchall() == [("d",)]

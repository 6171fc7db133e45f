"""Every shared real data set goes into a lake without a row lost or quarantined."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from graph.clean import Cleaner
from graph.ingest import ingest
from graph.lake import Lake

DATA = Path(__file__).parents[3] / "shared" / "data"
SETS = ("crossdevice", "lastfm", "movielens", "reviews", "zh_reviews", "febrl3", "fake_1000")

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the shared data sets are not at {DATA}"),
]


@pytest.mark.parametrize("name", SETS)
def test_set(tmp_path, name):
    source = DATA / name / "input"
    lake = Lake(tmp_path / "lake")
    cleaner = Cleaner()
    summary = ingest(source, lake, cleaner)
    assert summary.rejected == 0
    for path in source.glob("*.parquet"):
        assert lake.rows(path.stem) == pq.ParquetFile(path).metadata.num_rows
    before = lake.snapshot_id()
    assert not ingest(source, lake, cleaner).changed
    assert lake.snapshot_id() == before
    connection = lake.connect()
    for path in source.glob("labels.parquet"):
        tags = set(pq.read_table(path)["tag"].to_pylist())
        assert {t for (t,) in connection.sql("SELECT DISTINCT tag FROM labels").fetchall()} == tags
    if name == "crossdevice":
        lost, zones = connection.sql(
            "SELECT count(*) FILTER (WHERE ip IS NULL), count(DISTINCT timezone) FROM events"
        ).fetchall()[0]
        assert lost == sum(v is None for v in pq.read_table(source / "events.parquet", columns=["ip"])["ip"].to_pylist())
        assert zones > 5
    if name == "movielens":
        assert connection.sql("SELECT category FROM contents WHERE content_id = 'film1'").fetchall() == [
            (["Animation", "Children's", "Comedy"],)
        ]

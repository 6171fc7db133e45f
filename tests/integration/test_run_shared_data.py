"""The shared real sources through the pipeline: Ladybug and a real Neo4j hold the same graph, counted by label and type, as the
snapshot says; and a source without labels and readable texts ends with embeddings and lookalikes, and says that it has no tags.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from api import operator_files, pipeline
from api.following import resolve_and_publish
from api.settings import Settings
from api.workspace import Workspace
from gnn.lookalike import Reach
from graph import resolve
from graph.schema import Label, Type
from graph.store import open_store
from graph.store.protocol import ignore_progress

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
NAMES = {*Label, *Type}

pytestmark = pytest.mark.shared_data


def source_of(name: str) -> Path:
    folder = DATA / name / "input"
    if not folder.is_dir():
        pytest.skip(f"the shared data set {name} is not here")
    return folder


@pytest.fixture(scope="module")
def events_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source that has one table: the first events of the device study."""
    folder = tmp_path_factory.mktemp("events-only")
    pq.write_table(pq.read_table(source_of("crossdevice") / "events.parquet").slice(0, 20_000), folder / "events.parquet")
    return folder


def assert_both_stores_hold_it(workspace: Workspace, neo4j_url: str) -> dict[str, int]:
    """The home's graph in its embedded store and in a database: the same counts, those of the snapshot."""
    snapshot = pipeline.snapshot_of(workspace, resolve.load(workspace.home), ignore_progress)
    with workspace.store() as embedded:
        counts = embedded.counts()
    store = open_store(neo4j_url, workspace.home)
    try:
        store.replace(snapshot)
        assert store.counts() == counts
    finally:
        store.close()
    assert counts == dict.fromkeys(NAMES, 0) | snapshot.counts()
    return counts


def resolved(source: Path, folder: Path) -> Workspace:
    """Ingest, resolve and load the embedded graph; nothing is learned."""
    workspace = Workspace.open(Settings(home=folder / "home"))
    pipeline.ingest(workspace, [source], progress=ignore_progress)
    resolve_and_publish(workspace, refit=False, replace_graph=False, progress=ignore_progress)
    return workspace


def test_lastfm_is_the_same_in_both_stores(empty_neo4j: str, tmp_path: Path) -> None:
    counts = assert_both_stores_hold_it(resolved(source_of("lastfm"), tmp_path), empty_neo4j)
    assert (counts["Account"], counts["Device"], counts["Person"], counts["Content"]) == (1892, 0, 1892, 17_632)
    assert counts["RELATED"] > 12_000
    assert counts["ENGAGED"] > 100_000


def test_accounts_only(empty_neo4j: str, tmp_path: Path) -> None:
    counts = assert_both_stores_hold_it(resolved(source_of("febrl3"), tmp_path), empty_neo4j)
    assert (counts["Account"], counts["Device"], counts["ENGAGED"]) == (5000, 0, 0)
    assert counts["BELONGS_TO"] == 5000


def test_events_only(empty_neo4j: str, tmp_path: Path, events_only: Path) -> None:
    counts = assert_both_stores_hold_it(resolved(events_only, tmp_path), empty_neo4j)
    assert 0 < counts["Device"] <= 77
    assert counts["ENGAGED"] > 0


def test_hashed_titles_give_embeddings_and_lookalikes_and_no_tags(empty_neo4j: str, tmp_path: Path) -> None:
    workspace = Workspace.open(Settings(home=tmp_path / "home"))
    report = pipeline.run(workspace, [source_of("crossdevice")], seed=0, replace_graph=False, progress=ignore_progress)
    counts = assert_both_stores_hold_it(workspace, empty_neo4j)
    assert report["graph"] == counts
    assert (counts["Device"], counts["INTERESTED_IN"]) == (77, 0)
    facts = report["interests"]
    assert facts["tags"] == 0
    assert any("no tags; embeddings and lookalikes" in str(note) for name, note in facts.items() if name.startswith("note "))
    embeddings = operator_files.embeddings(workspace).value.table
    assert embeddings.num_rows == facts["people"] > 0
    seeds = tmp_path / "seeds.csv"
    members = resolve.load(workspace.home).members.filter(pc.field("class") == "person").slice(0, 5).to_pylist()
    seeds.write_text("kind,id\n" + "".join(f"{row['kind']},{row['id']}\n" for row in members))
    ranked = operator_files.lookalike(workspace, operator_files.Lookalike(seeds), Reach()).value.table
    assert ranked.num_rows == facts["people"] - len({row["person_id"] for row in members})
    assert ranked["rank"].to_pylist() == list(range(1, ranked.num_rows + 1))

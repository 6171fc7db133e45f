"""The population stability index against hand-computed values, and drift that is there or not there."""

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from test_gnn_registry import save
from test_gnn_world import read, world

from gnn.features.population import Population
from gnn.monitor import drift, reference_of, values
from gnn.monitor.stability import Histogram, chance_index, histogram, stability_index, state_of
from gnn.registry import Version
from gnn.registry.refreshed import append
from gnn.taxonomy import of_strings
from graph.errors import ModelError
from graph.interests import ABOUT


def test_the_index_of_two_bins_by_hand() -> None:
    """e = (80.5, 20.5) / 101, a = (60.5, 40.5) / 101: Σ (a − e) ln(a / e) = .198020 × .680878 + .198020 × .285594."""
    then, now = Histogram((1.0,), (80, 20), 100), Histogram((1.0,), (60, 40), 100)
    e, a = (80.5 / 101, 20.5 / 101), (60.5 / 101, 40.5 / 101)
    by_hand = (a[0] - e[0]) * np.log(a[0] / e[0]) + (a[1] - e[1]) * np.log(a[1] / e[1])
    assert stability_index(then, now) == pytest.approx(by_hand, rel=1e-12)
    assert stability_index(then, now) == pytest.approx(0.19138, abs=5e-6)
    assert stability_index(then, then) == 0
    assert stability_index(then, now) == pytest.approx(stability_index(now, then))


def test_large_samples_have_the_textbook_value() -> None:
    """Shares .5/.3/.2 to .2/.3/.5: .3 ln 2.5 twice = .549774."""
    then, now = (Histogram((1.0, 2.0), counts, 10**6) for counts in ((5e5, 3e5, 2e5), (2e5, 3e5, 5e5)))
    assert stability_index(then, now) == pytest.approx(2 * 0.3 * np.log(2.5), abs=1e-4)


def test_a_cluster_that_moves_a_hair_has_not_changed_when_counted_softly() -> None:
    generator = np.random.default_rng(0)
    values = np.r_[generator.normal(0, 1e-3, 800), generator.normal(2, 1, 200)]
    hard, soft = histogram(values), histogram(values, soft=True)
    assert stability_index(hard, hard.of(values + 0.01)) > 0.25
    assert stability_index(soft, soft.of(values + 0.01)) < 0.001
    assert stability_index(soft, soft.of(values + 1)) > 0.25
    assert sum(soft.counts) == pytest.approx(1000)


def test_softly_counted_a_shift_has_the_value_of_two_normal_distributions() -> None:
    """For N(0, σ²) and N(δ, σ²) the index of ever finer bins is (δ/σ)²; the blur makes σ² to σ² (1 + 1/16)."""
    values = np.random.default_rng(1).normal(0, 1, 100_000)
    found = histogram(values, 40, soft=True)
    assert stability_index(found, found.of(values + 0.4)) == pytest.approx(0.16 / (1 + 1 / 16), rel=0.05)


def test_chance_alone_stays_under_its_bound_nineteen_times_in_twenty() -> None:
    under = 0
    for seed in range(400):
        generator = np.random.default_rng(seed)
        then = histogram(generator.normal(size=300))
        now = then.of(generator.normal(size=200))
        under += stability_index(then, now) <= chance_index(then, now)
    assert 0.92 <= under / 400 <= 0.99


def test_states_at_their_thresholds() -> None:
    assert [state_of(x, 0.0) for x in (0.0, 0.0999, 0.1, 0.2499, 0.25, float("nan"))] == [
        "stable", "stable", "moderate", "moderate", "major", "unknown",
    ]  # fmt: skip
    assert state_of(0.3, 0.4) == "stable"


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=60))
@settings(deadline=None)
def test_every_value_is_in_one_bin_and_the_histogram_survives_json(numbers: list[float]) -> None:
    found = histogram(np.array(numbers))
    assert found.total == len(numbers)
    assert list(found.edges) == sorted(set(found.edges))
    assert Histogram.from_dict(found.as_dict()) == found
    assert found.of(np.array(numbers)) == found
    soft = histogram(np.array(numbers), soft=True)
    assert sum(soft.counts) == pytest.approx(len(numbers))
    assert Histogram.from_dict(soft.as_dict()) == soft


def test_a_value_that_everybody_shares_is_seen_to_change() -> None:
    then = histogram(np.zeros(500))
    for changed in (np.ones(500), np.full(500, -1.0), np.r_[np.zeros(250), np.ones(250)]):
        assert state_of(stability_index(then, then.of(changed)), chance_index(then, then.of(changed))) == "major"


def version_of(data: Population, folder: Path, *, reference: bool = True) -> Version:
    about = pa.Table.from_pylist(
        [{"content_id": c, "tag_id": c.rstrip("0123456789"), "score": 0.9} for c in data.content_ids], schema=ABOUT
    )
    tags = sorted(set(about["tag_id"].to_pylist()))
    return save(
        folder,
        person_ids=data.person_ids,
        tags=of_strings("labels", tags).table(),
        probabilities=np.zeros((data.persons, len(tags)), np.float32),
        embeddings=np.zeros((data.persons, 2), np.float32),
        about=about,
        reference=reference_of(data, about, tags, seed=0) if reference else None,
    )


def test_the_same_people_have_not_moved(tmp_path: Path) -> None:
    data = read(world(400), 400)
    found = drift(version_of(data, tmp_path), data)
    assert (found.state, found.persons_then, found.persons_now) == ("stable", 400, 400)
    assert {r.kind for r in found.rows} == {"inputs", "labels", "channels", "scores", "contents"}
    assert all(r.index == pytest.approx(0, abs=1e-12) for r in found.rows)


def test_other_people_with_the_same_habits_have_not_moved(tmp_path: Path) -> None:
    version = version_of(read(world(400), 400), tmp_path)
    found = drift(version, read(world(400, seed=5), 400))
    assert {r.what for r in found.rows if r.state == "major"} == set()
    assert [r.what for r in found.rows if r.state == "moderate"] == []


@pytest.mark.parametrize("change", ["silence", "taste", "new contents", "activity"])
def test_a_change_is_found_where_it_is(tmp_path: Path, change: str) -> None:
    data = read(world(400), 400)
    version = version_of(data, tmp_path)
    found = {(r.kind, r.what): r for r in drift(version, changed(data, change)).rows}
    where = {
        "silence": ("inputs", "no_events"),
        "taste": ("scores", "tag jazz"),
        "new contents": ("contents", "unknown engagements"),
        "activity": ("inputs", "activity"),
    }
    assert found[where[change]].state == "major"
    spared = {"silence": ("contents", "unknown contents"), "taste": ("inputs", "no_events")}.get(change, ("inputs", "relations"))
    assert found[spared].state == "stable"


def changed(data: Population, change: str) -> Population:
    """Half of the people fall silent; everybody turns to jazz; contents get new ids; everything is done four times as much."""
    if change == "silence":
        keep = sp.diags((np.arange(data.persons) % 2).astype(np.float32))
        matrix = sp.csr_matrix(keep @ data.engagement)
        matrix.eliminate_zeros()
        return dataclasses.replace(data, engagement=matrix)
    if change == "taste":
        jazz = [i for i, c in enumerate(data.content_ids) if c.startswith("jazz")]
        columns = np.array(jazz)[np.arange(data.engagement.nnz) % len(jazz)]
        matrix = sp.csr_matrix((data.engagement.data, columns, data.engagement.indptr), shape=data.engagement.shape)
        matrix.sum_duplicates()
        return dataclasses.replace(data, engagement=matrix)
    if change == "new contents":
        return dataclasses.replace(data, content_ids=[f"{c}/new" for c in data.content_ids])
    return dataclasses.replace(data, engagement=sp.csr_matrix(data.engagement * 4))


def test_large_populations_are_watched_by_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "SAMPLE", 150)
    monkeypatch.setattr(values, "CHANNEL_SAMPLE", 200)
    data = read(world(400), 400)
    version = version_of(data, tmp_path)
    assert drift(version, data).state == "stable"
    assert values.watched(data, version.about, version.tag_ids, seed=0).inputs["activity"].shape == (150,)
    major = {r.what for r in drift(version, changed(data, "activity")).rows if r.state == "major"}
    assert "activity" in major


def test_what_was_refreshed_is_compared_with_what_the_training_gave_the_same_people(tmp_path: Path) -> None:
    data = read(world())
    version = version_of(data, tmp_path)
    people = version.person_ids.to_pylist()
    same, few = np.asarray(version.probabilities), 99
    for moved, state in ((same, "stable"), (1 - 0.5 * (1 - same), "major")):
        append(version.folder, people, moved, np.asarray(version.embeddings), [], batch=1, consents=0)
        rows = {r.what: r for r in drift(version.again(), data).rows if r.kind == "refreshed"}
        assert set(rows) == {"strongest", *(f"tag {t}" for t in version.tag_ids)}
        assert rows["strongest"].state == state
    other = version_of(data, tmp_path / "few")
    append(other.folder, people[:few], same[:few], np.asarray(other.embeddings)[:few], [], batch=1, consents=0)
    assert not [r for r in drift(other.again(), data).rows if r.kind == "refreshed"]


def test_the_reference_names_nobody(tmp_path: Path) -> None:
    data = read(world(120), 120)
    version = version_of(data, tmp_path)
    told = (version.folder / "reference.json").read_text() + str((version.folder / "contents.npy").read_bytes())
    for planted in (*data.person_ids.to_pylist(), *data.content_ids):
        assert planted not in told


def test_nobody_and_nothing_are_unknown_rather_than_an_error(tmp_path: Path) -> None:
    data = read({"events": []}, 0)
    version = version_of(data, tmp_path)
    assert drift(version, data).state == "unknown"
    assert {r.state for r in drift(version, read(world(20), 20)).rows if r.kind == "inputs"} == {"unknown"}


def test_a_version_without_reference_says_what_to_run(tmp_path: Path) -> None:
    data = read(world(20), 20)
    with pytest.raises(ModelError, match="tessera train"):
        drift(version_of(data, tmp_path, reference=False), data)

"""Training end to end on small made-up populations: what there is decides what is done, and it is said."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from lake_tables import KEY, connect
from test_gnn_world import TOPICS, resolution_of, world

from gnn import registry
from gnn.evaluate import roc_auc
from gnn.interests import Learned, TrainingOptions, learn
from gnn.lookalike import Positions, Reach, build
from gnn.training.ensemble import Ensemble
from graph.errors import SettingsError

QUICK = {"folds": 3, "epochs": 12, "width": 16, "position_dimensions": 8, "text": "none"}


def train(rows: dict[str, Any], home: Path, persons: int = 120, prefix: str = "p", **options: Any) -> Learned:
    connection = connect(**{k: v for k, v in rows.items() if k != "likes"})
    found = resolution_of({f"{prefix}{i:03d}": [("account", f"a{i}")] for i in range(persons)})
    eligible = found.persons.column("person_id").combine_chunks()
    chosen = TrainingOptions(**(QUICK | options))
    return learn(connection, found, eligible, key=KEY, models=home / "models", cache=home / "cache", options=chosen)


def likes_auc(rows: dict[str, Any], learned: Learned, persons: list[int]) -> float:
    """AUC of the tags' probabilities against what the persons truly like."""
    version = learned.version
    place = {p: i for i, p in enumerate(version.person_ids.to_pylist())}
    row = [place[f"p{i:03d}"] for i in persons]
    truth = np.array([[t in rows["likes"][i] for t in version.tag_ids] for i in persons], float)
    return roc_auc(truth.ravel(), np.asarray(version.probabilities[row], float).ravel())


HIDDEN = [i for i in range(120) if i % 10 >= 7]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, Learned]:
    rows, home = world(), tmp_path_factory.mktemp("trained")
    return rows, home, train(rows, home)


def test_hidden_interests_are_found_better_than_by_popularity(trained: tuple[dict[str, Any], Path, Learned]) -> None:
    rows, _, learned = trained
    assert learned.version.probabilities.shape == (120, 3)
    assert likes_auc(rows, learned, HIDDEN) > 0.85
    assert len(learned.notes) == 0 or all("\n" not in n for n in learned.notes)


def test_metrics_stand_beside_baselines_of_the_same_hidden_persons(tmp_path: Path) -> None:
    report = train(world(200), tmp_path, 200).metrics["report"]
    assert {"model", "popularity", "tagging", "neighbours_20"} <= set(report)
    assert len({m["persons"] for m in report.values()}) == 1
    assert report["model"]["map"] > report["popularity"]["map"] + 0.1
    assert report["popularity"]["auc"] == pytest.approx(0.5)


def test_two_trainings_are_equal_bit_for_bit_and_person_ids_do_not_matter(
    trained: tuple[dict[str, Any], Path, Learned], tmp_path: Path
) -> None:
    rows, _, first = trained
    again = train(rows, tmp_path / "again")
    renamed = train(rows, tmp_path / "renamed", prefix="other")
    assert again.version.name == first.version.name
    for other in (again, renamed):
        assert np.array_equal(other.version.probabilities, first.version.probabilities)
        assert np.array_equal(other.version.embeddings, first.version.embeddings)
    another = train(rows, tmp_path / "seed", seed=1)
    assert not np.array_equal(another.version.probabilities, first.version.probabilities)


def test_a_planted_leak_gives_nothing(tmp_path: Path) -> None:
    """Random labels that only each person's own tagging spells out: neither labelled nor other persons are predicted."""
    rows = world(random_labels=True)
    learned = train(rows, tmp_path)
    labelled = [i for i in range(120) if i % 10 < 7]
    said = {(x["subject_id"], x["tag"]) for x in rows["labels"]}
    place = {p: i for i, p in enumerate(learned.version.person_ids.to_pylist())}
    truth = np.array([[(f"a{i}", t) in said for t in learned.version.tag_ids] for i in labelled], float)
    found = np.asarray(learned.version.probabilities)[[place[f"p{i:03d}"] for i in labelled]]
    assert roc_auc(truth.ravel(), found.ravel().astype(float)) < 0.62


def test_few_labels_are_enough_and_people_of_whom_nothing_is_known_have_the_base_rates(tmp_path: Path) -> None:
    """One in twenty is labelled; the last twenty people have neither events nor relations nor labels."""
    rows = world(640, labelled=0.1)
    labelled = {f"a{i}" for i in range(0, 640, 20)}
    rows["labels"] = [x for x in rows["labels"] if x["subject_id"] in labelled]
    rows["events"] = [x for x in rows["events"] if x["type"] != "tag" or x["account_id"] in labelled]
    learned = train(rows, tmp_path, 660)
    hidden = [i for i in range(640) if f"a{i}" not in labelled]
    assert likes_auc(rows, learned, hidden) > 0.8
    place = {p: i for i, p in enumerate(learned.version.person_ids.to_pylist())}
    cold = np.asarray(learned.version.probabilities)[[place[f"p{i:03d}"] for i in range(640, 660)]]
    of_tag = np.array([sum(x["tag"] == t for x in rows["labels"]) for t in learned.version.tag_ids])
    assert cold == pytest.approx(np.tile((of_tag + 0.5) / (len(labelled) + 1), (20, 1)), abs=1e-5)


def test_embeddings_are_unit_and_similar_for_the_same_tastes(trained: tuple[dict[str, Any], Path, Learned]) -> None:
    rows, _, learned = trained
    vectors = np.asarray(learned.version.embeddings)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    fans = [i for i in range(120) if "jazz" in rows["likes"][i]]
    seeds = pa.array([f"p{i:03d}" for i in fans[:20]])
    found = build(Positions(vectors), learned.version.person_ids, seeds, Reach(20)).table.column("person_id").to_pylist()
    assert np.mean([int(p[1:]) in fans for p in found]) > 1.3 * len(fans) / 120


def test_states_are_read_back_without_pickled_classes(trained: tuple[dict[str, Any], Path, Learned]) -> None:
    import torch

    states = torch.load(trained[2].version.folder / "states.pt", weights_only=True)
    details = trained[2].version.details
    assert len(states) == len(details["towers"]) == QUICK["folds"] * sum(kind != "trees" for kind in details["weights"])
    assert all(torch.isfinite(t).all() for s in states for t in s.values())
    ensemble = Ensemble.read(trained[2].version.folder, details)
    assert {member.kind for member in ensemble.members} == set(details["weights"])


def test_without_labels_and_readable_text_there_are_embeddings_only(tmp_path: Path) -> None:
    rows = world(opaque=True, tagging=False)
    rows["labels"] = []
    learned = train(rows, tmp_path, text="auto")
    assert learned.tags == 0
    assert learned.version.embeddings.shape[0] == 120
    assert any("hashed" in n for n in learned.notes)
    assert any("no tags" in n for n in learned.notes)


def test_without_labels_a_taxonomy_is_matched_by_text(tmp_path: Path) -> None:
    rows = world(tagging=False)
    rows["labels"] = []
    taxonomy = tmp_path / "topics.csv"
    taxonomy.write_text("tag_id,name\njazz,Jazz music\nfootball,Football and soccer\ncooking,Cooking and recipes\n")
    learned = train(rows, tmp_path, text="transformer", taxonomy=str(taxonomy))
    assert sorted(learned.version.tag_ids) == ["cooking", "football", "jazz"]
    assert likes_auc(rows, learned, list(range(120))) > 0.8
    about = learned.version.about.to_pylist()
    best: dict[str, tuple[float, str]] = {}
    for row in about:
        best[row["content_id"]] = max(best.get(row["content_id"], (0.0, "")), (row["score"], row["tag_id"]))
    assert np.mean([tag == content.rstrip("0123456789") for content, (_, tag) in best.items()]) > 0.8


def test_without_labels_categories_are_tags_and_missing_ones_are_learned_from_text(tmp_path: Path) -> None:
    rows = world(tagging=False)
    rows["labels"] = []
    for n, content in enumerate(rows["contents"]):
        content["category"] = None if n % 5 == 4 else [content["content_id"].rstrip("0123456789")]
    learned = train(rows, tmp_path)
    assert learned.version.tag_ids == sorted(TOPICS)
    assert likes_auc(rows, learned, list(range(120))) > 0.9
    said = {r["content_id"]: r for r in sorted(learned.version.about.to_pylist(), key=lambda r: r["score"])}
    missing = [c["content_id"] for c in rows["contents"] if c["category"] is None]
    assert np.mean([said[c]["tag_id"] == c.rstrip("0123456789") for c in missing]) > 0.6


def test_contents_alone_are_enough(tmp_path: Path) -> None:
    contents = [
        {"content_id": f"{t}{i}", "text": f"{TOPICS[t][i % 4]} number {i}", "category": [t] if i % 3 else None}
        for t in TOPICS
        for i in range(20)
    ]
    learned = train({"contents": contents}, tmp_path, persons=0)
    assert (learned.persons, learned.contents) == (0, 60)
    assert {r["content_id"] for r in learned.version.about.to_pylist()} == {c["content_id"] for c in contents}
    assert list(learned.version.person_tags()) == []
    assert any("contents only" in n for n in learned.notes)


def test_an_empty_lake_is_no_error(tmp_path: Path) -> None:
    learned = train({}, tmp_path, persons=3)
    assert (learned.persons, learned.contents, learned.tags) == (3, 0, 0)
    assert registry.current(tmp_path / "models").name == learned.version.name


def test_relations_and_labels_without_any_event(tmp_path: Path) -> None:
    rows = world()
    learned = train({"labels": rows["labels"], "relations": rows["relations"]}, tmp_path)
    assert learned.version.probabilities.shape == (120, 3)
    assert np.isfinite(learned.version.probabilities).all()


@pytest.mark.parametrize("labels", ["one tag", "few", "rare"])
def test_strange_labels_are_handled(labels: str, tmp_path: Path) -> None:
    rows = world()
    if labels == "one tag":
        rows["labels"] = [r for r in rows["labels"] if r["tag"] == "jazz"]
    elif labels == "few":
        rows["labels"] = rows["labels"][:24]
    else:
        rows["labels"].append({"subject_kind": "account", "subject_id": "a0", "tag": "once", "value": 1.0})
    learned = train(rows, tmp_path)
    found = np.asarray(learned.version.probabilities)
    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= 1)).all()
    if labels == "rare":
        assert any("once" in n for n in learned.notes)
    if labels == "few":
        assert any("too few" in n for n in learned.notes)


def test_options_that_cannot_be_used_are_refused_and_nothing_is_saved(tmp_path: Path) -> None:
    for option in ({"device": "abacus"}, {"optimiser": "lion"}, {"taxonomy": "no-such-taxonomy"}):
        with pytest.raises(SettingsError):
            train(world(), tmp_path, **option)
    assert registry.versions(tmp_path / "models") == []

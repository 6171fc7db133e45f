"""Single persons scored by a saved version as they are now: who did not change keeps what the training gave."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from lake_tables import KEY, connect, minutes
from test_gnn_world import resolution_of, world
from test_interests_learn import QUICK

from gnn.evaluate import roc_auc
from gnn.interests import Learned, TrainingOptions, learn
from gnn.online.scorer import Scorer
from gnn.online.touched import Person, Touched, as_they_are, subjects_after
from graph.errors import ModelError

PERSONS = 124
TAGGER, COLD, LABELLED, FAN = 9, 122, 0, 8
"""Unlabelled but tagging; without anything; labelled; unlabelled and neither."""
Rows = dict[str, Any]


def population_rows() -> Rows:
    rows = world(120)
    tag = {"type": "tag", "account_id": f"a{TAGGER}", "content_id": "jazz3", "text": "jazz"}
    rows["events"].append({"event_id": "tagger", "at": minutes(61), **tag})
    rows["events"].append({"event_id": "device", "at": minutes(61), "device_id": "d121", "content_id": "jazz3"})
    return rows


def members(i: int) -> list[tuple[str, str]]:
    return [("account", f"a{i}")] if i != 121 else [("account", "a121"), ("device", "d121")]


def train(rows: Rows, home: Path, persons: int = PERSONS) -> Learned:
    found = resolution_of({f"p{i:03d}": members(i) for i in range(persons)})
    eligible = found.persons.column("person_id").combine_chunks()
    options = TrainingOptions(**(QUICK | {"epochs": 4, "report_share": 0.0}))
    lake = connect(**{k: v for k, v in rows.items() if k != "likes"})
    return learn(lake, found, eligible, key=KEY, models=home / "models", cache=home / "cache", options=options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, Scorer]:
    rows = population_rows()
    return rows, Scorer.open(train(rows, tmp_path_factory.mktemp("online")).version)


def now(scorer: Scorer, rows: Rows, persons: list[Person], newer: list[Rows] = [], **more: list[Rows]) -> Touched:  # noqa: B006
    later = {name: [*rows.get(name, []), *({"_batch": 2, **row} for row in found)] for name, found in more.items()}
    later["events"] = [*rows["events"], *({"_batch": 2, "at": minutes(90), **event} for event in newer)]
    lake = connect(**({k: v for k, v in rows.items() if k != "likes"} | later))
    return as_they_are(scorer, lake, persons, key=KEY, replaced=False)


def person(i: int) -> Person:
    return Person(f"p{i:03d}", tuple(members(i)))


def of(scorer: Scorer, i: int) -> np.ndarray[Any, Any]:
    place = scorer.version.person_ids.to_pylist().index(f"p{i:03d}")
    return np.asarray(scorer.version.probabilities[place])


def views(scorer: Scorer, **kinds: int) -> dict[str, int]:
    ids = scorer.version.person_ids.to_pylist()
    return {name: int(scorer.frozen.known.view_of[ids.index(f"p{i:03d}")]) for name, i in kinds.items()}


def test_nobody_changes_whom_nothing_has_touched(trained: tuple[Rows, Scorer]) -> None:
    rows, scorer = trained
    seen = views(scorer, tagger=TAGGER, cold=COLD, labelled=LABELLED, fan=FAN)
    assert min(seen["tagger"], seen["labelled"]) >= 0 > max(seen["cold"], seen["fan"])
    everybody = np.arange(PERSONS)
    probabilities, embeddings = scorer.score(scorer.as_trained(everybody))
    assert np.abs(probabilities - scorer.version.probabilities).max() < 1e-5
    assert np.abs(embeddings - scorer.version.embeddings).max() < 1e-5
    touched = now(scorer, rows, [person(i) for i in range(PERSONS)])
    assert not touched.mixed
    again, _ = scorer.score(touched.asked)
    trained_as = np.stack([of(scorer, i) for i in range(PERSONS)])
    assert np.abs(again - trained_as).max() < 1e-5


def test_one_at_a_time_or_all_together_is_the_same(trained: tuple[Rows, Scorer]) -> None:
    _, scorer = trained
    some = np.array([3, 50, 7])
    together, _ = scorer.score(scorer.as_trained(some))
    alone = np.vstack([scorer.score(scorer.as_trained(some[[i]]))[0] for i in range(3)])
    assert together == pytest.approx(alone, abs=1e-6)
    friends = scorer.frozen.known.relations[3].indices.astype(np.int64)
    asked = scorer.as_trained(np.append(friends, 3))
    changed = replace(asked, engagement=sp.csr_matrix(np.vstack([np.zeros((len(friends), 36)), asked.engagement[-1].toarray()])))
    assert len(friends)
    assert scorer.score(changed)[0][-1] == pytest.approx(scorer.version.probabilities[3], abs=1e-5)


def test_new_events_move_a_person_towards_what_they_are_about(trained: tuple[Rows, Scorer]) -> None:
    rows, scorer = trained
    jazz = scorer.version.tag_ids.index("jazz")
    other = next(i for i in (7, 8, 17, 18, 19, 27, 28) if "jazz" not in rows["likes"][i])
    events = [{"event_id": f"n{n}", "account_id": f"a{other}", "content_id": f"jazz{n}", "weight": 3.0} for n in range(10)]
    unknown = [{"event_id": "u", "account_id": f"a{other}", "content_id": "never seen before"}]
    touched = now(scorer, rows, [person(other)], [*events, *unknown])
    probabilities, embeddings = scorer.score(touched.asked)
    assert probabilities[0, jazz] > of(scorer, other)[jazz] + 0.1
    assert np.linalg.norm(embeddings[0]) == pytest.approx(1, abs=1e-5)
    fans = [i for i in range(120) if rows["likes"][i] == {"jazz"}]
    place = {p: i for i, p in enumerate(scorer.version.person_ids.to_pylist())}
    towards = scorer.version.embeddings[[place[f"p{i:03d}"] for i in fans]].mean(axis=0)
    assert embeddings[0] @ towards > scorer.version.embeddings[place[f"p{other:03d}"]] @ towards


def test_somebody_new_is_scored_by_their_events_and_has_base_rates_without_any(trained: tuple[Rows, Scorer]) -> None:
    rows, scorer = trained
    fan, nobody = Person("new", (("account", "n1"),)), Person("empty", (("device", "n2"),))
    events = [{"event_id": f"n{n}", "account_id": "n1", "content_id": f"football{n}"} for n in range(8)]
    related = [{"from_kind": "account", "from_id": "n1", "to_kind": "account", "to_id": "a3", "type": "friend"}]
    touched = now(scorer, rows, [fan, nobody], events, relations=related)
    assert touched.asked.related[0].nnz == 1
    probabilities, embeddings = scorer.score(touched.asked)
    assert scorer.version.tag_ids[int(probabilities[0].argmax())] == "football"
    assert probabilities[1] == pytest.approx(scorer.prior)
    assert not embeddings[1].any()


def test_a_persons_own_new_tagging_says_nothing_about_them(trained: tuple[Rows, Scorer]) -> None:
    rows, scorer = trained
    for i in (LABELLED, TAGGER, FAN):
        tags = [
            {"event_id": f"t{n}", "account_id": f"a{i}", "content_id": f"jazz{n}", "type": "tag", "text": "cooking"}
            for n in range(5)
        ]
        found, _ = scorer.score(now(scorer, rows, [person(i)], tags).asked)
        assert found[0] == pytest.approx(of(scorer, i), abs=1e-5)


def test_labels_that_only_a_persons_own_tagging_tells_are_not_found_online_either(tmp_path: Path) -> None:
    """And would be, were the fold not hidden: then the planted leak is seen."""
    rows = world(random_labels=True)
    scorer = Scorer.open(train(rows, tmp_path, 120).version)
    labelled = np.flatnonzero(scorer.frozen.known.fold >= 0)
    truth = scorer.labels[labelled].toarray().ravel()
    asked = scorer.as_trained(labelled)
    everything = np.full(len(labelled), -1, np.int64)
    leaky, tagging = replace(asked, hidden=everything), scorer.frozen.names.index("tagging")
    safe, _ = scorer.score(asked)
    assert roc_auc(truth, safe.ravel().astype(float)) < 0.62
    for seen, least, most in ((asked, 0.0, 0.62), (leaky, 0.7, 1.0)):
        heard = scorer.see(scorer.world(seen)).channels[..., tagging]
        assert least < roc_auc(truth, heard.ravel().astype(float)) < most


def test_merged_persons_are_seen_through_the_view_that_hides_both_or_stay_as_they_were(trained: tuple[Rows, Scorer]) -> None:
    rows, scorer = trained
    ids = scorer.version.person_ids.to_pylist()
    fold = {int(p[1:]): int(f) for p, f in zip(ids, scorer.frozen.known.view_of, strict=True)}
    first = LABELLED
    same = next(i for i in range(1, 60) if fold[i] == fold[first])
    different = next(i for i in range(1, 60) if fold[i] >= 0 and fold[i] != fold[first])
    merged = {i: Person("p000", (*members(first), *members(i))) for i in (same, different, FAN)}
    assert now(scorer, rows, [merged[different]]).mixed == (merged[different],)
    for i in (same, FAN):
        touched = now(scorer, rows, [merged[i]])
        assert (touched.asked.hidden.tolist(), touched.asked.places.tolist()) == ([fold[first]], [-1])
        seen = {e["content_id"] for e in rows["events"] if e.get("account_id") in ("a0", f"a{i}") and e.get("type") != "tag"}
        assert touched.asked.engagement.nnz == len(seen)
    half = now(scorer, rows, [Person("split", (("device", "d121"),))])  # what a split left keeps the view of whom it was part of
    assert half.asked.engagement.nnz == 1


def test_rows_that_replace_earlier_ones_are_read_anew(trained: tuple[Rows, Scorer]) -> None:
    rows, scorer = trained
    lake = connect(events=[e for e in rows["events"] if e.get("account_id") != f"a{FAN}"], labels=rows["labels"])
    touched = as_they_are(scorer, lake, [person(FAN)], key=KEY, replaced=True)
    assert touched.asked.engagement.nnz == 0


def test_who_is_touched_is_named_by_later_batches() -> None:
    events = [
        {"event_id": "1", "at": minutes(0), "account_id": "old", "content_id": "c"},
        {"event_id": "2", "at": minutes(0), "account_id": "a", "device_id": "d", "content_id": "c", "_batch": 2},
        {"event_id": "3", "at": minutes(0), "device_id": "e", "content_id": "c", "_batch": 3},
    ]
    relation = {"from_kind": "account", "from_id": "x", "to_kind": "device", "to_id": "y", "type": "t", "_batch": 2}
    lake = connect(events=events, relations=[relation])
    assert subjects_after(lake, 1) == [("account", "a"), ("account", "x"), ("device", "e"), ("device", "y")]
    assert subjects_after(lake, 3) == []


def test_a_version_without_a_scorer_or_with_a_damaged_one_says_what_to_do(trained: tuple[Rows, Scorer], tmp_path: Path) -> None:
    rows, scorer = trained
    with pytest.raises(ModelError, match="tessera train"):
        Scorer.open(train(rows | {"labels": []}, tmp_path).version)
    path = scorer.version.folder / "online-axes.npy"
    kept = path.read_bytes()
    path.write_bytes(kept[:-4] + b"\0\0\0\1")
    try:
        with pytest.raises(ModelError, match="not what was written"):
            Scorer.open(scorer.version)
    finally:
        path.write_bytes(kept)

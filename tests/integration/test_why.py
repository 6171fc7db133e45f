"""Why a person has a tag: parts that add up, and contents that carry it named first."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from lake_tables import minutes
from test_gnn_world import world
from test_online import train

from gnn.explain.reasons import why
from gnn.online.scorer import Scorer

PERSONS = 120


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """The world of `test_online`, in which whoever engages with one content, and nobody else, is labelled with its tag."""
    rows = world(PERSONS)
    for p in range(0, PERSONS, 4):
        view = {"at": minutes(70), "type": "view", "account_id": f"a{p}", "content_id": "sign", "weight": 2.0}
        rows["events"].append({"event_id": f"s{p}", **view})
        if p % 10 < 7:
            rows["labels"].append({"subject_kind": "account", "subject_id": f"a{p}", "tag": "signed", "value": 1.0})
    return Scorer.open(train(rows, tmp_path_factory.mktemp("why"), PERSONS + 1).version)


@settings(max_examples=25, deadline=None)
@given(place=st.integers(0, PERSONS), tag=st.integers(0, 3))
def test_parts_add_up_to_the_stored_probability(scorer: Scorer, place: int, tag: int) -> None:
    asked = scorer.as_trained(np.array([place]))
    because = why(scorer, asked, scorer.version.tag_ids[tag])
    assert because.probability == pytest.approx(float(scorer.version.probabilities[place, tag]), abs=1e-5)
    told = sum(value for _, value in because.parts)
    assert told == pytest.approx(logit(because.probability) - logit(because.base), abs=1e-6)
    assert [v for _, v in because.parts] == sorted((v for _, v in because.parts), reverse=True)
    for channel in ("tagging", "audience"):
        shares = [c.share for c in because.contents if c.channel == channel]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) <= 1 + 1e-6


def test_a_content_that_alone_carries_a_tag_is_named_first(scorer: Scorer) -> None:
    ids = scorer.version.person_ids.to_pylist()
    fans = [ids.index(f"p{p:03d}") for p in range(0, PERSONS, 4) if p % 10 >= 7]  # unlabelled
    assert len(fans) >= 6
    for place in fans:
        because = why(scorer, scorer.as_trained(np.array([place])), "signed")
        audience = [c for c in because.contents if c.channel == "audience"]
        assert audience[0].content_id == "sign"
        assert audience[0].share > 0.5
    assert np.mean([why(scorer, scorer.as_trained(np.array([p])), "signed").probability for p in fans]) > 0.5
    others = [why(scorer, scorer.as_trained(np.array([p])), "jazz").contents for p in fans]
    assert np.mean([bool(told) and told[0].content_id == "sign" for told in others]) < 0.5


def test_everybody_who_speaks_is_counted_and_whose_fold_is_hidden_is_not(scorer: Scorer) -> None:
    ids = scorer.version.person_ids.to_pylist()
    fold = scorer.frozen.known.fold
    for i in (0, 8):
        place = ids.index(f"p{i:03d}")
        because = why(scorer, scorer.as_trained(np.array([place])), "jazz")
        assert {o.kind for o in because.others} == {"related", "similar"}
        for others in because.others:
            assert 0 <= others.with_tag == len(others.rows) <= others.told
            assert place not in others.rows
            assert all(fold[r] >= 0 and fold[r] != fold[place] for r in others.rows)
        similar = next(o for o in because.others if o.kind == "similar")
        assert similar.told == 20


def test_of_whom_nothing_is_known_there_is_the_base_rate_alone(scorer: Scorer) -> None:
    place = scorer.version.person_ids.to_pylist().index(f"p{PERSONS:03d}")
    because = why(scorer, scorer.as_trained(np.array([place])), "jazz")
    assert (because.parts, because.contents, because.others) == ((), (), ())
    assert because.probability == because.base

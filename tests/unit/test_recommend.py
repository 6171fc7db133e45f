"""Recommendations end to end on made-up populations: tastes are met, nothing seen is offered, time and texts are used."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from lake_tables import KEY, connect, minutes
from test_gnn_world import TOPICS, read, resolution_of, world

from gnn.features.population import population
from gnn.recommend.fitting import fit_recommender
from gnn.recommend.items import RECOMMENDATIONS, score_contents, seen_contents
from gnn.recommend.options import RecommendOptions
from graph.errors import SettingsError

OPTIONS = {
    "ease": RecommendOptions(model="ease"),
    "filter": RecommendOptions(model="filter", dimensions=4),
    "many contents": RecommendOptions(invertible=5, dimensions=4),
    "embedding": RecommendOptions(model="embedding", dimensions=8, steps=30),
}


def undated(rows: dict[str, Any]) -> dict[str, Any]:
    """The same world without an order of events: there the first six of each person are to their taste, the last two are not."""
    return {**rows, "events": [{**e, "at": minutes(0)} for e in rows["events"]]}


def topic(content: str) -> str:
    return content.rstrip("0123456789")


@pytest.mark.parametrize("name", OPTIONS)
def test_nothing_seen_is_offered_and_tastes_are_met(name: str) -> None:
    rows = undated(world())
    data = read(rows)
    found = score_contents(data, 5, options=OPTIONS[name])
    offered = found.table
    assert offered.schema == RECOMMENDATIONS
    place = {p: i for i, p in enumerate(data.person_ids.to_pylist())}
    content = {c: i for i, c in enumerate(data.content_ids)}
    seen = seen_contents(data).toarray() > 0
    likes = {f"person-{9999 - i}": rows["likes"][i] for i in range(120)}
    hits = []
    for row in offered.to_pylist():
        assert not seen[place[row["person_id"]], content[row["content_id"]]]
        hits.append(topic(row["content_id"]) in likes[row["person_id"]])
    assert np.mean(hits) > 0.75
    assert offered.num_rows == 5 * 120
    assert offered["rank"].to_pylist() == [1, 2, 3, 4, 5] * 120
    score = np.array(offered["score"].to_pylist()).reshape(120, 5)
    assert (np.diff(score, axis=1) <= 0).all()
    assert offered.equals(score_contents(data, 5, options=OPTIONS[name]).table)  # the same input, the same offers


def test_what_is_chosen_is_said_beside_popularity() -> None:
    fitted = fit_recommender(read(undated(world())))
    assert fitted.model == "ease"
    assert set(fitted.metrics) == {"popularity", "plain ease", "ease"}
    assert fitted.metrics["ease"]["ndcg"] >= fitted.metrics["plain ease"]["ndcg"] > fitted.metrics["popularity"]["ndcg"]
    assert any("hidden from the fit" in n for n in fitted.notes)


def test_a_model_by_name_or_none() -> None:
    assert fit_recommender(read(world(40), 40), RecommendOptions(model="popular")).factors is None
    with pytest.raises(SettingsError, match="abacus"):
        RecommendOptions(model="abacus")
    with pytest.raises(SettingsError, match="too many"):
        fit_recommender(read(world(40), 40), RecommendOptions(model="ease", invertible=5))


def test_where_nobody_has_a_taste_the_popular_is_taken() -> None:
    """Engagements drawn by popularity alone: no model can foresee more than popularity does."""
    generator = np.random.default_rng(1)
    share = np.exp(-np.arange(60) / 4)
    drawn = [generator.choice(60, 8, replace=False, p=share / share.sum()) for _ in range(150)]
    events = [
        {"event_id": f"{p}.{c}", "at": minutes(0), "account_id": f"a{p}", "content_id": f"c{c}"}
        for p, row in enumerate(drawn)
        for c in row
    ]
    fitted = fit_recommender(read({"events": events}, 150))
    assert fitted.metrics["ease"]["ndcg"] < 1.1 * fitted.metrics["popularity"]["ndcg"]
    assert fitted.model == ("popular" if fitted.metrics["popularity"]["ndcg"] >= fitted.metrics["ease"]["ndcg"] else "ease")


def test_the_latest_taste_counts_where_tastes_change() -> None:
    """Everybody leaves one topic for another; who is offered the old one is offered what they are done with."""
    generator = np.random.default_rng(2)
    names, events, latest = sorted(TOPICS), [], {}
    for p in range(150):
        old, new = generator.choice(3, 2, replace=False)
        latest[f"person-{9999 - p}"] = names[new]
        for n, t in enumerate([names[old]] * 8 + [names[new]] * 6):
            content = f"{t}{generator.integers(30)}"
            events.append({"event_id": f"{p}.{n}", "at": minutes(n), "account_id": f"a{p}", "content_id": content})

    def share(rows: list[dict[str, Any]]) -> float:
        offered = score_contents(read({"events": rows}, 150), 5).table.to_pylist()
        return float(np.mean([topic(r["content_id"]) == latest[r["person_id"]] for r in offered]))

    assert share(events) > 0.85
    assert share([{**e, "at": minutes(0)} for e in events]) < 0.75  # the mechanism off: undated


def test_a_person_without_events_gets_the_popular_ones() -> None:
    rows = world(40)
    rows["events"] = [e for e in rows["events"] if e["account_id"] != "a3"]
    data = read(rows, 40)
    offered = [r for r in score_contents(data, 3).table.to_pylist() if r["person_id"] == "person-9996"]
    popular = np.asarray(data.engagement.getnnz(axis=0))
    assert sorted(popular)[-3:] == sorted(popular[[data.content_ids.index(r["content_id"]) for r in offered]])


@pytest.mark.parametrize("known_by", ["text", "category"])
def test_new_contents_are_offered_to_those_who_like_theirs(known_by: str) -> None:
    rows = undated(world())
    new = [{"content_id": f"new-{t}{i}", "title": f"{TOPICS[t][i]} extra"} for t in TOPICS for i in range(4)]
    rows["contents"] += new
    if known_by == "category":
        rows["contents"] = [{"content_id": c["content_id"], "category": [topic(c["content_id"]).removeprefix("new-")]}
                            for c in rows["contents"]]  # fmt: skip
    rows["contents"].append({"content_id": "nothing known"})
    data = read(rows)
    offered = score_contents(data, 60).table.to_pylist()
    assert "nothing known" not in {r["content_id"] for r in offered}
    ranks: dict[bool, list[int]] = {True: [], False: []}
    for row in offered:
        if row["content_id"].startswith("new-"):
            liked = topic(row["content_id"].removeprefix("new-")) in rows["likes"][9999 - int(row["person_id"][7:])]
            ranks[liked].append(row["rank"])
    assert len(ranks[True]) + len(ranks[False]) == 12 * 120
    assert np.mean(ranks[True]) + 8 < np.mean(ranks[False])


def test_a_content_that_was_only_tagged_was_seen() -> None:
    rows = world(40)
    tagging = {"at": minutes(70), "type": "tag", "account_id": "a3", "text": "anything"}
    untouched = {c["content_id"] for c in rows["contents"]} - {e["content_id"] for e in rows["events"] if e["account_id"] == "a3"}
    rows["events"] += [{**tagging, "event_id": f"x{c}", "content_id": c} for c in sorted(untouched)[1:]]
    rows["events"].append({"event_id": "y", "at": minutes(1), "account_id": "a5", "content_id": "jazz0", "weight": 0.0})
    data = read(rows, 40)
    assert data.also_seen is not None
    offered = score_contents(data, 50).table.to_pylist()
    assert {r["content_id"] for r in offered if r["person_id"] == "person-9996"} <= {sorted(untouched)[0]}
    assert "jazz0" not in {r["content_id"] for r in offered if r["person_id"] == "person-9994"}


def test_times_of_engagements_are_the_latest_events() -> None:
    events = [
        {"event_id": "1", "at": minutes(5), "account_id": "a", "content_id": "c"},
        {"event_id": "2", "at": minutes(9), "device_id": "d", "content_id": "c"},
        {"event_id": "3", "at": minutes(2), "account_id": "a", "content_id": "b"},
    ]
    found = resolution_of({"one": [("account", "a"), ("device", "d")]})
    data = population(connect(events=events), found, pa.array(["one"]), key=KEY)
    assert data.engaged_at is not None
    assert data.content_ids == ["b", "c"]
    assert data.engaged_at.tolist() == [int(minutes(n).timestamp() * 1e6) for n in (2, 9)]


def test_nothing_to_offer_is_an_empty_table() -> None:
    data = read(world(10), 10)
    assert score_contents(data, 0).table.num_rows == 0
    empty = dataclasses.replace(data, engagement=data.engagement * 0, engaged_at=None)
    empty.engagement.eliminate_zeros()
    assert score_contents(empty, 5).table.equals(RECOMMENDATIONS.empty_table())
    assert fit_recommender(empty).model == "popular"

import dataclasses

import numpy as np
import pytest
from test_gnn_world import read, world

from gnn.features.matrices import presence
from gnn.recommend import items
from gnn.recommend.items import RECOMMENDATIONS, score_contents


def test_ease_is_the_constrained_least_squares_solution() -> None:
    """B minimises |X − XB|² + λ|B|² with a zero diagonal: each column against all others, solved on its own."""
    data = read(world(40), 40)
    x = presence(data.engagement).toarray().astype(np.float64)
    (weights,) = items._ease(presence(data.engagement))
    for j in (0, 7):
        others = np.delete(np.arange(x.shape[1]), j)
        a = x[:, others]
        expected = np.linalg.solve(a.T @ a + 200 * np.eye(len(others)), a.T @ x[:, j])
        assert weights[others, j] == pytest.approx(expected, abs=1e-5)
        assert weights[j, j] == 0


@pytest.mark.parametrize("limit", [6000, 5])
def test_nothing_seen_is_offered_and_tastes_are_met(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "_INVERTIBLE", limit)
    monkeypatch.setattr(items, "_FILTER_DIMENSIONS", 4)
    rows = world()
    data = read(rows)
    offered = score_contents(data, 5)
    assert offered.schema == RECOMMENDATIONS
    place = {p: i for i, p in enumerate(data.person_ids.to_pylist())}
    content = {c: i for i, c in enumerate(data.content_ids)}
    seen = data.engagement.toarray() > 0
    likes = {f"person-{9999 - i}": rows["likes"][i] for i in range(120)}
    hits = []
    for row in offered.to_pylist():
        assert not seen[place[row["person_id"]], content[row["content_id"]]]
        hits.append(row["content_id"].rstrip("0123456789") in likes[row["person_id"]])
    assert np.mean(hits) > 0.75
    assert offered.num_rows == 5 * 120


def test_a_person_without_events_gets_the_popular_ones() -> None:
    rows = world(40)
    rows["events"] = [e for e in rows["events"] if e["account_id"] != "a3"]
    data = read(rows, 40)
    offered = [r for r in score_contents(data, 3).to_pylist() if r["person_id"] == "person-9996"]
    popular = np.asarray(presence(data.engagement).sum(axis=0)).ravel()
    assert sorted(popular)[-3:] == sorted(popular[[data.content_ids.index(r["content_id"]) for r in offered]])


def test_nothing_to_offer_is_an_empty_table() -> None:
    data = read(world(10), 10)
    assert score_contents(data, 0).num_rows == 0
    empty = dataclasses.replace(data, engagement=data.engagement * 0)
    empty.engagement.eliminate_zeros()
    assert score_contents(empty, 5).equals(RECOMMENDATIONS.empty_table())

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn.evaluate import roc_auc
from gnn.lookalike import Positions, Reach, build, expand
from gnn.lookalike.known import as_ids, places_among
from gnn.lookalike.logistic import logistic
from gnn.lookalike.seeds import prepare
from graph.errors import InputError


def people(n: int = 600, d: int = 16, seed: int = 0) -> tuple[np.ndarray, pa.Array, np.ndarray]:
    """Unit vectors; the first sixth share a direction."""
    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal((n, d)).astype(np.float32)
    alike = np.arange(n) < n // 6
    vectors[alike] += 2 * np.eye(d, dtype=np.float32)[0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, pa.array([f"p{i:05d}" for i in range(n)]), alike


def test_hidden_members_come_out_on_top_and_seeds_never() -> None:
    vectors, ids, alike = people()
    seeds = ids.take(pa.array(range(40)))
    found = build(Positions(vectors), ids, seeds, Reach(60))
    got = found.table.column("person_id").to_pylist()
    assert not set(got) & set(seeds.to_pylist())
    assert len(got) == len(set(got)) == 60
    assert found.table.column("rank").to_pylist() == list(range(1, 61))
    scores = found.table.column("score").to_pylist()
    assert scores == sorted(scores, reverse=True)
    share = np.mean([alike[int(p[1:])] for p in got])
    assert share > 3 * (60 / 560)
    aucs, method = found.trial.aucs, found.trial.method
    assert aucs[method] > 0.8
    assert found.trial.lift(method, 0.05).value > 2
    assert aucs[method] > max(aucs.values()) - 0.05


def test_everybody_else_is_ranked_when_no_size_is_given_and_prefixes_agree() -> None:
    vectors, ids, _ = people()
    seeds = ids.take(pa.array(range(30)))
    everybody = expand(Positions(vectors), ids, seeds, None)
    assert everybody.num_rows == 570
    assert expand(Positions(vectors), ids, seeds, 10_000).equals(everybody)
    assert expand(Positions(vectors), ids, seeds, 50).equals(everybody.slice(0, 50))


def test_repeated_and_unknown_seeds_count_for_nothing() -> None:
    vectors, ids, _ = people()
    seeds = ids.take(pa.array(range(20)))
    messy = pa.array([*seeds.to_pylist(), *seeds.to_pylist(), "nobody", None])
    report = build(Positions(vectors), ids, messy, Reach(10))
    assert (report.seeds, report.unknown) == (20, 1)
    assert expand(Positions(vectors), ids, messy, 10).equals(expand(Positions(vectors), ids, seeds, 10))


@pytest.mark.parametrize(
    ("seeds", "size", "reason"),
    [
        (["p00000", "p00001"], 5, "at least 5"),
        (["x"] * 9, 5, "0 of 1 seeds"),
        ([f"p{i:05d}" for i in range(600)], 5, "everybody"),
        ([f"p{i:05d}" for i in range(9)], 0, "1 or more"),
    ],
)
def test_impossible_requests_say_why(seeds: list[str], size: int, reason: str) -> None:
    vectors, ids, _ = people()
    with pytest.raises(InputError, match=reason):
        expand(Positions(vectors), ids, pa.array(seeds), size)


def test_who_may_not_be_looked_at_is_neither_ranked_nor_a_seed_nor_compared_with() -> None:
    vectors, ids, _ = people()
    kept = np.random.default_rng(1).random(600) < 0.7
    among = Positions(vectors).only(kept)
    seeds = ids.take(pa.array(range(40)))
    found = build(among, ids, seeds, Reach())
    assert found.seeds == kept[:40].sum()
    assert found.unknown == 40 - found.seeds
    assert found.table.num_rows == kept.sum() - found.seeds
    places = pc.index_in(found.table["person_id"], value_set=ids).to_numpy()
    assert kept[places].all()
    copied = build(Positions(vectors[kept]), ids.filter(pa.array(kept)), seeds, Reach())
    assert copied.table["person_id"].equals(found.table["person_id"])
    assert copied.trial.aucs == pytest.approx(found.trial.aucs, abs=1e-6)


def test_ratio_similarity_size_and_who_is_excluded_bound_an_audience() -> None:
    vectors, ids, _ = people()
    seeds = ids.take(pa.array(range(40)))
    positions = Positions(vectors)
    everybody = expand(positions, ids, seeds, None)["person_id"].to_pylist()

    def found(reach: Reach, excluded: list[str] | None = None) -> list[str]:
        out = None if excluded is None else pa.array(excluded)
        return build(positions, ids, seeds, reach, excluded=out).table["person_id"].to_pylist()

    assert found(Reach(ratio=0.1)) == everybody[:60]
    assert found(Reach(20, 0.1)) == everybody[:20]
    similar = [len(found(Reach(min_similarity=s))) for s in (0, 0.25, 0.5, 0.9)]
    assert similar == sorted(similar, reverse=True)
    assert similar[0] > similar[2] > similar[3] > 0
    assert found(Reach(30, min_similarity=0.5)) == everybody[: min(30, similar[2])]
    out = [*everybody[3:6], "nobody", "p00000"]
    assert found(Reach(20), out) == [*everybody[:3], *everybody[6:23]]
    assert found(Reach(ratio=0.1), out) == [*everybody[:3], *everybody[6:60]]


@pytest.mark.parametrize("reach", [{"size": 0}, {"ratio": 0.0}, {"ratio": 1.5}, {"min_similarity": -0.1}])
def test_an_impossible_reach_is_refused(reach: dict[str, float]) -> None:
    with pytest.raises(InputError):
        Reach(**reach)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_everybody_is_ranked_as_an_exact_scan_would(dtype: type) -> None:
    vectors, ids, alike = people(20_000, 32)
    seeds = ids.take(pa.array(range(0, 1000, 5)))
    found = build(Positions(vectors.astype(dtype)), ids, seeds, Reach()).table
    prepared = prepare(Positions(vectors), ids, seeds, seed=0)
    x = Positions(vectors).at(np.arange(20_000)).astype(np.float64)
    direction = next(iter(prepared.ranking(prepared.trial.method)._directions.values()))
    exact = x @ direction[:, 0].astype(np.float64)
    exact[prepared.places] = -np.inf
    best = np.argsort(-exact)[:200]
    ranked = pc.index_in(found["person_id"], value_set=ids).to_numpy()
    assert np.isin(ranked[:200], best).mean() >= 0.99
    rest = np.setdiff1d(np.arange(20_000), prepared.places)
    place = np.empty(20_000)
    place[ranked] = -np.arange(len(ranked))
    assert roc_auc(alike[rest], place[rest]) == pytest.approx(roc_auc(alike[rest], exact[rest]), abs=1e-3)


@given(st.lists(st.text(max_size=12), max_size=60), st.lists(st.text(max_size=12), max_size=40), st.integers(0, 5))
def test_places_are_those_that_arrow_finds(given_people: list[str], wanted: list[str], skipped: int) -> None:
    people_ids = pa.array(list(dict.fromkeys([*given_people, *wanted[::2]])), pa.string()).slice(skipped)
    distinct = as_ids(pa.chunked_array([pa.array([*wanted, None], pa.string()), pa.array(wanted, pa.string())]))
    expected = np.flatnonzero(pc.is_in(people_ids, value_set=distinct).to_numpy(zero_copy_only=False))
    assert np.array_equal(places_among(people_ids, distinct), expected)


def test_logistic_direction_agrees_with_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    vectors, _, alike = people()
    seeds, others = vectors[alike], vectors[~alike]
    weights = np.r_[np.ones(len(seeds)), np.full(len(others), len(seeds) / len(others))]
    y = np.r_[np.ones(len(seeds)), np.zeros(len(others))]
    peer = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(np.vstack([seeds, others]), y, sample_weight=weights)
    found = logistic(seeds, others, penalty=1.0)
    assert found.weights == pytest.approx(peer.coef_[0], abs=2e-3)
    beside = logistic(seeds[10:], others, penalty=1.0)
    assert logistic(seeds[10:], others, penalty=1.0, near=found).weights == pytest.approx(beside.weights, abs=2e-3)
    assert np.abs(beside.weights - found.weights).max() > 2e-2


def test_lookalikes_need_no_torch() -> None:
    modules = "gnn.lookalike, gnn.registry, gnn.recommend, gnn.interests, gnn.evaluate, gnn.embeddings, gnn.taxonomy"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

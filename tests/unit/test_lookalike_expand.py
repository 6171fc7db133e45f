import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from gnn.lookalike import Positions, build, expand
from gnn.lookalike.parts import logistic
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
    found = build(Positions(vectors), ids, seeds, 60)
    got = found.table.column("person_id").to_pylist()
    assert not set(got) & set(seeds.to_pylist())
    assert len(got) == len(set(got)) == 60
    assert found.table.column("rank").to_pylist() == list(range(1, 61))
    scores = found.table.column("score").to_pylist()
    assert scores == sorted(scores, reverse=True)
    share = np.mean([alike[int(p[1:])] for p in got])
    assert share > 3 * (60 / 560)
    assert found.report.auc > 0.8
    assert found.report.lift > 2
    assert found.report.auc == found.report.aucs[found.report.method] > max(found.report.aucs.values()) - 0.05


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
    report = build(Positions(vectors), ids, messy, 10).report
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


def test_logistic_direction_agrees_with_scikit_learn() -> None:
    from sklearn.linear_model import LogisticRegression

    vectors, _, alike = people()
    seeds, others = vectors[alike], vectors[~alike]
    weights = np.r_[np.ones(len(seeds)), np.full(len(others), len(seeds) / len(others))]
    y = np.r_[np.ones(len(seeds)), np.zeros(len(others))]
    peer = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(np.vstack([seeds, others]), y, sample_weight=weights)
    assert logistic(seeds, others, penalty=1.0) == pytest.approx(peer.coef_[0], abs=2e-3)


def test_lookalikes_need_no_torch() -> None:
    modules = "gnn.lookalike, gnn.registry, gnn.recommend, gnn.interests, gnn.evaluate, gnn.embeddings, gnn.taxonomy"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

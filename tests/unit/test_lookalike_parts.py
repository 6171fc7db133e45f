from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from gnn import registry
from gnn.evaluate import roc_auc
from gnn.lookalike import Engagements, Positions, Reach, build, positions_of
from gnn.lookalike.parts import attended, attention, centroid, discriminant, usual
from gnn.lookalike.walk import Walk
from gnn.registry.sparse import ENGAGEMENT, csr_files
from graph.interests import ABOUT, TAGS


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def engagements(persons: int, contents: int, seed: int) -> sp.csr_matrix:
    return sp.csr_matrix(np.random.default_rng(seed).random((persons, contents)) < 0.2, dtype=np.float32)


@given(st.integers(4, 30), st.integers(2, 20), st.integers(0, 1000))
def test_proximity_is_the_walk_that_its_formula_says_from_every_union_of_groups(persons: int, contents: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    engaged = engagements(persons, contents, seed)
    allowed = generator.random(persons) < 0.8
    allowed[:2] = True
    seeds = np.flatnonzero(allowed)[: 2 + persons // 4]
    group = np.arange(len(seeds)) % 2
    b = engaged.toarray().astype(np.float64) * allowed[:, None]
    walk = (b / np.maximum(b.sum(0), 1)) @ (b / np.maximum(b.sum(1, keepdims=True), 1)).T
    found = Walk(Engagements(engaged), allowed, seeds, group)
    for groups in ([0, 1], [1]):
        from_seeds = seeds[np.isin(group, groups)]
        start = np.isin(np.arange(persons), from_seeds) / len(from_seeds)
        expected = start
        for _ in range(3):
            expected = 0.5 * start + 0.5 * walk @ expected
        near = np.exp(found.near(groups)) - 1e-6 / allowed.sum()
        assert near[allowed] == pytest.approx(expected[allowed], rel=1e-3, abs=1e-6)
        assert np.array_equal(found.near(groups, seeds), found.near(groups)[seeds])


@given(st.integers(4, 12), st.integers(1, 3), st.integers(0, 1000))
def test_one_pass_over_everybody_gives_the_products_with_their_positions(width: int, directions: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    vectors = unit(generator.standard_normal((50, width)))
    vectors[7] = 0
    positions = Positions(vectors)
    w = generator.standard_normal((positions.width, directions)).astype(np.float32)
    assert positions.along(w) == pytest.approx(positions.at(np.arange(50)) @ w, abs=1e-4)
    halves = Positions(vectors.astype(np.float16))
    assert halves.along(w) == pytest.approx(halves.at(np.arange(50)) @ w, abs=1e-4)


def test_the_discriminant_looks_past_what_everybody_varies_in() -> None:
    generator = np.random.default_rng(0)
    everybody = generator.standard_normal((4000, 12)) * np.r_[6.0, 6.0, np.ones(10)]
    everybody[:1000, 5] += 1.5
    everybody[:1000, 0] += 2.0
    x = everybody.astype(np.float32)
    told = [roc_auc(np.arange(4000) < 1000, x @ part(x[:60], usual(x[1000:3000]))) for part in (centroid, discriminant)]
    assert told[1] > told[0] + 0.05


def test_attention_finds_seeds_of_two_kinds_where_their_mean_says_nothing() -> None:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((3000, 10)).astype(np.float32)
    x[:300, 0] += 4
    x[300:600, 0] -= 4
    seeds = np.r_[0:60, 300:360]
    directions, pooling = attention(x[seeds], usual(x[600:2000]), generator)
    truth = np.arange(3000) < 600
    assert roc_auc(truth, attended(x @ directions, pooling)) > 0.9
    assert roc_auc(truth, x @ centroid(x[seeds], usual(x[600:2000]))) < 0.7


def test_contents_in_common_count_where_vectors_say_nothing() -> None:
    generator = np.random.default_rng(0)
    alike = np.arange(400) < 80
    shown = generator.random((400, 60)) < np.where(alike[:, None] & (np.arange(60) < 12), 0.4, 0.08)
    vectors = unit(generator.standard_normal((400, 16)))
    ids = pa.array([f"p{i:03d}" for i in range(400)])
    seeds = ids.take(pa.array(range(40)))
    positions = Positions(vectors, Engagements(sp.csr_matrix(shown, dtype=np.float32)))
    told = {}
    for name, given_positions in (("with", positions), ("without", Positions(vectors))):
        report = build(given_positions, ids, seeds, Reach(40))
        told[name] = np.mean([alike[int(p[1:])] for p in report.table.column("person_id").to_pylist()])
        assert ("proximity" in report.report.aucs) == (name == "with")
    assert told["with"] > told["without"] + 0.3


def test_a_versions_positions_are_read_back(tmp_path: Path) -> None:
    engaged = engagements(20, 9, 0)
    vectors = unit(np.random.default_rng(0).standard_normal((20, 8)))

    def saved(folder: str, extras: sp.csr_matrix | None) -> Positions:
        version = registry.save(
            tmp_path / folder,
            person_ids=pa.array([f"p{i}" for i in range(20)]),
            tags=TAGS.empty_table(),
            probabilities=np.zeros((20, 0), np.float32),
            embeddings=vectors,
            about=ABOUT.empty_table(),
            metrics={},
            notes=(),
            as_of=datetime(2026, 1, 1, tzinfo=UTC),
            details={},
            extras=None if extras is None else csr_files(ENGAGEMENT, extras),
        )
        return positions_of(version)[1]

    found = saved("kept", engaged)
    assert found.engaged is not None
    assert (found.engaged.matrix != engaged[:, : found.engaged.contents]).nnz == 0
    assert np.array_equal(found.vectors, vectors)
    assert saved("older", None).engaged is None
    assert saved("nobody engages", sp.csr_matrix((20, 9), dtype=np.float32)).engaged is None

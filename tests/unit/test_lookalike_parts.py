from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn import registry
from gnn.evaluate import roc_auc
from gnn.lookalike import Engagements, Positions, Reach, build, positions_of
from gnn.lookalike.parts import attended, attention, centroid, discriminant, usual
from gnn.lookalike.walk import Walk
from gnn.registry.refreshed import append
from gnn.registry.sparse import ENGAGEMENT, csr_files
from graph.interests import ABOUT, TAGS


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def engagements(persons: int, contents: int, seed: int) -> sp.csr_matrix:
    return sp.csr_matrix(np.random.default_rng(seed).random((persons, contents)) < 0.2, dtype=np.float32)


@settings(deadline=None)  # the first example compiles
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


@settings(deadline=None)
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
        assert ("proximity" in report.trial.aucs) == (name == "with")
    assert told["with"] > told["without"] + 0.3


def version_of(folder: Path, vectors: np.ndarray, engaged: sp.csr_matrix | None) -> registry.Version:
    return registry.save(
        folder,
        person_ids=pa.array([f"p{i}" for i in range(len(vectors))]),
        tags=TAGS.empty_table(),
        probabilities=np.zeros((len(vectors), 0), np.float32),
        embeddings=vectors,
        about=ABOUT.empty_table(),
        metrics={},
        notes=(),
        as_of=datetime(2026, 1, 1, tzinfo=UTC),
        details={},
        extras=None if engaged is None else csr_files(ENGAGEMENT, engaged),
    )


def test_a_versions_positions_are_read_back(tmp_path: Path) -> None:
    engaged = engagements(20, 9, 0)
    vectors = unit(np.random.default_rng(0).standard_normal((20, 8)))

    def saved(folder: str, extras: sp.csr_matrix | None) -> Positions:
        return positions_of(version_of(tmp_path / folder, vectors, extras))[1]

    found = saved("kept", engaged)
    assert found.engaged is not None
    assert (found.engaged.matrix != engaged[:, : found.engaged.contents]).nnz == 0
    assert np.array_equal(found.vectors, vectors)
    assert saved("older", None).engaged is None
    assert saved("nobody engages", sp.csr_matrix((20, 9), dtype=np.float32)).engaged is None


def test_who_was_refreshed_is_where_they_are_now_and_the_trained_vectors_are_not_copied(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    engaged, vectors, moved = (
        engagements(200, 9, 0),
        unit(generator.standard_normal((200, 8))),
        unit(generator.standard_normal((2, 8))),
    )
    version = version_of(tmp_path, vectors, engaged)
    append(version.folder, ["p3", "new"], np.zeros((2, 0), np.float32), moved, ["p5"], batch=1, consents=0)
    version = version.again()
    ids, found = positions_of(version)
    assert np.shares_memory(found.vectors, version.embeddings)
    assert found.allowed is not None
    known, matrix = version.vectors()
    assert ids.filter(pa.array(found.allowed)).equals(known)
    places = np.flatnonzero(found.allowed)
    whole = Positions(matrix)
    assert found.at(places) == pytest.approx(whole.at(np.arange(len(matrix))))
    w = generator.standard_normal((found.width, 2)).astype(np.float32)
    assert found.along(w)[places] == pytest.approx(whole.along(w), abs=1e-5)
    assert found.engaged is not None
    assert (found.engaged.matrix[200] != engaged[3]).nnz == 0
    assert found.engaged.matrix[201].nnz == 0
    seeds = pa.array(["p3", *(f"p{i}" for i in range(10, 30))])
    report = build(found, ids, pa.concat_arrays([seeds, pa.array(["p5"])]), Reach())
    assert (report.seeds, report.unknown) == (21, 1)
    assert set(report.table["person_id"].to_pylist()) == set(known.to_pylist()) - set(seeds.to_pylist())

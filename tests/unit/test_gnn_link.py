"""Person embeddings: the three ways of training them, several processes, batches that memory cannot hold."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
import torch
from link_processes import run
from test_gnn_world import read, world

from gnn.features.hetero import interest_graph
from gnn.features.population import Population
from gnn.models.device import compiled, few_threads, fitting, send
from gnn.models.pyg import HeteroData
from gnn.training import link
from gnn.training.link import embed_persons, link_states
from gnn.training.link_parallel import read_graph, store_graph
from gnn.training.options import TrainingOptions
from graph.progress import ignore_progress

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[2]
TASTES = 5


@pytest.fixture(scope="module")
def data() -> Population:
    """150 persons, 50 contents, one taste each; two engagements in three are to one's taste."""
    draw, persons, contents, each = np.random.default_rng(0), 150, 50, 9
    rows = np.repeat(np.arange(persons), each)
    own = draw.integers(0, contents // TASTES, len(rows)) * TASTES + rows % TASTES
    columns = np.where(draw.random(len(rows)) < 2 / 3, own, draw.integers(0, contents, len(rows)))
    engagement = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), (persons, contents))
    return replace(
        read(world()),
        person_ids=pa.array([f"p{i}" for i in range(persons)]),
        content_ids=[f"c{i}" for i in range(contents)],
        engagement=engagement,
        relations=sp.csr_matrix((persons, persons), dtype=np.float32),
        categories=[],
    )


@pytest.fixture(scope="module")
def built(data: Population) -> HeteroData:
    return interest_graph(data, None, dimensions=8, seed=0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(link, "_STEPS", dict.fromkeys(link._STEPS, 40))
    monkeypatch.setattr(link, "_EDGES", 128)
    with few_threads(100):
        yield


def alike(vectors: np.ndarray) -> float:
    """Share of the ten nearest other persons who are of the person's taste."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    scores = unit @ unit.T
    np.fill_diagonal(scores, -2)
    nearest, taste = np.argsort(-scores, axis=1)[:, :10], np.arange(len(unit)) % TASTES
    return float((taste[nearest] == taste[:, None]).mean())


@pytest.mark.parametrize("way", ["full", "first_hop", "sampled"])
def test_every_way_finds_persons_of_like_interests(built: HeteroData, way: link.Way) -> None:
    options, said = TrainingOptions(width=16), list[str]()
    states = link_states(built, options, CPU, ignore_progress, said.append, way=way)
    again = link_states(built, options, CPU, ignore_progress, said.append, way=way)
    other = link_states(built, TrainingOptions(width=16, seed=1), CPU, ignore_progress, said.append, way=way)
    assert states.shape == (150, 16)
    assert np.array_equal(states, again)
    assert not np.array_equal(states, other)
    assert alike(np.random.default_rng(0).standard_normal((150, 16))) < 0.3
    assert alike(states) > 0.6
    assert ["whole steps" in s for s in said] == ([] if way == "full" else [True] * 3)


def test_a_graph_that_memory_cannot_hold_is_sampled_and_said_so(
    data: Population, built: HeteroData, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    whole = embed_persons(data, built, TrainingOptions(width=16), CPU, ignore_progress, said.append)
    assert said == []
    for memory, words in ((30_000, "after the first hop"), (5_000, "neighbours are sampled")):
        monkeypatch.setattr(link, "training_memory", lambda _, bound=memory: bound)
        vectors = embed_persons(data, built, TrainingOptions(width=16), CPU, ignore_progress, said.append)
        assert words in said.pop()
        assert vectors.shape == whole.shape
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        assert alike(vectors) > 0.6


def test_a_stored_graph_comes_back(built: HeteroData, tmp_path: Path) -> None:
    store_graph(built, tmp_path / "graph.pt")
    found = read_graph(tmp_path / "graph.pt", CPU)
    assert found.metadata() == built.metadata()
    for a, b in zip(built.stores, found.stores, strict=True):
        assert set(a.keys()) == set(b.keys())
        assert all(torch.equal(v, b[k]) if isinstance(v, torch.Tensor) else v == b[k] for k, v in a.items())


def test_two_processes_have_the_gradients_of_the_joined_batch(built: HeteroData, tmp_path: Path) -> None:
    store_graph(built, tmp_path / "graph.pt")
    torchrun = [sys.executable, "-W", "ignore", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    worker = [str(ROOT / "tests/unit/link_processes.py"), str(tmp_path)]
    with subprocess.Popen([*torchrun, *worker], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as started:
        try:
            said, _ = started.communicate(timeout=240)
        finally:
            started.terminate()  # torchrun ends its processes with it
    assert started.returncode == 0, said[-3000:]
    run(tmp_path)
    joined, first, second = (torch.load(tmp_path / f"gradients{name}.pt") for name in ("0of1", "0of2", "1of2"))
    for way in ("full", "sampled"):
        assert set(joined[way]) == set(first[way]) == set(second[way])
        assert len(joined[way]) > 10
        assert max(float(g.abs().max()) for g in joined[way].values()) > 1e-3
        for name, gradient in joined[way].items():
            assert torch.allclose(first[way][name], gradient, atol=1e-6, rtol=1e-4), name
            assert torch.equal(first[way][name], second[way][name]), name
    assert alike(np.load(tmp_path / "states.npy")) > 0.6


def test_a_batch_that_memory_cannot_hold_is_halved_until_it_fits_and_said_so() -> None:
    tried, said = [], list[str]()

    def step(size: int) -> str:
        tried.append(size)
        if size > 100:
            raise torch.OutOfMemoryError("made up")
        return "done"

    assert fitting(512, step, said.append) == ("done", 64)
    assert tried == [512, 256, 128, 64]
    assert [s.split()[-4] for s in said] == ["256", "128", "64"]
    with pytest.raises(torch.OutOfMemoryError):
        fitting(512, step, said.append, least=128)


def test_the_halved_batch_stays_for_the_steps_after(built: HeteroData, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, said = [], list[str]()
    forward = link.LinkObjective.forward

    def full(self: link.LinkObjective, persons: torch.Tensor, contents: torch.Tensor, sample: object = None) -> torch.Tensor:
        sizes.append(len(persons))
        if len(persons) > 40:
            raise torch.OutOfMemoryError("made up")
        return forward(self, persons, contents, sample)  # type: ignore[arg-type]

    monkeypatch.setattr(link.LinkObjective, "forward", full)
    link_states(built, TrainingOptions(width=8), CPU, ignore_progress, said.append)
    assert sizes == [128, 64] + [32] * 40
    assert len(said) == 2


def test_on_a_cpu_nothing_is_compiled_or_pinned() -> None:
    module, tensor = torch.nn.Linear(2, 2), torch.arange(3)
    assert compiled(module, CPU, wanted=True) is module
    assert send(tensor, CPU) is tensor

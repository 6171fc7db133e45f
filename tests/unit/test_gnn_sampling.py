"""Neighbour samples, and that a network gives the same over them as over the whole graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_gnn_world import read, world
from torch.utils._python_dispatch import TorchDispatchMode

from gnn.features.hetero import edge_types, feature_widths, interest_graph
from gnn.models.layers import Csr, HeteroEncoder, adjacency
from gnn.models.pyg import HeteroData
from gnn.sampling import (
    NeighbourSampler,
    choose_way,
    encode_everything,
    encode_sampled,
    product_bytes,
    propagate,
    training_memory,
)
from gnn.sampling.unique import unique_nodes
from graph.errors import SettingsError

ENGAGED, BACK = ("person", "engaged", "content"), ("content", "rev_engaged", "person")
ALL = 10_000


@pytest.fixture(scope="module")
def built() -> HeteroData:
    text = np.random.default_rng(0).standard_normal((36, 24)).astype(np.float32)
    return interest_graph(read(world()), text, dimensions=8, seed=0)


def encoder(data: HeteroData, *, layers: int = 2, linear_start: bool = False) -> HeteroEncoder:
    torch.manual_seed(0)
    outputs = ["content", "person"]
    model = HeteroEncoder(
        feature_widths(data), edge_types(data), outputs, width=16, layers=layers, dropout=0.0, linear_start=linear_start
    )
    for offset in model.offset.values():
        torch.nn.init.normal_(offset)
    return model.eval()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def seeds_of(data: HeteroData) -> dict[str, torch.Tensor]:
    """Some nodes of two types, out of order, some of them twice."""
    persons = torch.tensor([5, 0, 119, 5, 64, 17, 0])
    return {"person": persons, "content": torch.tensor([3, 30, 3])}


def neighbours(csr: Csr, row: int) -> list[int]:
    return csr.columns[csr.pointers[row] : csr.pointers[row + 1]].tolist()


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("linear_start", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_fan_out_of_the_largest_degree_gives_the_full_batch(
    built: HeteroData, layers: int, linear_start: bool, fixed: bool
) -> None:
    model, seeds = encoder(built, layers=layers, linear_start=linear_start), seeds_of(built)
    full = model(built)
    largest = max(int(built[e].pointers.diff().max()) for e in built.edge_types)
    fanouts = [largest] * layers
    sample = NeighbourSampler(built, fanouts, fixed_shapes=fixed)(seeds, generator())
    found = encode_sampled(model, built, sample)
    for node_type, ids in seeds.items():
        assert torch.allclose(found[node_type], full[node_type][ids], atol=1e-5)
    if linear_start:
        fewer = NeighbourSampler(built, fanouts[1:], fixed_shapes=fixed)(seeds, generator())
        found = encode_sampled(model, built, fewer, propagate(model, built))
        for node_type, ids in seeds.items():
            assert torch.allclose(found[node_type], full[node_type][ids], atol=1e-5)


@pytest.mark.parametrize("fixed", [False, True])
def test_gradients_over_a_whole_sample_are_those_of_the_full_batch(built: HeteroData, fixed: bool) -> None:
    seeds = seeds_of(built)
    sample = NeighbourSampler(built, [ALL, 100], fixed_shapes=fixed)(seeds, generator())
    fewer = NeighbourSampler(built, [ALL], fixed_shapes=fixed)(seeds, generator())
    gradients = []
    for way in ("full", "sampled", "first_hop"):
        model = encoder(built, linear_start=True)
        if way == "full":
            out = {t: h[seeds[t]] for t, h in model(built).items()}
        elif way == "sampled":
            out = encode_sampled(model, built, sample)
        else:
            out = encode_sampled(model, built, fewer, propagate(model, built))
        sum((h * torch.arange(h.numel()).view_as(h).cos()).sum() for h in out.values()).backward()
        gradients.append([p.grad.clone() for p in model.parameters() if p.grad is not None])
    assert len(gradients[0]) == len(gradients[1]) == len(gradients[2]) > 10
    for a, b, c in zip(*gradients, strict=True):
        assert torch.allclose(a, b, atol=1e-4, rtol=1e-4)
        assert torch.allclose(a, c, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("rows", [7, 50, 100_000])
@pytest.mark.parametrize("linear_start", [False, True])
def test_layer_by_layer_is_the_full_batch(built: HeteroData, linear_start: bool, rows: int) -> None:
    model = encoder(built, layers=3, linear_start=linear_start)
    full = model(built)
    assert set(encode_everything(model, built, ["person"], rows=rows)) == {"person"}
    firsts = [None, propagate(model, built)] if linear_start else [None]
    for first in firsts:
        found = encode_everything(model, built, ["content", "person"], rows=rows, first=first)
        for node_type, states in found.items():
            assert torch.allclose(states, full[node_type], atol=1e-5)


def bipartite(persons: int, contents: int, degrees: list[int], seed: int = 0) -> HeteroData:
    """Persons 0.. have these numbers of contents, the rest none; the features are ids."""
    generator = np.random.default_rng(seed)
    rows = np.repeat(np.arange(len(degrees)), degrees)
    columns = np.concatenate([generator.permutation(contents)[:d] for d in degrees] or [np.zeros(0)]).astype(np.int64)
    weights = generator.uniform(0.5, 2, len(rows)).astype(np.float32)
    data = HeteroData()
    data["person"].num_nodes, data["content"].num_nodes = persons, contents
    for edge_type, matrix in (
        (BACK, sp.csr_matrix((weights, (rows, columns)), (persons, contents))),
        (ENGAGED, sp.csr_matrix((weights, (columns, rows)), (contents, persons))),
    ):
        scale = np.maximum(np.asarray(matrix.sum(1)).ravel(), 1e-12)
        matrix = sp.csr_matrix(sp.diags(1 / scale) @ matrix)
        data[edge_type].pointers = torch.from_numpy(matrix.indptr.astype(np.int64))
        data[edge_type].columns = torch.from_numpy(matrix.indices.astype(np.int64))
        data[edge_type].shares = torch.from_numpy(matrix.data.astype(np.float32))
    return data


@settings(max_examples=40, deadline=None)
@given(
    degrees=st.lists(st.integers(0, 12), min_size=1, max_size=12),
    fanout=st.integers(1, 15),
    seed=st.integers(0, 2**31),
    fixed=st.booleans(),
)
def test_neighbours_are_real_different_and_no_more_than_the_fan_out(
    degrees: list[int], fanout: int, seed: int, fixed: bool
) -> None:
    data = bipartite(len(degrees) + 1, 12, degrees, seed)
    persons = torch.arange(len(degrees) + 1)
    sample = NeighbourSampler(data, [fanout], fixed_shapes=fixed)({"person": persons}, generator(seed))
    hop, whole = sample.hops[0], adjacency(data[BACK])
    drawn = hop.edges[BACK]
    assert sample.nodes["person"][sample.seeds["person"]].tolist() == persons.tolist()
    if not fixed:
        assert len(set(sample.nodes["content"].tolist())) == len(sample.nodes["content"])
    for row, person in enumerate(sample.nodes["person"].tolist()[: hop.targets["person"]]):
        places, weights = (t[drawn.pointers[row] : drawn.pointers[row + 1]] for t in (drawn.columns, drawn.weights))
        taken = sample.nodes["content"][places[weights > 0]].tolist()
        there = neighbours(whole, person) if person < len(persons) else []
        assert len(taken) == len(set(taken)) == min(fanout, len(there))
        assert set(taken) <= set(there)
        assert float(weights.sum()) == pytest.approx(1.0 if taken else 0.0, abs=1e-5)


def drawn_often(degree: int, fanout: int, rounds: int) -> tuple[Csr, Csr]:
    """Persons who all have the same neighbours with the same weights: all of theirs, and those drawn, by content id."""
    data = bipartite(1, degree, [degree])
    whole = adjacency(data[BACK])
    many = Csr(whole.columns.repeat(rounds), torch.arange(rounds + 1) * degree, whole.weights.repeat(rounds))
    data["person"].num_nodes = rounds
    data[BACK].columns, data[BACK].pointers, data[BACK].shares = many
    sample = NeighbourSampler(data, [fanout])({"person": torch.arange(rounds)}, generator())
    edges = sample.hops[0].edges[BACK]
    return whole, edges._replace(columns=sample.nodes["content"][edges.columns])


def test_every_neighbour_is_taken_as_often() -> None:
    rounds = 6000
    _, drawn = drawn_often(11, 4, rounds)
    taken = np.zeros((rounds, 11))
    taken[np.repeat(np.arange(rounds), 4), drawn.columns.numpy()] = 1
    deviation = np.sqrt(rounds * 4 / 11 * 7 / 11)
    assert np.abs(taken.sum(0) - rounds * 4 / 11).max() < 4.5 * deviation
    pairs = (taken.T @ taken)[np.triu_indices(11, 1)] / rounds
    assert pairs.min() > 0.03  # .109 if pairs were even as well


def test_the_sampled_mean_is_the_weighted_mean_on_average() -> None:
    whole, drawn = drawn_often(200, 20, 2000)
    x = torch.randn(200, generator=generator(3))
    exact = float((whole.weights * x[whole.columns]).sum())
    found = (drawn.weights * x[drawn.columns]).view(2000, 20).sum(1)
    assert float(found.mean()) == pytest.approx(exact, abs=4.5 * float(found.std()) / np.sqrt(2000) + 0.01)


def test_one_generator_seed_gives_one_sample_and_another_another(built: HeteroData) -> None:
    sampler, seeds = NeighbourSampler(built, [3, 2]), seeds_of(built)
    a, b, c = (sampler(seeds, generator(seed)) for seed in (7, 7, 8))
    columns = [[csr.columns.tolist() for hop in s.hops for csr in hop.edges.values()] for s in (a, b, c)]
    assert columns[0] == columns[1] != columns[2]


def test_fan_outs_may_differ_by_relation_and_must_be_positive(built: HeteroData) -> None:
    fanout = dict.fromkeys(built.edge_types, 2) | {BACK: 5}
    hop = NeighbourSampler(built, [fanout])(seeds_of(built), generator()).hops[0]
    assert {e: int(csr.pointers.diff().max()) for e, csr in hop.edges.items()} == {
        ENGAGED: 2,
        BACK: 5,
        ("person", "related", "person"): 2,
    }
    with pytest.raises(SettingsError, match="at least 1"):
        NeighbourSampler(built, [3, 0])


class Waits(TorchDispatchMode):
    """Operators that on CUDA wait for the device, since the shape or value of what they give depends on data."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.asked = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        self.asked += 1
        if name in ("nonzero", "_local_scalar_dense", "_unique2", "unique_consecutive", "bincount", "masked_select"):
            self.names.add(name)
        if name in ("index", "index_put", "index_put_", "_index_put_impl_"):
            self.names |= {"mask" for i in args[1] if i is not None and i.dtype == torch.bool}
        if name == "repeat_interleave" and (kwargs or {}).get("output_size") is None:
            self.names.add(name)
        return func(*args, **(kwargs or {}))


def test_with_fixed_shapes_nothing_waits_for_the_device(built: HeteroData) -> None:
    model, seeds = encoder(built).train(), seeds_of(built)
    waits, shapes = {}, {}
    for fixed in (True, False):
        sampler, found = NeighbourSampler(built, [3, 2], fixed_shapes=fixed), []
        for seed in range(3):
            with Waits() as waiting:
                sample = sampler(seeds, generator(seed))
                sum(h.sum() for h in encode_sampled(model, built, sample).values()).backward()
            found.append({t: len(ids) for t, ids in sample.nodes.items()})
        waits[fixed], shapes[fixed] = waiting.names, found
        assert waiting.asked > 100
    assert waits == {True: set(), False: {"mask", "nonzero"}}
    assert shapes[True][0] == shapes[True][1] == shapes[True][2]
    assert not shapes[False][0] == shapes[False][1] == shapes[False][2]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=30), st.lists(st.integers(0, 9), max_size=10, unique=True), st.booleans())
def test_unique_nodes_are_each_there_once_at_their_places(listed: list[int], front: list[int], fixed: bool) -> None:
    others = torch.tensor([*listed, 10, 10] if fixed and front else listed, dtype=torch.int64)
    nodes, place = unique_nodes(torch.tensor(front, dtype=torch.int64), others, 10, fixed=fixed)
    real = [i for i in nodes.tolist() if i < 10]
    assert nodes.tolist()[: len(front)] == front
    assert len(real) == len(set(real)) == len(set(front) | set(listed))
    assert nodes[place[: len(listed)]].tolist() == listed
    if fixed:
        assert len(nodes) == len(front) + min(len(others), 10) or not len(others)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**31))
def test_the_transpose_of_a_block_is_the_transpose(rows: int, columns: int, seed: int) -> None:
    dense = sp.random(rows, columns, 0.4, "csr", np.float32, random_state=seed)
    csr = Csr(*(torch.from_numpy(a) for a in (dense.indices.astype(np.int64), dense.indptr.astype(np.int64), dense.data)))
    back = csr.transposed(columns)
    found = sp.csr_matrix((back.weights.numpy(), back.columns.numpy(), back.pointers.numpy()), (columns, rows))
    assert np.array_equal(found.toarray(), dense.toarray().T)


def test_small_graphs_are_run_whole_larger_ones_by_products_or_samples() -> None:
    shape = {"width": 64, "layers": 2}
    memory = training_memory(torch.device("cpu"))
    assert 0 < memory <= 2 * 2**30
    assert choose_way(24_000, 400_000, 2**31, products=10**7, **shape) == "full"
    assert choose_way(1_200_000, 20_000_000, 2**31, products=6 * 10**8, **shape) == "first_hop"
    assert choose_way(1_200_000, 20_000_000, 2**31, products=6 * 10**9, **shape) == "sampled"
    assert choose_way(1_200_000, 20_000_000, 2**37, products=6 * 10**8, **shape) == "full"


def test_products_take_what_they_were_said_to(built: HeteroData) -> None:
    first = propagate(encoder(built, linear_start=True), built)
    tensors = [x for means in first.features.values() for x in means.values()] + list(first.mass.values())
    assert product_bytes(built, feature_widths(built)) == sum(4 * x.numel() for x in tensors)


def test_a_first_hop_needs_a_linear_start(built: HeteroData) -> None:
    with pytest.raises(SettingsError, match="linear_start"):
        propagate(encoder(built), built)
    sample = NeighbourSampler(built, [3])(seeds_of(built), generator())
    with pytest.raises(SettingsError, match="1 sampled hops"):
        encode_sampled(encoder(built), built, sample)

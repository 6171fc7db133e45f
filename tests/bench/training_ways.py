"""One network trained on one bipartite graph in every way there is, beside PyG's own layer on the same samples.

The graph has the size of Gowalla (29,858 persons, 40,981 contents, 1,027,370 engagements) and power-law degrees, their median
near that set's; features of 64 floats. The network: two layers of width 128 and a linear head of 32 classes over persons, Adam,
no dropout. A seed is a person of whom the loss is taken. `gathered_GB/s`: rows that sparse products read, forwards and
backwards, over the time of the whole step; `copy_GB/s`: what a copy of 128 MB reads and writes on that device in that run.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch_geometric.nn import SAGEConv

from gnn.features.hetero import edge_types, feature_widths
from gnn.models.device import choose_device, mixed_precision
from gnn.models.layers import Csr, HeteroEncoder
from gnn.models.pyg import HeteroData
from gnn.sampling import FirstHop, NeighbourSampler, Sample, encode_everything, encode_sampled, propagate

WIDTH, FEATURES, CLASSES = 128, 64, 32
FANOUTS = (15, 10)
ENGAGED, BACK = ("person", "engaged", "content"), ("content", "rev_engaged", "person")


def bipartite(persons: int = 29_858, contents: int = 40_981, edges: int = 1_027_370, seed: int = 0) -> HeteroData:
    """Edges drawn between ends whose expected degrees follow a power law."""
    draw = np.random.default_rng(seed)

    def ends(nodes: int) -> Any:
        weights = draw.pareto(1.8, nodes) + 0.6
        return draw.choice(nodes, int(edges * 1.1), p=weights / weights.sum())

    pairs = np.unique(ends(persons) * np.int64(contents) + ends(contents))
    kept = np.sort(draw.permutation(pairs)[:edges])
    matrix = sp.csr_matrix((np.ones(len(kept), np.float32), (kept // contents, kept % contents)), (persons, contents))
    data = HeteroData()
    for node_type, nodes in (("person", persons), ("content", contents)):
        data[node_type].num_nodes = nodes
        data[node_type].position = torch.from_numpy(draw.standard_normal((nodes, FEATURES), dtype=np.float32))
    for edge_type, by_target, by_source in ((BACK, matrix, matrix.T.tocsr()), (ENGAGED, matrix.T.tocsr(), matrix)):
        share = 1 / np.maximum(np.diff(by_target.indptr), 1)
        stores = ((by_target, "", share[by_target.tocoo().row]), (by_source, "_t", share[by_source.tocoo().col]))
        for stored, suffix, weights in stores:
            data[edge_type][f"pointers{suffix}"] = torch.from_numpy(stored.indptr.astype(np.int64))
            data[edge_type][f"columns{suffix}"] = torch.from_numpy(stored.indices.astype(np.int64))
            data[edge_type][f"shares{suffix}"] = torch.from_numpy(weights.astype(np.float32))
        rows = by_target.tocoo()
        data[edge_type].edge_index = torch.from_numpy(np.stack([rows.col, rows.row]).astype(np.int64))
        data[edge_type].edge_weight = data[edge_type].shares
    return data


class PygEncoder(nn.Module):
    """The same network with PyG's SAGEConv (mean) for every relation."""

    def __init__(self, like: HeteroEncoder) -> None:
        super().__init__()
        self.like = like
        self.means = nn.ModuleList(
            nn.ModuleDict({"__".join(e): SAGEConv(WIDTH, WIDTH, root_weight=False, bias=False) for e in layer.edge_types})
            for layer in like.stack()
        )

    def forward(self, data: HeteroData, sample: Sample) -> Tensor:
        x = {}
        for node_type, ids in sample.nodes.items():
            rows = ids.clamp_max(int(data[node_type].num_nodes) - 1)
            x[node_type] = self.like.begin(node_type, {"position": data[node_type].position[rows]}, len(rows))
        for layer, means, hop in zip(self.like.stack(), self.means, sample.hops, strict=True):
            own = {t: x[t][:n] for t, n in hop.targets.items()}
            total = {t: layer.own[t](own[t]) for t in own}
            for edge_type in layer.edge_types:
                source, _, target = edge_type
                if target in own:
                    edges = edge_list(hop.edges[edge_type])
                    total[target] = total[target] + means["__".join(edge_type)]((x[source], own[target]), edges)
            x = {t: layer.norm[t](own[t] + layer.dropout(nn.functional.gelu(h))) for t, h in total.items()}
        return x["person"][sample.seeds["person"]]


def edge_list(csr: Csr) -> Tensor:
    """(2, E): source and target places, as PyG's layers take them."""
    rows = torch.arange(len(csr.pointers) - 1, device=csr.columns.device)
    return torch.stack([csr.columns, torch.repeat_interleave(rows, csr.pointers.diff(), output_size=len(csr.columns))])


def copy_speed(device: torch.device) -> float:
    """GB/s read and written by a copy of 128 MB, best of five."""
    source = torch.ones(32 * 2**20, device=device)
    target, best = torch.empty_like(source), float("inf")
    for _ in range(5):
        begin = now(device)
        target.copy_(source)
        best = min(best, now(device) - begin)
    return 2 * source.numel() * 4 / best / 1e9


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def peak(device: torch.device) -> float:
    """MB: of the device where it counts them, else of this process, until now."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


class Training:
    """Steps over seeds drawn evenly; `hidden(persons, generator)` gives their states and how many nodes and edges it took."""

    def __init__(self, data: HeteroData, device: torch.device, hidden: Callable[..., Tensor], parameters: list[Any]) -> None:
        self.persons, self.device, self.hidden = int(data["person"].num_nodes), device, hidden
        self.classes = torch.randint(CLASSES, (self.persons,), device=device)
        self.head = nn.Linear(WIDTH, CLASSES).to(device)
        self.optimiser = torch.optim.Adam([*parameters, *self.head.parameters()], lr=1e-3)
        self.generator = torch.Generator(device).manual_seed(0)

    def step(self, batch: int) -> None:
        seeds = torch.randint(self.persons, (batch,), generator=self.generator, device=self.device)
        with mixed_precision(self.device):
            loss = nn.functional.cross_entropy(self.head(self.hidden(seeds, self.generator)).float(), self.classes[seeds])
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()


def ways(batch: int, steps: int) -> list[dict[str, Any]]:
    """Rows of the table; the steps of all sampled ways take turns, so that whatever else the machine does falls on all."""
    device = choose_device()
    torch.manual_seed(0)
    data = bipartite().to(str(device))
    entries = sum(len(data[e].columns) for e in data.edge_types)
    persons, nodes = int(data["person"].num_nodes), int(data.num_nodes)

    def network(*, linear_start: bool = False) -> HeteroEncoder:
        widths, relations = feature_widths(data), edge_types(data)
        made = HeteroEncoder(widths, relations, ["person"], width=WIDTH, layers=2, dropout=0.0, linear_start=linear_start)
        return made.to(device).train()

    counts: dict[str, list[int]] = {}
    spent: dict[str, float] = {}

    def drawn(name: str, sampler: NeighbourSampler, seeds: Tensor, generator: torch.Generator) -> Sample:
        begin = now(device)
        sample = sampler({"person": seeds}, generator)
        spent[name] = spent.get(name, 0.0) + now(device) - begin
        edges = sum(len(csr.columns) for hop in sample.hops for csr in hop.edges.values())
        counts[name] = [sum(len(ids) for ids in sample.nodes.values()), edges]
        return sample

    def sampled(name: str, encode: Callable[[Sample], Tensor], fanouts: tuple[int, ...], parameters: list[Any]) -> Training:
        sampler = NeighbourSampler(data, fanouts)
        return Training(data, device, lambda seeds, generator: encode(drawn(name, sampler, seeds, generator)), parameters)

    plain, linear, beside = network(), network(linear_start=True), PygEncoder(network()).to(device)
    first: FirstHop = propagate(linear, data)
    trainings = {
        "sampled 15,10": sampled(
            "sampled 15,10", lambda s: encode_sampled(plain, data, s)["person"], FANOUTS, [*plain.parameters()]
        ),
        "first hop once, then 15": sampled(
            "first hop once, then 15",
            lambda s: encode_sampled(linear, data, s, first)["person"],
            FANOUTS[:1],
            [*linear.parameters()],
        ),
        "PyG SAGEConv, same samples": sampled(
            "PyG SAGEConv, same samples", lambda s: beside(data, s), FANOUTS, [*beside.parameters()]
        ),
    }
    seconds, cpu, peaks = dict.fromkeys(trainings, 0.0), dict.fromkeys(trainings, 0.0), dict[str, float]()
    for name, training in trainings.items():
        training.step(batch)
        peaks[name] = peak(device)
    spent.clear()
    for _ in range(steps):
        for name, training in trainings.items():
            begin, worked = now(device), time.process_time()
            training.step(batch)
            seconds[name] += now(device) - begin
            cpu[name] += time.process_time() - worked
    copy, peer = copy_speed(device), seconds["PyG SAGEConv, same samples"]
    rows: list[dict[str, Any]] = []
    for name, taken in seconds.items():
        each = taken / steps
        gathered = counts[name][1] * WIDTH * 4 * 2 / each / 1e9
        rows.append(
            row(name, batch / each, counts[name][0] / each, persons * each / batch, gathered, copy, peer / taken)
            | {
                "seeds/CPU_s": f"{batch * steps / cpu[name]:,.0f}",
                "sampling": f"{spent[name] / taken:.0%}",
                "peak_MB": f"{peaks[name]:,.0f}",
            }
        )
    return [*rows, *whole(data, network, device, persons, nodes, entries, copy), {"note": neighbour_loader(data)}]


def whole(
    data: HeteroData,
    network: Callable[..., HeteroEncoder],
    device: torch.device,
    persons: int,
    nodes: int,
    entries: int,
    copy: float,
) -> list[dict[str, Any]]:
    """Full steps by sparse products and edge by edge, and inference layer by layer; every person is a seed."""
    encoder = network()
    edgewise = HeteroData()
    for node_type in data.node_types:
        edgewise[node_type].num_nodes, edgewise[node_type].position = data[node_type].num_nodes, data[node_type].position
    for edge_type in data.edge_types:
        edgewise[edge_type].edge_index, edgewise[edge_type].edge_weight = data[edge_type].edge_index, data[edge_type].edge_weight
    rows, times = [], {}
    for name, graph_data in (("full batch", data), ("full batch, edge by edge (PyG)", edgewise)):
        training = Training(
            data, device, lambda seeds, _, held=graph_data: encoder(held)["person"][seeds], [*encoder.parameters()]
        )
        training.step(persons)
        begin = now(device)
        training.step(persons)
        times[name] = each = now(device) - begin
        read = 3 * entries / 2  # the last layer has one relation of two
        rows.append(
            row(name, persons / each, nodes / each, each, read * WIDTH * 4 * 2 / each / 1e9, copy, 0)
            | {"peak_MB": f"{peak(device):,.0f}"}
        )
    for r, each in zip(rows, times.values(), strict=True):
        r["× PyG"] = f"{times['full batch, edge by edge (PyG)'] / each:.2f}"
    encoder.eval()
    begin = now(device)
    with torch.inference_mode():
        encode_everything(encoder, data, ["person"])
    each = now(device) - begin
    return [
        *rows,
        row("inference layer by layer", persons / each, nodes / each, each, 3 * entries / 2 * WIDTH * 4 / each / 1e9, copy, 0),
    ]


def row(name: str, seeds: float, nodes: float, epoch: float, gathered: float, copy: float, ratio: float) -> dict[str, Any]:
    return {
        "way": name,
        "seeds/s": f"{seeds:,.0f}",
        "nodes/s": f"{nodes:,.0f}",
        "epoch_s": f"{epoch:.2f}",
        "gathered_GB/s": f"{gathered:.2f}",
        "copy_GB/s": f"{copy:.2f}",
        "× PyG": f"{ratio:.2f}" if ratio else "",
        "seeds/CPU_s": "",
        "sampling": "",
        "peak_MB": "",
    }


def neighbour_loader(data: HeteroData) -> str:
    """One line: whether PyG's own sampler runs here, and how fast it draws."""
    from torch_geometric.loader import NeighborLoader

    bare = HeteroData()
    for node_type in data.node_types:
        bare[node_type].num_nodes = data[node_type].num_nodes
    for edge_type in data.edge_types:
        bare[edge_type].edge_index = data[edge_type].edge_index
    try:
        loader = NeighborLoader(bare, list(FANOUTS), input_nodes="person", batch_size=1024, shuffle=True)
        begin, seeds = time.perf_counter(), 0
        for batch in loader:
            seeds += int(batch["person"].batch_size)
    except ImportError as error:
        return f"PyG NeighborLoader does not run here: {error}"
    return f"PyG NeighborLoader draws {seeds / (time.perf_counter() - begin):,.0f} seeds/s (no training)"

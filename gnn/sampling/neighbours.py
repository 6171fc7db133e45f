"""Neighbour sampling: seed nodes in, for each layer a small typed graph of at most so many neighbours a node out.

After Hamilton et al., GraphSAGE (NeurIPS 2017). Of a node with D neighbours over a relation and fan-out k, min(D, k) different
ones are taken, each with probability min(1, k / D): places (a + i b) mod D of its row, i = 0..k-1, with a drawn evenly and b
one of some primes larger than any degree, so that no place comes twice. Their weights are scaled to sum to one (the ratio
estimator of Hájek, 1971): the sampled mean is consistent for the weighted mean, and is it where k ≥ D.

Plain torch over the CSR arrays of `gnn.features.hetero`, on whichever device they are. On CUDA all shapes are fixed by the
number of seeds, so that no step waits for the device; on a CPU, where that is free, blocks hold no filling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gnn.models.layers import Csr, EdgeType, adjacency
from gnn.models.pyg import HeteroData
from gnn.sampling.unique import unique_nodes
from graph.errors import SettingsError

__all__ = ["Fanout", "Hop", "NeighbourSampler", "Sample"]

Fanout = int | Mapping[EdgeType, int]
_PRIMES = (2147483647, 2147483629, 2147483587, 2147483579, 2147483563, 2147483549, 2147483543, 2147483497)
_DRAWN = 2**60


@dataclass(frozen=True)
class Hop:
    """What one layer needs: of each relation a `Csr`, targets by sources, by places in lists of nodes of which the targets are
    the first `targets`."""

    edges: dict[EdgeType, Csr]
    targets: dict[str, int]


@dataclass(frozen=True)
class Sample:
    """`nodes`: type to ids (N,) of all nodes that the first layer reads. `hops`: one a layer, the first layer's first. `seeds`:
    type to the places (s,) of the seeds in what the last layer returns."""

    nodes: dict[str, Tensor]
    hops: list[Hop]
    seeds: dict[str, Tensor]


class NeighbourSampler:
    """Samples of one graph; `fanouts` are those of the hops from the seeds outwards, one a layer, for all relations or each."""

    def __init__(self, data: HeteroData, fanouts: Sequence[Fanout], *, fixed_shapes: bool | None = None) -> None:
        """`fixed_shapes`: by default on CUDA alone. Raises SettingsError for a fan-out below 1."""
        self.sizes = {t: int(data[t].num_nodes) for t in data.node_types}
        self._fanouts = [{e: f if isinstance(f, int) else f[e] for e in data.edge_types} for f in fanouts]
        if any(f < 1 for hop in self._fanouts for f in hop.values()):
            raise SettingsError(f"fan-outs {list(fanouts)!r} are not all at least 1")
        # One more row, of no neighbours, for the id that stands for no node.
        self._rows = {e: _with_empty_row(adjacency(data[e])) for e in sorted(data.edge_types)}
        device = next((csr.columns.device for csr in self._rows.values()), torch.device("cpu"))
        self.fixed_shapes = device.type == "cuda" if fixed_shapes is None else fixed_shapes
        self._primes = torch.tensor(_PRIMES, device=device)

    def __call__(self, seeds: Mapping[str, Tensor], generator: torch.Generator) -> Sample:
        """`seeds`: node type to ids (s,) int64, on the graph's device as `generator` is; an id may come twice."""
        places, nodes = {}, {}
        for node_type, ids in seeds.items():
            nodes[node_type], places[node_type] = unique_nodes(ids[:0], ids, self.sizes[node_type], fixed=self.fixed_shapes)
        hops = []
        for fanout in self._fanouts:
            hop, nodes = self._hop(nodes, fanout, generator)
            hops.append(hop)
        return Sample(nodes, hops[::-1], places)

    def _hop(
        self, targets: dict[str, Tensor], fanout: Mapping[EdgeType, int], generator: torch.Generator
    ) -> tuple[Hop, dict[str, Tensor]]:
        drawn = {e: self._draw(e, targets[e[2]], fanout[e], generator) for e in self._rows if e[2] in targets}
        nodes, edges = dict(targets), {}
        for source in sorted({e[0] for e in drawn}):
            relations = [e for e in drawn if e[0] == source]
            columns = torch.cat([drawn[e].columns for e in relations])
            first = targets.get(source, columns[:0])
            nodes[source], place = unique_nodes(first, columns, self.sizes[source], fixed=self.fixed_shapes)
            parts = torch.split(place, [len(drawn[e].columns) for e in relations])
            for edge_type, part in zip(relations, parts, strict=True):
                edges[edge_type] = drawn[edge_type]._replace(columns=part)
        return Hop(edges, {t: len(ids) for t, ids in targets.items()}), nodes

    def _draw(self, edge_type: EdgeType, rows: Tensor, fanout: int, generator: torch.Generator) -> Csr:
        """Neighbours of `rows` (n,), by their ids."""
        csr, n, device = self._rows[edge_type], len(rows), rows.device
        start = csr.pointers[rows]
        degree = csr.pointers[rows + 1] - start
        first = torch.randint(_DRAWN, (n, 1), generator=generator, device=device)
        stride = self._primes[torch.randint(len(_PRIMES), (n, 1), generator=generator, device=device)]
        turn = torch.arange(fanout, device=device)
        place = (first + turn * stride) % degree.clamp_min(1).unsqueeze(1)
        taken = turn < degree.unsqueeze(1)
        entries = (start.unsqueeze(1) + place).clamp_max(len(csr.columns) - 1)
        weights = csr.weights[entries] * taken
        weights = weights / weights.sum(1, keepdim=True).clamp_min(1e-30)
        columns = csr.columns[entries]
        if self.fixed_shapes:
            nobody = self.sizes[edge_type[0]]
            pointers = torch.arange(0, n * fanout + 1, fanout, device=device)
            return Csr(columns.masked_fill(~taken, nobody).view(-1), pointers, weights.view(-1))
        pointers = torch.zeros(n + 1, dtype=torch.int64, device=device)
        torch.cumsum(degree.clamp_max(fanout), 0, out=pointers[1:])
        kept = taken.view(-1).nonzero().squeeze(1)
        return Csr(columns.view(-1)[kept], pointers, weights.view(-1)[kept])


def _with_empty_row(csr: Csr) -> Csr:
    csr = csr._replace(pointers=torch.cat([csr.pointers, csr.pointers[-1:]]))
    if len(csr.columns):
        return csr
    return csr._replace(columns=csr.columns.new_zeros(1), weights=csr.weights.new_zeros(1))  # something to point at

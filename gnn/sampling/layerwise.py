"""Inference layer by layer: the whole graph in, hidden states of all nodes out, with no more in memory than two layers of them.

Every node's state is computed once a layer, in batches of rows, from all of its neighbours: the result is that of the full
batch, in memory that grows with nodes × width, not with edges or layers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gnn.models.layers import Csr, EdgeType, HeteroEncoder, adjacency
from gnn.models.pyg import HeteroData
from gnn.sampling.first_hop import FirstHop, first_layer

__all__ = ["encode_everything"]


def encode_everything(
    encoder: HeteroEncoder, data: HeteroData, outputs: list[str], *, rows: int = 65_536, first: FirstHop | None = None
) -> dict[str, Tensor]:
    """`outputs`: node types wanted; type to h (N, d) float32, on the device of `data`. `rows`: nodes in a batch. With `first`
    (`gnn.sampling.first_hop`) the first layer takes no product."""
    x: dict[str, Tensor] = {}
    layers = encoder.stack()
    with torch.no_grad():
        for node_type in encoder.offset if first is None else layers[0].node_types:
            features = encoder.features(data, node_type)
            for part in _batches(int(data[node_type].num_nodes), rows):
                n = part.stop - part.start
                if first is None:
                    states = encoder.begin(node_type, {f: v[part] for f, v in features.items()}, n)
                else:
                    states = first_layer(encoder, first, data, {node_type: part}, {node_type: n})[node_type]
                _put(x, node_type, part, states, data)
        for place, layer in enumerate(layers if first is None else layers[1:]):
            last = place + 1 == len(layers) - (first is not None)
            following: dict[str, Tensor] = {}
            for node_type in layer.node_types:
                if last and node_type not in outputs:
                    continue
                into = {e: adjacency(data[e]) for e in layer.edge_types if e[2] == node_type}
                for part in _batches(len(x[node_type]), rows):
                    edges: dict[EdgeType, Csr] = {e: _rows(csr, part) for e, csr in into.items()}
                    states = layer(x, edges, {node_type: x[node_type][part]})[node_type]
                    _put(following, node_type, part, states, data)
            x = following
    return {t: x[t] for t in outputs}


def _batches(nodes: int, rows: int) -> list[slice]:
    return [slice(start, min(start + rows, nodes)) for start in range(0, nodes, rows)] or [slice(0, 0)]


def _rows(csr: Csr, part: slice) -> Csr:
    pointers = csr.pointers[part.start : part.stop + 1]
    first, last = int(pointers[0]), int(pointers[-1])
    return Csr(csr.columns[first:last], pointers - first, csr.weights[first:last])


def _put(held: dict[str, Tensor], node_type: str, part: slice, states: Tensor, data: HeteroData) -> None:
    if node_type not in held:
        held[node_type] = states.new_empty(int(data[node_type].num_nodes), states.shape[1], dtype=torch.float32)
    held[node_type][part] = states

"""Heterogeneous message passing: typed node features and typed weighted edges in, new node features out.

One layer, for every node v of type τ, over the relations r that end in τ:
    m_r(v) = Σ_{u∈N_r(v)} w_uv h_u / Σ_{u∈N_r(v)} w_uv            (weighted mean; zero without neighbours)
    h'_v   = LayerNorm(h_v + Dropout(GELU(W_τ h_v + Σ_r W_r m_r(v))))
After Schlichtkrull et al., R-GCN (ESWC 2018) with the mean aggregator and root weight of Hamilton et al., GraphSAGE
(NeurIPS 2017). It needs neither pyg-lib nor torch-sparse: the mean is a sparse product over cached CSR arrays of the
relation and of its transpose, 40 times as fast on a CPU as gathering and scattering every edge.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from gnn.models.pyg import HeteroData, MessagePassing

__all__ = ["EdgeType", "HeteroEncoder", "HeteroLayer", "WeightedMean"]

EdgeType = tuple[str, str, str]


def _bag(csr: tuple[Tensor, Tensor, Tensor], x: Tensor) -> Tensor:
    """Sparse product: row i of the result is Σ_j weights_j x[columns_j] over j in pointers[i]..pointers[i+1]."""
    columns, pointers, weights = csr
    return nn.functional.embedding_bag(
        columns, x, pointers, per_sample_weights=weights.to(x.dtype), mode="sum", include_last_offset=True
    )


class _Product(torch.autograd.Function):
    """A x, with the gradient Aᵀ g from the cached transpose instead of a scatter."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, forward: tuple[Tensor, Tensor, Tensor], backward: Any) -> Tensor:
        ctx.transposed = backward
        return _bag(forward, x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _bag(ctx.transposed, gradients[0].contiguous()), None, None


class WeightedMean(MessagePassing):  # type: ignore[misc]
    """m(v) = Σ_u w_uv x_u with weights that sum to one over the sources u of each v: x (N_u, d) to (N_v, d), float."""

    def __init__(self) -> None:
        super().__init__(aggr="sum", node_dim=0)

    def forward(self, x: Tensor, edges: Any, targets: int) -> Tensor:
        """`edges` is an edge store with edge_index (2, E) int64 [source; target] and edge_weight (E,) float. Where it also
        holds CSR arrays (`gnn.features.hetero`), the sparse product is taken; the result is the same."""
        if "pointers" in edges:
            there = (edges.columns, edges.pointers, edges.shares)
            back = (edges.columns_t, edges.pointers_t, edges.shares_t)
            return cast(Tensor, _Product.apply(x, there, back))
        size = (x.shape[0], targets)
        return cast(Tensor, self.propagate(edges.edge_index, x=(x, None), weight=edges.edge_weight, size=size))

    def message(self, x_j: Tensor, weight: Tensor) -> Tensor:
        """w_uv x_u, shape (E, d)."""
        return x_j * weight.unsqueeze(-1)


class HeteroLayer(nn.Module):
    """One layer of the equation above; all node types have width d."""

    def __init__(self, node_types: list[str], edge_types: list[EdgeType], width: int, dropout: float) -> None:
        """Only `node_types` are updated; edges that end elsewhere are left out."""
        super().__init__()
        edge_types = [e for e in edge_types if e[2] in node_types]
        self.edge_types = edge_types
        self.mean = WeightedMean()
        self.own = nn.ModuleDict({t: nn.Linear(width, width) for t in node_types})
        self.along = nn.ModuleDict({"__".join(e): nn.Linear(width, width, bias=False) for e in edge_types})
        self.norm = nn.ModuleDict({t: nn.LayerNorm(width) for t in node_types})
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: dict[str, Tensor], data: HeteroData) -> dict[str, Tensor]:
        """`x`: node type to (N, d) float32. Returns the updated types in the same shapes."""
        total = {t: own(x[t]) for t, own in self.own.items()}
        for edge_type in self.edge_types:
            source, _, target = edge_type
            message = self.mean(x[source], data[edge_type], x[target].shape[0])
            total[target] = total[target] + self.along["__".join(edge_type)](message)
        activate = nn.functional.gelu
        return {t: self.norm[t](x[t] + self.dropout(activate(h))) for t, h in total.items()}


class HeteroEncoder(nn.Module):
    """Input features of any width per node type, projected to d and passed through layers.

    h⁰_v = LayerNorm(b_τ + Σ_f W_f x_f(v)) over the features f (text, position) of v's type τ. The last layer updates the
    node types of `outputs` alone.
    """

    def __init__(
        self,
        feature_widths: dict[str, dict[str, int]],
        edge_types: list[EdgeType],
        outputs: list[str],
        *,
        width: int,
        layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        node_types = sorted(feature_widths)
        self.inputs = nn.ModuleDict(
            {
                t: nn.ModuleDict({f: nn.Linear(d, width, bias=False) for f, d in sorted(feature_widths[t].items())})
                for t in node_types
            }
        )
        self.offset = nn.ParameterDict({t: nn.Parameter(torch.zeros(width)) for t in node_types})
        self.start = nn.ModuleDict({t: nn.LayerNorm(width) for t in node_types})
        updated = [node_types] * (layers - 1) + [outputs] if layers else []
        self.layers = nn.ModuleList(HeteroLayer(types, edge_types, width, dropout) for types in updated)

    def forward(self, data: HeteroData) -> dict[str, Tensor]:
        """Output node type to hidden states (N, d)."""
        x: dict[str, Tensor] = {}
        for node_type, offset in self.offset.items():
            total = offset.expand(data[node_type].num_nodes, -1)
            for feature, linear in cast(nn.ModuleDict, self.inputs[node_type]).items():
                total = total + linear(data[node_type][feature])
            x[node_type] = self.start[node_type](total)
        for layer in self.layers:
            x = layer(x, data)
        return x

"""Heterogeneous message passing: typed node features and typed weighted edges in, new node features out.

One layer, for every node v of type τ, over the relations r that end in τ:
    m_r(v) = Σ_{u∈N_r(v)} w_uv h_u / Σ_{u∈N_r(v)} w_uv            (weighted mean; zero without neighbours)
    h'_v   = LayerNorm(h_v + Dropout(GELU(W_τ h_v + Σ_r W_r m_r(v))))
After Schlichtkrull et al., R-GCN (ESWC 2018) with the mean aggregator and root weight of Hamilton et al., GraphSAGE
(NeurIPS 2017). Aggregation is PyG `MessagePassing` over plain edge indices: it needs neither pyg-lib nor torch-sparse.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from gnn.models.pyg import HeteroData, MessagePassing

__all__ = ["EdgeType", "HeteroEncoder", "HeteroLayer", "WeightedMean"]

EdgeType = tuple[str, str, str]


class WeightedMean(MessagePassing):  # type: ignore[misc]
    """m(v) = Σ w_uv x_u / Σ w_uv. `x` (N_u, d) float, `edge_index` (2, E) int64 [source; target], `weight` (E,) float,
    `normaliser` (N_v,) the sums Σ w_uv; out (N_v, d)."""

    def __init__(self) -> None:
        super().__init__(aggr="sum", node_dim=0)

    def forward(self, x: Tensor, edge_index: Tensor, weight: Tensor, normaliser: Tensor) -> Tensor:
        """Aggregate over incoming edges."""
        summed = self.propagate(edge_index, x=(x, None), weight=weight, size=(x.shape[0], normaliser.shape[0]))
        return cast(Tensor, summed / normaliser.clamp_min(1e-12).unsqueeze(-1))

    def message(self, x_j: Tensor, weight: Tensor) -> Tensor:
        """w_uv x_u, shape (E, d)."""
        return x_j * weight.unsqueeze(-1)


class HeteroLayer(nn.Module):
    """One layer of the equation above; all node types have width d."""

    def __init__(self, node_types: list[str], edge_types: list[EdgeType], width: int, dropout: float) -> None:
        super().__init__()
        self.edge_types = edge_types
        self.mean = WeightedMean()
        self.own = nn.ModuleDict({t: nn.Linear(width, width) for t in node_types})
        self.along = nn.ModuleDict({"__".join(e): nn.Linear(width, width, bias=False) for e in edge_types})
        self.norm = nn.ModuleDict({t: nn.LayerNorm(width) for t in node_types})
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: dict[str, Tensor], data: HeteroData) -> dict[str, Tensor]:
        """`x`: node type to (N, d) float32. Returns the same shapes."""
        total = {t: self.own[t](h) for t, h in x.items()}
        for edge_type in self.edge_types:
            source, _, target = edge_type
            store = data[edge_type]
            projected = self.along["__".join(edge_type)](x[source])
            total[target] = total[target] + self.mean(projected, store.edge_index, store.edge_weight, store.normaliser)
        activate = nn.functional.gelu
        return {t: self.norm[t](x[t] + self.dropout(activate(h))) for t, h in total.items()}


class HeteroEncoder(nn.Module):
    """Input features of any width per node type, projected to d and passed through layers.

    h⁰_v = LayerNorm(Σ_f W_f x_f(v)) over the node type's features f (text, position); nodes without features get a learned
    vector of their type.
    """

    def __init__(
        self, feature_widths: dict[str, dict[str, int]], edge_types: list[EdgeType], *, width: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        node_types = sorted(feature_widths)
        self.inputs = nn.ModuleDict(
            {t: nn.ModuleDict({f: nn.Linear(d, width, bias=False) for f, d in sorted(fs.items())}) for t, fs in feature_widths.items()}
        )
        self.offset = nn.ParameterDict({t: nn.Parameter(torch.zeros(width)) for t in node_types})
        self.start = nn.ModuleDict({t: nn.LayerNorm(width) for t in node_types})
        self.drop = nn.Dropout(dropout)
        self.layers = nn.ModuleList(HeteroLayer(node_types, edge_types, width, dropout) for _ in range(layers))

    def forward(self, data: HeteroData) -> dict[str, Tensor]:
        """Node type to hidden states (N, d)."""
        x: dict[str, Tensor] = {}
        for node_type, offset in self.offset.items():
            total = offset.expand(data[node_type].num_nodes, -1)
            for feature, linear in cast(nn.ModuleDict, self.inputs[node_type]).items():
                total = total + linear(self.drop(data[node_type][feature]))
            x[node_type] = self.start[node_type](total)
        for layer in self.layers:
            x = layer(x, data)
        return x

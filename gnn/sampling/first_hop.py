"""The first hop computed once: features of the graph in, their weighted means over every relation out.

After Frasca et al., SIGN (2020): a product with the graph that no learned non-linearity precedes needs no repetition. Where an
encoder has `linear_start`, h⁰ = b + Σ_f W_f x_f is linear, and of the first layer
    m_r(v) = Σ_u w_uv h⁰_u = (Σ_u w_uv) b + Σ_f W_f (Σ_u w_uv x_f(u)).
The sums on the right hold no parameter. With them the first layer of any nodes is a plain mini-batch, its result that of the
whole graph (but for rounding), and sampling has one hop less to do: the widest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gnn.models.layers import EdgeType, HeteroEncoder, WeightedMean
from gnn.models.pyg import HeteroData
from graph.errors import SettingsError

__all__ = ["FirstHop", "first_layer", "product_bytes", "propagate"]


@dataclass(frozen=True)
class FirstHop:
    """For each relation the means of its sources' features (N_v, d_f) and the sums of weights (N_v, 1), both float32."""

    features: dict[EdgeType, dict[str, Tensor]]
    mass: dict[EdgeType, Tensor]


def propagate(encoder: HeteroEncoder, data: HeteroData) -> FirstHop:
    """One sparse product for each relation and feature that the encoder reads. Raises SettingsError where the encoder's start
    is not linear or there is no layer."""
    if len(encoder.start) or not len(encoder.layers):
        raise SettingsError("a first hop is computed once only for encoders with layers and linear_start=True")
    mean, features, mass = WeightedMean(), {}, {}
    with torch.no_grad():
        for edge_type in encoder.stack()[0].edge_types:
            edges, (source, _, target) = data[edge_type], edge_type
            targets = int(data[target].num_nodes)
            features[edge_type] = {f: mean(x, edges, targets) for f, x in encoder.features(data, source).items()}
            ones = torch.ones(int(data[source].num_nodes), 1, device=encoder.offset[source].device)
            mass[edge_type] = mean(ones, edges, targets)
    return FirstHop(features, mass)


def product_bytes(data: HeteroData, widths: Mapping[str, Mapping[str, int]]) -> int:
    """Bytes of the `FirstHop` of a graph whose node types have features of these widths."""
    return sum(4 * int(data[t].num_nodes) * (1 + sum(widths[s].values())) for s, _, t in data.edge_types)


def first_layer(
    encoder: HeteroEncoder, hop: FirstHop, data: HeteroData, nodes: Mapping[str, Tensor | slice], sizes: Mapping[str, int]
) -> dict[str, Tensor]:
    """h¹ (n, d) of `nodes`: node type to rows, of which there are `sizes`."""
    own = {t: encoder.begin(t, {f: x[rows] for f, x in encoder.features(data, t).items()}, sizes[t]) for t, rows in nodes.items()}

    def message(edge_type: EdgeType) -> Tensor:
        source, _, target = edge_type
        means = {f: x[nodes[target]] for f, x in hop.features[edge_type].items()}
        return encoder.begin(source, means, sizes[target], hop.mass[edge_type][nodes[target]])

    return encoder.stack()[0].combine(own, message)

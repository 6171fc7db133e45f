"""An encoder over a sample: what `NeighbourSampler` drew in, hidden states of the seeds out."""

from __future__ import annotations

from torch import Tensor

from gnn.models.layers import HeteroEncoder
from gnn.models.pyg import HeteroData
from gnn.sampling.first_hop import FirstHop, first_layer
from gnn.sampling.neighbours import Sample
from graph.errors import SettingsError

__all__ = ["encode_sampled"]


def encode_sampled(encoder: HeteroEncoder, data: HeteroData, sample: Sample, first: FirstHop | None = None) -> dict[str, Tensor]:
    """Node type to h (s, d), in the order of the seeds. Where every fan-out reaches the largest degree this is `encoder(data)`
    at the seeds. With `first` the sample needs one hop less than there are layers. Raises SettingsError for other numbers."""
    layers = encoder.stack()
    # The id that stands for no node reads the last node's features: no real node has it for a neighbour.
    nodes = {t: ids.clamp_max(int(data[t].num_nodes) - 1) for t, ids in sample.nodes.items()}
    sizes = {t: len(ids) for t, ids in nodes.items()}
    if len(sample.hops) != len(layers) - (first is not None):
        raise SettingsError(f"{len(sample.hops)} sampled hops do not fit an encoder of {len(layers)} layers")
    if first is None:
        x = {
            t: encoder.begin(t, {f: v.index_select(0, ids) for f, v in encoder.features(data, t).items()}, sizes[t])
            for t, ids in nodes.items()
        }
    else:
        x = first_layer(encoder, first, data, nodes, sizes)
        layers = layers[1:]
    for layer, hop in zip(layers, sample.hops, strict=True):
        x = layer(x, hop.edges, {t: x[t][:n] for t, n in hop.targets.items()})
    return {t: x[t].index_select(0, places) for t, places in sample.seeds.items()}

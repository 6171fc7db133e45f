"""Message passing over graphs of any size: neighbour sampling, a first hop computed once, inference layer by layer."""

from gnn.sampling.first_hop import FirstHop, first_layer, product_bytes, propagate
from gnn.sampling.layerwise import encode_everything
from gnn.sampling.neighbours import Hop, NeighbourSampler, Sample
from gnn.sampling.run import encode_sampled
from gnn.sampling.ways import Way, choose_way, training_memory

__all__ = [
    "FirstHop",
    "Hop",
    "NeighbourSampler",
    "Sample",
    "Way",
    "choose_way",
    "encode_everything",
    "encode_sampled",
    "first_layer",
    "product_bytes",
    "propagate",
    "training_memory",
]

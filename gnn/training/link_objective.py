"""The link objective as one module, so that one process or several may train it: engagements in, their loss out.

Over a batch B of engagements (p, c), with q_c the content's share of engagements (Yi et al., "Sampling-Bias-Corrected Neural
Modeling", RecSys 2019):
    L = −1/|B| Σ_(p,c) log( exp(s_pc − log q_c) / Σ_{c'∈B} exp(s_pc' − log q_c') ),  s_pc = cos(h_p, h_c) / τ
Where several processes have a part of B each, every person is scored against the contents of all parts.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gnn.models.device import mixed_precision
from gnn.models.layers import HeteroEncoder
from gnn.models.pyg import HeteroData
from gnn.sampling import FirstHop, Sample, encode_sampled
from gnn.training.distributed import gathered, place

__all__ = ["LinkObjective"]

_TEMPERATURE = 0.1


class LinkObjective(nn.Module):
    """L of `forward(persons, contents)`: over the whole graph, or over a sample whose seeds are these."""

    def __init__(self, encoder: HeteroEncoder, data: HeteroData, first: FirstHop | None = None) -> None:
        """`data` has ("person", "engaged", "content") edges; `first` goes with samples of one hop less."""
        super().__init__()
        self.encoder = encoder
        self._data = data
        self._first = first
        engaged = data["person", "engaged", "content"].edge_index[1]
        share = torch.bincount(engaged, minlength=int(data["content"].num_nodes)).float().clamp_min(1)
        self._log_share = torch.log(share / share.sum())

    def forward(self, persons: Tensor, contents: Tensor, sample: Sample | None = None) -> Tensor:
        """Scalar. `persons`, `contents` (b,) int64: the ends of b engagements, on the graph's device."""
        with mixed_precision(persons.device):
            if sample is None:
                hidden = self.encoder(self._data)
                left, right = hidden["person"][persons], hidden["content"][contents]
            else:
                hidden = encode_sampled(self.encoder, self._data, sample, self._first)
                left, right = hidden["person"], hidden["content"]
            left = nn.functional.normalize(left, dim=1)
            right = gathered(nn.functional.normalize(right, dim=1))
            engaged = gathered(contents)
            scores = left @ right.T / _TEMPERATURE - self._log_share[engaged]
        own = torch.arange(len(persons), device=persons.device) + place().rank * len(persons)
        same = contents.unsqueeze(1) == engaged.unsqueeze(0)  # the same content twice in a batch is no negative
        same.scatter_(1, own.unsqueeze(1), value=False)
        return nn.functional.cross_entropy(scores.float().masked_fill(same, -1e9), own)

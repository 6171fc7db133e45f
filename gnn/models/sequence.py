"""An encoder over a person's events in the order of time: padded rows in, one vector per person out.

h⁰_e = W x_e + p_e with learned places p; a causal transformer (Vaswani et al. 2017; Kang & McAuley, SASRec, ICDM 2018), in which
event e sees no later event; then attention pooling over the events, f = Σ_e softmax_e(qᵀ tanh(V h_e)) h_e. Without events f is 0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["SequenceEncoder"]

LONGEST = 64


class SequenceEncoder(nn.Module):
    """Rows of `gnn.features.sequences` (b, L, x), L ≤ 64, whose last column is 1 for an event; (b, d) out."""

    def __init__(self, inputs: int, width: int, *, layers: int = 1, heads: int = 4, dropout: float = 0.2) -> None:
        super().__init__()
        self.project = nn.Linear(inputs, width)
        self.places = nn.Parameter(torch.randn(LONGEST, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.attend = nn.Linear(width, width)
        self.query = nn.Parameter(torch.zeros(width))

    def states(self, events: Tensor) -> Tensor:
        """(b, L, d): each event's state, of itself and what came before."""
        length = events.shape[1]
        future = torch.ones(length, length, dtype=torch.bool, device=events.device).triu(1)
        states: Tensor = self.encoder(self.project(events) + self.places[:length], mask=future)
        return states

    def forward(self, events: Tensor) -> Tensor:
        """(b, d)."""
        there = events[..., -1] > 0
        states = self.states(events)
        score = (torch.tanh(self.attend(states)) @ self.query).masked_fill(~there, -1e4)
        weight = torch.softmax(score, dim=1) * there
        return (weight.unsqueeze(-1) * states).sum(1)

"""The tagger: hidden states, positions and label channels of persons in, one logit per tag out.

Towers: message passing z_m = W_m h_p (h from `HeteroEncoder`), position z_s = GELU(W_s s_p), propagation z_l = GELU(W_l C_p a)
with C_p (k, C) the label channels and a a learned mix. Fusion by channel attention (Wang et al., HAN, WWW 2019, over channels):
    α = softmax_c(qᵀ tanh(W z_c)),  f_p = Σ_c α_c z_c
Logit of person p and tag t, with v_t, b_t, u_t learned per tag and g a small network shared by all pairs:
    z_pt = v_tᵀ f_p + b_t + (w + u_t)ᵀ C_pt + g(C_pt, log prior_t, log activity_p, log friends_p)
Loss: binary cross-entropy over all tags of labelled persons.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gnn.models.layers import EdgeType, HeteroEncoder
from gnn.models.pyg import HeteroData

__all__ = ["Tagger", "TaggerShape"]


@dataclass(frozen=True)
class TaggerShape:
    """Sizes that, with a state_dict, make a tagger again. `positions` is the width of the person's position."""

    tags: int
    channels: int
    feature_widths: dict[str, dict[str, int]]
    edge_types: list[EdgeType]
    width: int = 64
    layers: int = 2
    dropout: float = 0.5
    message_passing: bool = True

    @property
    def positions(self) -> int:
        """Width of a person's position, 0 when there is none."""
        return self.feature_widths["person"].get("position", 0)


class Tagger(nn.Module):
    """z = forward(hidden, rows, position, channels, scalars); see the module docstring."""

    def __init__(self, shape: TaggerShape, prior: Tensor) -> None:
        super().__init__()
        self.shape = shape
        d, c, k = shape.width, shape.channels, shape.tags
        towers = (["messages"] if shape.message_passing else []) + (["position"] if shape.positions else []) + ["propagation"]
        self.towers = towers
        if shape.message_passing:
            self.encoder = HeteroEncoder(
                shape.feature_widths, shape.edge_types, ["person"], width=d, layers=shape.layers, dropout=min(shape.dropout, 0.2)
            )
            self.messages = nn.Linear(d, d)
        if shape.positions:
            self.place = nn.Sequential(nn.Dropout(0.2), nn.Linear(shape.positions, d), nn.GELU())
        self.mix = nn.Parameter(torch.full((c,), 1.0 / max(c, 1)))
        self.propagation = nn.Sequential(nn.Dropout(0.2), nn.Linear(k, d), nn.GELU())
        self.attend = nn.Linear(d, d)
        self.query = nn.Parameter(torch.zeros(d))
        self.drop = nn.Dropout(shape.dropout)
        self.head = nn.Linear(d, k)
        self.shared = nn.Parameter(torch.zeros(c))
        self.per_tag = nn.Parameter(torch.zeros(k, c))
        last = nn.Linear(32, 1)
        self.pairwise = nn.Sequential(nn.Linear(c + 3, 32), nn.GELU(), last)
        self.log_prior: Tensor
        log_prior = torch.log(prior + 1e-4)
        spread = log_prior.std() if k > 1 else torch.tensor(1.0)
        self.register_buffer("log_prior", (log_prior - log_prior.mean()) / spread.clamp_min(1e-3))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.head.bias = nn.Parameter(torch.logit(prior.clamp(1e-4, 1 - 1e-4)))

    def encode(self, data: HeteroData) -> Tensor:
        """Hidden states of all persons, (n, d); (n, 0) without message passing."""
        if not self.shape.message_passing:
            return torch.zeros(data["person"].num_nodes, 0, device=self.shared.device)
        hidden: Tensor = self.encoder(data)["person"]
        return hidden

    def fuse(self, hidden: Tensor, position: Tensor, channels: Tensor) -> tuple[Tensor, Tensor]:
        """f (b, d) and the attention over towers (b, towers)."""
        parts = []
        for tower in self.towers:
            if tower == "messages":
                parts.append(nn.functional.gelu(self.messages(hidden)))
            elif tower == "position":
                parts.append(self.place(position))
            else:
                parts.append(self.propagation(channels @ self.mix))
        stacked = torch.stack(parts, dim=1)
        attention = torch.softmax(torch.tanh(self.attend(stacked)) @ self.query, dim=1)
        return (attention.unsqueeze(-1) * stacked).sum(1) * len(parts), attention

    def forward(self, hidden: Tensor, position: Tensor, channels: Tensor, scalars: Tensor) -> Tensor:
        """Logits (b, k). `hidden` (b, d), `position` (b, s), `channels` (b, k, C), `scalars` (b, 2), all float32."""
        fused, _ = self.fuse(hidden, position, channels)
        b, k, _ = channels.shape
        pair = torch.cat([channels, self.log_prior.view(1, k, 1).expand(b, k, 1), scalars.unsqueeze(1).expand(b, k, 2)], dim=-1)
        evidence = channels @ self.shared + (channels * self.per_tag).sum(-1) + self.pairwise(pair).squeeze(-1)
        logits: Tensor = self.head(self.drop(fused)) + evidence
        return logits

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean binary cross-entropy; `labels` (b, k) in 0..1."""
        return nn.functional.binary_cross_entropy_with_logits(logits.float(), labels)

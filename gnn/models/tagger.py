"""The taggers: label channels, scalars, and towers over what a person is in, one logit per tag out. Two kinds of one class.

Evidence alone, for person p and tag t, with C_pt (C,) the label channels, s_p (S,) scalars of the person, and w, u_t, b_t, g
learned (u_t per tag, everything else shared by all tags):
    e_pt = b_t + (w + u_t)ᵀ C_pt + g(C_pt, log prior_t, s_p),   g two hidden layers with GELU
With towers: message passing z_m = GELU(W_m h_p) (h from `HeteroEncoder`), features z_s = GELU(W_s x_p) (a person's position, and
where wanted texts and position in the network), propagation z_l = GELU(W_l C_p a) with C_p (k, C) the channels of all tags and a
a learned mix: what one tag says about another, and where wanted the latest events in order (`SequenceEncoder`). Fusion by channel
attention (Wang et al., HAN, WWW 2019, over channels), v_t learned per tag:
    α = softmax_c(qᵀ tanh(W z_c)),  f_p = Σ_c α_c z_c,  z_pt = e_pt + v_tᵀ f_p
The first is well calibrated and cannot overfit much; the second sees more and overfits sooner; their mean is better than either.
Loss: binary cross-entropy over all tags of labelled persons.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gnn.models.device import mixed_precision
from gnn.models.layers import EdgeType, HeteroEncoder
from gnn.models.members import Rows
from gnn.models.pyg import HeteroData
from gnn.models.sequence import SequenceEncoder

__all__ = ["TOWERS", "Tagger", "TaggerShape"]

Floats = npt.NDArray[np.float32]
_HIDDEN = 32
TOWERS = ("messages", "position", "propagation", "network", "texts", "sequence")


@dataclass(frozen=True)
class TaggerShape:
    """Sizes that, with a state_dict, make a tagger again. `towers` are some of `TOWERS`; none for evidence alone. `scalars` is S,
    `reads` the widths of the features that towers read."""

    tags: int
    channels: int
    scalars: int
    feature_widths: dict[str, dict[str, int]]
    edge_types: list[EdgeType]
    width: int = 64
    layers: int = 2
    dropout: float = 0.7
    towers: tuple[str, ...] = ()
    reads: dict[str, int] = field(default_factory=dict)


class Tagger(nn.Module):
    """z = forward(rows); see the module docstring. A `gnn.models.members.Member`."""

    def __init__(self, shape: TaggerShape, prior: Tensor) -> None:
        super().__init__()
        self.shape = shape
        d, c, k = shape.width, shape.channels, shape.tags
        self.offset = nn.Parameter(torch.logit(prior.clamp(1e-4, 1 - 1e-4)))
        self.shared = nn.Parameter(torch.zeros(c))
        self.per_tag = nn.Parameter(torch.zeros(k, c))
        last = nn.Linear(_HIDDEN, 1)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.pairwise = nn.Sequential(
            nn.Linear(c + 1 + shape.scalars, _HIDDEN), nn.GELU(), nn.Linear(_HIDDEN, _HIDDEN), nn.GELU(), last
        )
        self.log_prior: Tensor
        log_prior = torch.log(prior + 1e-4)
        spread = log_prior.std() if k > 1 else torch.tensor(1.0)
        self.register_buffer("log_prior", (log_prior - log_prior.mean()) / spread.clamp_min(1e-3))
        if not shape.towers:
            return
        if "messages" in shape.towers:
            self.encoder = HeteroEncoder(
                shape.feature_widths, shape.edge_types, ["person"], width=d, layers=shape.layers, dropout=min(shape.dropout, 0.2)
            )
            self.messages = nn.Linear(d, d)
        self.reads = nn.ModuleDict(
            {
                tower: nn.Sequential(nn.Dropout(0.2), nn.Linear(shape.reads[tower], d), nn.GELU())
                for tower in shape.towers
                if tower in ("position", "network", "texts")
            }
        )
        if "propagation" in shape.towers:
            self.mix = nn.Parameter(torch.full((c,), 1.0 / max(c, 1)))
            self.propagation = nn.Sequential(nn.Dropout(0.2), nn.Linear(k, d), nn.GELU())
        if "sequence" in shape.towers:
            self.sequence = SequenceEncoder(shape.reads["sequence"], d)
        self.attend = nn.Linear(d, d)
        self.query = nn.Parameter(torch.zeros(d))
        self.drop = nn.Dropout(shape.dropout)
        self.head = nn.Linear(d, k, bias=False)
        nn.init.zeros_(self.head.weight)

    @property
    def kind(self) -> str:
        """`evidence` or `towers`."""
        return "towers" if self.shape.towers else "evidence"

    def encode(self, data: HeteroData) -> Tensor:
        """Hidden states of all persons, (n, d); (n, 0) without message passing."""
        if "messages" not in self.shape.towers:
            return torch.zeros(data["person"].num_nodes, 0, device=self.shared.device)
        hidden: Tensor = self.encoder(data)["person"]
        return hidden

    def fuse(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """f (b, d) and the attention over towers (b, towers)."""
        parts = []
        for tower in self.shape.towers:
            if tower == "messages":
                parts.append(nn.functional.gelu(self.messages(rows.hidden)))
            elif tower == "propagation":
                parts.append(self.propagation(rows.channels @ self.mix))
            elif tower == "sequence":
                parts.append(nn.functional.gelu(self.sequence(rows.features[tower])))
            else:
                parts.append(self.reads[tower](rows.features[tower]))
        stacked = torch.stack(parts, dim=1)
        attention = torch.softmax(torch.tanh(self.attend(stacked)) @ self.query, dim=1)
        return (attention.unsqueeze(-1) * stacked).sum(1) * len(parts), attention

    def evidence(self, channels: Tensor, scalars: Tensor) -> Tensor:
        """e (b, k)."""
        b, k, _ = channels.shape
        pair = [channels, self.log_prior.view(1, k, 1).expand(b, k, 1), scalars.unsqueeze(1).expand(b, k, -1)]
        shared = channels @ self.shared + self.pairwise(torch.cat(pair, dim=-1)).squeeze(-1)
        total: Tensor = self.offset + shared + (channels * self.per_tag).sum(-1)
        return total

    def forward(self, rows: Rows) -> Tensor:
        """Logits (b, k)."""
        logits = self.evidence(rows.channels, rows.scalars)
        if self.shape.towers:
            fused, _ = self.fuse(rows)
            logits = logits + self.head(self.drop(fused))
        return logits

    def predict(self, rows: Rows) -> Floats:
        """Logits (b, k), float32, without gradient or dropout."""
        self.eval()
        with torch.inference_mode(), mixed_precision(self.shared.device):
            return np.asarray(self(rows).float().cpu().numpy(), np.float32)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean binary cross-entropy; `labels` (b, k) in 0..1."""
        return nn.functional.binary_cross_entropy_with_logits(logits.float(), labels)

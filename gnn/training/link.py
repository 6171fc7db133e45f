"""Person embeddings by a link objective: the interest graph in, one vector per person out; neither labels nor text needed.

A `HeteroEncoder` gives h for persons and contents; over a batch B of engagements (p, c), with q_c the content's share of
engagements (Yi et al., "Sampling-Bias-Corrected Neural Modeling", RecSys 2019):
    L = −1/|B| Σ_(p,c) log( exp(s_pc − log q_c) / Σ_{c'∈B} exp(s_pc' − log q_c') ),  s_pc = cos(h_p, h_c) / τ
Embedding: the unit SVD position and the unit h_p, side by side and of unit length.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from gnn.features.hetero import edge_types, feature_widths
from gnn.features.population import Population
from gnn.models.device import mixed_precision, seeded
from gnn.models.layers import HeteroEncoder
from gnn.models.optimiser import make_optimiser
from gnn.models.pyg import HeteroData
from gnn.training.options import TrainingOptions
from graph.progress import Progress

__all__ = ["embed_persons"]

Floats = npt.NDArray[np.float32]
_TEMPERATURE = 0.1
_STEPS = 80
_EDGES = 2048


def embed_persons(
    data: Population, graph_data: HeteroData, options: TrainingOptions, device: torch.device, progress: Progress
) -> Floats:
    """(n, d) float32, unit rows; zero rows for persons without any link. d is at most position + model width."""
    person = graph_data["person"]
    position = person.position.cpu().numpy() if "position" in person else np.zeros((data.persons, 0), np.float32)
    parts = [_unit(position)] if position.shape[1] else []
    if ("person", "engaged", "content") in graph_data.edge_types:
        parts.append(_unit(_hidden(graph_data, options, device, progress)))
    linked = np.asarray(data.engagement.getnnz(axis=1) + data.relations.getnnz(axis=1)) > 0
    if not parts:
        return np.zeros((data.persons, 0), np.float32)
    return (_unit(np.hstack(parts)) * linked[:, None]).astype(np.float32)


def _hidden(graph_data: HeteroData, options: TrainingOptions, device: torch.device, progress: Progress) -> Floats:
    edges = graph_data["person", "engaged", "content"].edge_index
    contents = int(graph_data["content"].num_nodes)
    with seeded(options.seed, device):
        encoder = HeteroEncoder(
            feature_widths(graph_data),
            edge_types(graph_data),
            ["content", "person"],
            width=options.width,
            layers=max(1, options.layers),
            dropout=0.1,
        ).to(device)
        optimiser = make_optimiser(
            options.optimiser, encoder.parameters(), learning_rate=options.learning_rate, weight_decay=options.weight_decay
        )
        share = torch.bincount(edges[1], minlength=contents).float().clamp_min(1)
        log_share = torch.log(share / share.sum())
        generator = torch.Generator().manual_seed(options.seed)
        encoder.train()
        for step in range(_STEPS):
            progress("person embeddings", step, _STEPS)
            drawn = torch.randint(edges.shape[1], (min(_EDGES, edges.shape[1]),), generator=generator).to(device)
            persons, engaged = edges[0, drawn], edges[1, drawn]
            with mixed_precision(device):
                hidden = encoder(graph_data)
                left = nn.functional.normalize(hidden["person"][persons], dim=1)
                right = nn.functional.normalize(hidden["content"][engaged], dim=1)
                scores = left @ right.T / _TEMPERATURE - log_share[engaged]
            same = engaged.unsqueeze(0) == engaged.unsqueeze(1)  # the same content twice in a batch is no negative
            same.fill_diagonal_(False)
            loss = nn.functional.cross_entropy(scores.float().masked_fill(same, -1e9), torch.arange(len(drawn), device=device))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        progress("person embeddings", _STEPS, _STEPS)
        encoder.eval()
        with torch.inference_mode(), mixed_precision(device):
            vectors: Floats = encoder(graph_data)["person"].float().cpu().numpy()
    return vectors


def _unit(matrix: Floats) -> Floats:
    length = np.linalg.norm(matrix, axis=1, keepdims=True)
    unit: Floats = np.divide(matrix, length, out=np.zeros_like(matrix), where=length > 1e-12)
    return unit

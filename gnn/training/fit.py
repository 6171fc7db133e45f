"""Fit taggers: a population, its interest graph and the persons whose labels may be used in; calibrated probabilities out.

The sources are dealt into folds. For each fold two taggers, one of evidence alone and one with towers (`gnn.models.tagger`),
learn from the other folds' persons. Each is stopped early on every second person of its own fold; the mean of their logits for
the others, whom nothing has seen, fits the calibration. A source's own probability comes from the taggers of its fold;
everybody else gets the mean of all taggers. Label channels hide each source's own fold (`gnn.features.channels`).
Persons of whom nothing is known but that they exist, without engagement and relations, have each tag's base rate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gnn.features.channels import ChannelOptions, LabelChannels, Surroundings, deal_folds
from gnn.features.hetero import edge_types, feature_widths
from gnn.features.population import Population
from gnn.models.device import seeded
from gnn.models.pyg import HeteroData
from gnn.models.tagger import Tagger, TaggerShape
from gnn.training.calibration import Calibration, fit_calibration
from gnn.training.inputs import Inputs
from gnn.training.network import logits_of, train_network
from gnn.training.options import TrainingOptions
from graph.progress import Progress

__all__ = ["Fitted", "fit_tagger"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
_TOWERS = ("messages", "position", "propagation")


@dataclass(frozen=True)
class Fitted:
    """Probabilities of all persons (n, k), the members' states with their shapes, and what makes them usable again. `shape` is
    the richest; `towers` names each member's."""

    probabilities: Floats
    calibration: Calibration
    shape: TaggerShape
    states: list[dict[str, Tensor]]
    channel_names: tuple[str, ...]
    epochs: list[int]
    towers: list[tuple[str, ...]]


def fit_tagger(
    data: Population,
    graph_data: HeteroData,
    around: Surroundings,
    sources: Indices,
    options: TrainingOptions,
    device: torch.device,
    progress: Progress,
    what: str,
) -> Fitted:
    """`graph_data` and the results of `around` hold no labels. Deterministic on the CPU for one seed."""
    folds = max(2, min(options.folds, len(sources) // 5))
    fold = deal_folds(sources, data.persons, folds, seed=options.seed)
    channels = LabelChannels(data, around, fold, ChannelOptions(without=options.without_channels), seed=options.seed)
    inputs = Inputs(data, channels, device, options.cache_bytes)
    shape = TaggerShape(
        tags=len(data.tags),
        channels=len(channels.names),
        scalars=inputs.scalars.shape[1],
        feature_widths=feature_widths(graph_data),
        edge_types=edge_types(graph_data),
        width=options.width,
        layers=options.layers,
        dropout=options.dropout,
    )
    kinds = [replace(shape, towers=t) for t in dict.fromkeys([(), _towers(shape, options)])]
    labels = torch.from_numpy(data.labels).to(device)
    mean = np.zeros((data.persons, len(data.tags)), np.float32)
    held_out = np.zeros_like(mean)
    states, epochs, towers, fresh = [], [], [], []
    for member in range(folds):
        own = np.flatnonzero(fold == member)
        teachers, judges = np.flatnonzero((fold >= 0) & (fold != member)), own[::2]
        fresh.append(own[1::2])
        for place, kind in enumerate(kinds):
            progress(what, member * len(kinds) + place, folds * len(kinds))
            with seeded(options.seed * 1000 + 2 * member + place, device):
                model = Tagger(kind, torch.from_numpy(channels.prior)).to(device)
                generator = np.random.default_rng([options.seed, member, place])
                epochs.append(train_network(model, graph_data, inputs, labels, teachers, judges, options, device, generator))
                logits = logits_of(model, graph_data, inputs, np.arange(data.persons), device)
            held_out[own] += logits[own] / len(kinds)
            mean += logits / (folds * len(kinds))
            states.append({name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()})
            towers.append(kind.towers)
    progress(what, folds * len(kinds), folds * len(kinds))
    unseen = np.concatenate(fresh)
    calibration = fit_calibration(held_out[unseen], data.labels[unseen])
    mean[sources] = held_out[sources]
    probabilities = calibration.apply(mean)
    probabilities[(around.activity == 0) & (around.friends == 0)] = channels.prior
    return Fitted(probabilities, calibration, kinds[-1], states, channels.names, epochs, towers)


def _towers(shape: TaggerShape, options: TrainingOptions) -> tuple[str, ...]:
    there = {
        "messages": options.message_passing and bool(shape.edge_types),
        "position": shape.positions > 0,
        "propagation": shape.channels > 0,
    }
    return tuple(t for t in _TOWERS if there[t] and t not in options.without_channels)

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
from gnn.models.device import mixed_precision, seeded
from gnn.models.optimiser import make_optimiser
from gnn.models.pyg import HeteroData
from gnn.models.tagger import Tagger, TaggerShape
from gnn.training.calibration import Calibration, fit_calibration
from gnn.training.options import TrainingOptions
from graph.progress import Progress

__all__ = ["Fitted", "fit_tagger"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
_STEPS_PER_EPOCH = 48
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


class _Inputs:
    """What the tagger reads of persons, on the device: cached whole when it fits, else computed per batch."""

    def __init__(self, data: Population, channels: LabelChannels, device: torch.device, limit: int) -> None:
        self._channels = channels
        self._device = device
        everybody = np.arange(data.persons)
        scalars = channels.scalars(everybody)
        deviation = np.maximum(scalars.std(axis=0), 1e-3)
        scaled = np.clip((scalars - scalars.mean(axis=0)) / deviation, -4, 4)
        self.scalars = torch.from_numpy(scaled.astype(np.float32)).to(device)
        size = data.persons * len(data.tags) * len(channels.names) * 4
        self._held = torch.from_numpy(channels.rows(everybody)).to(device) if size <= limit else None

    def channels(self, persons: Indices) -> Tensor:
        """(b, k, C) on the device."""
        if self._held is not None:
            return self._held[torch.from_numpy(persons).to(self._device)]
        return torch.from_numpy(self._channels.rows(persons)).to(self._device)


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
    inputs = _Inputs(data, channels, device, options.cache_bytes)
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
                epochs.append(_train(model, graph_data, inputs, labels, teachers, judges, options, device, generator))
                logits = _logits(model, graph_data, inputs, np.arange(data.persons), device)
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


def _train(
    model: Tagger,
    graph_data: HeteroData,
    inputs: _Inputs,
    labels: Tensor,
    teachers: Indices,
    judges: Indices,
    options: TrainingOptions,
    device: torch.device,
    generator: np.random.Generator,
) -> int:
    """Train with early stopping on the judges' loss; the best epoch's weights stay. Returns that epoch, from 1."""
    # Per-tag weights see few examples each: they decay harder than what all tags share; so does all that towers learn.
    alone = not model.shape.towers
    decay = options.weight_decay if alone else 10 * options.weight_decay
    few = [p for n, p in model.named_parameters() if n == "per_tag"]
    rest = [p for n, p in model.named_parameters() if n != "per_tag"]
    groups = [{"params": rest}, {"params": few, "weight_decay": 40 * options.weight_decay}]
    optimiser = make_optimiser(options.optimiser, groups, learning_rate=options.learning_rate, weight_decay=decay)
    size = max(options.batch_persons // 2 if alone else options.batch_persons, -(-len(teachers) // _STEPS_PER_EPOCH))
    best: tuple[float, int, dict[str, Tensor]] | None = None
    for epoch in range(1, options.epochs + 1):
        model.train()
        order = generator.permutation(teachers)
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            rows = torch.from_numpy(batch).to(device)
            with mixed_precision(device):
                hidden = model.encode(graph_data)[rows]
                logits = model(hidden, _position(graph_data, rows), inputs.channels(batch), inputs.scalars[rows])
                loss = model.loss(logits, labels[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
        logits = torch.from_numpy(_logits(model, graph_data, inputs, judges, device)).to(device)
        judged = float(model.loss(logits, labels[torch.from_numpy(judges).to(device)]))
        if best is None or judged < best[0]:
            best = (judged, epoch, {n: t.detach().clone() for n, t in model.state_dict().items()})
        elif epoch - best[1] >= options.patience:
            break
    assert best is not None  # noqa: S101  (at least one epoch ran)
    model.load_state_dict(best[2])
    return best[1]


def _logits(model: Tagger, graph_data: HeteroData, inputs: _Inputs, persons: Indices, device: torch.device) -> Floats:
    """Logits (b, k) of these persons, in batches."""
    model.eval()
    out = np.zeros((len(persons), model.shape.tags), np.float32)
    with torch.inference_mode(), mixed_precision(device):
        hidden = model.encode(graph_data)
        for start in range(0, len(persons), 1024):
            batch = persons[start : start + 1024]
            rows = torch.from_numpy(batch).to(device)
            logits = model(hidden[rows], _position(graph_data, rows), inputs.channels(batch), inputs.scalars[rows])
            out[start : start + 1024] = logits.float().cpu().numpy()
    return out


def _position(graph_data: HeteroData, rows: Tensor) -> Tensor:
    store = graph_data["person"]
    if "position" not in store:
        return torch.zeros(len(rows), 0, device=rows.device)
    position: Tensor = store.position[rows]
    return position

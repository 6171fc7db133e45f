"""Fit taggers: a population, its interest graph and the persons whose labels may be used in; calibrated probabilities out.

The sources are dealt into folds. Member f of the ensemble learns from the other folds' persons and is stopped early on fold f,
whose logits it then gives as held-out ones: they fit the calibration, and they are what is said about the sources themselves.
Everybody else gets the mean logit of all members. Label channels hide each source's own fold (`gnn.features.channels`).
"""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Fitted:
    """Probabilities of all persons (n, k), the members' states, and what makes them usable again."""

    probabilities: Floats
    calibration: Calibration
    shape: TaggerShape
    states: list[dict[str, Tensor]]
    channel_names: tuple[str, ...]
    epochs: list[int]


class _Inputs:
    """What the tagger reads of persons, on the device: cached whole when it fits, else computed per batch."""

    def __init__(self, data: Population, around: Surroundings, channels: LabelChannels, device: torch.device, limit: int) -> None:
        self._channels = channels
        self._device = device
        scalars = np.stack([around.activity, around.friends], axis=1)
        deviation = np.maximum(scalars.std(axis=0), 1e-3)
        self.scalars = torch.from_numpy(((scalars - scalars.mean(axis=0)) / deviation).astype(np.float32)).to(device)
        size = data.persons * len(data.tags) * len(channels.names) * 4
        everybody = np.arange(data.persons)
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
    channel_options = ChannelOptions(position_dimensions=options.position_dimensions, without=options.without_channels)
    channels = LabelChannels(data, around, fold, channel_options, seed=options.seed)
    inputs = _Inputs(data, around, channels, device, options.cache_bytes)
    shape = TaggerShape(
        tags=len(data.tags),
        channels=len(channels.names),
        feature_widths=feature_widths(graph_data),
        edge_types=edge_types(graph_data),
        width=options.width,
        layers=options.layers,
        dropout=options.dropout,
        message_passing=options.message_passing and bool(graph_data.edge_types),
    )
    labels = torch.from_numpy(data.labels).to(device)
    held_out = np.zeros((data.persons, len(data.tags)), np.float32)
    mean = np.zeros_like(held_out)
    states, epochs = [], []
    for member in range(folds):
        progress(what, member, folds)
        with seeded(options.seed * 1000 + member, device):
            model = Tagger(shape, torch.from_numpy(channels.prior)).to(device)
            teachers, judges = np.flatnonzero((fold >= 0) & (fold != member)), np.flatnonzero(fold == member)
            epochs.append(_train(model, graph_data, inputs, labels, teachers, judges, options, device, member))
            logits = _logits(model, graph_data, inputs, np.arange(data.persons), device)
        held_out[judges] = logits[judges]
        mean += logits / folds
        states.append({name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()})
    progress(what, folds, folds)
    calibration = fit_calibration(held_out[sources], data.labels[sources])
    mean[sources] = held_out[sources]
    return Fitted(calibration.apply(mean), calibration, shape, states, channels.names, epochs)


def _train(
    model: Tagger,
    graph_data: HeteroData,
    inputs: _Inputs,
    labels: Tensor,
    teachers: Indices,
    judges: Indices,
    options: TrainingOptions,
    device: torch.device,
    member: int,
) -> int:
    """Train with early stopping on the judges' loss; the best epoch's weights stay. Returns that epoch, from 1."""
    # Per-tag weights see few examples each: they decay harder than what all tags share.
    few = [p for n, p in model.named_parameters() if n == "per_tag"]
    rest = [p for n, p in model.named_parameters() if n != "per_tag"]
    groups = [{"params": rest}, {"params": few, "weight_decay": 10 * options.weight_decay}]
    optimiser = make_optimiser(options.optimiser, groups, learning_rate=options.learning_rate, weight_decay=options.weight_decay)
    generator = np.random.default_rng(options.seed * 1000 + member)
    size = max(options.batch_persons, -(-len(teachers) // _STEPS_PER_EPOCH))
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

"""Fit taggers: a population, its interest graph and the persons whose labels may be used in; calibrated probabilities out.

The sources are dealt into folds. For each fold one member of every kind learns from the other folds' persons: a network of
evidence alone and one with towers (`gnn.models.tagger`), and boosted trees (`gnn.models.trees`). Each is stopped early on every
second person of its own fold; the logits of the others, whom nothing has seen, weight the kinds (`gnn.training.stacking`) and fit
the calibration; trees that those do not clearly gain by are dropped. A source's own probability comes from the members of its
fold; everybody else gets the mean of all members. Label channels hide each source's own fold (`gnn.features.channels`). Of very
many sources a draw teaches and judges; the others lend their labels to the channels, and are tagged like everybody else.
Persons of whom nothing is known but that they exist, without engagement and relations, have each tag's base rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gnn.features.channels import ChannelOptions, LabelChannels, Surroundings, deal_folds
from gnn.features.hetero import edge_types, feature_widths
from gnn.features.population import Population
from gnn.features.sequences import Sequences
from gnn.models.device import seeded
from gnn.models.members import Member
from gnn.models.pyg import HeteroData
from gnn.models.tagger import TOWERS, Tagger, TaggerShape
from gnn.training.boosting import BoostingOptions, fit_trees
from gnn.training.calibration import fit_calibration
from gnn.training.ensemble import Ensemble
from gnn.training.inputs import Inputs, logits_of
from gnn.training.network import train_network
from gnn.training.options import ADDED, TrainingOptions
from gnn.training.stacking import fit_weights
from gnn.training.tagging import tag
from graph.progress import Progress

__all__ = ["KINDS", "Fitted", "fit_tagger"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
NETWORKS = ("evidence", "towers")
KINDS = (*NETWORKS, "trees")


@dataclass(frozen=True)
class Fitted:
    """Probabilities (b, k) of the persons asked for and what gives them: the ensemble, and what it reads."""

    probabilities: Floats
    ensemble: Ensemble
    channel_names: tuple[str, ...]
    fold: Indices
    """(n,): the fold of each source that taught or judged, −1 for everybody else. Their probabilities come from the members of
    their fold alone; what anybody's channels hide is `LabelChannels.view_of`."""
    member_folds: tuple[int, ...]
    """Of each member of the ensemble: the fold that did not teach it."""
    epochs: list[int]
    """Of each member: epochs of a network, trees of boosting."""
    label_channels: LabelChannels
    inputs: Inputs


@dataclass(frozen=True)
class _Fit:
    """What all members of one training share."""

    inputs: Inputs
    graph_data: HeteroData
    labels: Floats
    on_device: Tensor
    prior: Floats
    shapes: dict[str, TaggerShape]
    options: TrainingOptions
    device: torch.device
    say: Callable[[str], None]

    def member(self, kind: str, fold: int, place: int, teachers: Indices, judges: Indices) -> tuple[Member, int]:
        """One member of a kind, and how many epochs or trees it took."""
        seed = self.options.seed
        if kind == "trees":
            return fit_trees(self.inputs, self.prior, self.labels, teachers, judges, BoostingOptions(), seed=seed * 1000 + fold)
        with seeded(seed * 1000 + 2 * fold + place, self.device):
            model = Tagger(self.shapes[kind], torch.from_numpy(self.prior)).to(self.device)
            generator = np.random.default_rng([seed, fold, place])
            epochs = train_network(
                model,
                self.graph_data,
                self.inputs,
                self.on_device,
                teachers,
                judges,
                self.options,
                self.device,
                generator,
                self.say,
            )
        return model.eval(), epochs


def fit_tagger(
    data: Population,
    graph_data: HeteroData,
    around: Surroundings,
    sources: Indices,
    options: TrainingOptions,
    device: torch.device,
    progress: Progress,
    what: str,
    persons: Indices | None = None,
    say: Callable[[str], None] = lambda note: None,
) -> Fitted:
    """`graph_data` and the results of `around` hold no labels; `persons`: whose probabilities are asked for, None for all;
    `say` takes notes. Deterministic on the CPU for one seed."""
    folds = max(2, min(options.folds, len(sources) // 5))
    fold = deal_folds(sources, data.persons, folds, seed=options.seed)
    channels = LabelChannels(data, around, fold, ChannelOptions(without=options.without_channels), seed=options.seed)
    sequences = None
    if "sequence" in options.added and data.recent is not None:
        sequences = Sequences(data.recent, around.content_places["fine"], data.persons, device)
    taught = _drawn(sources, options)
    inputs = Inputs(data, channels, graph_data, sequences, device, options.cache_bytes, taught)
    shape = TaggerShape(
        tags=len(data.tags),
        channels=len(channels.names),
        scalars=inputs.scalars.shape[1],
        feature_widths=feature_widths(graph_data),
        edge_types=edge_types(graph_data),
        width=options.width,
        layers=options.layers,
        dropout=options.dropout,
        reads=inputs.widths(),
    )
    shape = replace(shape, towers=_towers(shape, options))
    shapes = {"evidence": replace(shape, towers=()), "towers": shape}
    kinds = [k for k in KINDS if k not in options.without_channels and (k != "towers" or shape.towers)] or ["evidence"]
    on_device = torch.from_numpy(data.labels).to(device)
    fitting = _Fit(inputs, graph_data, data.labels, on_device, channels.prior, shapes, options, device, say)
    row = np.full(data.persons, -1, np.int64)
    row[taught] = np.arange(len(taught))
    held_out = {kind: np.zeros((len(taught), len(data.tags)), np.float32) for kind in kinds}
    members: list[Member] = []
    member_folds, epochs, unseen = [], [], []
    for own_fold in range(folds):
        own = taught[fold[taught] == own_fold]
        teachers, judges = taught[fold[taught] != own_fold], own[::2]
        unseen.append(own[1::2])
        for place, kind in enumerate(kinds):
            progress(what, own_fold * len(kinds) + place, folds * len(kinds))
            member, took = fitting.member(kind, own_fold, place, teachers, judges)
            held_out[kind][row[own]] = logits_of(member, graph_data, inputs, own, say)
            members.append(member)
            member_folds.append(own_fold)
            epochs.append(took)
    progress(what, folds * len(kinds), folds * len(kinds))
    fresh = np.concatenate(unseen)
    weights = fit_weights({kind: held_out[kind][row[fresh]] for kind in kinds}, data.labels[fresh], base=NETWORKS)
    mixed = sum((np.float32(share) * held_out[kind] for kind, share in weights.items()), start=np.zeros_like(held_out[kinds[0]]))
    calibration = fit_calibration(mixed[row[fresh]], data.labels[fresh])
    kept = [i for i, member in enumerate(members) if member.kind in weights]
    ensemble = Ensemble(tuple(members[i] for i in kept), weights, calibration, shape)
    asked = np.arange(data.persons) if persons is None else persons
    probabilities = np.empty((len(asked), len(data.tags)), np.float32)
    own_row = row[asked]
    probabilities[own_row >= 0] = calibration.apply(mixed[own_row[own_row >= 0]])
    probabilities[own_row < 0] = tag(ensemble, inputs, graph_data, asked[own_row < 0], say)
    probabilities[(around.activity[asked] == 0) & (around.friends[asked] == 0)] = channels.prior
    return Fitted(
        probabilities,
        ensemble,
        channels.names,
        np.where(row >= 0, fold, -1),
        tuple(member_folds[i] for i in kept),
        [epochs[i] for i in kept],
        channels,
        inputs,
    )


def _drawn(sources: Indices, options: TrainingOptions) -> Indices:
    """Those of the sources who teach and judge, sorted."""
    if len(sources) <= options.taught_persons:
        return np.sort(sources)
    return np.sort(np.random.default_rng([options.seed, 11]).choice(sources, options.taught_persons, replace=False))


def _towers(shape: TaggerShape, options: TrainingOptions) -> tuple[str, ...]:
    there = {
        "messages": options.message_passing and bool(shape.edge_types),
        "position": "position" in shape.reads,
        "propagation": shape.channels > 0,
    }
    there |= {tower: tower in options.added and tower in shape.reads for tower in ADDED}
    return tuple(t for t in TOWERS if there[t] and t not in options.without_channels)

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from test_gnn_world import read, world

from gnn.features.channels import ChannelOptions, LabelChannels, Surroundings
from gnn.features.hetero import interest_graph
from gnn.features.population import Population
from gnn.models.device import few_threads
from gnn.models.pyg import HeteroData
from gnn.training.boosting import BoostingOptions, fit_trees
from gnn.training.ensemble import STATES, TREES, Ensemble
from gnn.training.fit import KINDS, Fitted, fit_tagger
from gnn.training.inputs import Inputs
from gnn.training.options import TrainingOptions
from graph.errors import SettingsError
from graph.progress import ignore_progress

CPU = torch.device("cpu")
QUICK = TrainingOptions(folds=3, epochs=3, patience=3, position_dimensions=8, width=16)


def surroundings(data: Population) -> tuple[Surroundings, HeteroData]:
    return Surroundings(data, dimensions=8, seed=0), interest_graph(data, None, dimensions=8, seed=0)


def fitted(data: Population, options: TrainingOptions = QUICK) -> tuple[Fitted, Inputs, HeteroData]:
    with few_threads(data.persons):
        around, graph_data = surroundings(data)
        sources = np.flatnonzero(data.labelled)
        found = fit_tagger(data, graph_data, around, sources, options, CPU, ignore_progress, "test")
        channels = LabelChannels(data, around, found.fold, ChannelOptions(without=options.without_channels), seed=options.seed)
        return found, Inputs(data, channels, graph_data, None, CPU, 10**8, sources), graph_data


@pytest.fixture(scope="module")
def trained() -> tuple[Fitted, Inputs, HeteroData]:
    return fitted(read(world()))


def test_what_is_read_back_gives_the_same_probabilities(trained: tuple[Fitted, Inputs, HeteroData], tmp_path: Path) -> None:
    found, inputs, graph_data = trained
    found.ensemble.write(tmp_path)
    again = Ensemble.read(tmp_path, json.loads(json.dumps(found.ensemble.describe())))
    assert again.weights == found.ensemble.weights
    others = np.flatnonzero(found.fold < 0)
    hidden = again.encode(graph_data)
    rows = inputs.rows(others, hidden[0])
    assert again.probabilities(rows) == pytest.approx(found.probabilities[others], abs=1e-6)
    one = again.probabilities(inputs.rows(others[3:4], hidden[0]))
    assert one[0] == pytest.approx(found.probabilities[others[3]], abs=1e-6)  # whoever else is scored


def test_a_source_is_scored_by_the_members_of_their_own_fold_alone(trained: tuple[Fitted, Inputs, HeteroData]) -> None:
    found, inputs, graph_data = trained
    source = int(np.flatnonzero(found.fold == 1)[0])
    rows = inputs.rows(np.array([source]), found.ensemble.encode(graph_data)[0])
    own = [m for m, fold in zip(found.ensemble.members, found.member_folds, strict=True) if fold == 1]
    logits = sum(np.float32(found.ensemble.weights[m.kind]) * m.predict(rows) for m in own)
    assert found.ensemble.calibration.apply(logits)[0] == pytest.approx(found.probabilities[source], abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_alone_can_be_fitted_and_written(kind: str, tmp_path: Path) -> None:
    options = TrainingOptions(folds=2, epochs=2, width=8, without_channels=frozenset(KINDS) - {kind})
    found, _, _ = fitted(read(world(60), 60), options)
    assert dict(found.ensemble.weights) == {kind: 1.0}
    assert {m.kind for m in found.ensemble.members} == {kind}
    found.ensemble.write(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {TREES if kind == "trees" else STATES}
    assert len(Ensemble.read(tmp_path, found.ensemble.describe()).members) == 2


def test_the_same_seed_gives_the_same_probabilities(trained: tuple[Fitted, Inputs, HeteroData]) -> None:
    again, _, _ = fitted(read(world()))
    assert np.array_equal(again.probabilities, trained[0].probabilities)


def test_towers_that_are_added_are_there_and_others_are_not(trained: tuple[Fitted, Inputs, HeteroData]) -> None:
    assert trained[0].ensemble.shape.towers == ("position", "propagation")
    assert "network" not in trained[2]["person"]
    assert set(trained[1].rows(np.array([0]), torch.zeros(120, 0)).features) == {"position"}  # off costs nothing
    data = read(world(60), 60)
    options = TrainingOptions(folds=2, epochs=1, width=8, added=frozenset({"network", "sequence"}))
    with few_threads(data.persons):
        around = Surroundings(data, dimensions=8, seed=0)
        graph_data = interest_graph(data, None, dimensions=8, seed=0, network=True)
        sources = np.flatnonzero(data.labelled)
        found = fit_tagger(data, graph_data, around, sources, options, CPU, ignore_progress, "test")
    assert found.ensemble.shape.towers == ("position", "propagation", "network")  # nobody's events were read
    with pytest.raises(SettingsError, match="cannot be added"):
        TrainingOptions(added=frozenset({"magic"}))


def taught_in_halves(data: Population) -> tuple[LabelChannels, Inputs, np.ndarray]:
    """Channels and inputs of labelled persons in two folds."""
    around, graph_data = surroundings(data)
    sources = np.flatnonzero(data.labelled)
    fold = np.full(data.persons, -1, np.int64)
    fold[sources] = np.arange(len(sources)) % 2
    channels = LabelChannels(data, around, fold, seed=0)
    inputs = Inputs(data, channels, graph_data, None, CPU, 10**8, sources)
    return channels, inputs, sources


def test_fewer_negatives_taught_do_not_move_the_probabilities() -> None:
    """Trees of a third of the pairs, with the odds set right, say on average what trees of all pairs say."""
    data = read(world(160), 160)
    channels, inputs, sources = taught_in_halves(data)
    rare = data.labels * (np.random.default_rng(0).random(data.labels.shape) < 0.4)
    means = []
    for most in (10**6, 130):
        options = BoostingOptions(rounds=5, most_pairs=most)
        trees, _ = fit_trees(inputs, channels.prior, rare, sources[::2], sources[1::2], options, seed=0)
        logits = trees.predict(inputs.rows(sources, torch.zeros(data.persons, 0)))
        means.append(float((1 / (1 + np.exp(-logits))).mean()))
    assert means[1] == pytest.approx(means[0], rel=0.25)
    assert means[0] == pytest.approx(float(rare[sources].mean()), rel=0.25)


def test_labels_between_0_and_1_are_examples_of_both() -> None:
    """Trees of labels that are all one half say one half; nothing else could be learned from them."""
    data = read(world(80), 80)
    channels, inputs, sources = taught_in_halves(data)
    half = np.full_like(data.labels, 0.5)
    trees, _ = fit_trees(inputs, channels.prior, half, sources[::2], sources[1::2], BoostingOptions(rounds=5), seed=0)
    assert trees.predict(inputs.rows(sources, torch.zeros(data.persons, 0))) == pytest.approx(0, abs=1e-6)

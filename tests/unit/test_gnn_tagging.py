import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from test_gnn_world import read, world

from gnn.features.channels import Surroundings
from gnn.features.hetero import interest_graph
from gnn.features.population import Population
from gnn.models.members import Rows
from gnn.models.tagger import Tagger
from gnn.training import inputs as inputs_module
from gnn.training import tagging
from gnn.training.ensemble import Ensemble
from gnn.training.fit import Fitted, fit_tagger
from gnn.training.options import TrainingOptions
from graph.progress import ignore_progress

OPTIONS = TrainingOptions(folds=2, epochs=2, position_dimensions=8, taught_persons=50)


def fit(
    data: Population,
    options: TrainingOptions = OPTIONS,
    persons: np.ndarray | None = None,
    say: Callable[[str], None] = lambda note: None,
) -> Fitted:
    around = Surroundings(data, dimensions=8, seed=0)
    built = interest_graph(data, None, dimensions=8, seed=0)
    sources = np.flatnonzero(data.labelled)
    return fit_tagger(data, built, around, sources, options, torch.device("cpu"), ignore_progress, "test", persons, say)


@pytest.fixture(scope="module")
def data() -> Population:
    return read(world())


@pytest.fixture(scope="module")
def whole(data: Population) -> Fitted:
    return fit(data)


def test_some_persons_have_what_they_have_among_all(data: Population, whole: Fitted) -> None:
    some = np.array([7, 3, 100, 55])
    assert fit(data, persons=some).probabilities == pytest.approx(whole.probabilities[some], abs=1e-5)


def test_channels_that_are_not_held_give_the_same(data: Population, whole: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = dataclasses.replace(OPTIONS, cache_bytes=0)
    monkeypatch.setattr(inputs_module, "_BLOCK_BYTES", 5000)
    monkeypatch.setattr(tagging, "_BATCH", 3)
    assert fit(data, nothing).probabilities == pytest.approx(whole.probabilities, abs=1e-5)
    taught_alone = dataclasses.replace(OPTIONS, cache_bytes=60 * 3 * 17 * 4)
    assert fit(data, taught_alone).probabilities == pytest.approx(whole.probabilities, abs=1e-5)


def test_when_the_devices_memory_is_too_small_batches_are_halved_and_it_is_said(
    data: Population, whole: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes, seen = [], []
    probabilities = Ensemble.probabilities

    def small_memory(self: Ensemble, rows: Rows, hidden: Sequence[torch.Tensor] = ()) -> np.ndarray:
        seen.append(len(rows.scalars))
        if len(rows.scalars) > 20:
            raise torch.OutOfMemoryError("injected")
        return probabilities(self, rows, hidden)

    monkeypatch.setattr(Ensemble, "probabilities", small_memory)
    monkeypatch.setattr(tagging, "_BATCH", 64)
    assert fit(data, say=notes.append).probabilities == pytest.approx(whole.probabilities, abs=1e-5)
    assert max(seen) > 20
    assert [note.split(":")[1].split()[2] for note in notes] == ["32", "16"]


def test_training_halves_too_and_takes_the_same_steps(data: Population, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = list[str]()
    still = dataclasses.replace(OPTIONS, without_channels=frozenset({"trees", "towers"}))  # nothing drawn but the batches
    expected = fit(data, still).probabilities
    forward = Tagger.forward

    def small_memory(self: Tagger, rows: Rows) -> torch.Tensor:
        if self.training and len(rows.scalars) > 20:
            raise torch.OutOfMemoryError("injected")
        return forward(self, rows)

    monkeypatch.setattr(Tagger, "forward", small_memory)
    assert fit(data, still, say=notes.append).probabilities == pytest.approx(expected, abs=1e-4)
    assert notes


def test_of_many_sources_a_draw_teaches_and_all_lend_their_labels(data: Population, whole: Fitted) -> None:
    sources = np.flatnonzero(data.labelled)
    taught = np.flatnonzero(whole.fold >= 0)
    assert len(taught) == 50 < len(sources)
    assert np.isin(taught, sources).all()
    turned = dataclasses.replace(data, labels=data.labels.copy())
    untaught = np.setdiff1d(sources, taught)
    turned.labels[untaught] = 1 - turned.labels[untaught]
    assert np.abs(fit(turned).probabilities - whole.probabilities).max() > 0.01
    everybody = fit(data, dataclasses.replace(OPTIONS, taught_persons=10_000))
    assert np.flatnonzero(everybody.fold >= 0).tolist() == sources.tolist()

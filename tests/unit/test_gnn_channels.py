import dataclasses

import numpy as np
import pytest
from test_gnn_world import read, world

from gnn.evaluate import roc_auc
from gnn.features import channels as channels_module
from gnn.features.channels import CHANNELS, LabelChannels, Surroundings, deal_folds
from gnn.features.population import Population, Tagging


def channels(data: Population, folds: int = 5) -> LabelChannels:
    sources = np.flatnonzero(data.labelled)
    return LabelChannels(data, Surroundings(data, dimensions=8, seed=0), deal_folds(sources, data.persons, folds, seed=0))


def without(data: Population, person: int) -> Population:
    """The same with that person's labels turned round and their tagging events gone."""
    labels = data.labels.copy()
    labels[person] = 1 - labels[person]
    kept = data.tagged.person != person
    tagged = Tagging(*(getattr(data.tagged, f.name)[kept] for f in dataclasses.fields(Tagging)))
    return dataclasses.replace(data, labels=labels, tagged=tagged)


def test_every_channel_is_there() -> None:
    names = channels(read(world())).names
    assert names == tuple(c for columns in CHANNELS.values() for c in columns)


@pytest.mark.parametrize("person", [0, 1, 14])
def test_a_persons_own_labels_and_tagging_change_nothing_in_their_own_input(person: int) -> None:
    data = read(world())
    row = np.array([int(np.flatnonzero(data.labelled)[person])])
    before, after = channels(data), channels(without(data, int(row[0])))
    assert np.array_equal(before.rows(row), before.rows(row))
    assert np.array_equal(before.scalars(row), after.scalars(row))
    mine = before.rows(row) * before.scale.deviation + before.scale.mean
    theirs = after.rows(row) * after.scale.deviation + after.scale.mean
    assert mine == pytest.approx(theirs, abs=1e-4)


def test_others_do_learn_from_a_persons_labels() -> None:
    data = read(world())
    person = int(np.flatnonzero(data.labelled)[0])
    unlabelled = np.flatnonzero(~data.labelled)
    before, after = channels(data), channels(without(data, person))
    old, new = before.distributions(unlabelled), after.distributions(unlabelled)
    changed = {name for name in before.names if np.abs(old[name] - new[name]).max() > 1e-4}
    assert len(changed) >= len(before.names) - 2
    assert np.abs(before.scalars(unlabelled) - after.scalars(unlabelled)).max() > 1e-4


def test_a_planted_leak_is_not_seen_and_would_be_without_folds() -> None:
    """Random labels that only a person's own tagging events tell: no channel may predict them for that person."""
    data = read(world(random_labels=True))
    sources = np.flatnonzero(data.labelled)
    safe = channels(data)
    leaky = channels(data)
    leaky.view_of = np.full_like(leaky.view_of, -1)  # everybody sees all labels, their own too
    truth = data.labels[sources].ravel()
    base = np.tile(data.labels[sources].mean(axis=0), (len(sources), 1)).ravel()

    def auc(found: LabelChannels, name: str) -> float:
        values = found.rows(sources)[..., found.names.index(name)].ravel()
        return roc_auc(truth, values)

    assert roc_auc(truth, base) < 0.65
    for name in ("tagging", "audience"):
        assert auc(safe, name) < 0.62, name
        assert auc(leaky, name) > 0.7, name


def test_persons_who_are_no_sources_lend_nothing() -> None:
    data = read(world())
    half = np.flatnonzero(data.labelled)[::2]
    around, fold = Surroundings(data, dimensions=8, seed=0), deal_folds(half, data.persons, 4, seed=0)
    other = dataclasses.replace(data, labels=data.labels.copy())
    other.labels[np.flatnonzero(data.labelled)[1::2]] = 1.0
    assert np.array_equal(LabelChannels(data, around, fold).rows(half), LabelChannels(other, around, fold).rows(half))


def test_folds_are_even_and_seeded() -> None:
    sources = np.arange(3, 60)
    fold = deal_folds(sources, 80, 5, seed=1)
    counts = np.bincount(fold[sources])
    assert counts.max() - counts.min() <= 1
    assert (np.delete(fold, sources) == -1).all()
    assert np.array_equal(fold, deal_folds(sources, 80, 5, seed=1))
    assert not np.array_equal(fold, deal_folds(sources, 80, 5, seed=2))


def test_a_few_persons_at_a_time_are_the_same_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    data = read(world())
    found, everybody = channels(data), np.arange(data.persons)
    rows, scalars, spoken = found.rows(everybody), found.scalars(everybody), found.distributions(everybody)
    monkeypatch.setattr(channels_module, "_CELLS", 17)
    monkeypatch.setattr(channels_module, "_ROWS", 3)
    monkeypatch.setattr(channels_module, "_MANY", 0)
    again = channels(data)
    assert np.abs(again.rows(everybody) - rows).max() < 1e-5
    assert np.abs(again.scalars(everybody) - scalars).max() < 1e-5
    assert all(np.abs(v - spoken[name]).max() < 1e-5 for name, v in again.distributions(everybody).items())

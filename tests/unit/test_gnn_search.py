"""Search of training options: what is tried, what is seen, and that a search goes on where it was killed."""

import dataclasses
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_gnn_world import read, world

from gnn.evaluate import tag_metrics
from gnn.features.population import Population
from gnn.search import DEFAULT_SPACE, Choices, Found, Numbers, Space, read_space, search
from gnn.search.split import inner_folds, report_persons, without_labels
from gnn.training.options import TrainingOptions
from graph.errors import InputError, SettingsError

OPTIONS = TrainingOptions(seed=3)
SMALL = Space({"dropout": Numbers(0.0, 0.9), "width": Choices((16, 64))})


@pytest.fixture(scope="module")
def data() -> Population:
    return read(world(150), 150)


@cache
def whole_truth() -> Any:
    return read(world(150), 150).labels


def landscape(data: Population, options: TrainingOptions, sources: Any, persons: Any) -> Any:
    """Scores that are the better the nearer dropout is to .2, and best with width 16; the truth is the whole world's."""
    truth = whole_truth()
    noise = abs(options.dropout - 0.2) * 4 + (options.width != 16)
    generator = np.random.default_rng([int(options.dropout * 1e6), options.width, len(persons)])
    return (truth[persons] + generator.normal(0, 0.1 + noise, truth[persons].shape)).astype(np.float32)


def run(data: Population, folder: Path, trials: int, **changes: Any) -> Found:
    values: dict[str, Any] = {"trials": trials, "storage": folder, "space": SMALL, "scores": landscape}
    return search(data, None, changes.pop("options", OPTIONS), **(values | changes))


def test_the_best_is_found_and_its_gain_is_measured_on_the_reports_people(data: Population, tmp_path: Path) -> None:
    found = run(data, tmp_path, 16)
    assert found.options.width == 16
    assert abs(found.options.dropout - 0.2) < 0.1
    assert found.options == dataclasses.replace(OPTIONS, **found.chosen)
    assert found.best > found.given
    assert found.trials[0]["map"] == found.best
    assert found.gain is not None
    assert found.gain.persons == len(report_persons(data, OPTIONS)[0])
    assert 0 < found.gain.low < found.gain.difference


def test_bad_trials_are_pruned_after_their_first_fold(data: Population, tmp_path: Path) -> None:
    fits: list[tuple[float, int]] = []

    def counted(data: Population, options: TrainingOptions, sources: Any, persons: Any) -> Any:
        fits.append((options.dropout, options.width))
        return landscape(data, options, sources, persons)

    found = run(data, tmp_path, 20, scores=counted)
    tried = fits[:-2]  # the last two measure the gain
    pruned = [t for t in found.trials if t["state"] == "pruned"]
    assert len(pruned) >= 3
    assert all(1 <= tried.count((t["dropout"], t["width"])) < 3 for t in pruned)
    assert np.median([t["map"] for t in pruned]) < np.median([t["map"] for t in found.trials if t["state"] == "complete"])


def test_the_same_seed_tries_the_same_and_another_seed_other_options(data: Population, tmp_path: Path) -> None:
    first, again = run(data, tmp_path / "a", 10), run(data, tmp_path / "b", 10)
    assert first.trials == again.trials
    other = run(data, tmp_path / "c", 3, options=dataclasses.replace(OPTIONS, seed=4))
    assert not {t["dropout"] for t in other.trials[:3]} <= {t["dropout"] for t in first.trials}


def test_the_given_options_are_tried_first(data: Population, tmp_path: Path) -> None:
    found = run(data, tmp_path, 1)
    assert found.options == OPTIONS
    assert found.best == found.given
    assert found.gain is not None
    assert (found.gain.difference, found.gain.low, found.gain.high) == (0, 0, 0)


def test_a_longer_search_goes_on_from_a_shorter_one(data: Population, tmp_path: Path) -> None:
    fits = []

    def counted(data: Population, options: TrainingOptions, sources: Any, persons: Any) -> Any:
        fits.append(options)
        return landscape(data, options, sources, persons)

    whole = run(data, tmp_path / "whole", 10)
    run(data, tmp_path / "parts", 5)
    parts = run(data, tmp_path / "parts", 10)
    assert parts.trials == whole.trials
    run(data, tmp_path / "parts", 10, scores=counted)
    assert len(fits) == 2  # nothing but the gain
    assert run(data, tmp_path / "parts", 1, space=Space({"width": Choices((16, 64))})).study != whole.study


def test_a_search_that_was_killed_ends_where_it_would_have_ended(data: Population, tmp_path: Path) -> None:
    """The process dies in the middle of its sixth trial, without any goodbye."""
    code = (
        "import os, signal, sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from test_gnn_search import landscape, read, run, world\n"
        "fits = []\n"
        "def deadly(data, options, sources, persons):\n"
        "    fits.append((options.dropout, options.width))\n"
        "    if len(set(fits)) == 6: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return landscape(data, options, sources, persons)\n"
        "run(read(world(150), 150), Path(sys.argv[1]), 12, scores=deadly)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "killed"), str(Path(__file__).parent)], check=False)
    assert killed.returncode == -9
    resumed = run(data, tmp_path / "killed", 12)
    whole = run(data, tmp_path / "whole", 12)

    def ended(found: Found) -> list[tuple[Any, ...]]:
        rows = sorted(found.trials, key=lambda t: t["trial"])
        return [(t["state"], t["map"], t["dropout"], t["width"]) for t in rows if t["state"] != "fail"]

    assert [t["state"] for t in resumed.trials].count("fail") == 1
    assert ended(resumed) == ended(whole)
    assert resumed.options == whole.options


def test_no_trial_reads_a_label_of_the_reports_people_or_of_those_it_is_judged_on(data: Population, tmp_path: Path) -> None:
    hidden, kept = report_persons(data, OPTIONS)
    seen: list[tuple[Population, Any, Any]] = []

    def spied(data: Population, options: TrainingOptions, sources: Any, persons: Any) -> Any:
        seen.append((data, sources, persons))
        return landscape(data, options, sources, persons)

    run(data, tmp_path, 6, scores=spied)
    for given, sources, persons in seen:
        secret = np.union1d(hidden, persons)
        assert not given.labels[secret].any()
        assert not np.isin(given.tagged.person, secret).any()
        assert np.array_equal(sources, np.setdiff1d(kept, persons))
    assert {tuple(p) for _, _, p in seen[-2:]} == {tuple(hidden)}
    assert all(not np.isin(hidden, p).any() for _, _, p in seen[:-2])


def test_the_labels_of_the_reports_people_change_no_trial(data: Population, tmp_path: Path) -> None:
    def told(data: Population, options: TrainingOptions, sources: Any, persons: Any) -> Any:
        """Reads every label that it is given, whosever it is."""
        share = data.labels.sum(axis=0) + np.bincount(data.tagged.tag, minlength=len(data.tags))
        generator = np.random.default_rng(abs(int(share @ np.array([1, 1000, 1_000_000])) + int(options.dropout * 1e6)))
        return generator.random((len(persons), len(data.tags))).astype(np.float32)

    hidden, _ = report_persons(data, OPTIONS)
    scrambled = data.labels.copy()
    scrambled[hidden] = 1 - scrambled[hidden]
    first = run(data, tmp_path / "a", 6, scores=told)
    other = run(dataclasses.replace(data, labels=scrambled), tmp_path / "b", 6, scores=told)
    assert first.trials == other.trials
    assert first.study == other.study


def test_folds_part_the_searchs_people(data: Population) -> None:
    hidden, kept = report_persons(data, OPTIONS)
    assert sorted([*hidden, *kept]) == np.flatnonzero(data.labelled).tolist()
    folds = inner_folds(kept, 3, seed=0)
    assert sorted(np.concatenate(folds)) == kept.tolist()
    assert max(map(len, folds)) - min(map(len, folds)) <= 1
    assert not without_labels(data, kept).labels[kept].any()


def test_the_split_is_the_one_that_a_training_reports_on(data: Population) -> None:
    """What the fitter says of the report's people is, to the bit, what a training reports as its own."""
    from gnn.search.fitting import Fitter
    from gnn.training.persons import learn_persons
    from graph.progress import ignore_progress

    options = TrainingOptions(seed=3, folds=2, epochs=3, width=16, position_dimensions=8)
    report = learn_persons(data, None, options, ignore_progress, []).metrics["report"]["model"]
    hidden, kept = report_persons(data, options)
    scores = Fitter(data, None, options).scores(without_labels(data, hidden), options, kept, hidden)
    assert tag_metrics(data.labels[hidden], scores, seed=options.seed).as_dict() == report


def test_few_labels_and_no_trials_are_refused(tmp_path: Path) -> None:
    few = read(world(60), 60)
    with pytest.raises(InputError, match="at least 60 labelled people"):
        run(few, tmp_path, 3)
    with pytest.raises(InputError, match="--trials 0"):
        run(read(world(150), 150), tmp_path, 0)


def test_the_default_space_holds_the_defaults() -> None:
    assert DEFAULT_SPACE.of(TrainingOptions()).keys() == DEFAULT_SPACE.dimensions.keys()


def test_a_space_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    path.write_text(
        "[learning_rate]\nlow = 1e-3\nhigh = 0.1\nlog = true\n[layers]\nlow = 1\nhigh = 3\n"
        "[optimiser]\nchoices = ['adam', 'sgd']\n[message_passing]\nchoices = [true, false]\n"
    )
    assert read_space(path) == Space(
        {
            "learning_rate": Numbers(1e-3, 0.1, True),
            "layers": Numbers(1, 3),
            "optimiser": Choices(("adam", "sgd")),
            "message_passing": Choices((True, False)),
        }
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[width", "cannot be read"),
        ("width = 3", r"\[width\] needs choices"),
        ("[width]\nlow = 3", r"\[width\] needs choices"),
        ("[wdith]\nchoices = [3]", "'wdith' cannot be searched"),
        ("[seed]\nchoices = [1, 2]", "'seed' cannot be searched"),
        ("[without_channels]\nchoices = ['friends']", "'without_channels' cannot be searched"),
        ("[width]\nchoices = ['wide']", "width is of type int"),
        ("[width]\nlow = 1.5\nhigh = 3.0", "width is of type int"),
        ("[width]\nchoices = []", "width is of type int"),
        ("[dropout]\nlow = 0.9\nhigh = 0.1", "no range"),
        ("[dropout]\nlow = 0.0\nhigh = 0.1\nlog = true", "no range"),
        ("[optimiser]\nlow = 'a'\nhigh = 'z'", "no range"),
        ("", "space is empty"),
    ],
)
def test_a_space_that_cannot_be_used_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "space.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=said) as raised:
        read_space(path)
    assert "\n" not in str(raised.value)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_space(tmp_path / "absent.toml")

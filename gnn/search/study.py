"""The search itself: Optuna's tree-structured Parzen estimator over the space, trials pruned after each inner fold.

A trial fits the tagger on two thirds of the search's persons and is judged on the other third, three times over; its value is
the mean of the three mAP. After each fold it is given up where it is under the median of the earlier trials at that fold (Akiba
et al., "Optuna", KDD 2019; Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS 2011). The first trial is the
options as they were given, so the best is never worse on the inner split. The report's persons have no labels in anything that a
trial reads.

Trials are in SQLite, each in its transactions. The study is named after everything its values depend on (population, text,
options, space, code), so a search that was killed goes on where it was, and any change begins a new one. Trial i's draws are
seeded by (seed, i), i the number of trials that ended before it: a search that was killed ends where it would have ended anyhow.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gnn.evaluate.paired import PairedDifference, mean_average_precision, paired_difference
from gnn.features.population import Population
from gnn.registry.code import code_version
from gnn.registry.data import population_hash
from gnn.search.space import DEFAULT_SPACE, Choices, Space
from gnn.search.split import inner_folds, report_persons, without_labels
from gnn.training.options import TrainingOptions
from graph.errors import HomeNotWritable, InputError, MissingExtra
from graph.progress import Progress, ignore_progress

if TYPE_CHECKING:
    import optuna

__all__ = ["Found", "require", "search"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Scores = Callable[[Population, TrainingOptions, Indices, Indices], Floats]
INNER_FOLDS = 3
MEMBERS = 3  # members of the ensemble in a trial: fewer than in a training, since trials are compared with each other only
_MINIMUM_LABELLED = 60
_STARTUP_TRIALS = 8


@dataclass(frozen=True)
class Found:
    """`options`: the given ones with the best trial's values. `trials`: a row each, best first: number, state, value, options.
    `gain`: mAP of the best minus that of the given options on the report's persons; None where there are none."""

    study: str
    options: TrainingOptions
    chosen: dict[str, Any]
    best: float
    given: float
    trials: list[dict[str, Any]]
    gain: PairedDifference | None


def require() -> None:
    """Fail before any work when the extra is missing. Raises MissingExtra."""
    for module in ("optuna", "torch", "torch_geometric", "sklearn"):
        if find_spec(module) is None:
            raise MissingExtra("Searching training options", "gnn")


def search(
    data: Population,
    text: Floats | None,
    options: TrainingOptions,
    *,
    trials: int,
    storage: Path,
    space: Space = DEFAULT_SPACE,
    progress: Progress = ignore_progress,
    scores: Scores | None = None,
) -> Found:
    """Until so many trials have ended, those of an earlier call with the same input included. `storage`: folder of the trials.
    `scores(data, options, sources, persons)` fits on sources and scores persons, by default `gnn.search.fitting`.

    Raises InputError (too few labelled persons), MissingExtra, HomeNotWritable."""
    require()
    import optuna

    if not data.tags or int(data.labelled.sum()) < _MINIMUM_LABELLED:
        raise InputError(f"a search needs at least {_MINIMUM_LABELLED} labelled people; there are {int(data.labelled.sum())}")
    if trials < 1:
        raise InputError(f"--trials {trials} is not at least 1")
    if scores is None:
        from gnn.search.fitting import Fitter

        scores = Fitter(data, text, options).scores
    hidden, kept = report_persons(data, options)
    seen = without_labels(data, hidden)
    name = _name(seen, text, options, space)
    with _Storage(storage) as stored:
        # Optuna says at length what the progress and the report say shortly.
        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            study = optuna.create_study(
                study_name=name,
                storage=stored,
                direction="maximize",
                pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=0),
                load_if_exists=True,
            )
            _run(study, seen, kept, options, space, trials, scores, progress)
            found = study.get_trials(deepcopy=False)
            best, first = study.best_trial, _ended(study)[0]
        finally:
            optuna.logging.set_verbosity(before)
    chosen = dataclasses.replace(options, **best.params)
    gain = _gain(data, seen, kept, hidden, options, chosen, scores, progress) if len(hidden) else None
    rows = [{"trial": t.number, "state": t.state.name.lower(), "map": t.value, **t.params} for t in found]
    rows.sort(key=lambda row: (row["state"] != "complete", -(row["map"] or 0.0), row["trial"]))
    given = first.value if first.value is not None and _is_given(first, options, space) else float("nan")
    return Found(name, chosen, dict(best.params), float(best.value or 0.0), float(given), rows, gain)


def _run(
    study: optuna.Study,
    data: Population,
    persons: Indices,
    options: TrainingOptions,
    space: Space,
    trials: int,
    scores: Scores,
    progress: Progress,
) -> None:
    import optuna

    folds = inner_folds(persons, INNER_FOLDS, seed=options.seed)
    for left in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(left.number, state=optuna.trial.TrialState.FAIL)  # of a process that was killed
    while (ended := len(_ended(study))) < trials:
        progress("search", ended, trials)
        study.sampler = optuna.samplers.TPESampler(
            seed=int(np.random.default_rng([options.seed, 13, ended]).integers(2**31)), n_startup_trials=_STARTUP_TRIALS
        )
        if ended == 0 and not study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,)):
            study.enqueue_trial(space.of(options))
        trial = study.ask()
        values = {name: _suggest(trial, name, space) for name in space.dimensions}
        tried = dataclasses.replace(options, **values, folds=min(MEMBERS, values.get("folds", options.folds)))
        judged: list[float] = []
        for number, fold in enumerate(folds):
            fitted = scores(without_labels(data, fold), tried, np.setdiff1d(persons, fold), fold)
            judged.append(mean_average_precision(data.labels[fold], fitted))
            trial.report(float(np.mean(judged)), number)
            if number < len(folds) - 1 and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, float(np.mean(judged)))
    progress("search", trials, trials)


def _suggest(trial: optuna.Trial, name: str, space: Space) -> Any:
    dimension = space.dimensions[name]
    if isinstance(dimension, Choices):
        return trial.suggest_categorical(name, list(dimension.values))
    if isinstance(getattr(TrainingOptions(), name), int):
        return trial.suggest_int(name, int(dimension.low), int(dimension.high), log=dimension.log)
    return trial.suggest_float(name, float(dimension.low), float(dimension.high), log=dimension.log)


def _ended(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    import optuna

    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return study.get_trials(deepcopy=False, states=states)


def _is_given(trial: optuna.trial.FrozenTrial, options: TrainingOptions, space: Space) -> bool:
    return all(trial.params[name] == value for name, value in space.of(options).items())


def _gain(
    data: Population,
    seen: Population,
    kept: Indices,
    hidden: Indices,
    given: TrainingOptions,
    chosen: TrainingOptions,
    scores: Scores,
    progress: Progress,
) -> PairedDifference:
    progress("gain", 0, 2)
    first = scores(seen, given, kept, hidden)
    progress("gain", 1, 2)
    second = first if chosen == given else scores(seen, chosen, kept, hidden)
    progress("gain", 2, 2)
    return paired_difference(data.labels[hidden], first, second, seed=given.seed)


def _name(data: Population, text: Floats | None, options: TrainingOptions, space: Space) -> str:
    told = {
        "population": population_hash(data),
        "text": None if text is None else hashlib.sha256(np.ascontiguousarray(text).tobytes()).hexdigest(),
        "options": {k: sorted(v) if isinstance(v, frozenset) else v for k, v in dataclasses.asdict(options).items()},
        "space": space.as_dict(),
        "code": code_version()["source"],
        "folds": [INNER_FOLDS, MEMBERS],
    }
    return "s" + hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


class _Storage:
    """Optuna's SQLite storage in a folder, closed at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Any:
        import optuna
        from sqlalchemy.exc import SQLAlchemyError

        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._storage = optuna.storages.RDBStorage(f"sqlite:///{self._folder / 'trials.sqlite'}")
        except (OSError, SQLAlchemyError) as error:
            raise HomeNotWritable(self._folder, str(error).splitlines()[0]) from error
        return self._storage

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        from optuna.exceptions import StorageInternalError
        from sqlalchemy.exc import SQLAlchemyError

        self._storage.remove_session()
        self._storage.engine.dispose()
        if isinstance(error, StorageInternalError | SQLAlchemyError):
            raise HomeNotWritable(self._folder, str(error).splitlines()[0]) from error

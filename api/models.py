"""Model versions of a home, over `gnn.registry`: search of training options, promotion, comparison, drift. Plain values out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from api import pipeline
from api.workspace import Workspace
from gnn import registry
from graph import resolve
from graph.errors import HomeNotWritable
from graph.files import replace_file
from graph.privacy import Use
from graph.progress import Progress

__all__ = ["compare", "drift", "promote", "remove", "rollback", "search", "show"]

Report = dict[str, Any]
_TRIALS_SHOWN = 10


def show(workspace: Workspace, text: str) -> Report:
    """Everything about a version, and the searches that ended in it. Raises InputError, ModelError."""
    models = workspace.home.models
    name = registry.find(models, text)
    searched = [r for r in registry.runs(models) if r["kind"] == "search" and r.get("version") == name]
    return registry.describe(models, name) | {"searches": searched}


def compare(workspace: Workspace, first: str, second: str, *, seed: int) -> Report:
    """Two versions side by side (`gnn.registry.compare`). Raises InputError, ModelError."""
    from gnn.registry.compare import compare as compare_versions

    models = workspace.home.models
    return compare_versions(models, registry.find(models, first), registry.find(models, second), seed=seed)


def promote(workspace: Workspace, text: str) -> Report:
    """Make a version the current one. Raises InputError, ModelError, HomeLocked, HomeNotWritable."""
    models = workspace.home.models
    with workspace.home.writing("model promote"):
        before = registry.current_name(models)
        registry.promote(models, registry.find(models, text), at=pipeline.now())
        return {"version": registry.current_name(models), "before": before}


def rollback(workspace: Workspace) -> Report:
    """Go back to the version that was current before. Raises ModelError, NothingResolved, HomeLocked, HomeNotWritable."""
    models = workspace.home.models
    with workspace.home.writing("model rollback"):
        before = registry.current_name(models)
        return {"version": registry.rollback(models, at=pipeline.now()), "before": before}


def remove(workspace: Workspace, text: str) -> Report:
    """Remove a version that is neither current nor previous. Raises InputError, ModelError, HomeLocked, HomeNotWritable."""
    models = workspace.home.models
    with workspace.home.writing("model remove"):
        name = registry.find(models, text)
        registry.remove(models, name)
    return {"removed": name}


def search(
    workspace: Workspace, *, trials: int, seed: int, space: Path | None, train: bool, progress: Progress
) -> tuple[Report, list[Report]]:
    """Search training options, and train with the best: what was found and gained, and a row for each of the best trials.

    Raises NothingResolved, InputError, SettingsError, MissingExtra, HomeLocked, HomeNotWritable."""
    from gnn.features.population import population
    from gnn.interests import TrainingOptions, content_vectors, learn
    from gnn.search import DEFAULT_SPACE, read_space, require
    from gnn.search import search as search_options

    require()
    declared = DEFAULT_SPACE if space is None else read_space(space)
    settings, models = workspace.settings, workspace.home.models
    options = TrainingOptions(seed=seed, text=settings.text_model, taxonomy=settings.taxonomy)
    with workspace.home.writing("model search"), workspace.connection() as connection:
        resolution = resolve.load(workspace.home)
        people = pipeline.eligible(workspace, resolution, Use.TRAINING)
        data = population(connection, resolution, people, key=workspace.key)
        _, text = content_vectors(data, options, workspace.home.cache, [], progress)
        found = search_options(data, text, options, trials=trials, storage=models / "search", space=declared, progress=progress)
        version = None
        if train:
            learned = learn(
                connection,
                resolution,
                people,
                key=workspace.key,
                models=models,
                cache=workspace.home.cache,
                options=found.options,
                progress=progress,
            )
            version = learned.version.name
        gain = None if found.gain is None else found.gain.as_dict()
        report: Report = {
            "study": found.study,
            "trials": len(found.trials),
            "complete": sum(t["state"] == "complete" for t in found.trials),
            "pruned": sum(t["state"] == "pruned" for t in found.trials),
            "given options, inner mAP": found.given,
            "best options, inner mAP": found.best,
            "best options": found.chosen,
            "gain on the report's people": gain,
            "model": version,
        }
        registry.record_run(models, "search", pipeline.now(), version=version, seed=seed, space=declared.as_dict(), found=report)
    return report, found.trials[:_TRIALS_SHOWN]


def drift(workspace: Workspace) -> Report:
    """Today's population against the current version's training, and a summary for the API's metrics. Raises NothingResolved,
    ModelError, HomeNotWritable."""
    from gnn.features.population import population
    from gnn.monitor import drift as drift_of

    version = registry.current(workspace.home.models)
    resolution = resolve.load(workspace.home)
    with workspace.connection() as connection:
        data = population(connection, resolution, pipeline.eligible(workspace, resolution, Use.TRAINING), key=workspace.key)
    found = drift_of(version, data)
    rows = [row.as_dict() for row in found.rows]
    report: Report = {
        "version": found.version,
        "state": found.state,
        "persons then": found.persons_then,
        "persons now": found.persons_now,
        "rows": rows,
    }
    worst: dict[str, float] = {}  # of each kind alone: names of tags stay out of what the metrics tell everybody
    for row in found.rows:
        if row.index is not None:
            worst[row.kind] = max(worst.get(row.kind, 0.0), row.index)
    summary = {"version": found.version, "at": pipeline.now().isoformat(timespec="seconds"), "worst": worst}
    try:
        replace_file(workspace.home.models / "drift.json", json.dumps(summary).encode())
    except OSError as error:
        raise HomeNotWritable(workspace.home.models, error.strerror or str(error)) from error
    return report

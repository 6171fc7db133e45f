"""Model versions: list, look, compare, promote, roll back, remove; refresh; search training options; watch for drift."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.console import emit, progress, say, table
from api.cli.options import Json, Quiet, Seed, workspace

__all__ = ["register"]

model = typer.Typer(help="Model versions: list, compare, promote, roll back, search, drift.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A version, the start of its name, `current` or `previous`.", metavar="VERSION")]
_NEXT = "run `tessera tag` to write its tags into the graph"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(model, name="model")


@model.command("list")
def list_versions(as_json: Json = False) -> None:
    """The versions there are, newest first."""
    from gnn import registry

    rows = registry.listed(workspace().home.models)
    emit(rows) if as_json else table(rows)


@model.command("show")
def show(version: Name = "current", as_json: Json = False) -> None:
    """Everything about one version: data, code, options, metrics, notes, files."""
    from api import models

    found = models.show(workspace(), version)
    if as_json:
        emit(found)
        return
    _facts({k: v for k, v in found.items() if not isinstance(v, dict | list)}, "version")
    for part in ("data", "code", "options"):
        _facts(found[part], part)
    for name, metrics in found["metrics"].items():
        if isinstance(metrics, dict) and metrics and all(isinstance(scores, dict) for scores in metrics.values()):
            table([{"scores": k, **v} for k, v in metrics.items()], name)
        else:
            _facts(metrics if isinstance(metrics, dict) else {name: metrics}, name)
    for note in found["notes"]:
        say(f"note: {note}")


@model.command("history")
def history(as_json: Json = False) -> None:
    """Every change of the current version, oldest first."""
    from gnn import registry

    rows = registry.history(workspace().home.models)
    emit(rows) if as_json else table(rows)


@model.command("runs")
def runs(as_json: Json = False) -> None:
    """Every training and search that ended, oldest first."""
    from gnn import registry

    found = registry.runs(workspace().home.models)
    if as_json:
        emit(found)
        return
    table([{"at": r["at"], "kind": r["kind"], "version": r.get("version"), "seed": _seed(r), "map": _map(r)} for r in found])


@model.command("compare")
def compare(first: Name, second: Name, seed: Seed = 0, as_json: Json = False) -> None:
    """Two versions on the same labelled people, with a paired interval; what changed for everybody else."""
    from api import models

    found = models.compare(workspace(), first, second, seed=seed)
    if as_json:
        emit(found)
        return
    table(found["reports"], "as each training reported of its own held-out people")
    if found["labelled"]:
        table(found["labelled"], "on the same labelled people")
        _facts(found["difference"], "mAP, second minus first, with its 95 % interval")
    _facts(found["common"] | {"top tag changed": found["top tag changed"], "mean PSI": found["stability"]["mean"]}, "people")
    if found["stability"]["tags"]:
        table(found["stability"]["tags"], "tags whose scores moved most (population stability index)")
    if found["options"]:
        table([{"option": k, "first": a, "second": b} for k, (a, b) in found["options"].items()], "options that differ")


@model.command("promote")
def promote(version: Name, as_json: Json = False) -> None:
    """Make a version the current one."""
    from api import models

    found = models.promote(workspace(), version)
    emit(found) if as_json else say(f"{found['version']} is current (before: {found['before']}); {_NEXT}")


@model.command("rollback")
def rollback(as_json: Json = False) -> None:
    """Go back to the version that was current before."""
    from api import models

    found = models.rollback(workspace())
    emit(found) if as_json else say(f"{found['version']} is current again (before: {found['before']}); {_NEXT}")


@model.command("remove")
def remove(version: Name, as_json: Json = False) -> None:
    """Remove a version; the current and the previous one stay."""
    from api import models

    found = models.remove(workspace(), version)
    emit(found) if as_json else say(f"{found['removed']} is removed")


@model.command("search")
def search(
    trials: Annotated[
        int, typer.Option(help="Stop when so many trials have ended, earlier ones of the same search included.")
    ] = 20,
    space: Annotated[Path | None, typer.Option(help="TOML file with the options to search and their ranges.")] = None,
    train: Annotated[bool, typer.Option("--train/--no-train", help="Train with the best options afterwards.")] = True,
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search training options, train with the best, and say what that gained over the defaults. A search that was stopped goes on
    where it was."""
    from api import models

    with progress(quiet or as_json) as show_progress:
        found, best = models.search(workspace(), trials=trials, seed=seed, space=space, train=train, progress=show_progress)
    if as_json:
        emit(found | {"best trials": best})
        return
    _facts(found, "search")
    table(best, "best trials (mAP on the inner split)")


@model.command("refresh")
def refresh(
    since: Annotated[
        datetime | None, typer.Option(help="Also everybody with events from this time on (UTC unless it says otherwise).")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score anew, without training, whoever events, relations or consents have touched since the training or the last refresh."""
    from api import refreshing

    at = None if since is None else since.replace(tzinfo=since.tzinfo or UTC)
    with progress(quiet or as_json) as show_progress:
        found = refreshing.refresh(workspace(), since=at, progress=show_progress)
    emit(found) if as_json else _facts(found, "refresh")


@model.command("drift")
def drift(as_json: Json = False) -> None:
    """How far today's people and their scores are from the current version's training: population stability index, stable below
    .1, major from .25."""
    from api import models

    found = models.drift(workspace())
    if as_json:
        emit(found)
        return
    _facts({k: v for k, v in found.items() if k != "rows"}, "drift")
    table([r for r in found["rows"] if not r["what"].startswith("tag ") or r["state"] in ("moderate", "major")])


def _facts(facts: dict[str, Any], title: str) -> None:
    if facts:
        table([{"what": k, "value": v} for k, v in facts.items()], title)


def _seed(run: dict[str, Any]) -> Any:
    return run.get("seed", run.get("options", {}).get("seed"))


def _map(run: dict[str, Any]) -> Any:
    if run["kind"] == "search":
        return run["found"]["best options, inner mAP"]
    return run.get("metrics", {}).get("report", {}).get("model", {}).get("map")

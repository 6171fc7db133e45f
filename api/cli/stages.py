"""The stages: `run`, or `ingest`, `resolve`, `train` and `tag` one by one. Each may be run again at any time."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli.console import emit, progress, say, table
from api.cli.options import Json, Quiet, ReplaceGraph, Seed, Sources, workspace

__all__ = ["register"]

Optimiser = Annotated[str, typer.Option(help="Adam, AdamW, Adagrad or SGD.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (run, ingest, resolve, train, tag):
        app.command()(command)


def run(
    sources: Sources, seed: Seed = 0, replace_graph: ReplaceGraph = False, as_json: Json = False, quiet: Quiet = False
) -> None:
    """Ingest, resolve, train, tag, and load the graph; prints a summary."""
    from api import pipeline

    with progress(quiet or as_json) as show:
        report = pipeline.run(workspace(), sources, seed=seed, replace_graph=replace_graph, progress=show)
    _report(report, as_json)


def ingest(sources: Sources, as_json: Json = False, quiet: Quiet = False) -> None:
    """Take source folders into the lake."""
    from api import pipeline

    with progress(quiet or as_json) as show:
        report = pipeline.ingest(workspace(), sources, progress=show)
    _report({"ingest": report}, as_json)


def resolve(
    refit: Annotated[bool, typer.Option("--refit", help="Fit the match parameters anew, and say what that changes.")] = False,
    replace_graph: ReplaceGraph = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find out who is one person, and load the graph. What came since the last run is followed step by step where it can be."""
    from api import following

    with progress(quiet or as_json) as show:
        report = following.resolve_and_publish(workspace(), refit=refit, replace_graph=replace_graph, progress=show)
    _report(report, as_json)


def train(seed: Seed = 0, optimiser: Optimiser = "AdamW", as_json: Json = False, quiet: Quiet = False) -> None:
    """Learn interests from the lake and the resolved people; the new version becomes the current one."""
    from api import pipeline

    with progress(quiet or as_json) as show:
        report = pipeline.train(workspace(), seed=seed, optimiser=optimiser, progress=show)
    _report(report, as_json)


def tag(replace_graph: ReplaceGraph = False, as_json: Json = False, quiet: Quiet = False) -> None:
    """Write the current version's tags into the graph."""
    from api import pipeline

    with progress(quiet or as_json) as show:
        report = pipeline.tag_and_publish(workspace(), replace_graph=replace_graph, progress=show)
    _report(report, as_json)


def _report(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit(report)
        return
    for title, part in report.items():
        if isinstance(part, list):
            if part:
                table(part, title)
        elif isinstance(part, dict):
            table([{"what": k, "value": v} for k, v in part.items()], title)
        else:
            say(f"{title}: {part}")

"""Quality against a truth file that the product never read otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import emit, table
from api.cli.options import Json, workspace

__all__ = ["register"]

evaluate = typer.Typer(help="Measure quality against a truth file.", no_args_is_help=True)
Before = Annotated[
    Path | None,
    typer.Option(help="Identities exported earlier from this home: also measure how many person ids changed since."),
]
Truth = Annotated[Path, typer.Option(help="Truth file: .parquet, .csv or .jsonl.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(evaluate, name="evaluate")


@evaluate.command("identity")
def evaluate_identity(truth: Truth, before: Before = None, as_json: Json = False) -> None:
    """Pairwise scores with an interval, B³, ARI, largest cluster, calibration. Truth columns: kind, id, person."""
    from api import evaluate as evaluation

    metrics = evaluation.identity(workspace(), truth, before)
    emit(metrics) if as_json else table([{"metric": k, "value": v} for k, v in metrics.items()])


@evaluate.command("tags")
def evaluate_tags(truth: Truth, as_json: Json = False) -> None:
    """Ranking and calibration scores, beside popularity. Truth columns: subject_kind, subject_id, tag, value."""
    from api import evaluate as evaluation

    rows = evaluation.tags(workspace(), truth)
    emit(rows) if as_json else table(rows)

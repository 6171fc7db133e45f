"""Options that several commands share, and the workspace they open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from api.workspace import Workspace

__all__ = ["Force", "Json", "Out", "Quiet", "ReplaceGraph", "Seed", "Sources", "workspace"]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Seed = Annotated[int, typer.Option("--seed", help="Fixes every random choice.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="File to write: .parquet, .csv or .jsonl.")]
Sources = Annotated[list[Path], typer.Argument(help="Folders with input tables.", metavar="SOURCE…")]
ReplaceGraph = Annotated[bool, typer.Option("--replace-graph", help="Replace the graph of another home in the database.")]
Force = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def workspace() -> Workspace:
    """The home that the settings name."""
    from api.settings import load_settings
    from api.workspace import Workspace

    return Workspace.open(load_settings())

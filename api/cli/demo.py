"""`tessera demo`: the whole system on a seeded population, in about a minute."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import emit, progress, say, table
from api.cli.options import Json, Quiet, Seed

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(demo)


def demo(
    home: Annotated[Path, typer.Option(help="Home of the demonstration; apart from your own.")] = Path("tessera-home/demo"),
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Take a made-up population through the whole path and judge the result against its ground truth."""
    from dataclasses import asdict

    from api.demo import demonstrate
    from api.settings import load_settings
    from api.workspace import Workspace

    opened = Workspace.open(load_settings(home=home, graph_url="ladybug"))
    with progress(quiet or as_json) as show:
        found = demonstrate(opened, seed=seed, progress=show)
    if as_json:
        emit(asdict(found))
        return
    table([{"what": k, "count": v} for k, v in found.population.items()], "The population")
    shown = ("records", "pair_precision", "pair_recall", "pair_f1", "b3_f1", "largest_cluster", "largest_person")
    table([{"metric": k, "value": found.identity[k]} for k in shown], "Identities against the truth")
    columns = ("scores", "persons", "tags", "map", "map_low", "map_high", "auc", "calibration_error")
    table([{c: row[c] for c in columns} for row in found.tags], "Tags of people whose labels were hidden")
    table([{"what": k, "value": v} for k, v in found.lookalike.items()], "A lookalike audience")
    table([{"what": k, "value": v} for k, v in found.subgraph.items()], "A released subgraph")
    say()
    say("Try next:")
    say(f"  TESSERA_HOME={home} tessera cypher shared_devices")
    say(f"  TESSERA_HOME={home} tessera lookalike --seeds {found.lookalike['seeds file']} --size 100 --out audience.csv")
    say(f"  TESSERA_HOME={home} tessera serve")

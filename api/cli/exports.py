"""Operator files: identities, tags, contents, embeddings, lookalikes, recommendations. Raw ids; local command line only."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import emit, progress, say
from api.cli.options import Json, Out, Quiet, Seed, workspace
from graph.errors import InputError

if TYPE_CHECKING:
    from graph.privacy import OperatorTable, Released

__all__ = ["register"]

export = typer.Typer(help="Write what the home knows as .parquet, .csv or .jsonl, for the operator.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(export, name="export")
    app.command()(lookalike)
    app.command()(recommend)


@export.command("identities")
def export_identities(
    out: Out,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Who was one person by what was there at this time: 2026-03-01 or ISO 8601, UTC."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """kind, id, person_id, confidence: every device and account once."""
    from api import operator_files

    with progress(quiet or as_json) as show:
        found = operator_files.identities(workspace(), None if as_of is None else _moment(as_of), show)
    _write(found, out, as_json)


def _moment(text: str) -> datetime:
    """A time, in UTC where it has no zone. Raises InputError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"--as-of {text!r} is no time; write 2026-03-01 or 2026-03-01T12:00:00+00:00") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@export.command("tags")
def export_tags(
    out: Out,
    min_probability: Annotated[float, typer.Option(help="Leave out what is less probable; 0 is the full matrix.")] = 0.0,
    as_json: Json = False,
) -> None:
    """person_id, tag, probability."""
    from api import operator_files

    _write(operator_files.tags(workspace(), min_probability), out, as_json)


@export.command("contents")
def export_contents(out: Out, as_json: Json = False) -> None:
    """content_id, tag, score."""
    from api import operator_files

    _write(operator_files.contents(workspace()), out, as_json)


@export.command("embeddings")
def export_embeddings(out: Out, as_json: Json = False) -> None:
    """person_id, vector. Never pass it on: embeddings tell who is in the training data."""
    from api import operator_files

    _write(operator_files.embeddings(workspace()), out, as_json)


def lookalike(
    seeds: Annotated[Path, typer.Option(help="File with the columns kind and id.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write: .parquet, .csv or .jsonl. May be left out with --report.")
    ] = None,
    size: Annotated[str, typer.Option(help="How many people, or `all`.")] = "all",
    ratio: Annotated[float | None, typer.Option(help="At most this share of everybody: 0.01 is 1 %.")] = None,
    min_similarity: Annotated[
        float | None, typer.Option(help="Nobody less alike, 0 to 1: 0.5 is as alike as the middle seed, were it not known.")
    ] = None,
    exclude: Annotated[Path | None, typer.Option(help="File with the columns kind and id: people to leave out.")] = None,
    report: Annotated[
        list[Path] | None, typer.Option(help="How good the seeds are: figures as .json, the curve of reach as .svg. Repeat it.")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Rank everybody else by likeness to the seeds: person_id, score, rank. Or say what to expect of them."""
    from api import operator_files
    from gnn.lookalike import Reach, as_document

    if size != "all" and not (size.isdigit() and int(size)):
        raise InputError(f"--size {size!r} is neither a positive number nor `all`")
    if out is None and not report:
        raise InputError("nothing to write: give --out FILE, --report FILE, or both")
    reach = Reach(None if size == "all" else int(size), ratio, min_similarity)
    asked = operator_files.Lookalike(seeds, exclude, seed)
    if report:
        found = operator_files.seed_report(workspace(), asked, report)
        if out is None and as_json:
            emit(as_document(found))
        elif not as_json:
            expected = f"AUC {found.auc.value:.3f}, lift of the best 1 % {found.lift.value:.1f}"
            say("\n".join([f"{found.usable:,} of {found.given:,} seeds usable, {expected}", *found.advice]))
    if out is not None:
        _write(operator_files.lookalike(workspace(), asked, reach), out, as_json)


def recommend(
    out: Out,
    k: Annotated[int, typer.Option(min=1, help="Contents per person.")] = 20,
    model: Annotated[
        str,
        typer.Option(
            help="auto, ease, filter, embedding (learned) or popular; auto takes what foresees hidden engagements best."
        ),
    ] = "auto",
    seed: Seed = 0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Contents for each person that they have not seen: person_id, content_id, score, rank."""
    from api import operator_files

    with progress(quiet or as_json) as show:
        released, notes = operator_files.recommendations(workspace(), k, model=model, seed=seed, progress=show)
    _write(released, out, as_json, notes)


def _write(released: Released[OperatorTable], out: Path, as_json: bool, notes: tuple[str, ...] = ()) -> None:
    from graph.export import write_operator

    counts = write_operator(released, out).counts
    if as_json:
        emit({"file": str(out), **counts, **({"notes": list(notes)} if notes else {})})
    else:
        withheld = f" ({counts['withheld']:,} withheld: objections)" if counts["withheld"] else ""
        say("\n".join([f"{out}: {counts['rows']:,} rows{withheld}", *notes]))

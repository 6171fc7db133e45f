"""Commands about who is who: what the operator asserts, what is undone, and the log of it all."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli.console import emit, progress, say, table
from api.cli.graph_commands import node
from api.cli.options import Json, Quiet, workspace

__all__ = ["register"]

Subject = Annotated[str, typer.Argument(help="device:ID or account:ID", metavar="KIND:ID")]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the assertion. No personal data.")]

identity = typer.Typer(help="Who is who: assert, undo, split; the log of every change.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(identity, name="identity")


@identity.command("same")
def identity_same(left: Subject, right: Subject, reason: Reason = None, as_json: Json = False, quiet: Quiet = False) -> None:
    """Assert that two nodes are one person, whatever the evidence."""
    from api import identity as identities

    with progress(quiet or as_json) as show:
        report = identities.same(workspace(), node(left), node(right), reason=reason, progress=show)
    _report(report, as_json)


@identity.command("never")
def identity_never(left: Subject, right: Subject, reason: Reason = None, as_json: Json = False, quiet: Quiet = False) -> None:
    """Assert that two nodes are never one person, whatever the evidence."""
    from api import identity as identities

    with progress(quiet or as_json) as show:
        report = identities.never(workspace(), node(left), node(right), reason=reason, progress=show)
    _report(report, as_json)


@identity.command("undo")
def identity_undo(
    number: Annotated[int, typer.Argument(help="Number of a merge, or of an assertion's entry, in `identity log`.")],
    reason: Reason = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Undo a merge: both persons are back under their ids, and stay apart."""
    from api import identity as identities

    with progress(quiet or as_json) as show:
        report = identities.undo(workspace(), number, reason=reason, progress=show)
    _report(report, as_json)


@identity.command("split")
def identity_split(
    person: Annotated[str, typer.Argument(help="A person id, current or retired.", metavar="PERSON")],
    members: Annotated[list[str], typer.Argument(help="Members to take out.", metavar="KIND:ID…")],
    reason: Reason = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Take members out of a person; they are never one person with the others again."""
    from api import identity as identities

    with progress(quiet or as_json) as show:
        report = identities.split(workspace(), person, [node(m) for m in members], reason=reason, progress=show)
    _report(report, as_json)


@identity.command("log")
def identity_log(
    person: Annotated[str | None, typer.Option(help="Only changes of this person id.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="As many entries, the newest first.")] = 100,
    as_json: Json = False,
) -> None:
    """Every change of identities, with its cause."""
    from api import identity as identities

    rows = identities.entries(workspace(), person, limit)
    emit(rows) if as_json else table(rows)


@identity.command("assertions")
def identity_assertions(as_json: Json = False) -> None:
    """What was asserted, whether it stands, and what cannot be met."""
    from api import identity as identities

    _assertions(identities.assertions(workspace()), as_json)


@identity.command("revoke")
def identity_revoke(
    number: Annotated[int, typer.Argument(help="Number in `identity assertions`.")], as_json: Json = False, quiet: Quiet = False
) -> None:
    """Take an assertion back; evidence decides again."""
    from api import identity as identities

    with progress(quiet or as_json) as show:
        report = identities.revoke(workspace(), number, progress=show)
    _report(report, as_json)


@identity.command("profile")
def identity_profile(
    person: Annotated[str, typer.Argument(help="A person id, current or retired.", metavar="PERSON")],
    trust: Annotated[list[str] | None, typer.Option(help="A source whose values win; repeat it, the most trusted first.")] = None,
    as_json: Json = False,
) -> None:
    """The fused record of a person: each value, where it is from, what contradicts it. Personal data: operator only."""
    from api import explain as explanations

    found = explanations.profile(workspace(), person, trust=trust or ())
    if as_json:
        emit(found)
        return
    say(f"{found['person_id']}: {', '.join(found['members'])}")
    told = [
        {**a, "conflicts": "; ".join(f"{c['value']}: {', '.join(c['given_by'])}" for c in a["conflicts"])}
        for a in found["attributes"]
    ]
    table(told)


def _report(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit(report)
        return
    _assertions(report["assertions"], as_json)
    say(f"{report['identities']['persons']:,} persons")


def _assertions(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        emit(rows)
    else:
        table([{**row, "left": ", ".join(row["left"]), "right": ", ".join(row["right"])} for row in rows])

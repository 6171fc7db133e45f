"""Commands about audiences: make, change, fill again, list, release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from api.cli.console import emit, progress, say, table
from api.cli.options import Json, Out, Quiet, workspace
from api.cli.release import Tenant, let_out, written
from graph.errors import InputError

__all__ = ["audience", "register"]

DefinitionFile = Annotated[
    Path, typer.Argument(help="JSON file with the definition, as POST /v1/audiences takes it.", metavar="FILE")
]

audience = typer.Typer(help="Audiences: make, change, fill again, list, release.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(audience, name="audience")


@audience.command("create")
def audience_create(definition: DefinitionFile, tenant: Tenant = "default", as_json: Json = False) -> None:
    """Build an audience from its definition and store it."""
    from api.audiences import operator

    document = _document(definition)
    opened = workspace()
    with opened.home.writing("audience create"):
        made = operator.create(opened, tenant, document)
    emit(made) if as_json else say(f"{made['audience_id']}: {made['name']}, {made['size']:,} people")


@audience.command("update")
def audience_update(
    audience_id: Annotated[str, typer.Argument()],
    definition: DefinitionFile,
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """Give an audience another definition, and fill it by that: its next version."""
    from api.audiences import operator

    document = _document(definition)
    opened = workspace()
    with opened.home.writing("audience update"):
        made = operator.replace(opened, tenant, audience_id, document)
    emit(made) if as_json else say(_changed(made))


@audience.command("dry-run")
def audience_dry_run(definition: DefinitionFile, tenant: Tenant = "default", as_json: Json = False) -> None:
    """How many people a definition would reach, by the rules for counts. Nothing is stored."""
    from api.audiences import operator

    people = operator.dry_run(workspace(), tenant, _document(definition))
    if as_json:
        emit({"people": people})
    else:
        say("too few people to tell, or about something sensitive" if people is None else f"about {people:,} people")


@audience.command("refresh")
def audience_refresh(
    audience_id: Annotated[str | None, typer.Argument()] = None,
    due: Annotated[bool, typer.Option("--due", help="Every tenant's audiences whose time has come.")] = False,
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """Choose an audience's people anew: its next version."""
    from api.audiences import operator

    if (audience_id is None) != due:
        raise InputError("give an audience's id or --due, one of them")
    opened = workspace()
    with opened.home.writing("audience refresh"):
        rows = operator.refresh_due(opened) if audience_id is None else [operator.refresh(opened, tenant, audience_id)]
    if as_json:
        emit(rows if due else rows[0])
        return
    for row in rows:
        say(_changed(row))
    if not rows:
        say("nothing is due")


@audience.command("versions")
def audience_versions(audience_id: Annotated[str, typer.Argument()], tenant: Tenant = "default", as_json: Json = False) -> None:
    """An audience's versions, the newest first: when, how many people, how many came and went."""
    from api.audiences import operator

    rows = operator.versions(workspace(), tenant, audience_id)
    emit(rows) if as_json else table(rows)


@audience.command("list")
def audience_list(tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None, as_json: Json = False) -> None:
    """The audiences there are."""
    from api.audiences import operator

    with workspace().control() as control:
        rows = [{"tenant": a.tenant_id} | operator.row(a) for a in control.audiences.all(tenant)]
    emit(rows) if as_json else table(rows)


@audience.command("insights")
def audience_insights(
    audience_id: Annotated[str, typer.Argument()],
    of: Annotated[str, typer.Option(help="`tags`, `attributes` or `contents`.")] = "tags",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """What an audience has more than everybody, the surest first, by the rules for counts."""
    from api.audiences import operator
    from api.audiences.traits import Of, as_insights

    asked = {name: name for name in get_args(Of)}
    if of not in asked:
        raise InputError(f"--of {of!r} is not one of {', '.join(asked)}")
    found = as_insights(let_out(operator.insights(workspace(), tenant, audience_id, asked[of])).value, limit).model_dump()
    emit(found) if as_json else table(found["items"])


@audience.command("overlap")
def audience_overlap(
    audience_ids: Annotated[list[str], typer.Argument(metavar="ID ID…")], tenant: Tenant = "default", as_json: Json = False
) -> None:
    """How many people each pair of audiences shares, by the rules for counts."""
    from api.audiences import operator
    from api.audiences.overlaps import as_overlaps

    if len(set(audience_ids)) < 2:
        raise InputError("give two different audiences, or more")
    told = let_out(operator.overlap(workspace(), tenant, list(dict.fromkeys(audience_ids)))).value
    found = as_overlaps(told).model_dump()
    emit(found) if as_json else table(found["items"])


@audience.command("export")
def audience_export(
    audience_id: Annotated[str, typer.Argument()],
    out: Out,
    recipient: Annotated[str, typer.Option(help="Who gets the file; pseudonyms differ between recipients.")],
    tenant: Tenant = "default",
    form: Annotated[
        str,
        typer.Option("--format", help="`pseudonyms`; `openrtb` (.jsonl); hashed for `google`, `meta`, `tiktok`, `uid2` (.csv)."),
    ] = "pseudonyms",
    segment: Annotated[
        list[str] | None,
        typer.Option(help="OpenRTB: what stands for the audience, 4:ID or 9:ID; else the IAB tags of its rule. Repeat it."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write an audience's people as pseudonyms or for an advertising platform, by the rules for row lists."""
    from api.audiences import operator
    from graph.export import write_audience, write_openrtb, write_upload
    from graph.files import SUFFIXES
    from graph.privacy import PLATFORMS

    suffixes = {"pseudonyms": SUFFIXES, "openrtb": (".jsonl",)} | dict.fromkeys(PLATFORMS, (".csv",))
    if form not in suffixes:
        raise InputError(f"--format {form!r} is not one of {', '.join(suffixes)}")
    if out.suffix not in suffixes[form]:  # before anything is released
        raise InputError(
            f"{out}: cannot write {form} as {out.suffix or 'a file without suffix'}; use {', '.join(suffixes[form])}"
        )
    if segment and form != "openrtb":
        raise InputError("--segment is for --format openrtb")
    asked = workspace(), tenant, audience_id, recipient
    if form in PLATFORMS:
        with progress(quiet or as_json) as show:
            uploaded = operator.release_upload(*asked, PLATFORMS[form], show)
        manifest = write_upload(let_out(uploaded), out)
    elif form == "openrtb":
        manifest = write_openrtb(let_out(operator.release(*asked, segments=segment or [])), out)
    else:
        manifest = write_audience(let_out(operator.release(*asked)), out)
    written(out, manifest.counts, as_json)


def _document(definition: Path) -> Any:
    """The JSON of a file."""
    try:
        return json.loads(definition.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{definition}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{definition}: no JSON ({error})") from error


def _changed(row: dict[str, Any]) -> str:
    """What a filling did to an audience, in a line."""
    if row.get("problem"):
        people = f"{row['size']:,} people, {row['added']:,} added, {row['removed']:,} removed"
    return f"{row['audience_id']}: version {row['version']}, {people}"

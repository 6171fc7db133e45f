"""Commands about what may leave and who said so: audiences, subgraphs, consent, API keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import emit, fail, progress, say, table
from api.cli.graph_commands import node
from api.cli.options import Json, Out, Quiet, workspace
from graph.errors import InputError, SettingsError

if TYPE_CHECKING:
    from graph.privacy import Denied, Released

__all__ = ["register"]

Tenant = Annotated[str, typer.Option(help="Whose audience it is.")]

audience = typer.Typer(help="Audiences: make, list, release.", no_args_is_help=True)
subgraph = typer.Typer(help="Privacy-filtered pieces of the identity graph.", no_args_is_help=True)
consent = typer.Typer(help="What a subject permits.", no_args_is_help=True)
key = typer.Typer(help="API keys.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(audience, name="audience")
    app.add_typer(subgraph, name="subgraph")
    app.add_typer(consent, name="consent")
    app.add_typer(key, name="key")


@audience.command("create")
def audience_create(
    definition: Annotated[Path, typer.Argument(help="JSON file with the definition, as POST /v1/audiences takes it.")],
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """Build an audience from its definition and store it."""
    from api import audiences

    try:
        document = json.loads(definition.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{definition}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{definition}: no JSON ({error})") from error
    opened = workspace()
    with opened.home.writing("audience create"):
        made = audiences.create(opened, tenant, document)
    emit(made) if as_json else say(f"{made['audience_id']}: {made['name']}, {made['size']:,} people")


@audience.command("list")
def audience_list(tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None, as_json: Json = False) -> None:
    """The audiences there are."""
    with workspace().control() as control:
        rows = [
            {"audience_id": a.audience_id, "tenant": a.tenant_id, "name": a.name, "kind": a.kind.value, "size": a.size}
            for a in control.audiences.all(tenant)
        ]
    emit(rows) if as_json else table(rows)


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
    from api import audiences
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
            uploaded = audiences.release_upload(*asked, PLATFORMS[form], show)
        manifest = write_upload(_let_out(uploaded), out)
    elif form == "openrtb":
        manifest = write_openrtb(_let_out(audiences.release(*asked, segments=segment or [])), out)
    else:
        manifest = write_audience(_let_out(audiences.release(*asked)), out)
    _written(out, manifest.counts, as_json)


@subgraph.command("export")
def subgraph_export(
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write: .graphml, .gexf, .json or .cypher.")],
    audience_id: Annotated[str | None, typer.Option("--audience", help="Only the people of this audience.")] = None,
    level: Annotated[str, typer.Option(help="`class`: counts between classes; `person`: k-anonymous rows.")] = "class",
    recipient: Annotated[str, typer.Option(help="Who gets the file.")] = "operator",
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """Write a piece of the identity graph in which nobody can be found again."""
    from api import audiences
    from graph.export import write_subgraph
    from graph.privacy import SubgraphLevel

    if level not in list(SubgraphLevel):
        raise InputError(f"--level {level!r} is not one of {', '.join(SubgraphLevel)}")
    answer = audiences.release_subgraph(workspace(), tenant, audience_id, SubgraphLevel(level), recipient)
    _written(out, write_subgraph(_let_out(answer), out).counts, as_json)


@consent.command("show")
def consent_show(subject: Annotated[str, typer.Argument(metavar="KIND:ID")], as_json: Json = False) -> None:
    """A subject's consent records, oldest first."""
    from api import pipeline
    from graph import resolve

    opened = workspace()
    with opened.control() as control:
        consents = pipeline.consents_of(opened, resolve.load(opened.home), control)
        rows = consents.history(*node(subject)).to_pylist()
    emit(rows) if as_json else table(rows)


@consent.command("set")
def consent_set(
    subject: Annotated[str, typer.Argument(metavar="KIND:ID")],
    purposes: Annotated[
        str | None, typer.Option(help="TCF purpose numbers separated by commas; empty refuses everything.")
    ] = None,
    tc_string: Annotated[str | None, typer.Option("--tc-string", help="A TC string (TCF 2.2 or 2.3).")] = None,
    gpp_string: Annotated[str | None, typer.Option("--gpp-string", help="A Global Privacy Platform string.")] = None,
    gpc: Annotated[bool, typer.Option("--gpc", help="Global Privacy Control is on: refuses everything.")] = False,
) -> None:
    """Record what a subject permits, from now on; of several answers what all of them permit."""
    from api import pipeline
    from graph.control import ConsentRecord
    from graph.privacy.signals import verdict

    kind, identifier = node(subject)
    if purposes is None and tc_string is None and gpp_string is None and not gpc:
        raise InputError("nothing to record; give --purposes, --tc-string, --gpp-string or --gpc")
    given = None if purposes is None else [p.strip() for p in purposes.split(",") if p.strip()]
    if given is not None and any(not p.isdecimal() for p in given):
        raise InputError(f"--purposes {purposes!r} is not a list of purpose numbers such as 1,3,4")
    if (refusal := verdict(tc_string, gpp_string).refusal) is not None:
        raise InputError(f"consent string refused: {refusal}; nothing was recorded")
    record = ConsentRecord(
        subject_kind=kind,
        subject_id=identifier,
        at=(now := pipeline.now()),
        purposes=None if given is None else tuple(map(int, given)),
        tc_string=tc_string,
        gpp_string=gpp_string,
        gpc=gpc,
        source="operator",
    )
    with workspace().control() as control:
        control.consents.append([record], now=now)
    say("recorded")


@key.command("create")
def key_create(
    scope: Annotated[list[str], typer.Option(help="What it may do; repeat it. `all`: every scope but admin, uploads:write.")],
    tenant: Tenant = "default",
    name: Annotated[str, typer.Option(help="A name to know it by.")] = "",
    quota_requests: Annotated[int | None, typer.Option(min=0, help="Requests a day of UTC; no limit without.")] = None,
    quota_rows: Annotated[int | None, typer.Option(min=0, help="Rows a day in files and pages; no limit without.")] = None,
    as_json: Json = False,
) -> None:
    """Make an API key; the token is shown this once."""
    from api import pipeline
    from graph.control import Quota, Scope

    scopes = [s for s in Scope if s not in (Scope.ADMIN, Scope.UPLOADS)] if scope == ["all"] else scope
    unknown = [s for s in scopes if s not in list(Scope)]
    if unknown:
        raise SettingsError(f"no scope {unknown[0]!r}; use {', '.join(Scope)}, or all")
    with workspace().control() as control:
        control.tenants.ensure(tenant, now=pipeline.now())
        quota = Quota(quota_requests, quota_rows)
        made, token = control.keys.create(tenant, [Scope(s) for s in scopes], now=pipeline.now(), name=name, quota=quota)
    emit({"key_id": made.key_id, "token": token, "scopes": sorted(made.scopes)}) if as_json else say(token)


@key.command("list")
def key_list(as_json: Json = False) -> None:
    """The keys there are, without their secrets."""
    with workspace().control() as control:
        rows = [
            {
                "key_id": k.key_id,
                "tenant": k.tenant_id,
                "name": k.name,
                "scopes": ", ".join(sorted(k.scopes)),
                "requests_per_day": k.quota.requests_per_day,
                "rows_per_day": k.quota.rows_per_day,
                "revoked_at": k.revoked_at,
            }
            for k in control.keys.all()
        ]
    emit(rows) if as_json else table(rows)


@key.command("revoke")
def key_revoke(key_id: Annotated[str, typer.Argument()]) -> None:
    """Make a key worthless at once."""
    from api import pipeline

    with workspace().control() as control:
        if not control.keys.revoke(key_id, now=pipeline.now()):
            raise InputError(f"no key {key_id!r} in use; list them with `tessera key list`")
    say("revoked")


def _let_out(answer: Released[Any] | Denied) -> Released[Any]:
    """What the gate released; what it denied ends the command, with the reason, since the operator may know it."""
    from graph.privacy import Denied

    if isinstance(answer, Denied):
        fail(f"not released: {answer.message}")
        raise typer.Exit(1)
    return answer


def _written(out: Path, counts: Any, as_json: bool) -> None:
    if as_json:
        emit({"file": str(out), **counts})
    else:
        say(f"{out}: " + ", ".join(f"{value:,} {name}" for name, value in counts.items()))

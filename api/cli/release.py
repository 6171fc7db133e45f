"""Commands about what may leave and who said so: subgraphs, consent, API keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import emit, fail, say, table
from api.cli.graph_commands import node
from api.cli.options import Json, workspace
from graph.errors import InputError, SettingsError

if TYPE_CHECKING:
    from graph.privacy import Denied, Released

__all__ = ["Tenant", "let_out", "register", "written"]

Tenant = Annotated[str, typer.Option(help="Whose audience it is.")]

subgraph = typer.Typer(help="Privacy-filtered pieces of the identity graph.", no_args_is_help=True)
consent = typer.Typer(help="What a subject permits.", no_args_is_help=True)
key = typer.Typer(help="API keys.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(subgraph, name="subgraph")
    app.add_typer(consent, name="consent")
    app.add_typer(key, name="key")


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
    from api.audiences import operator
    from graph.export import write_subgraph
    from graph.privacy import SubgraphLevel

    if level not in list(SubgraphLevel):
        raise InputError(f"--level {level!r} is not one of {', '.join(SubgraphLevel)}")
    answer = operator.release_subgraph(workspace(), tenant, audience_id, SubgraphLevel(level), recipient)
    written(out, write_subgraph(let_out(answer), out).counts, as_json)


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


def let_out(answer: Released[Any] | Denied) -> Released[Any]:
    """What the gate released; what it denied ends the command, with the reason, since the operator may know it."""
    from graph.privacy import Denied

    if isinstance(answer, Denied):
        fail(f"not released: {answer.message}")
        raise typer.Exit(1)
    return answer


def written(out: Path, counts: Any, as_json: bool) -> None:
    """Say what a file holds."""
    if as_json:
        emit({"file": str(out), **counts})
    else:
        say(f"{out}: " + ", ".join(f"{value:,} {name}" for name, value in counts.items()))

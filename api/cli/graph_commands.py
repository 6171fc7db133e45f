"""Commands about the graph itself: Cypher, explanations, the local Neo4j server."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import emit, progress, say, table
from api.cli.options import Json, Quiet, workspace
from graph.errors import QueryError, TesseraError

if TYPE_CHECKING:
    from graph.resolve.explanation import Link
    from graph.store.server import ServerStatus

__all__ = ["register"]

neo4j = typer.Typer(help="A local Neo4j 5 community server for development.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(cypher)
    app.command()(explain)
    app.add_typer(neo4j, name="neo4j")


def cypher(
    name: Annotated[
        str | None, typer.Argument(help="Query name, or - for a statement on standard input; none lists the queries.")
    ] = None,
    param: Annotated[list[str] | None, typer.Option("--param", "-p", help="Parameter as name=value; repeat it.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Let a statement from standard input change the graph.")] = False,
    as_json: Json = False,
) -> None:
    """Run a named query, or one from standard input, on the configured graph."""
    from cypher import catalogue

    if name is None:
        listing = [
            {"name": s.name, "summary": s.summary, "parameters": ", ".join(p.name for p in s.parameters)}
            for s in catalogue.readable()
        ]
        emit(listing) if as_json else table(listing)
        return
    given: dict[str, Any] = dict(parameters(param or []))
    if name == "-":
        given = {key: _typed(value) for key, value in given.items()}
    with workspace().store(read_only=not write) as store:
        rows = (
            store.execute(sys.stdin.read(), given, mode="write" if write else "read") if name == "-" else store.query(name, given)
        )
    emit(rows) if as_json else table(rows)


def _typed(text: str) -> Any:
    """A parameter of a statement of one's own: JSON where it is JSON (numbers, true, lists), else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def parameters(pairs: list[str]) -> dict[str, str]:
    """`name=value` pairs as a mapping; the catalogue types the values. Raises QueryError."""
    given: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise QueryError(f"--param {pair!r} is not name=value")
        given[name] = value
    return given


def node(text: str) -> tuple[str, str]:
    """`device:ID` or `account:ID` as (kind, id). Raises TesseraError."""
    kind, colon, identifier = text.partition(":")
    if not colon or kind not in ("device", "account") or not identifier:
        raise TesseraError(f"{text!r} is not device:ID or account:ID")
    return kind, identifier


def explain(
    left: Annotated[str, typer.Argument(help="device:ID, account:ID or person:ID", metavar="KIND:ID")],
    right: Annotated[
        str | None,
        typer.Argument(help="the other, or tag:ID; none: why the first belongs to its person", metavar="KIND:ID"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Why two nodes are one person, or why not; of one alone, why it belongs to its person; with tag:ID, why its person has that
    tag."""
    from api import explain as explanations

    if right is not None and right.startswith("tag:"):
        _explain_tag(left, right.removeprefix("tag:"), as_json)
        return
    found = explanations.explain(workspace(), _end(left), None if right is None else _end(right))
    if as_json:
        emit(asdict(found))
        return
    say(found.summary)
    for reason in found.blocks[1:]:
        say(f"  {reason}")
    if found.score is not None and found.links:
        say(f"  score {found.score:.2f} in all, probability {found.probability:.4f}")
    for link in found.links:
        table(_pieces(link), _title(link))
    if found.beside:
        say("Besides:")
    for link in found.beside:
        table(_pieces(link), _title(link))


def _explain_tag(subject: str, tag_id: str, as_json: bool) -> None:
    from api import reasons

    found = reasons.explain_tag(workspace(), _end(subject), tag_id)
    if as_json:
        emit(found)
        return
    usual = found["of people in the mean"]
    say(f"{found['tag']} for {found['person_id']}: {found['probability']:.4f}; of people in the mean {usual:.4f}")
    for part in ("parts", "contents", "others"):
        if found[part]:
            table(found[part], part)


def _end(text: str) -> tuple[str, str]:
    """As `node`, or `person:ID`."""
    kind, _, identifier = text.partition(":")
    return (kind, identifier) if kind == "person" and identifier else node(text)


def _title(link: Link) -> str:
    return f"{link.left} – {link.right}: score {link.score:.2f}, probability {link.probability:.4f}"


def _pieces(link: Link) -> list[dict[str, Any]]:
    """A row for each piece of evidence, and under it one for each part."""
    rows: list[dict[str, Any]] = []
    for piece in link.pieces:
        aged = f"was {piece.weight_before:.4g}, {piece.age_days} days old" if piece.age_days else piece.note
        rows.append({**asdict(piece), "evidence": piece.method, "detail": aged, "sources": ", ".join(piece.sources)})
        rows += [{"evidence": f"  {part.name}", "detail": part.level, "weight": part.weight} for part in piece.parts]
    columns = ("evidence", "detail", "weight", "probability", "sources", "first_seen", "last_seen")
    return [{column: row.get(column) for column in columns} for row in rows]


@neo4j.command("start")
def neo4j_start(
    bolt_port: Annotated[int, typer.Option(help="Bolt port.")] = 7687,
    http_port: Annotated[int, typer.Option(help="Port of Neo4j Browser.")] = 7474,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="Choose free ports instead.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Install the server at first use, start it, and wait until it answers."""
    from graph.store import server

    with progress(quiet or as_json) as show:
        status = server.start(workspace().home, bolt_port=bolt_port, http_port=http_port, ports_free=free_ports, progress=show)
    _show(status, as_json)


@neo4j.command("stop")
def neo4j_stop(as_json: Json = False) -> None:
    """Stop the server."""
    from graph.store import server

    _show(server.stop(workspace().home), as_json)


@neo4j.command("status")
def neo4j_status(as_json: Json = False) -> None:
    """Is it running, and where."""
    from graph.store import server

    _show(server.status(workspace().home), as_json)


def _show(status: ServerStatus, as_json: bool) -> None:
    if as_json:
        emit(status.to_json())
    elif status.running:
        say(f"{status.note}: {status.browser}")
        say(f"export TESSERA_GRAPH_URL='{status.url}'")
    else:
        say(f"{status.note}; start it with `tessera neo4j start`")

"""Why a person has a tag: for the operator by name of any device, account or person, for the API by a person's members.

The person is looked at as the lake has them now, through the current model version's scorer; nobody else is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from api import pipeline
from api.workspace import Workspace
from gnn import registry
from graph import resolve
from graph.errors import InputError, NothingResolved
from graph.privacy import Use

if TYPE_CHECKING:
    from gnn.explain.reasons import Because
    from gnn.online.scorer import Scorer

__all__ = ["because_of", "explain_tag", "rows_replaced"]

Report = dict[str, Any]
Member = tuple[str, str]
_ROWS = pa.schema(
    [("person_id", pa.string()), ("kind", pa.string()), ("name", pa.string()), ("value", pa.float64()), ("of", pa.float64())]
)


def because_of(
    scorer: Scorer,
    connection: duckdb.DuckDBPyConnection,
    members: Sequence[Member],
    tag_id: str,
    *,
    key: bytes,
    replaced: bool,
) -> Because | None:
    """Why the person of these members, (kind, id) each, has a tag of the scorer's version; None where the person is made of
    persons whose labels no one view hides. `key` and `replaced` as in `gnn.online.touched`."""
    from gnn.explain.reasons import why
    from gnn.online.touched import Person, as_they_are

    touched = as_they_are(scorer, connection, [Person("", tuple(members))], key=key, replaced=replaced)
    return None if touched.mixed else why(scorer, touched.asked, tag_id)


def rows_replaced(workspace: Workspace, after: int) -> bool:
    """Whether events of batches after this one stand in place of earlier ones."""
    return any(not f.fresh for f in workspace.lake.files()["events"] if f.batch > after)


def explain_tag(workspace: Workspace, subject: Member, tag_id: str) -> Report:
    """Why a device's, an account's or a person's tag has its probability: `parts` in log-odds that add up, contents with their
    shares, others counted. Raises InputError for somebody or a tag that is not there, or somebody who objected; NothingResolved,
    ModelError, MissingExtra."""
    from gnn.online.scorer import Scorer

    person_id, members = _person(workspace, subject)
    version = registry.current(workspace.home.models)
    if tag_id not in version.tag_ids:
        raise InputError(f"tag {tag_id!r} is none of model version {version.name}; `tessera export tags` names them")
    scorer = Scorer.open(version)
    with workspace.control() as control, workspace.connection() as connection:
        gate = pipeline.gate_of(workspace, pipeline.load(workspace), control)
        replaced = rows_replaced(workspace, int(scorer.frozen.facts["batch"]))
        found = because_of(scorer, connection, members, tag_id, key=workspace.key, replaced=replaced)
        if found is None:
            raise InputError(f"{person_id} is made of persons whose labels belong apart; run `tessera train` first")
        released = gate.operator_file(_table(person_id, found), "reasons", use=Use.TAGS).value
    if released.withheld:
        raise InputError(f"{person_id} objected to tags, so that none is explained")
    rows = released.table.to_pylist()

    def of(kind: str) -> list[Report]:
        return [r for r in rows if r["kind"] == kind]

    numbers = {r["name"]: r["value"] for r in of("number")}
    return {
        "person_id": person_id,
        "tag": tag_id,
        "model": version.name,
        **numbers,
        "parts": [{"channel": r["name"], "log-odds": r["value"]} for r in of("part")],
        "contents": [
            {"channel": channel, "content_id": r["name"], "share": r["value"]}
            for channel in ("tagging", "audience")
            for r in of(channel)
        ],
        "others": [{"who": r["name"], "with the tag": int(r["value"]), "of those labelled": int(r["of"])} for r in of("others")],
    }


def _person(workspace: Workspace, subject: Member) -> tuple[str, list[Member]]:
    kind, identifier = subject
    try:
        with resolve.IdentityLog(workspace.home.identity, create=False) as log:
            person = log.current(identifier) if kind == "person" else log.person_of(kind, identifier)
            members = [] if person is None else log.members_of(person)
    except FileNotFoundError:
        raise NothingResolved(workspace.home.path, "resolved identities", "tessera resolve") from None
    if person is None or not members:
        raise InputError(f"{kind}:{identifier} is nobody of this home; `tessera export identities` lists everybody")
    return person, members


def _table(person_id: str, found: Because) -> pa.Table:
    rows: list[Report] = [
        {"kind": "number", "name": "probability", "value": found.probability},
        {"kind": "number", "name": "of people in the mean", "value": found.base},
        *({"kind": "part", "name": name, "value": value} for name, value in found.parts),
        *({"kind": c.channel, "name": c.content_id, "value": c.share} for c in found.contents),
        *({"kind": "others", "name": o.kind, "value": o.with_tag, "of": o.told} for o in found.others),
    ]
    return pa.Table.from_pylist([{"person_id": person_id, **row} for row in rows], schema=_ROWS)

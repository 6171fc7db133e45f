"""Explanations and profiles: why two are one person, why one belongs to its person, and what its members' records come to.

In: a workspace, and devices, accounts or persons; a person's id may be a retired one, which leads to the living. Out: an
`Explanation`, or for the operator a profile as plain values, which holds personal data: it leaves through the gate's operator
class, and there is none of somebody who objected.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from api import pipeline
from api.workspace import Workspace
from graph.errors import InputError, NothingResolved
from graph.privacy import Use
from graph.resolution import Resolution
from graph.resolve.explain import Explanation, explain_member
from graph.resolve.explain import explain as explain_pair
from graph.resolve.explain_grounds import Grounds
from graph.resolve.log import IdentityLog
from graph.resolve.profile import Candidate, Profile
from graph.resolve.profile import profile as fused
from graph.tables import TIME

__all__ = ["explain", "explained", "profile"]

Report = dict[str, Any]
Subject = tuple[str, str]

_PROFILE = pa.schema(
    [
        ("person_id", pa.string()),
        ("attribute", pa.string()),
        ("value", pa.string()),
        ("member", pa.string()),
        ("source", pa.string()),
        ("at", TIME),
        ("rows", pa.int64()),
        ("decided_by", pa.string()),
        ("conflicts", pa.list_(pa.struct([("value", pa.string()), ("given_by", pa.list_(pa.string()))]))),
    ]
)


def explain(workspace: Workspace, left: Subject, right: Subject | None) -> Explanation:
    """Why two are one person, or why not; without `right` why one belongs to its person. Either may be a person, whose id may be
    retired. Raises NothingResolved, InputError."""
    resolution = pipeline.load(workspace)
    with _log(workspace) as log:
        ends = [(kind, log.current(id_) or id_) if kind == "person" else (kind, id_) for kind, id_ in [left, right or left]]
    if right is None and ends[0][0] != "person":
        return explained(workspace, resolution, ends[0], None)
    return explained(workspace, resolution, ends[0], ends[1])


def explained(
    workspace: Workspace, resolution: Resolution, left: Subject, right: Subject | None, *, behaviour: bool = True
) -> Explanation:
    """The same over a resolution. `behaviour`: whether evidence of behaviour is opened, for which the lake's events are read."""
    with workspace.connection() as connection:
        grounds = Grounds(connection, workspace.home, workspace.key, resolution, behaviour=behaviour)
        if right is None:
            return explain_member(resolution, left, grounds=grounds)
        return explain_pair(resolution, left, right, grounds.settings.rules, grounds=grounds)


def profile(workspace: Workspace, person_id: str, *, trust: Sequence[str] = ()) -> Report:
    """The fused record of a person, living or retired: each attribute with its value, whose and which source's it is, and what
    contradicts it. `trust`: sources, the most trusted first. Raises NothingResolved, InputError."""
    resolution = pipeline.load(workspace)
    with _log(workspace) as log:
        living = log.current(person_id)
        members = [] if living is None else log.members_of(living)
    if living is None or not members:
        raise InputError(f"{person_id} is no person of this home; `tessera export identities` lists them")
    with workspace.connection() as connection:
        found = fused(connection, members, trust=trust)
    with workspace.control() as control:
        gate = pipeline.gate_of(workspace, resolution, control)
        released = gate.operator_file(_table(living, found), "profile", use=Use.IDENTITY).value
    if released.withheld:
        raise InputError(f"{person_id} objected to being looked up, so that no profile is given")
    rows = released.table.drop_columns(["person_id"]).to_pylist()
    return {"person_id": living, "members": [_name(m) for m in found.members], "attributes": rows[1:]}


def _table(person_id: str, found: Profile) -> pa.Table:
    """A row for the members and a row for each attribute."""
    rows: list[Report] = [{"attribute": "members", "value": ", ".join(map(_name, found.members))}]
    for name, a in found.attributes.items():
        conflicts = [{"value": _text(c.value), "given_by": [_given(g) for g in c.given_by]} for c in a.conflicts]
        given = {"member": _name(a.member), "source": a.source, "at": a.at, "rows": a.support, "decided_by": a.decided_by}
        rows.append({"attribute": name, "value": _text(a.value), **given, "conflicts": conflicts})
    return pa.Table.from_pylist([{"person_id": person_id, **row} for row in rows], schema=_PROFILE)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _name(member: Subject) -> str:
    return f"{member[0]}:{member[1]}"


def _given(candidate: Candidate) -> str:
    return f"{_name(candidate.member)} ({candidate.source})" if candidate.source else _name(candidate.member)


def _log(workspace: Workspace) -> IdentityLog:
    try:
        return IdentityLog(workspace.home.identity, create=False)
    except FileNotFoundError:
        raise NothingResolved(workspace.home.path, "resolved identities", "tessera resolve") from None

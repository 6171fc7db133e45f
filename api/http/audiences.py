"""Building an audience: a definition in; a stored audience with its members, written into the graph too, out.

Order of writing: control store, then graph, which is a projection of it. Where the graph cannot be reached nothing is kept, so
that the caller can simply ask again; a kill in between leaves an audience that the next publishing of the graph brings in.
Consent holds when people are chosen, and again at each release.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from api.http.errors import Problem, ProblemError, not_found
from api.http.resources import Resources
from api.http.schemas.audiences import LookalikeAudience, RuleAudience
from api.http.view import View
from gnn.lookalike import Reach
from gnn.lookalike import build as lookalike
from gnn.lookalike.known import places_among
from graph.audiences import AUDIENCES
from graph.control import Audience, AudienceKind
from graph.errors import NothingResolved, StoreError
from graph.privacy import Use, purpose_of
from graph.schema import Edge, Label, Type
from graph.snapshot import Delta

__all__ = ["build", "delete"]

_EDGE = Edge(Type.MEMBER_OF, Label.PERSON, Label.AUDIENCE)
_NO_SEEDS = Problem("no-usable-seeds", 422, "Invalid request", "Too few of the seeds are people who permit this use.")
_MIN_SEEDS = 10
"""Threat: a lookalike of very few people tells what those few are like. Unit: people."""


def build(opened: Resources, tenant_id: str, definition: RuleAudience | LookalikeAudience) -> Audience:
    """Choose the people, store them, write them into the graph. Raises NothingResolved, StoreUnavailable, MissingExtra,
    ModelError, and the problems of a definition that cannot be used."""
    view = opened.view
    opened.store.home_id()  # no work for a graph that cannot be reached
    match definition:
        case RuleAudience():
            members = pa.table({"person_id": _permitted(view, view.people.matching(definition.rule))})
        case LookalikeAudience():
            members = _lookalike(opened, view, tenant_id, definition)
    now = datetime.now(UTC)
    stored = _as_stored(definition.model_dump(mode="json", exclude={"name", "kind"}, exclude_none=True))
    created = opened.control.audiences.create(tenant_id, definition.name, AudienceKind(definition.kind), stored, now=now)
    try:
        filled = opened.control.audiences.fill(created.audience_id, members, now=now)
        with opened.lend() as store:
            store.apply(_delta(opened, filled, members))
    except StoreError:
        opened.control.audiences.delete(created.audience_id, tenant_id)
        raise
    return filled


def delete(opened: Resources, audience: Audience) -> None:
    """Delete an audience from the graph, then from the control store. Raises StoreUnavailable."""
    gone = pa.array([audience.audience_id], pa.string())
    with opened.lend() as store:
        store.apply(Delta(opened.workspace.home.home_id, deleted_nodes={Label.AUDIENCE: gone}))
    opened.control.audiences.delete(audience.audience_id, audience.tenant_id)


def _permitted(view: View, person_ids: pa.Array) -> pa.Array:
    return person_ids.filter(pa.array(_permits(view, person_ids)))


def _permits(view: View, person_ids: pa.Array) -> NDArray[np.bool_]:
    """(n,) who permits it, and is one human being."""
    consents = view.gate.consents
    return consents.allowed(person_ids, purpose_of(Use.AUDIENCE)) & consents.individuals(person_ids)


def _delta(opened: Resources, audience: Audience, members: pa.Table) -> Delta:
    """The audience's node and its members' relationships."""
    node = pa.table(
        [[audience.audience_id], [audience.name], [audience.kind.value], [audience.size], [audience.version]], schema=AUDIENCES
    )
    people = members["person_id"].combine_chunks()
    edges = pa.table({"source": people, "target": pa.repeat(audience.audience_id, len(people))})
    return Delta(opened.workspace.home.home_id, nodes={Label.AUDIENCE: node}, relationships={_EDGE: edges})


def _as_stored(value: Any) -> Any:
    """The definition as it is kept. Whole numbers become decimals: the gate takes a whole number for a tag's id."""
    if isinstance(value, Mapping):
        if value.keys() == {"kind", "id"}:  # a seed, as one text: its id alone could be read as a tag's
            return f"{value['kind']}:{value['id']}"
        return {k: _as_stored(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_as_stored(v) for v in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _lookalike(opened: Resources, view: View, tenant_id: str, definition: LookalikeAudience) -> pa.Table:
    """person_id and score, best first, of people who permit it; the seeds are people who permit it too."""
    placed = view.interests.placed
    if placed is None:
        raise NothingResolved(view.workspace.home.path, "model", "tessera train")
    known, positions = placed
    permitted = _permits(view, known)
    seeds = pc.unique(_seeds(opened, view, tenant_id, definition))
    usable = int(permitted[places_among(known, seeds)].sum())
    if usable < _MIN_SEEDS or usable == int(permitted.sum()):
        raise ProblemError(_NO_SEEDS)
    subtracted = pa.chunked_array([_members(opened, tenant_id, each) for each in definition.subtract], pa.string())
    reach = Reach(definition.size, definition.ratio, definition.min_similarity)
    found = lookalike(positions.only(permitted), known, seeds, reach, excluded=subtracted)
    return found.table.select(["person_id", "score"])


def _members(opened: Resources, tenant_id: str, audience_id: str) -> pa.Array:
    """Person ids of an audience. Raises the 404 for one that is not the tenant's."""
    audience = opened.control.audiences.get(audience_id, tenant_id)
    if audience is None:
        raise not_found()
    return opened.control.audiences.members(audience.audience_id)["person_id"].combine_chunks()


def _seeds(opened: Resources, view: View, tenant_id: str, definition: LookalikeAudience) -> pa.Array:
    """Person ids of the seeds. Raises the 404 for an audience that is not the tenant's."""
    if definition.seed_audience_id is not None:
        return _members(opened, tenant_id, definition.seed_audience_id)
    members = view.resolution.members
    given = definition.seeds or []
    found = [
        pc.index_in(pa.array([s.id for s in given if s.kind == kind], pa.string()), value_set=ids)
        for kind in ("device", "account")
        for ids in (pc.if_else(pc.equal(members["kind"], kind), members["id"], None),)
    ]
    rows = pa.concat_arrays([pc.drop_null(rows) for rows in found])
    return members["person_id"].combine_chunks().take(rows)

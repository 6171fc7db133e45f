"""Building an audience: a definition in; a stored audience with its members, written into the graph too, out.

Order of writing: control store, then graph, which is a projection of it; the control store knows which version the graph holds.
A kill in between leaves a graph that is behind by a version; whoever publishes next, or refreshes what is due, brings it up to
date. Of a new audience nothing is kept where the graph cannot be reached, so that the caller can simply ask again.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from api.audiences.choosing import SeedsFound, choose
from api.audiences.definition import AnyAudience, as_given, as_kept
from api.audiences.ground import Ground
from api.pipeline import now
from graph.audiences import AUDIENCES
from graph.control import KEPT_VERSIONS, Audience
from graph.errors import AudienceChanged, StoreError, UnknownAudience
from graph.schema import Edge, Label, Type
from graph.snapshot import Delta

__all__ = ["Built", "build", "delete", "publish", "refill", "replace"]

_EDGE = Edge(Type.MEMBER_OF, Label.PERSON, Label.AUDIENCE)


@dataclass(frozen=True)
class Built:
    """An audience that has been filled, and what became of listed seeds."""

    audience: Audience
    seeds: SeedsFound | None


def build(ground: Ground, tenant_id: str, definition: AnyAudience) -> Built:
    """Choose the people, store them, write them into the graph. Raises as `choose`, StoreError."""
    ground.check()  # no work for a graph that cannot be reached
    chosen = choose(ground, tenant_id, definition)
    kept, at, audiences = as_kept(definition), now(), ground.control.audiences
    created = audiences.create(
        tenant_id, kept.name, kept.kind, kept.definition, now=at, seeds=kept.seeds, refresh_every=kept.refresh_every
    )
    try:
        filled = audiences.fill(created.audience_id, chosen.members, now=at)
        publish(ground, filled)
    except StoreError:
        audiences.delete(created.audience_id, tenant_id)
        raise
    return Built(filled, chosen.seeds)


def replace(ground: Ground, audience: Audience, definition: AnyAudience) -> Built:
    """Give an audience another definition and the people of that as its next version. Raises as `choose`, AudienceCycle,
    UnknownAudience where it was deleted meanwhile, StoreError; after the last the graph follows later."""
    ground.check()
    chosen = choose(ground, audience.tenant_id, definition)
    filled = ground.control.audiences.fill(audience.audience_id, chosen.members, now=now(), definition=as_kept(definition))
    publish(ground, filled)
    return Built(filled, chosen.seeds)


def refill(ground: Ground, audience: Audience) -> Audience:
    """Choose an audience's people anew, by the definition that it has: its next version. Raises as `replace`, and InputError for
    a definition of an earlier version of this program that no longer fits."""
    ground.check()
    while True:
        definition = as_given(audience, ground.control.audiences.seeds(audience.audience_id))
        chosen = choose(ground, audience.tenant_id, definition)
        try:
            filled = ground.control.audiences.fill(audience.audience_id, chosen.members, now=now(), chosen_by=audience)
        except AudienceChanged:
            found = ground.control.audiences.get(audience.audience_id, audience.tenant_id)
            if found is None:
                raise UnknownAudience(audience.audience_id) from None
            audience = found
            continue
        publish(ground, filled)
        return filled


def publish(ground: Ground, audience: Audience) -> None:
    """Let the graph follow to the audience's current version. Raises StoreError."""
    with ground.lend() as store:
        current = ground.control.audiences.get(audience.audience_id, audience.tenant_id)
        if current is None or current.published == current.version:
            return
        store.apply(_delta(ground, current))
        store.flush()
        ground.control.audiences.set_published(current.audience_id, current.version)


def delete(ground: Ground, audience: Audience) -> None:
    """Delete an audience from the graph, then from the control store. Raises StoreUnavailable."""
    gone = pa.array([audience.audience_id], pa.string())
    with ground.lend() as store:
        store.apply(Delta(ground.workspace.home.home_id, deleted_nodes={Label.AUDIENCE: gone}))
    ground.control.audiences.delete(audience.audience_id, audience.tenant_id)


def _delta(ground: Ground, audience: Audience) -> Delta:
    """The audience's node, and whom it gained and lost since the version that the graph holds; all of it where that is not known
    any more."""
    audiences, audience_id = ground.control.audiences, audience.audience_id
    node = pa.table(
        [[audience_id], [audience.name], [audience.kind.value], [audience.size], [audience.version]], schema=AUDIENCES
    )
    people = audiences.members(audience_id)["person_id"].combine_chunks()
    home_id, nodes = ground.workspace.home.home_id, {Label.AUDIENCE: node}
    held = audience.published
    if held is None or not audience.version - KEPT_VERSIONS < held <= audience.version:
        stale = pa.array([audience_id] if audience.version > 1 else [], pa.string())
        return Delta(home_id, nodes, {_EDGE: _edges(people, audience_id)}, deleted_nodes={Label.AUDIENCE: stale})
    before = audiences.members(audience_id, version=held)["person_id"].combine_chunks()
    added = people.filter(pc.invert(pc.is_in(people, value_set=before)))
    removed = before.filter(pc.invert(pc.is_in(before, value_set=people)))
    return Delta(
        home_id,
        nodes,
        {_EDGE: _edges(added, audience_id)},
        deleted_relationships={_EDGE: _edges(removed, audience_id)},
    )


def _edges(people: pa.Array, audience_id: str) -> pa.Table:
    return pa.table({"source": people, "target": pa.repeat(audience_id, len(people))})

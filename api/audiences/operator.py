"""Audiences and subgraphs for the command line: the same definitions, rules and gate as over HTTP, asked by the operator.

The operator acts for a tenant, so that audiences made here are seen by that tenant's keys, and exports count against its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from api import pipeline
from api.audiences import building
from api.audiences.choosing import count
from api.audiences.definition import as_kept, read_definition
from api.audiences.due import Refiller
from api.audiences.traits import Of, counted, use_of
from api.http.logs import make_logger
from api.http.metrics import Metrics
from api.http.resources import Resources
from api.segments import segments_of
from api.workspace import Workspace
from graph.control import Audience
from graph.errors import UnknownAudience
from graph.privacy import (
    Accounts,
    AudienceRows,
    AudienceTraits,
    Caller,
    Denied,
    PairCount,
    Platform,
    Released,
    Subgraph,
    SubgraphLevel,
    UploadRows,
)
from graph.progress import Progress, ignore_progress

__all__ = [
    "create",
    "dry_run",
    "insights",
    "overlap",
    "refresh",
    "refresh_due",
    "release",
    "release_subgraph",
    "release_upload",
    "replace",
    "row",
    "versions",
]

Row = dict[str, Any]


def create(workspace: Workspace, tenant: str, document: object) -> Row:
    """Build an audience from its definition (as POST /v1/audiences takes it). Raises InputError, NothingResolved, StoreError."""
    definition = read_definition(document)
    with _resources(workspace) as opened:
        opened.control.tenants.ensure(tenant, now=pipeline.now())
        return row(building.build(opened, tenant, definition).audience)


def replace(workspace: Workspace, tenant: str, audience_id: str, document: object) -> Row:
    """Give an audience another definition, and fill it by that. Raises as `create`."""
    definition = read_definition(document)
    with _resources(workspace) as opened:
        return _changed(opened, building.replace(opened, _audience(opened, tenant, audience_id), definition).audience)


def dry_run(workspace: Workspace, tenant: str, document: object) -> int | None:
    """How many people a definition would reach, as the gate tells it; nothing is stored. Raises InputError, NothingResolved."""
    definition = read_definition(document)
    with _resources(workspace) as opened:
        people, _ = count(opened, tenant, definition)
        return opened.view.gate.reach(as_kept(definition).definition, people, caller=Caller(tenant, "operator")).value.counts[
            "people"
        ]


def refresh(workspace: Workspace, tenant: str, audience_id: str) -> Row:
    """Fill an audience again. Raises as `create`."""
    with _resources(workspace) as opened:
        return _changed(opened, building.refill(opened, _audience(opened, tenant, audience_id)))


def refresh_due(workspace: Workspace) -> list[Row]:
    """Fill every tenant's audiences again whose time has come. Raises StoreError."""
    with _resources(workspace) as opened:
        return [
            _changed(opened, audience) if version else row(audience) | {"problem": audience.refresh_problem}
            for audience, version in Refiller(opened, pipeline.now).round()
        ]


def versions(workspace: Workspace, tenant: str, audience_id: str) -> list[Row]:
    """Every filling of an audience, the newest first, with exact counts: the operator may know them. Raises UnknownAudience."""
    with workspace.control() as control:
        if control.audiences.get(audience_id, tenant) is None:
            raise UnknownAudience(audience_id)
        return [
            {"version": v.version, "at": v.at, "people": v.size, "added": v.added, "removed": v.removed}
            for v in control.audiences.versions(audience_id)
        ]


def insights(workspace: Workspace, tenant: str, audience_id: str, of: Of) -> Released[AudienceTraits] | Denied:
    """What an audience's people have, beside everybody. Raises UnknownAudience, NothingResolved, ModelError."""
    with _resources(workspace) as opened:
        _audience(opened, tenant, audience_id)
        view = opened.view
        return view.gate.traits(
            opened.control.audiences.members(audience_id)["person_id"],
            lambda people, everybody: counted(view, of, people, everybody),
            audience_id=audience_id,
            caller=Caller(tenant, "operator"),
            use=use_of(of),
        )


def overlap(workspace: Workspace, tenant: str, audience_ids: Sequence[str]) -> Released[tuple[PairCount, ...]] | Denied:
    """How many people each pair of audiences shares. Raises UnknownAudience, NothingResolved."""
    with _resources(workspace) as opened:
        members = {
            audience_id: opened.control.audiences.members(_audience(opened, tenant, audience_id).audience_id)["person_id"]
            for audience_id in audience_ids
        }
        return opened.view.gate.overlaps(members, caller=Caller(tenant, "operator"))


def release(
    workspace: Workspace, tenant: str, audience_id: str, recipient: str, *, segments: Sequence[str] | None = None
) -> Released[AudienceRows] | Denied:
    """An audience as pseudonyms for a file; `segments` are asked for OpenRTB, empty for those of its rule. Raises InputError for
    an audience that is not the tenant's, or that no segment stands for; NothingResolved."""
    with _resources(workspace) as opened:
        audience = _audience(opened, tenant, audience_id)
        model = opened.view.interests.model
        tags = None if model is None else model.tags
        return opened.view.gate.row_list(
            opened.control.audiences.members(audience_id)["person_id"],
            audience_id=audience_id,
            recipient=recipient,
            caller=Caller(tenant, "operator"),
            file=True,
            segments=() if segments is None else segments_of(audience, tags, segments),
        )


def release_upload(
    workspace: Workspace,
    tenant: str,
    audience_id: str,
    recipient: str,
    platform: Platform,
    progress: Progress = ignore_progress,
) -> Released[UploadRows] | Denied:
    """An audience as hashed identifiers for a platform. Raises InputError for an audience that is not the tenant's,
    NothingResolved, HomeNotWritable."""
    with _resources(workspace) as opened, workspace.connection() as connection:
        _audience(opened, tenant, audience_id)
        return opened.view.gate.upload(
            opened.control.audiences.members(audience_id)["person_id"],
            Accounts(connection, opened.view.resolution.members),
            platform,
            audience_id=audience_id,
            recipient=recipient,
            caller=Caller(tenant, "operator"),
            progress=progress,
        )


def release_subgraph(
    workspace: Workspace, tenant: str, audience_id: str | None, level: SubgraphLevel, recipient: str
) -> Released[Subgraph] | Denied:
    """The graph around an audience's people, or around everybody. Raises as `release`."""
    with _resources(workspace) as opened:
        opened.control.tenants.ensure(tenant, now=pipeline.now())
        if audience_id is None:
            name, people = "everybody", opened.view.resolution.persons["person_id"]
        else:
            name = _audience(opened, tenant, audience_id).audience_id
            people = opened.control.audiences.members(name)["person_id"]
        return opened.view.gate.subgraph(
            opened.view.snapshot, people, name=name, recipient=recipient, caller=Caller(tenant, "operator"), level=level
        )


def row(audience: Audience) -> Row:
    """An audience, as commands tell of it: with its exact size, which the operator may know."""
    return {
        "audience_id": audience.audience_id,
        "name": audience.name,
        "kind": audience.kind.value,
        "size": audience.size,
        "version": audience.version,
        "refresh_at": audience.refresh_at,
    }


def _changed(opened: Resources, audience: Audience) -> Row:
    """An audience and what its last filling changed."""
    [last] = opened.control.audiences.versions(audience.audience_id, limit=1)
    return row(audience) | {"added": last.added, "removed": last.removed}


def _audience(opened: Resources, tenant: str, audience_id: str) -> Audience:
    found = opened.control.audiences.get(audience_id, tenant)
    if found is None:
        raise UnknownAudience(audience_id)
    return found


@contextmanager
def _resources(workspace: Workspace) -> Iterator[Resources]:
    opened = Resources(workspace, Metrics(), make_logger(sys.stderr))
    try:
        yield opened
    finally:
        opened.close()

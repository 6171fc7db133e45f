"""Audiences and subgraphs for the command line: the same definitions, rules and gate as over HTTP, asked by the operator.

The operator acts for a tenant, so that audiences made here are seen by that tenant's keys, and exports count against its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import TypeAdapter, ValidationError

from api import pipeline
from api.http import audiences as building
from api.http.errors import ProblemError
from api.http.logs import make_logger
from api.http.metrics import Metrics
from api.http.resources import Resources
from api.http.schemas.audiences import NewAudience
from api.segments import segments_of
from api.workspace import Workspace
from graph.control import Audience
from graph.errors import InputError
from graph.privacy import Accounts, AudienceRows, Caller, Denied, Platform, Released, Subgraph, SubgraphLevel, UploadRows
from graph.progress import Progress, ignore_progress

__all__ = ["create", "release", "release_subgraph", "release_upload"]

_DEFINITION: TypeAdapter[Any] = TypeAdapter(NewAudience)


def create(workspace: Workspace, tenant: str, document: object) -> dict[str, Any]:
    """Build an audience from its definition (as POST /v1/audiences takes it). Raises InputError, NothingResolved, StoreError."""
    try:
        definition = _DEFINITION.validate_python(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise InputError(f"audience definition: {where}: {first['msg']}") from None
    with _resources(workspace) as opened:
        opened.control.tenants.ensure(tenant, now=pipeline.now())
        try:
            made = building.build(opened, tenant, definition)
        except ProblemError as error:
            raise InputError(f"audience definition: {error.problem.detail}") from None
    return {"audience_id": made.audience_id, "name": made.name, "kind": made.kind.value, "size": made.size}


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


def _audience(opened: Resources, tenant: str, audience_id: str) -> Audience:
    found = opened.control.audiences.get(audience_id, tenant)
    if found is None:
        raise InputError(f"no audience {audience_id!r} of tenant {tenant!r}; list them with `tessera audience list`")
    return found


@contextmanager
def _resources(workspace: Workspace) -> Iterator[Resources]:
    opened = Resources(workspace, Metrics(), make_logger(sys.stderr))
    try:
        yield opened
    finally:
        opened.close()

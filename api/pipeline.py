"""The stages in their order: ingest, resolve, train, tag, publish. Each function holds the home's writer lock while it writes
and gives back a report of plain values, fit to be printed or sent.

Commit order: lake, identity log, model, graph. Whatever was interrupted is done again from what stands before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from api.workspace import Workspace
from graph import project, resolve
from graph.audiences import AUDIENCES, MEMBER_OF, Audiences
from graph.control import Control
from graph.privacy import Consents, Gate, Use, legal_basis, purpose_of
from graph.resolution import Resolution

if TYPE_CHECKING:
    from graph.interests import Interests

__all__ = ["audiences_of", "consents_of", "eligible", "gate_of", "ingest", "publish", "resolve_and_publish", "run"]

Progress = Callable[[str, int, int], None]
Report = dict[str, Any]


def now() -> datetime:
    """The time for records of what operators did; nothing that is computed from data depends on it."""
    return datetime.now(UTC)


def consents_of(workspace: Workspace, resolution: Resolution, control: Control) -> Consents:
    """Consent of everybody in a resolution, from the lake and the control store's log."""
    with workspace.connection() as connection:
        return Consents(
            connection,
            resolution.members,
            control.consents,
            clock=now,
            legal_basis=legal_basis(workspace.settings.legal_basis),
        )


def gate_of(workspace: Workspace, resolution: Resolution, control: Control, sensitive: frozenset[str]) -> Gate:
    """The privacy gate over a resolution. `sensitive` are the ids and names of sensitive tags."""
    return Gate(consents_of(workspace, resolution, control), control, workspace.key, sensitive=sensitive, clock=now)


def eligible(workspace: Workspace, resolution: Resolution, use: Use) -> pa.Array:
    """People who are one human being and did not object to the use: whom operator commands and training work on."""
    persons = resolution.persons
    ids = persons["person_id"].filter(pc.equal(persons["class"], "person")).combine_chunks()
    with workspace.control() as control:
        objected = consents_of(workspace, resolution, control).objected(ids, purpose_of(use))
    return ids.filter(pa.array(~objected))

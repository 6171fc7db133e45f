"""What every release goes by: who permits it, what is sensitive, how a number of people is told, and the line in the audit log.

In: a question about people or an audience, and who asks. Out: places of the people who may leave, rounded counts, refusals. It
makes no `Released`; the gate alone does.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.control import Audience, AuditEntry, Control
from graph.privacy.caller import OPERATOR, Caller
from graph.privacy.consent import Consents, PersonIds
from graph.privacy.purposes import Use, purpose_of
from graph.privacy.released import DenialReason, Denied
from graph.privacy.sensitive import is_sensitive
from graph.privacy.settings import GateSettings

__all__ = ["Grounds"]


class Grounds:
    """The rules of one home that releases of every kind share. Safe to share between threads."""

    def __init__(
        self,
        consents: Consents,
        control: Control,
        sensitive: Container[str],
        settings: GateSettings,
        clock: Callable[[], datetime],
    ) -> None:
        """As `Gate` has them."""
        self._consents = consents
        self._control = control
        self._sensitive = sensitive
        self._settings = settings
        self._clock = clock

    def people_of(
        self, audience_id: str, person_ids: PersonIds, caller: Caller, action: str, use: Use, least: int
    ) -> NDArray[np.int64] | Denied:
        """Places of the people of an audience who may leave as rows; `least` of them there must be."""
        if (refused := self.refuse_audience(audience_id, caller, action)) is not None:
            return refused
        people = self.releasable(person_ids, use)
        if len(people) < least:
            return self.deny(caller, action, DenialReason.TOO_FEW, f"fewer than {least} people who consent", audience_id)
        return people

    def refuse_audience(self, audience_id: str, caller: Caller, action: str) -> Denied | None:
        """What speaks against telling of an audience's people, whatever is told of them; None for nothing."""
        audience = self._control.audiences.get(audience_id, caller.tenant_id)
        if audience is None:
            return self.deny(caller, action, DenialReason.ABSENT, "no such audience of this tenant")
        if self.reason_against(audience, caller) is not None:
            return self.deny(caller, action, DenialReason.SENSITIVE, "it is made from a sensitive tag", audience_id)
        return None

    def reason_against(self, audience: Audience, caller: Caller) -> DenialReason | None:
        """Why nothing is told of an audience; None for nothing against it."""
        if audience.tenant_id != caller.tenant_id:
            return DenialReason.ABSENT
        return DenialReason.SENSITIVE if self.is_sensitive(audience.definition, caller) else None

    def is_sensitive(self, definition: Mapping[str, Any], caller: Caller) -> bool:
        """Whether a definition is about something sensitive, or made from an audience that is or was."""
        return is_sensitive(definition, caller.tenant_id, self._sensitive, self._control.audiences)

    def left_out(self, asked: PersonIds, kept: NDArray[np.int64]) -> dict[str, int | None]:
        """How many of the people asked for are not released, rounded as every count is."""
        ids = asked if isinstance(asked, (pa.Array, pa.ChunkedArray)) else pa.array(asked, pa.string())
        return {"no consent, or several people": self.rounded(pc.count_distinct(ids).as_py() - len(kept))}

    def rounded(self, count: int) -> int | None:
        """A number of people as it may be told: None under the minimum, else rounded down."""
        return None if count < self._settings.minimum_count else count - count % self._settings.count_step

    def releasable(self, person_ids: PersonIds, use: Use) -> NDArray[np.int64]:
        """Distinct people who permit the use and are one human being each, by their place in `Consents.people`."""
        return self._consents.releasable(person_ids, purpose_of(use))

    def deny(
        self, caller: Caller, action: str, reason: DenialReason, message: str, subject: str | None = None, *, soon: bool = False
    ) -> Denied:
        """The refusal, once it is in the audit log."""
        self.write(caller, action, "denied", reason=reason, subject=subject, soon=soon)
        return Denied(reason, message)

    def write(
        self,
        caller: Caller,
        action: str,
        outcome: str,
        *,
        reason: str | None = None,
        subject: str | None = None,
        rows: int | None = None,
        soon: bool = False,
    ) -> None:
        """A line of the audit log; `soon`: in a group, a moment later. Raises StoreUnavailable."""
        tenant = None if caller is OPERATOR else caller.tenant_id
        entry = AuditEntry(self._clock(), caller.actor, action, outcome, tenant, reason, subject, rows)
        audit = self._control.audit
        (audit.append_soon if soon else audit.append)(entry)

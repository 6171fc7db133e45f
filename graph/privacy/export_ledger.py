"""Releases of rows as they are registered: an equal one comes back, a nearly equal one is denied.

In: the people of a release, and what decides its rows. Out: the export with the key of its pseudonyms, or why not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from graph.control import Export, ExportRequest, Exports
from graph.privacy.caller import Caller
from graph.privacy.consent import Consents
from graph.privacy.pseudonyms import member_hashes
from graph.privacy.purposes import Use, purpose_of
from graph.privacy.released import DenialReason, Denied
from graph.privacy.settings import GateSettings

__all__ = ["ExportLedger"]


class ExportLedger:
    """Registers releases of people of one home."""

    def __init__(
        self, consents: Consents, exports: Exports, key: bytes, settings: GateSettings, clock: Callable[[], datetime]
    ) -> None:
        self._consents = consents
        self._exports = exports
        self._key = key
        self._least = settings.minimum_difference
        self._clock = clock
        self._hashes: NDArray[np.uint64] | None = None

    def register(
        self, people: NDArray[np.int64], kind: str, subject: str, recipient: str, caller: Caller, use: Use, content: str = ""
    ) -> Export | Denied:
        """The export of the people at these places of `Consents.people`; `content` covers what decides the rows beside them."""
        members = np.sort(self._member_hashes()[people])
        members = members[np.append(True, members[1:] != members[:-1])[: len(members)]]  # np.unique, without its hash table
        request = ExportRequest(caller.tenant_id, kind, subject, recipient, int(purpose_of(use)), content, members)
        export = self._exports.register(request, minimum_difference=self._least, now=self._clock())
        if isinstance(export, int):
            return Denied(DenialReason.TOO_SIMILAR, f"fewer than {self._least} people differ from an earlier export")
        return export

    def to_hide(self, kept: NDArray[np.int64], missing: int) -> NDArray[np.int64]:
        """Which of the people kept to leave out too, where so few are missing from a list that it would be nearly equal to the
        whole one: as many as make the minimum difference, always the same ones."""
        if not 0 < missing < self._least:
            return kept[:0]
        order = np.argsort(self._member_hashes()[kept], kind="stable")
        return kept[order[: self._least - missing]]

    def _member_hashes(self) -> NDArray[np.uint64]:
        if self._hashes is None:
            self._hashes = member_hashes(self._consents.people, self._key)
        return self._hashes

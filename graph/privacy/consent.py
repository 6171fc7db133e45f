"""Who may be used for what. In: consent records of the lake and of the control store's log, and who is one person. Out: masks
over people.

Rules (DESIGN.md section 8), all of them failing closed:
- a subject's newest record by its own time is in force; of several with one time, what all of them permit;
- it permits the purposes that it lists and those of its TC and GPP strings (`graph.privacy.signals`), of several only what all of
  them permit. `gpc`, an empty list, a string that is refused, or nothing said at all permit nothing;
- a refusal without a time always holds; another record without a time counts as the oldest;
- a record of the future permits nothing until its time has come, but refuses at once;
- a person is permitted what every member with a record permits; one refusing device refuses for the person;
- a person of whom no member has a record is released to nobody, unless the home has a legal basis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from threading import Lock
from typing import TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.control import ConsentLog
from graph.privacy.purposes import LegalBasis, Purpose
from graph.privacy.records import RecordStore

__all__ = ["ConsentState", "Consents", "Mask", "PersonIds"]

PersonIds: TypeAlias = pa.Array | pa.ChunkedArray | Sequence[str]
Mask: TypeAlias = NDArray[np.bool_]

_FEW = 2000
"""Up to here a dictionary is faster than Arrow's hash join."""


class ConsentState(StrEnum):
    """What is known of a person for one purpose."""

    GRANTED = "granted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class _Folded:
    """What people permit, up to one entry of the log: a bit for each purpose, and whether there is any record."""

    seq: int
    permitted: NDArray[np.int64]
    known: Mask


class Consents:
    """Consent of everybody in one resolution of one lake. Load it again when either changes; the log is followed by itself,
    so that a withdrawal holds from the next call on. Safe to share between threads."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        members: pa.Table,
        log: ConsentLog,
        *,
        clock: Callable[[], datetime],
        legal_basis: LegalBasis | None = None,
        vendor: int | None = None,
    ) -> None:
        """`connection` has the lake's view `consents`; `members` is `Resolution.members`; `vendor` is the operator's id in the
        Global Vendor List, None where it is no vendor but the publisher."""
        self._log = log
        self._clock = clock
        self._legal_basis = legal_basis
        self._lock = Lock()
        self._records = RecordStore(connection, members, vendor)
        people = self._records.people()
        self._people: pa.Array = people["person_id"].combine_chunks()
        self._position = {p: i for i, p in enumerate(self._people.to_pylist())}
        self._individual: Mask = np.append(people["individual"].to_numpy(), False)
        size = len(self._people) + 1  # the last row is nobody's: where people who are not there are looked up
        self._folded = self._fold(_Folded(-1, np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.bool_)))

    def allowed(self, person_ids: PersonIds, purpose: Purpose) -> Mask:
        """True for each person whose data may be released for the purpose; False for people who are not in the home."""
        folded = self._current()
        at, there = self._locate(person_ids)
        permitted = (folded.permitted[at] >> purpose) & 1 == 1
        known = folded.known[at]
        mask: Mask = there & np.where(known, permitted, self._legal_basis is not None)
        return mask

    def objected(self, person_ids: PersonIds, purpose: Purpose | None = None) -> Mask:
        """True for each person with a record that refuses the purpose (without one: that refuses everything)."""
        folded = self._current()
        at, there = self._locate(person_ids)
        permitted = folded.permitted[at] != 0 if purpose is None else (folded.permitted[at] >> purpose) & 1 == 1
        mask: Mask = there & folded.known[at] & ~permitted
        return mask

    def releasable(self, person_ids: PersonIds, purpose: Purpose) -> NDArray[np.int64]:
        """Places in `people` of those who permit the purpose and are one human being each; everybody once, in that order."""
        folded = self._current()
        at, _ = self._locate(person_ids)
        asked = np.zeros(len(self._people) + 1, dtype=np.bool_)
        asked[at] = True
        permitted = (folded.permitted >> purpose) & 1 == 1
        allowed = np.where(folded.known, permitted, self._legal_basis is not None)
        return np.flatnonzero((asked & allowed & self._individual)[:-1])

    @property
    def people(self) -> pa.Array:
        """Everybody's person id."""
        return self._people

    def individuals(self, person_ids: PersonIds) -> Mask:
        """True for each person who is one human being, as far as is known: no shared device, no bot."""
        at, there = self._locate(person_ids)
        return there & self._individual[at]

    def present(self, person_ids: PersonIds) -> Mask:
        """True for each person who is in the home."""
        return self._locate(person_ids)[1]

    def permits(self, person_id: str, purpose: Purpose) -> bool | None:
        """Whether one person's data may be released for the purpose; None for a person who is not in the home."""
        at = self._position.get(person_id)
        if at is None:
            return None
        folded = self._current()
        return bool((int(folded.permitted[at]) >> purpose) & 1) if folded.known[at] else self._legal_basis is not None

    def at_hand(self) -> bool:
        """Whether everything that was recorded is known here, so that the next question asks no store. Takes microseconds."""
        return self._log.last_known() == self._folded.seq

    def state(self, person_id: str, purpose: Purpose) -> ConsentState:
        """One person's state. A person who is not in the home is unknown."""
        folded = self._current()
        at = self._position.get(person_id)
        if at is None or not folded.known[at]:
            return ConsentState.UNKNOWN
        return ConsentState.GRANTED if (int(folded.permitted[at]) >> purpose) & 1 else ConsentState.REFUSED

    def history(self, subject_kind: str, subject_id: str) -> pa.Table:
        """One subject's records of lake and log, oldest first: at, purposes, tc_string, gpp_string, gpc, source, permits,
        refusal."""
        self._current()
        with self._lock:
            return self._records.history(subject_kind, subject_id)

    def person_of(self, subject_kind: str, subject_id: str) -> str | None:
        """The person that a device or account belongs to."""
        with self._lock:
            return self._records.person_of(subject_kind, subject_id)

    def _locate(self, person_ids: PersonIds) -> tuple[NDArray[np.int64], Mask]:
        """Row of each person (the last one for those who are not there), and who is there."""
        ids = person_ids if isinstance(person_ids, (pa.Array, pa.ChunkedArray)) else pa.array(person_ids, pa.string())
        if len(ids) <= _FEW:
            found = np.array([self._position.get(p, -1) for p in ids.to_pylist()], dtype=np.int64)
        else:
            found = pc.fill_null(pc.index_in(ids, value_set=self._people), -1).to_numpy().astype(np.int64)
        there = found >= 0
        return np.where(there, found, len(self._people)), there

    def _current(self) -> _Folded:
        """The fold with every record that the log has by now."""
        if self._log.last() != self._folded.seq:
            with self._lock:
                self._folded = self._fold(self._folded)
        return self._folded

    def _fold(self, before: _Folded) -> _Folded:
        """`before` with what the log has got since; a sequence number of -1 stands for nothing folded yet."""
        first = before.seq < 0
        records = self._log.since(before.seq)
        if not records and not first:
            return before
        self._records.add(records)
        rows, masks = self._records.fold(self._clock(), None if first else records)
        permitted, known = before.permitted.copy(), before.known.copy()
        permitted[rows], known[rows] = masks, True
        return _Folded(records[-1].seq if records else 0, permitted, known)

"""The gate: the one place that makes a `Released`. In: what somebody wants out, who, and for which use. Out: it, or why not.

Every question is written to the audit log with its outcome before the answer is given (those about one person in groups, a
moment later). Consent comes first, sizes and
differences are those of the people who are left.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Container, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from graph.control import AUDIENCE_PREFIX, Audience, AudienceVersion, Control
from graph.privacy.anonymity import anonymous, person_graph
from graph.privacy.caller import OPERATOR, Caller
from graph.privacy.classes import class_graph
from graph.privacy.consent import Consents, PersonIds
from graph.privacy.export_ledger import ExportLedger
from graph.privacy.grounds import Grounds
from graph.privacy.likenesses import pairs_of, told_figures, told_traits
from graph.privacy.payloads import (
    Aggregate,
    AudienceRows,
    AudienceTraits,
    OperatorTable,
    PairCount,
    QueryRows,
    SeedFigures,
    Segment,
    Subgraph,
    SubgraphLevel,
    Trait,
    UploadRows,
    VersionCounts,
)
from graph.privacy.platforms.accounts import Accounts, hashed_rows
from graph.privacy.platforms.rules import Platform
from graph.privacy.pseudonyms import pseudonyms
from graph.privacy.purposes import Use, purpose_of
from graph.privacy.query_rows import Column, people_named, shown, without_tags
from graph.privacy.released import DenialReason, Denied, ReleaseClass, Released, _release
from graph.privacy.settings import GateSettings
from graph.privacy.stars import digest, stars
from graph.progress import Progress, ignore_progress
from graph.snapshot import Snapshot

__all__ = ["Gate"]

T = TypeVar("T")


class Gate:
    """Release rules over the consents of one home. Safe to share between threads."""

    def __init__(
        self,
        consents: Consents,
        control: Control,
        key: bytes,
        *,
        sensitive: Container[str],
        clock: Callable[[], datetime],
        settings: GateSettings = GateSettings(),  # noqa: B008
    ) -> None:
        """`key` is the home's secret; `sensitive` holds the ids (and names) of sensitive tags."""
        self._consents = consents
        self._control = control
        self._key = key
        self._sensitive = sensitive
        self._settings = settings
        self._grounds = Grounds(consents, control, sensitive, settings, clock)
        self._ledger = ExportLedger(consents, control.exports, key, settings, clock)

    @property
    def consents(self) -> Consents:
        """The consents that the gate goes by."""
        return self._consents

    def at_hand(self) -> bool:
        """Whether `subject` can answer from memory, in microseconds: no store has to be read, and its audit line can wait."""
        return self._consents.at_hand() and self._control.audit.takes_soon()

    def operator_file(self, table: pa.Table, what: str, *, use: Use | None = None) -> Released[OperatorTable]:
        """A table for the operator's own machine, without the people who objected to `use`.

        People are found by the column `person_id`; a table without it is about no people and passes whole. Without a use nobody
        is left out: that is for the map of who is who, which an operator needs to honour an objection on every device.
        """
        kept = table
        if use is not None and "person_id" in table.column_names:
            kept = table.filter(pa.array(~self._consents.objected(table["person_id"], purpose_of(use))))
        withheld = table.num_rows - kept.num_rows
        self._grounds.write(OPERATOR, f"export {what}", "released", subject=what, rows=kept.num_rows)
        return _release(OperatorTable(what, kept, withheld), ReleaseClass.OPERATOR_FILE)

    def subject(self, person_id: str | None, make: Callable[[], T], *, use: Use, caller: Caller) -> Released[T] | Denied:
        """What is known of one person, where that person permits the use. `make` gives the answer; it is not
        asked before the person is known to permit it. Ask for nobody (None) where nobody was found: absence is audited too, and
        takes as long as a refusal."""
        action = f"look up {use}"
        permits = None if person_id is None else self._consents.permits(person_id, purpose_of(use))
        if permits is None:
            return self._grounds.deny(caller, action, DenialReason.ABSENT, "no such person", soon=True)
        if not permits:
            return self._grounds.deny(caller, action, DenialReason.NO_CONSENT, f"no consent to {use}", soon=True)
        self._grounds.write(caller, action, "released", rows=1, soon=True)
        return _release(make(), ReleaseClass.SUBJECT_LOOKUP)

    def row_list(
        self,
        person_ids: PersonIds,
        *,
        audience_id: str,
        recipient: str,
        caller: Caller,
        use: Use = Use.AUDIENCE,
        file: bool = True,
        offset: int = 0,
        limit: int | None = None,
        segments: Sequence[Segment] = (),
    ) -> Released[AudienceRows] | Denied:
        """An audience as pseudonyms: whole for a file, or a page of it. Rules are those of the whole list in both cases.
        `segments` are what the file says of everybody in it."""
        action = "export audience" if file else "list audience"
        least = self._settings.minimum_file_rows if file else self._settings.minimum_rows
        people = self._grounds.people_of(audience_id, person_ids, caller, action, use, least)
        if isinstance(people, Denied):
            return people
        if any(s.sensitive or s.segment_id in self._sensitive or s.name in self._sensitive for s in segments):
            return self._grounds.deny(caller, action, DenialReason.SENSITIVE, "a segment of it is sensitive", audience_id)
        export = self._ledger.register(people, "row_list", audience_id, recipient, caller, use)
        if isinstance(export, Denied):
            return self._grounds.deny(caller, action, export.reason, export.message, audience_id)
        rows = pseudonyms(self._consents.people.take(people), export.pseudonym_key)
        page = rows.slice(offset, limit)
        self._grounds.write(caller, action, "released", subject=export.export_id, rows=len(page))
        left_out = self._grounds.left_out(person_ids, people)
        return _release(
            AudienceRows(export.export_id, audience_id, recipient, page, len(rows), tuple(segments), left_out),
            ReleaseClass.ROW_LIST,
        )

    def upload(
        self,
        person_ids: PersonIds,
        accounts: Accounts,
        platform: Platform,
        *,
        audience_id: str,
        recipient: str,
        caller: Caller,
        use: Use = Use.AUDIENCE,
        progress: Progress = ignore_progress,
    ) -> Released[UploadRows] | Denied:
        """An audience as hashed identifiers of its people's accounts, for an advertising platform: a row list whose pseudonyms
        are the platform's. Its rules are those of a file, for the people who have an e-mail or telephone. Whoever knows an
        address can find it in the file. Raises HomeNotWritable."""
        action = f"export upload {platform.name}"
        least = self._settings.minimum_file_rows
        people = self._grounds.people_of(audience_id, person_ids, caller, action, use, least)
        if isinstance(people, Denied):
            return people
        everybody = self._consents.people
        refusing = everybody.filter(pa.array(self._consents.objected(everybody, purpose_of(use))))
        order = hmac.digest(self._key, repr((action, audience_id, recipient, caller.tenant_id)).encode(), "sha256")
        hashed = hashed_rows(accounts, everybody.take(people), refusing, platform, order, progress)
        reached = people[hashed.places]
        hidden = self._ledger.to_hide(reached, len(people) - len(reached))
        reached = np.setdiff1d(reached, hidden, assume_unique=True)
        if len(reached) < least:
            message = f"fewer than {least} people who consent and have an e-mail or telephone of their own"
            return self._grounds.deny(caller, action, DenialReason.TOO_FEW, message, audience_id)
        export = self._ledger.register(reached, f"upload {platform.name}", audience_id, recipient, caller, use, hashed.digest)
        if isinstance(export, Denied):
            return self._grounds.deny(caller, action, export.reason, export.message, audience_id)
        hashed.rows.leave_out(np.flatnonzero(np.isin(people, hidden)))
        self._grounds.write(caller, action, "released", subject=export.export_id, rows=hashed.rows.rows)
        missing = {"no e-mail or telephone of their own, or to hide these": self._grounds.rounded(len(people) - len(reached))}
        return _release(
            UploadRows(
                export.export_id,
                audience_id,
                recipient,
                platform.name,
                platform.version,
                hashed.rows,
                len(reached),
                self._grounds.left_out(person_ids, people) | missing,
            ),
            ReleaseClass.ROW_LIST,
        )

    def aggregate(
        self, groups: Mapping[str, PersonIds | int], *, caller: Caller, use: Use = Use.STATISTICS
    ) -> Released[Aggregate]:
        """Counts of people by name, rounded down, those under the minimum left out.

        People are counted once, and only those who permit the use; a number stands for people who were counted so already.
        Rounding is no differential privacy: until counts go through a budget, somebody who may ask many overlapping questions
        can work some of them out.
        """
        counts = {
            name: self._grounds.rounded(g if isinstance(g, int) else len(self._grounds.releasable(g, use)))
            for name, g in groups.items()
        }
        self._grounds.write(caller, f"count for {use}", "released", rows=len(counts))
        return _release(Aggregate(counts, self._settings.minimum_count, self._settings.count_step), ReleaseClass.AGGREGATE)

    def subgraph(
        self,
        snapshot: Snapshot,
        person_ids: PersonIds,
        *,
        name: str,
        recipient: str,
        caller: Caller,
        level: SubgraphLevel = SubgraphLevel.CLASS,
        use: Use = Use.STATISTICS,
    ) -> Released[Subgraph] | Denied:
        """The piece of the identity graph around these people, without anything that names one of them.

        `name` says which piece it is: the audience's id, whose rules hold then, or `everybody`; never a person. An equal piece
        asked for again comes with the same pseudonyms; any other has its own.
        """
        action = f"export subgraph by {level}"
        if name.startswith(AUDIENCE_PREFIX) and (refused := self._grounds.refuse_audience(name, caller, action)) is not None:
            return refused
        people = self._grounds.releasable(person_ids, use)
        by_class = level is SubgraphLevel.CLASS
        least = self._settings.minimum_rows if by_class else self._settings.minimum_file_rows
        told = stars(snapshot, self._consents.people.take(people), self._sensitive) if len(people) >= least else []
        rows = [] if by_class else anonymous(told, self._settings.k)
        shown = len(told) if by_class else len(rows)
        if not shown:
            return self._grounds.deny(
                caller, action, DenialReason.TOO_FEW, f"fewer than {least} people, or nothing k of them share", name
            )
        export = self._ledger.register(people, f"subgraph {level}", name, recipient, caller, use, digest(told, self._key))
        if isinstance(export, Denied):
            return self._grounds.deny(caller, action, export.reason, export.message, name)
        self._grounds.write(caller, action, "released", subject=export.export_id, rows=shown)
        if by_class:
            return _release(class_graph(told, k=self._settings.k, step=self._settings.count_step), ReleaseClass.AGGREGATE)
        return _release(person_graph(rows, export.pseudonym_key, self._settings.k), ReleaseClass.ROW_LIST)

    def audience_sizes(self, audiences: Sequence[Audience], *, caller: Caller) -> Released[Aggregate]:
        """Sizes of the tenant's audiences, by id, as `aggregate` tells them; None for another's, or one about a sensitive tag."""
        told = {a.audience_id: 0 if self._grounds.reason_against(a, caller) else a.size for a in audiences}
        return self.aggregate(told, caller=caller)

    def audience_versions(
        self, audience: Audience, versions: Sequence[AudienceVersion], *, caller: Caller
    ) -> Released[tuple[VersionCounts, ...]]:
        """How many people an audience's versions held, gained and lost, as `aggregate` tells it. Nothing is told of a version
        whose definition is about a sensitive tag, nor what the one after it gained and lost against it."""
        told = []
        for version in versions:
            hidden = audience.tenant_id != caller.tenant_id or self._grounds.is_sensitive(version.definition, caller)
            before = version.definition_before
            apart = hidden or (before is not None and self._grounds.is_sensitive(before, caller))
            people, added, removed = (
                None if count is None or withheld else self._grounds.rounded(count)
                for count, withheld in ((version.size, hidden), (version.added, apart), (version.removed, apart))
            )
            told.append(VersionCounts(version.version, version.at, people, added, removed))
        self._grounds.write(caller, "count versions", "released", subject=audience.audience_id, rows=len(told))
        return _release(tuple(told), ReleaseClass.AGGREGATE)

    def reach(
        self, definition: Mapping[str, Any], people: int, *, caller: Caller, use: Use = Use.AUDIENCE
    ) -> Released[Aggregate]:
        """How many people a definition reaches that nobody has stored, as `aggregate` tells it: None for few, and for one about a
        sensitive tag. `people` are those who permit the use."""
        told = 0 if self._grounds.is_sensitive(definition, caller) else people
        return self.aggregate({"people": told}, caller=caller, use=use)

    def traits(
        self,
        person_ids: PersonIds,
        count: Callable[[pa.Array, pa.Array], Sequence[Trait]],
        *,
        audience_id: str,
        caller: Caller,
        use: Use = Use.STATISTICS,
    ) -> Released[AudienceTraits] | Denied:
        """What an audience's people have, beside everybody. `count` gives exact counts of traits among the first people, and
        among the second, who contain them: distinct people who permit the use. It is not asked for an audience of fewer people
        than a list takes, of which nothing but the number is told. `Trait.trait_id` is as texts of definitions are kept."""
        action = "describe audience"
        if (refused := self._grounds.refuse_audience(audience_id, caller, action)) is not None:
            return refused
        everybody = self._consents.people
        people, population = self._grounds.releasable(person_ids, use), self._grounds.releasable(everybody, use)
        counted = count(everybody.take(people), everybody.take(population)) if len(people) >= self._settings.minimum_rows else ()
        told = told_traits(counted, self._grounds.rounded, self._sensitive)
        self._grounds.write(caller, action, "released", subject=audience_id, rows=len(told))
        found = AudienceTraits(self._grounds.rounded(len(people)), self._grounds.rounded(len(population)), told)
        return _release(found, ReleaseClass.AGGREGATE)

    def overlaps(
        self, members: Mapping[str, PersonIds], *, caller: Caller, use: Use = Use.STATISTICS
    ) -> Released[tuple[PairCount, ...]] | Denied:
        """How many people each pair of the audiences shares, by id, as `aggregate` tells counts."""
        action = "compare audiences"
        for audience_id in members:
            if (refused := self._grounds.refuse_audience(audience_id, caller, action)) is not None:
                return refused
        found = pairs_of({name: self._grounds.releasable(ids, use) for name, ids in members.items()}, self._grounds.rounded)
        self._grounds.write(caller, action, "released", rows=len(found))
        return _release(found, ReleaseClass.AGGREGATE)

    def seed_figures(
        self, make: Callable[[], SeedFigures], *, audience_id: str | None, caller: Caller
    ) -> Released[SeedFigures] | Denied:
        """How good seeds are, listed ones or those of an audience: counts as `aggregate` tells them, figures with two decimals.
        `make` gives the exact ones, of people who permit the use; it is not asked for an audience that may not be told of."""
        action = "judge seeds"
        if audience_id is not None and (refused := self._grounds.refuse_audience(audience_id, caller, action)) is not None:
            return refused
        found = told_figures(make(), self._grounds.rounded)
        self._grounds.write(caller, action, "released", subject=audience_id, rows=len(found.figures))
        return _release(found, ReleaseClass.AGGREGATE)

    def query(
        self,
        rows: Sequence[Mapping[str, Any]],
        columns: Mapping[str, Column],
        *,
        name: str,
        caller: Caller,
        use: Use,
        asked: Sequence[tuple[Column, str]] = (),
    ) -> Released[QueryRows] | Denied:
        """Rows of a named query: about one person who permits the use, or about nobody. Rows that name several people are a
        list: they leave as an audience or not at all. `columns` says what each column holds; others are dropped, and so are
        rows about sensitive tags. `asked` is what the question names: a person counts as named by every row, also by none."""
        action = f"query {name}"
        for kind, value in asked:
            if kind is Column.TAG and value in self._sensitive:
                return self._grounds.deny(caller, action, DenialReason.SENSITIVE, "it asks for a sensitive tag")
            if kind is Column.AUDIENCE and (refused := self._grounds.refuse_audience(value, caller, action)) is not None:
                return refused
        rows = without_tags(rows, columns, self._sensitive)
        named = people_named(rows, columns, self._consents)
        named |= {person for kind, value in asked for person in people_named([{"": value}], {"": kind}, self._consents)}
        if len(named) > 1:
            return self._grounds.deny(caller, action, DenialReason.SEVERAL_PEOPLE, "its rows name several people")
        for person in named:
            if person is None or not self._consents.present([person])[0]:
                return self._grounds.deny(caller, action, DenialReason.ABSENT, "no such person")
            if not self._consents.allowed([person], purpose_of(use))[0]:
                return self._grounds.deny(caller, action, DenialReason.NO_CONSENT, f"no consent to {use}")
        kept = shown(rows, columns, self._settings.minimum_count, self._settings.count_step, named=bool(named))
        self._grounds.write(caller, action, "released", rows=len(kept))
        return _release(QueryRows(name, kept), ReleaseClass.SUBJECT_LOOKUP if named else ReleaseClass.AGGREGATE)

    def told(self, count: int) -> int | None:
        """A number of people, as it may stand in an answer about one of them: as `aggregate` tells it, None below the minimum."""
        return self._grounds.rounded(count)

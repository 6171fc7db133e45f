"""An incremental run: new lake rows change the index, the evidence around them, the clusters that this reaches, and their
persons.

In: the identity log, open, with its index filled, and new rows. Out: log and index changed by one transaction, and what that
changed. For one version of the fitted parameters and one as-of time it ends in the partition that a full run of the same input
ends in:

- Evidence is looked at again wherever a change can reach. What a piece of evidence depends on lies within `_REACH` steps of
  either end (`reach.around`): the people of a device (one step), their other devices (two), who else uses those (three).
- Clusters are made again for every component of supporting pairs in which a pair, a class or a member changed: clusters never
  cross components, and a component that lost a pair holds one of its ends on either side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graph.database import connect
from graph.resolution import ResolutionChange
from graph.resolve import assertions
from graph.resolve.cluster import cluster
from graph.resolve.guards import namespace_bits
from graph.resolve.guards_namespaces import number_namespaces
from graph.resolve.incremental.bots import renew_bots
from graph.resolve.incremental.changes import Changes
from graph.resolve.incremental.index import ASSERTED, rows_for, set_published, standing_as_of
from graph.resolve.incremental.reach import around, components_of, pairs_within
from graph.resolve.incremental.records import compare_changed, weigh_within
from graph.resolve.incremental.region import region
from graph.resolve.incremental.take import take
from graph.resolve.incremental.world import World, load_cluster, load_subjects, load_world
from graph.resolve.log import IdentityLog
from graph.resolve.log_database import IdentityDatabase
from graph.resolve.persons import assign_persons, record
from graph.resolve.records import RecordModel
from graph.resolve.settings import ResolveSettings
from graph.resolve.small_tables import SmallTables
from graph.resolve.steps import find_evidence_of_part

__all__ = ["Follower"]

_REACH = 3
_OWN = "('records_within', 'asserted_same', 'asserted_never')"  # evidence that is kept apart from that of `steps`

Pair = tuple[int, int]
Piece = tuple[str, float, str, int | None, int | None]


@dataclass
class Follower:
    """Follows changes of one home. `key`: the home's hashing key. `model`: the match model of the run that filled the index.
    Keeps scratch space (databases in memory) between updates; one thread at a time."""

    log: IdentityLog
    key: bytes
    model: RecordModel
    settings: ResolveSettings = field(default_factory=ResolveSettings)
    compares_behaviour: bool = False
    """Whether full runs compare devices by behaviour, which updates leave as it was."""
    scratch: duckdb.DuckDBPyConnection = field(default_factory=lambda: connect(threads="1"))
    """For what compares records or reads events."""
    tables: SmallTables = field(default_factory=SmallTables)
    """For the rules: what surrounds one change is a few rows."""

    def take(
        self,
        rows: Mapping[str, pa.Table],
        superseding: frozenset[str] = frozenset(),
        *,
        events: duckdb.DuckDBPyConnection | None = None,
    ) -> frozenset[int]:
        """Take rows (by lake table, see `take`) into the index and follow them; call it inside the log's transaction. Gives the
        index's numbers of the subjects of which a link, a piece of evidence or the person changed. Raises NeedsFullRun.

        `events`: a connection with the view of all events, these included, where there is one. Without it nobody becomes a bot by
        the pace of these events before the next time that there is.
        """
        changes = take(self.log, rows, key=self.key, limits=self.settings.limits, superseding=superseding)
        self.log.change_many("INSERT OR IGNORE INTO k_busy VALUES (?)", [(s,) for s in sorted(changes.busy)])
        if events is not None:
            changes.linked |= renew_bots(self.log, self.scratch, events, self.settings.limits)
        return self.follow(changes)

    def change(self, changed: frozenset[int], before: IdentityDatabase) -> ResolutionChange:
        """What a transaction under way has changed, by the numbers that `take` gave; `before` is another connection to the same
        database, which does not see it."""
        limits = self.settings.limits
        return ResolutionChange(region(before, self.scratch, changed, limits), region(self.log, self.scratch, changed, limits))

    def follow(self, changes: Changes) -> frozenset[int]:
        """Bring evidence, clusters and persons up to date with changes of the index."""
        changes.linked |= self._compare(changes)
        stirred = self._renew_evidence(changes) | self._renew_assertions() | changes.new
        reached: set[int] = set()
        if stirred:
            reached = components_of(self.log, stirred, self.settings.rules.join_log2_odds)
            self._weigh_within(reached, changes.records)
            self._renew_persons(reached)
        changed = frozenset(changes.touched | changes.linked | changes.records | changes.browsed | reached)
        self.log.change_many("INSERT OR IGNORE INTO k_changed VALUES (?)", [(s,) for s in sorted(changed)])
        if changed:
            set_published(self.log, published=False)
        return changed

    # -- evidence --------------------------------------------------------------------------------------------------------------

    def _compare(self, changes: Changes) -> set[int]:
        most = 2 * self.settings.limits.people_per_device
        return compare_changed(self.log, self.scratch, self.model, changes.records | changes.beside, most)

    def _renew_evidence(self, changes: Changes) -> set[int]:
        """Find evidence and classes again where they may have changed; gives the subjects where they did."""
        start = changes.linked | changes.records
        if not start:
            return set()
        limits, join = self.settings.limits, self.settings.rules.join_log2_odds
        affected = around(self.log, start, _REACH, limits, join)
        near = around(self.log, affected, _REACH + 1, limits, join)
        world = load_world(self.tables, self.log, near, limits)
        find_evidence_of_part(self.tables, self.settings, standing_as_of(self.log))
        return self._renew_pairs(world, affected) | self._renew_classes(world, affected)

    def _renew_pairs(self, world: World, affected: set[int]) -> set[int]:
        found: dict[Pair, set[Piece]] = {}
        for left, right, method, *rest in self.tables.execute("SELECT * FROM evidence").fetchall():
            pair = world.ordered(left, right)
            if pair[0] in affected or pair[1] in affected:
                found.setdefault(pair, set()).add((method, rest[0], rest[1], rest[2], rest[3]))
        stored: dict[Pair, set[Piece]] = {}
        query = f"""SELECT l, r, method, weight, sources, first_seen, last_seen FROM k_evidence
            WHERE {{}} IN (?) AND method NOT IN {_OWN}"""
        for end in ("l", "r"):
            for left, right, method, *rest in rows_for(self.log, query.format(end), affected):
                stored.setdefault((left, right), set()).add((method, rest[0], rest[1], rest[2], rest[3]))
        differing = sorted(pair for pair in found.keys() | stored.keys() if found.get(pair) != stored.get(pair))
        self.log.change_many(f"DELETE FROM k_evidence WHERE l = ? AND r = ? AND method NOT IN {_OWN}", differing)
        self._insert((*pair, *piece) for pair in differing for piece in found.get(pair, ()))
        return {number for pair in differing for number in pair}

    def _renew_classes(self, world: World, affected: set[int]) -> set[int]:
        query = "SELECT number, class, min(reason) FROM classes JOIN subjects USING (kind, id) GROUP BY number, class"
        found = {world.numbers[n]: (class_, reason) for n, class_, reason in self.tables.execute(query).fetchall()}
        stored = {s: (c, r) for s, c, r in rows_for(self.log, "SELECT s, class, reason FROM k_class WHERE s IN (?)", affected)}
        differing = [s for s in sorted(affected) if found.get(s) != stored.get(s)]
        self.log.change_many("DELETE FROM k_class WHERE s = ?", [(s,) for s in differing])
        self.log.change_many("INSERT INTO k_class VALUES (?, ?, ?)", [(s, *found[s]) for s in differing if s in found])
        return set(differing)

    def _renew_assertions(self) -> set[int]:
        """Bring what operators say up to date: assertions come and go, and take effect when their subject appears."""
        stored = set(
            self.log.rows(f"SELECT l, r, method, weight, sources, first_seen, last_seen FROM k_evidence WHERE {ASSERTED}")
        )
        rows = assertions.evidence_rows(self.log)
        if not rows and not stored:
            return set()
        wanted = {row for row in map(self._placed, rows) if row is not None}
        self.log.change_many(
            "DELETE FROM k_evidence WHERE l = ? AND r = ? AND method = ?", [row[:3] for row in sorted(stored - wanted)]
        )
        self._insert(sorted(wanted - stored))
        return {number for row in stored ^ wanted for number in row[:2]}

    def _placed(self, row: assertions.EvidenceRow) -> tuple[int, int, str, float, str, int, int] | None:
        """An assertion's row by number; None while it has no effect."""
        ends = []
        for kind, id_ in ((row.left_kind, row.left_id), (row.right_kind, row.right_id)):
            found = self.log.rows(
                "SELECT s, class FROM k_subject LEFT JOIN k_class USING (s) WHERE kind = ? AND id = ?", kind, id_
            )
            if not found or (found[0][1] is not None and row.method != assertions.ASSERTED_NEVER):
                return None
            ends.append(int(found[0][0]))
        said = round(row.said.timestamp() * 1_000_000)
        return ends[0], ends[1], row.method, row.weight, '["operator"]', said, said

    def _insert(self, rows: Iterable[tuple[object, ...]]) -> None:
        self.log.change_many("INSERT INTO k_evidence VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    # -- persons ---------------------------------------------------------------------------------------------------------------

    def _weigh_within(self, reached: set[int], changed: set[int]) -> None:
        accounts = {s for (s,) in rows_for(self.log, "SELECT s FROM k_subject WHERE +kind = 'account' AND s IN (?)", reached)}
        if len(accounts) < 2:
            return
        components: list[set[int]] = []
        rest = set(reached)
        while rest:
            one = components_of(self.log, [min(rest)], self.settings.rules.join_log2_odds)
            components.append(one & accounts)
            rest -= one
        weigh_within(self.log, self.scratch, self.model, components, changed)

    def _renew_persons(self, reached: set[int]) -> None:
        """Cluster whole components anew; where that makes other persons than there are, give them their ids."""
        query = """SELECT k.s, k.kind, m.person_id FROM k_subject k LEFT JOIN members m ON m.kind = k.kind AND m.id = k.id
            WHERE k.s IN (?) ORDER BY k.kind, k.id"""
        known = rows_for(self.log, query, reached)
        numbers = [number for number, _, _ in known]
        place = {number: i for i, number in enumerate(numbers)}
        pairs = pairs_within(self.log, reached)
        clusters = cluster(
            np.array([kind == "account" for _, kind, _ in known], bool),
            np.array([place[left] for left, _, _ in pairs], np.int64),
            np.array([place[right] for _, right, _ in pairs], np.int64),
            np.array([weight for _, _, weight in pairs], np.float64),
            self.settings.rules,
            occupied=self._occupied(numbers),
        )
        confidence = zip(numbers, clusters.confidence.tolist(), strict=True)
        self.log.change_many("INSERT OR REPLACE INTO k_confidence VALUES (?, ?)", confidence)
        if _one_to_one(clusters.anchor.tolist(), [person for _, _, person in known]):
            return
        load_cluster(self.tables, self.log, reached)
        record(self.log, assign_persons(self.tables, self.log, clusters.anchor, whole=False))

    def _occupied(self, numbers: list[int]) -> npt.NDArray[np.int64] | None:
        """Unique namespaces of these subjects; None where there are none."""
        namespaces = self.settings.limits.unique_namespaces
        if not namespaces:
            return None
        load_subjects(self.tables, self.log, numbers)
        number_namespaces(self.tables, namespaces)
        return namespace_bits(self.tables, len(numbers))


def _one_to_one(anchors: list[int], persons: list[str | None]) -> bool:
    """Whether clusters and persons are the same groups."""
    pairs = set(zip(anchors, persons, strict=True))
    return None not in persons and len(pairs) == len(set(anchors)) == len(set(persons))

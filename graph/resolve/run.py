"""The resolve stage, all of the lake: to persons.

In: a connection with a view for each input table (`graph.lake.Lake.connect`) and the home, for the identity log. Out: a
`Resolution`, stored in the home: person ids in the identity log, tables as Parquet files, switched by one transaction. Run
again on the same input, it changes no id and writes no log entry.

links -> records, guards, evidence, behaviour -> cluster -> lifecycle -> log, each in the file of its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.database import connect
from graph.errors import NothingResolved
from graph.home import Home
from graph.progress import Progress, ignore_progress
from graph.resolution import Resolution
from graph.resolve import assertions, evidence, groups, guards, households, links, record_pairs
from graph.resolve.as_of import standing_at
from graph.resolve.assemble import assemble
from graph.resolve.behaviour import find_behaviour_pairs
from graph.resolve.cluster import Clusters, cluster
from graph.resolve.cross_device import CrossDeviceModel
from graph.resolve.decay import find_as_of
from graph.resolve.fitted import Fitted, load_fitted, save_fitted
from graph.resolve.guards import namespace_bits
from graph.resolve.incremental import index
from graph.resolve.incremental.overlay import overlay
from graph.resolve.incremental.region import region
from graph.resolve.log import IdentityLog
from graph.resolve.persons import assign_persons, record
from graph.resolve.record_pairs import Records
from graph.resolve.records import RecordModel, fit_and_prepare, records_table
from graph.resolve.rules import numbers
from graph.resolve.settings import ResolveSettings
from graph.resolve.steps import find_evidence, no_behaviour
from graph.resolve.versions import prune, read_version, write_version

__all__ = ["load", "load_around", "resolve"]

_STEPS = 9


def resolve(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    *,
    key: bytes,
    settings: ResolveSettings | None = None,
    refit: bool = False,
    as_of: datetime | None = None,
    index_batch: int | None = None,
    progress: Progress = ignore_progress,
) -> Resolution:
    """Resolve the lake behind `connection` and store the result in the home; its writer lock is the caller's.

    `key` is the home's hashing key; with `refit` the parameters of the models are fitted anew. `as_of` gives what a run at that
    time would have found: by what was there then, aged against the latest event of then that can be trusted (`decay`). With
    `index_batch`, the number of the last batch in the lake behind the connection, the key index is filled, so that updates can
    follow. `progress` is called with (what, done, total). Temporary tables are made on the connection and dropped. Raises
    HomeNotWritable, HomeError, SettingsError, ModelError.
    """
    with standing_at(connection, as_of):
        return _Run(connection, home, key, settings or ResolveSettings(), index_batch, progress)(refit=refit)


def load(home: Home) -> Resolution:
    """The last result. Raises NothingResolved before the first, HomeError when the log is damaged."""
    nothing = NothingResolved(home.path, "resolved identities", "tessera resolve")
    for _ in range(3):  # a version may be replaced twice between looking its name up and reading it
        try:
            with IdentityLog(home.identity, create=False) as log:
                _, version = log.state()
        except FileNotFoundError:
            raise nothing from None
        if version is None:
            raise nothing
        try:
            return _current(home, version)
        except FileNotFoundError:
            continue
    raise nothing


def load_around(home: Home, subjects: Sequence[tuple[str, str]]) -> pa.Table:
    """kind, id, person_id and class of everybody who is one person with one of these devices or accounts, (kind, id) each. From
    the key index, where there is one, in milliseconds whatever the size of the home. Raises as `load`."""
    columns = ["kind", "id", "person_id", "class"]
    try:
        with IdentityLog(home.identity, create=False) as log:
            _, version = log.state()
            if version is not None and index.is_filled(log, version):
                asked = json.dumps([list(s) for s in subjects])
                rows = list(zip(*log.rows(_AROUND, asked), strict=True)) or [()] * len(columns)
                return pa.table({name: pa.array(list(row), pa.string()) for name, row in zip(columns, rows, strict=True)})
    except FileNotFoundError:
        raise NothingResolved(home.path, "resolved identities", "tessera resolve") from None
    members = load(home).members.select(columns)
    asked_for = {"kind": pa.array([k for k, _ in subjects], pa.string()), "id": pa.array([i for _, i in subjects], pa.string())}
    persons = members.join(pa.table(asked_for), ["kind", "id"], join_type="inner")["person_id"]
    return members.filter(pc.is_in(members["person_id"], value_set=persons.combine_chunks()))


_AROUND = """
SELECT n.kind, n.id, n.person_id, coalesce(g.class, 'person')
FROM (SELECT DISTINCT m.person_id FROM json_each(?) j JOIN members m ON m.kind = j.value ->> 0 AND m.id = j.value ->> 1) p
JOIN members n ON n.person_id = p.person_id
LEFT JOIN k_subject k ON k.kind = n.kind AND k.id = n.id LEFT JOIN k_class g ON g.s = k.s
ORDER BY n.person_id, n.kind, n.id
"""


def _current(home: Home, version: str) -> Resolution:
    """The tables of a version, with what updates have changed since. Raises FileNotFoundError when the version was removed."""
    found = read_version(home.identity / "resolved", version)
    with IdentityLog(home.identity, create=False) as log, connect() as scratch:
        if not index.is_filled(log, version):
            return found
        changed = [s for (s,) in log.rows("SELECT s FROM k_changed ORDER BY s")]
        if not changed:
            return found
        named = index.rows_for(log, "SELECT kind, id FROM k_subject WHERE s IN (?)", changed)
        subjects = {"kind": [kind for kind, _ in named], "id": [id_ for _, id_ in named]}
        return overlay(found, pa.table(subjects), region(log, scratch, changed, guards.Limits()).resolution)


@dataclass(frozen=True)
class _Run:
    """One run."""

    connection: duckdb.DuckDBPyConnection
    home: Home
    key: bytes
    settings: ResolveSettings
    index_batch: int | None
    progress: Progress

    def __call__(self, *, refit: bool) -> Resolution:
        """Everything, in order."""
        connection, settings = self.connection, self.settings
        at = find_as_of(connection)
        with IdentityLog(self.home.identity) as log:
            try:
                self._say("links", 0)
                links.build_links(connection, self.key)
                self._say("records", 1)
                earlier = self._earlier(log, refit)
                records, model = self._records(None if earlier is None else earlier.records)
                record_pairs.find_record_pairs(connection, records, settings.limits.people_per_device)
                self._say("evidence", 2)
                devices = [None if earlier is None else earlier.devices]
                guards.find_hubs(connection, settings.limits)
                find_evidence(connection, settings, at.at, behaviour=lambda: self._behaviour(devices, fit=earlier is None))
                record_pairs.weigh_components(connection, records, settings.rules.join_log2_odds)
                assertions.add_evidence(connection, log)
                self._say("clusters", 4)
                clusters = self._cluster()
                fill = None if self.index_batch is None else lambda version: self._fill(log, records, clusters, version, at.at)
                return self._store(log, clusters, Fitted(model, devices[0]), fill, fitted=earlier is None)
            finally:
                self._drop()

    def _earlier(self, log: IdentityLog, refit: bool) -> Fitted | None:
        """The parameters of earlier runs, unless they are to be fitted anew or are too poor to be kept."""
        name = log.parameters()
        if refit or name is None:
            return None
        found = load_fitted(self.home.identity / "parameters", name)
        return found if found.records.specs else None

    def _records(self, model: RecordModel | None) -> tuple[Records, RecordModel]:
        """All records, ready for the model, which is fitted where there is none."""
        table = records_table(self.connection)
        if model is None:
            model, prepared = fit_and_prepare(table, self.settings.records, self.progress)
        else:
            prepared = model.prepare(table)
        accounts = self.connection.sql("SELECT number, id FROM subjects WHERE kind = 'account' ORDER BY number").to_arrow_table()
        return Records(prepared, table["account_id"].combine_chunks(), accounts), model

    def _behaviour(self, devices: list[CrossDeviceModel | None], *, fit: bool) -> None:
        self._say("behaviour", 3)
        if self.settings.behaviour:
            devices[0] = find_behaviour_pairs(self.connection, self.key, devices[0], fit=fit)
        else:
            no_behaviour(self.connection)

    def _cluster(self) -> Clusters:
        is_account = numbers(self.connection, "SELECT kind = 'account' AS is_account FROM subjects ORDER BY number")["is_account"]
        pairs = numbers(self.connection, "SELECT left_number, right_number, weight FROM evidence")
        return cluster(
            is_account.astype(bool),
            pairs["left_number"].astype(np.int64),
            pairs["right_number"].astype(np.int64),
            pairs["weight"].astype(np.float64),
            self.settings.rules,
            occupied=namespace_bits(self.connection, len(is_account)),
        )

    def _fill(self, log: IdentityLog, records: Records, clusters: Clusters, version: str, as_of: datetime | None) -> None:
        self._say("key index", 8)
        places, keys = records.prepared.block_keys()
        blocks = pa.table({"key": keys, "cap": records.prepared.block_caps(), "number": records.number(places)})
        index.fill(log, self.connection, blocks, clusters.confidence, version=version, batch=self.index_batch or 0, as_of=as_of)

    def _store(
        self,
        log: IdentityLog,
        clusters: Clusters,
        fitted_now: Fitted,
        fill: Callable[[str], None] | None,
        *,
        fitted: bool,
    ) -> Resolution:
        """Find the person ids, write log, tables and, if wanted, the key index; switch."""
        folder, parameters = self.home.identity / "resolved", self.home.identity / "parameters"
        self._say("person ids", 5)
        persons = assign_persons(self.connection, log, clusters.anchor)
        self._say("households", 6)
        homes = households.find_households(self.connection, persons.ids, self.settings.households)
        resolution = assemble(self.connection, persons.ids, clusters.confidence, homes)
        self._say("tables", 7)
        version = write_version(folder, resolution)
        name = save_fitted(parameters, fitted_now) if fitted else log.parameters()
        before = (log.state()[1], log.parameters())
        self._say("identity log", 8)
        with log.transaction():
            record(log, persons)
            log.set_version(version, name)
            if fill is not None:
                fill(version)
            self._say("commit", 8)
        prune(folder, {version, before[0] or version})
        prune(parameters, {str(name), before[1] or str(name)})
        self.progress("resolve", _STEPS, _STEPS)
        return resolution

    def _say(self, what: str, done: int) -> None:
        self.progress(f"resolve: {what}", done, _STEPS)

    def _drop(self) -> None:
        for module in (links, guards, record_pairs, evidence, groups, households):
            for table in module.TEMPORARY:
                self.connection.execute(f"DROP TABLE IF EXISTS temp.{table}")
        self.connection.execute("DROP TABLE IF EXISTS temp.behaviour_pairs")

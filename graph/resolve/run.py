"""The resolve stage: lake to persons.

In: a connection with a view for each input table (`graph.lake.Lake.connect`) and the home, for the identity log. Out: a
`Resolution`, stored in the home: person ids in the identity log, tables as Parquet files, switched by one transaction. Run
again on the same input, it changes no id and writes no log entry.

links -> guards -> evidence -> cluster -> lifecycle -> log, each in the file of its name.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb
import numpy as np

from graph.errors import NothingResolved
from graph.home import Home
from graph.progress import Progress, ignore_progress
from graph.resolution import Resolution
from graph.resolve import comparison, evidence, groups, guards, links
from graph.resolve.assemble import assemble
from graph.resolve.cluster import Clusters, cluster
from graph.resolve.contraction import ClusterRules
from graph.resolve.groups import numbers
from graph.resolve.log import IdentityLog
from graph.resolve.persons import assign_persons, record
from graph.resolve.versions import prune, read_version, write_version

__all__ = ["ResolveSettings", "load", "resolve"]


_STEPS = 7


@dataclass(frozen=True)
class ResolveSettings:
    """Parameters of each step."""

    limits: guards.Limits = field(default_factory=guards.Limits)
    weights: evidence.Weights = field(default_factory=evidence.Weights)
    rules: ClusterRules = field(default_factory=ClusterRules)


def resolve(
    connection: duckdb.DuckDBPyConnection,
    home: Home,
    *,
    key: bytes,
    settings: ResolveSettings | None = None,
    progress: Progress = ignore_progress,
) -> Resolution:
    """Resolve the lake behind `connection` and store the result in the home; its writer lock is the caller's.

    `key` is the home's hashing key; `progress` is called with (what, done, total). Temporary tables are made on the connection
    and dropped. Raises HomeNotWritable, HomeError.
    """
    settings = settings or ResolveSettings()
    try:
        progress("resolve: links", 0, _STEPS)
        links.build_links(connection, key)
        progress("resolve: guards", 1, _STEPS)
        guards.find_generic(connection, settings.limits)
        guards.find_bots(connection, settings.limits)
        guards.find_shared_accounts(connection, settings.limits)
        progress("resolve: evidence", 2, _STEPS)
        evidence.find_record_evidence(connection, settings.weights, settings.limits)
        groups.group_accounts(connection, settings.rules.join_log2_odds, settings.weights.comparison.conflict)
        guards.find_shared_devices(connection, settings.limits)
        evidence.find_device_evidence(connection, settings.weights, settings.limits)
        progress("resolve: clusters", 3, _STEPS)
        clusters = _cluster(connection, settings.rules)
        progress("resolve: person ids", 4, _STEPS)
        return _store(connection, home, clusters, progress)
    finally:
        _drop(connection)


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
            return read_version(home.identity / "resolved", version)
        except FileNotFoundError:
            continue
    raise nothing


def _cluster(connection: duckdb.DuckDBPyConnection, rules: ClusterRules) -> Clusters:
    is_account = numbers(connection, "SELECT kind = 'account' AS is_account FROM subjects ORDER BY number")["is_account"]
    pairs = numbers(connection, "SELECT left_number, right_number, weight FROM evidence")
    return cluster(
        is_account.astype(bool),
        pairs["left_number"].astype(np.int64),
        pairs["right_number"].astype(np.int64),
        pairs["weight"].astype(np.float64),
        rules,
    )


def _store(connection: duckdb.DuckDBPyConnection, home: Home, clusters: Clusters, progress: Progress) -> Resolution:
    """Find the person ids, write log and tables, switch."""
    folder = home.identity / "resolved"
    with IdentityLog(home.identity) as log:
        persons = assign_persons(connection, log, clusters.anchor)
        resolution = assemble(connection, persons.ids, clusters.confidence)
        progress("resolve: tables", 5, _STEPS)
        version = write_version(folder, resolution)
        before = log.state()[1]
        progress("resolve: identity log", 6, _STEPS)
        with log.transaction():
            record(log, persons)
            log.set_version(version)
            progress("resolve: commit", 6, _STEPS)
        prune(folder, {version, before or version})
    progress("resolve", _STEPS, _STEPS)
    return resolution


def _drop(connection: duckdb.DuckDBPyConnection) -> None:
    for module in (links, guards, comparison, evidence, groups):
        for table in module.TEMPORARY:
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")

"""The steps from links to weighted evidence, the same for a full run and for a part of the lake.

In: the temporary tables of `links`, `hubs`, `record_pairs` and `behaviour_pairs`. Out: `classes` and `evidence`, and what the
guards leave.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import duckdb

from graph.resolve import evidence, groups, guards
from graph.resolve.decay import decay_evidence
from graph.resolve.guards_bots import find_crawlers
from graph.resolve.guards_namespaces import number_namespaces
from graph.resolve.rules import Database
from graph.resolve.settings import ResolveSettings

__all__ = ["find_evidence", "find_evidence_of_part", "no_behaviour"]

_NO_BEHAVIOUR = """
CREATE OR REPLACE TEMP TABLE behaviour_pairs (left_number BIGINT, right_number BIGINT, weight DOUBLE, likeness DOUBLE,
    sources VARCHAR[], first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ)
"""


def no_behaviour(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `behaviour_pairs` without a row."""
    connection.execute(_NO_BEHAVIOUR)


def find_evidence(
    connection: duckdb.DuckDBPyConnection,
    settings: ResolveSettings,
    as_of: datetime | None,
    *,
    behaviour: Callable[[], None],
) -> None:
    """Make `classes` and `evidence` of the whole lake, decayed to the as-of time; `behaviour` makes `behaviour_pairs` once
    classes are known. Raises SettingsError."""
    guards.find_generic(connection, settings.limits)
    guards.find_bots(connection, settings.limits)
    _weigh(connection, settings, as_of, behaviour)


def find_evidence_of_part(connection: Database, settings: ResolveSettings, as_of: datetime | None) -> None:
    """The same of a part of the lake: no events are looked at. Who was found to be a bot by them stands in `known_bots` (kind,
    id, class, reason), and `behaviour_pairs` are there. Raises SettingsError."""
    guards.mark_identifiers(connection, settings.limits)
    number_namespaces(connection, settings.limits.unique_namespaces)
    find_crawlers(connection, settings.limits)
    guards.add_classes(connection, "known_bots")
    _weigh(connection, settings, as_of, lambda: None)


def _weigh(connection: Database, settings: ResolveSettings, as_of: datetime | None, behaviour: Callable[[], None]) -> None:
    limits, weights = settings.limits, settings.weights
    guards.add_classes(connection, "hubs")
    guards.find_shared_accounts(connection, limits)
    evidence.find_account_evidence(connection, weights, limits)
    groups.group_accounts(connection, settings.rules.join_log2_odds, weights.conflict)
    guards.find_shared_devices(connection, limits)
    evidence.find_device_evidence(connection, weights, limits)
    behaviour()
    evidence.find_behaviour_evidence(connection)
    decay_evidence(connection, settings.decay, as_of)

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
from graph.resolve.settings import ResolveSettings

__all__ = ["find_evidence", "no_behaviour"]

Step = Callable[[duckdb.DuckDBPyConnection], None]

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
    part: bool = False,
    behaviour: Step,
) -> None:
    """Make `classes` and `evidence`, decayed to the as-of time; `behaviour` makes `behaviour_pairs` once classes are known.
    With `part` the tables are of a part of the lake: no events are looked at, and who was found to be a bot by them stands in
    `known_bots` (kind, id, class, reason). Raises SettingsError."""
    limits, weights = settings.limits, settings.weights
    if part:
        guards.mark_identifiers(connection, limits)
        number_namespaces(connection, limits.unique_namespaces)
        find_crawlers(connection, limits)
        guards.add_classes(connection, "known_bots")
    else:
        guards.find_generic(connection, limits)
        guards.find_bots(connection, limits)
    guards.add_classes(connection, "hubs")
    guards.find_shared_accounts(connection, limits)
    evidence.find_account_evidence(connection, weights, limits)
    groups.group_accounts(connection, settings.rules.join_log2_odds, weights.conflict)
    guards.find_shared_devices(connection, limits)
    evidence.find_device_evidence(connection, weights, limits)
    behaviour(connection)
    evidence.find_behaviour_evidence(connection)
    decay_evidence(connection, settings.decay, as_of)

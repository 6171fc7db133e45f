"""Identifiers and networks over time: one that is given to somebody else after a pause chains nobody.

In: the temporary tables `holders`, `touches`, `seen_on`, `networks`. Out: the temporary tables

holder_windows    identifier_id, identifier_kind, kind, id, part, degree: who holds an identifier in which part of its time, and
                  how many do then. Evidence is between holders of one part, diluted by its degree.
generic_networks  network_id

A telephone number that nobody uses any more is given to somebody else, after 45 to 365 days (47 CFR 52.15(f): the time that a
number may be "aging"). So holders are put in the order of their first event, and where none of those before has had an event
for a year, a new part begins. A holder without an event has no dates; it belongs to the only part where there is one, and to
none where there are several, since nothing says to which. A part with more holders than the limit is left out: nobody's.
E-mail addresses and advertising ids are not handed on, and have one part.

A network's devices are counted by windows of thirty days, since an address goes from home to home, and a home's browsers go
through many device ids, over the years; it is generic when one window has more than the limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

__all__ = ["find_generic_networks", "find_holder_windows"]

_PARTS = """
CREATE OR REPLACE TEMP TABLE holder_windows AS
WITH active AS (
    SELECT 'device' AS kind, device_id AS id, min(first_seen) AS first_seen, max(last_seen) AS last_seen
    FROM touches WHERE device_id IS NOT NULL GROUP BY device_id
    UNION ALL SELECT 'account', account_id, min(first_seen), max(last_seen)
    FROM touches WHERE account_id IS NOT NULL GROUP BY account_id
), dated AS (
    SELECT identifier_id, identifier_kind, kind, id, first_seen,
           identifier_kind IN (SELECT unnest($recycled::VARCHAR[])) AS recycled,
           max(last_seen) OVER (PARTITION BY identifier_id, identifier_kind ORDER BY first_seen, kind, id
                                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM holders LEFT JOIN active USING (kind, id)
), parted AS (
    SELECT *, CASE WHEN recycled AND first_seen IS NULL THEN NULL
        ELSE sum(CASE WHEN recycled AND first_seen > before + to_days($days) THEN 1 ELSE 0 END)
             OVER (PARTITION BY identifier_id, identifier_kind ORDER BY first_seen NULLS FIRST, kind, id) END AS part
    FROM dated
), known AS (
    SELECT identifier_id, identifier_kind, kind, id, coalesce(part, CASE WHEN last = 0 THEN 0 END)::BIGINT AS part
    FROM (SELECT *, coalesce(max(part) OVER (PARTITION BY identifier_id, identifier_kind), 0) AS last FROM parted)
), counted AS (
    SELECT *, count(*) OVER (PARTITION BY identifier_id, identifier_kind, part) AS degree FROM known WHERE part IS NOT NULL
)
SELECT identifier_id, identifier_kind, kind, id, part, degree
FROM counted
JOIN (SELECT unnest($kinds::VARCHAR[]) AS identifier_kind, unnest($limits::BIGINT[]) AS allowed) USING (identifier_kind)
WHERE degree <= allowed
"""

_NETWORKS = """
CREATE OR REPLACE TEMP TABLE generic_networks AS
WITH spans AS (
    SELECT network_id, epoch_us(first_seen) // $window AS first_window, epoch_us(last_seen) // $window AS last_window
    FROM seen_on WHERE network_id IN (SELECT network_id FROM networks WHERE devices > $devices)
), windows AS (
    SELECT network_id, unnest(range(first_window, last_window + 1)) AS window_number FROM spans
)
SELECT DISTINCT network_id FROM (
    SELECT network_id FROM windows GROUP BY network_id, window_number HAVING count(*) > $devices)
"""


def find_holder_windows(
    connection: duckdb.DuckDBPyConnection, allowed: Mapping[str, int], recycled: Sequence[str], recycled_after_days: int
) -> None:
    """Make `holder_windows`. `allowed`: most holders at a time of each kind of identifier; a kind that it lacks has no rows."""
    connection.execute(
        _PARTS,
        {
            "recycled": list(recycled),
            "days": recycled_after_days,
            "kinds": list(allowed),
            "limits": list(allowed.values()),
        },
    )


def find_generic_networks(connection: duckdb.DuckDBPyConnection, devices: int, window_days: int) -> None:
    """Make `generic_networks`."""
    connection.execute(_NETWORKS, {"devices": devices, "window": window_days * 86_400_000_000})

"""What must carry no evidence: generic identifiers and networks, bots, shared devices and shared accounts.

In: the temporary tables of `links`. Out: the temporary tables `generic_identifiers` (identifier_id, reason),
`generic_networks` (network_id) and `classes` (kind, id, class, reason) for subjects that are not plain persons.

An identifier that more subjects hold than its limit allows belongs to nobody (an office phone, `info@…`, a junk value that
cleaning does not know). A device is shared when more people sign in on it than own it: by the number of people, where
accounts already known to be one person count once, and by how evenly they use it, measured as the inverse Simpson index
(1 / sum of squared shares: the number of equal users that would give the same mix; Hill 1973). One person with two accounts
on one telephone stays one person; a household's tablet, on which two people sign in who each have devices of their own, and a
kiosk are shared.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

__all__ = ["TEMPORARY", "Limits", "find_bots", "find_generic", "find_shared_accounts", "find_shared_devices"]

TEMPORARY = ("generic_identifiers", "generic_networks", "classes", "usage")


@dataclass(frozen=True)
class Limits:
    """Degrees above which something is generic or shared. Raising a limit trades over-merging for recall."""

    email_holders: int = 10
    """Subjects with one e-mail address: a person's accounts over all sources, or a household's."""
    phone_holders: int = 8
    """Subjects with one telephone number."""
    advertising_id_holders: int = 20
    """Devices with one advertising id: browsers and apps of one telephone, over reinstallations."""
    alias_partners: int = 10
    """Subjects that one anonymous id is said to be."""
    network_devices: int = 20
    """Devices behind one address; more is an office, a campus or a carrier."""
    people_per_device: int = 8
    """More people than this share a device however unevenly they use it."""
    even_people: float = 2.5
    """From three people on, a device is shared when its effective number of people reaches this."""
    second_user_share: float = 0.2
    """Of a device's sign-ins; two people of at least this share who also have devices of their own share it."""
    conflicting_share: float = 0.1
    """Of a device's sign-ins; two people of at least this share whose records conflict share the device."""
    devices_at_once: int = 12
    """Devices that one account uses in overlapping periods; more is an account that people share."""
    bot_event_share: float = 0.5
    """Share of a subject's events with a crawler's user agent."""
    events_per_hour: int = 3_000
    """Different seconds of one hour with an event (many events of one instant, as in undated imports, count once)."""


_NULL_LIKE = r"^[^0-9a-z]*(null|none|nil|nan|na|n/a|undefined|unknown|anonymous|test|0+|1+|9+|x+)?[^0-9a-z]*$"

_GENERIC_IDENTIFIERS = f"""
CREATE OR REPLACE TEMP TABLE generic_identifiers AS
SELECT identifier_id, CASE WHEN degree > holders_allowed THEN identifier_kind || ' with ' || degree || ' holders, more than '
           || holders_allowed ELSE identifier_kind || ' that stands for no value' END AS reason
FROM (SELECT *, CASE identifier_kind WHEN 'email' THEN $email WHEN 'phone' THEN $phone ELSE $advertising_id END
      AS holders_allowed FROM identifiers)
WHERE degree > holders_allowed OR regexp_matches(lower(value), '{_NULL_LIKE}')
"""

_GENERIC_NETWORKS = """
CREATE OR REPLACE TEMP TABLE generic_networks AS SELECT network_id FROM networks WHERE devices > $devices
"""

_FLAGGED = """
CREATE OR REPLACE TEMP TABLE classes AS
WITH flags AS (
    SELECT 'device' AS kind, device_id AS id, sum(count) AS events, sum(bot_count) AS bot_events
    FROM touches WHERE device_id IS NOT NULL GROUP BY device_id
    UNION ALL
    SELECT 'account', account_id, sum(count), sum(bot_count) FROM touches WHERE account_id IS NOT NULL GROUP BY account_id
)
SELECT kind, id, 'bot' AS class, 'most events have the user agent of a crawler' AS reason
FROM flags WHERE bot_events >= $share * events AND bot_events > 0
UNION
SELECT 'device', device_id, 'bot', 'most events have the user agent of a crawler'
FROM devices WHERE bot
"""

# Only subjects with enough events are looked at, so that the events are read again only where there are such subjects.
_BUSY = """
SELECT count(*) FROM (
    SELECT 1 FROM touches WHERE device_id IS NOT NULL GROUP BY device_id HAVING sum(count) > $limit
    UNION ALL SELECT 1 FROM touches WHERE account_id IS NOT NULL GROUP BY account_id HAVING sum(count) > $limit)
"""

_INHUMAN = """
INSERT INTO classes
WITH moments AS (
    SELECT {kind}_id AS id, epoch_us("at") // 1000000 AS second FROM events
    WHERE {kind}_id IN (SELECT {kind}_id FROM touches WHERE {kind}_id IS NOT NULL GROUP BY {kind}_id HAVING sum(count) > $limit)
)
SELECT DISTINCT '{kind}', id, 'bot', 'events in more than ' || $limit || ' seconds of one hour' FROM (
    SELECT id, second // 3600 AS hour FROM moments GROUP BY id, hour HAVING count(DISTINCT second) > $limit)
WHERE id NOT IN (SELECT id FROM classes WHERE kind = '{kind}')
"""

# One row per device and person (a group of accounts known to be one), with the person's share of the device's sign-ins.
_USAGE = """
CREATE OR REPLACE TEMP TABLE usage AS
WITH signed AS (
    SELECT device_id, account_id, count FROM signed_in
    UNION ALL
    SELECT right_id, left_id, 1 FROM aliases WHERE left_kind = 'account' AND right_kind = 'device'
    AND (right_id, left_id) NOT IN (SELECT (device_id, account_id) FROM signed_in)
), owned AS (
    SELECT device_id, coalesce(g.leader, s.account_id) AS owner, sum(count)::BIGINT AS count
    FROM signed s LEFT JOIN same_accounts g ON g.account_id = s.account_id
    WHERE device_id NOT IN (SELECT id FROM classes WHERE kind = 'device')
      AND s.account_id NOT IN (SELECT id FROM classes WHERE kind = 'account')
    GROUP BY ALL
)
SELECT device_id, owner, count, count / sum(count) OVER (PARTITION BY device_id) AS share,
       count(*) OVER (PARTITION BY device_id) AS owners
FROM owned
"""

_MANY = """
INSERT INTO classes
SELECT 'device', device_id, 'shared', 'sign-ins of ' || owners || ' people, as even as of ' || round(even, 1) || ' equal users'
FROM (SELECT device_id, owners, sum(count)::DOUBLE * sum(count)::DOUBLE / sum(count * count)::DOUBLE AS even
      FROM usage GROUP BY device_id, owners)
WHERE owners > $people OR (owners >= 3 AND even >= $even)
"""

_CONFLICTING = """
INSERT INTO classes
SELECT DISTINCT 'device', a.device_id, 'shared', 'sign-ins of people whose records conflict'
FROM usage a JOIN usage b ON a.device_id = b.device_id AND a.owner < b.owner
JOIN conflicting_owners c ON c.left_owner = a.owner AND c.right_owner = b.owner
WHERE a.share >= $share AND b.share >= $share AND a.device_id NOT IN (SELECT id FROM classes WHERE kind = 'device')
"""

# Two people who each use devices of their own at least as much as this one.
_HOUSEHOLD = """
INSERT INTO classes
WITH own AS (
    SELECT owner, sum(count) AS own_count FROM usage
    WHERE owners = 1 AND device_id NOT IN (SELECT id FROM classes WHERE kind = 'device') GROUP BY owner
)
SELECT 'device', device_id, 'shared', 'sign-ins of ' || count(*) || ' people who have devices of their own'
FROM usage JOIN own USING (owner)
WHERE owners >= 2 AND share >= $share AND own_count >= count
  AND device_id NOT IN (SELECT id FROM classes WHERE kind = 'device')
GROUP BY device_id HAVING count(*) >= 2
"""

_SHARED_ACCOUNTS = """
INSERT INTO classes
WITH periods AS (
    SELECT account_id, first_seen, last_seen FROM signed_in WHERE account_id IN
        (SELECT account_id FROM signed_in GROUP BY account_id HAVING count(*) > $devices)
    AND account_id NOT IN (SELECT id FROM classes WHERE kind = 'account')
), steps AS (
    SELECT account_id, first_seen AS moment, 1 AS step FROM periods
    UNION ALL SELECT account_id, last_seen, -1 FROM periods
), running AS (
    SELECT account_id, sum(step) OVER (PARTITION BY account_id ORDER BY moment, step DESC ROWS UNBOUNDED PRECEDING) AS at_once
    FROM steps
)
SELECT 'account', account_id, 'shared', 'signed in on ' || max(at_once) || ' devices at one time'
FROM running GROUP BY account_id HAVING max(at_once) > $devices
"""


def find_generic(connection: duckdb.DuckDBPyConnection, limits: Limits) -> None:
    """Make `generic_identifiers` and `generic_networks`."""
    connection.execute(
        _GENERIC_IDENTIFIERS,
        {"email": limits.email_holders, "phone": limits.phone_holders, "advertising_id": limits.advertising_id_holders},
    )
    connection.execute(_GENERIC_NETWORKS, {"devices": limits.network_devices})


def find_bots(connection: duckdb.DuckDBPyConnection, limits: Limits) -> None:
    """Make `classes` with the bots, by user agent and by rate."""
    connection.execute(_FLAGGED, {"share": limits.bot_event_share})
    limit = {"limit": limits.events_per_hour}
    if connection.execute(_BUSY, limit).fetchall() != [(0,)]:
        for kind in ("device", "account"):
            connection.execute(_INHUMAN.format(kind=kind), limit)


def find_shared_accounts(connection: duckdb.DuckDBPyConnection, limits: Limits) -> None:
    """Add accounts that several people use to `classes`."""
    connection.execute(_SHARED_ACCOUNTS, {"devices": limits.devices_at_once})


def find_shared_devices(connection: duckdb.DuckDBPyConnection, limits: Limits) -> None:
    """Add shared devices to `classes`; leaves `usage`, who uses each device to what share.

    Reads `same_accounts` (account_id, leader: accounts that identifiers already show to be one person) and
    `conflicting_owners` (left_owner < right_owner: leaders whose records conflict).
    """
    connection.execute(_USAGE)
    connection.execute(_MANY, {"people": limits.people_per_device, "even": limits.even_people})
    connection.execute(_CONFLICTING, {"share": limits.conflicting_share})
    connection.execute(_HOUSEHOLD, {"share": limits.second_user_share})

"""What must carry no evidence: generic identifiers and networks, bots, shared devices and shared accounts.

In: the temporary tables of `links`. Out: the temporary tables `generic_identifiers` (identifier_id, reason),
`generic_networks` and `holder_windows` (`guards_windows`), `namespaces` and `namespace_conflicts` (`guards_namespaces`), and
`classes` (kind, id, class, reason) for subjects that are not plain persons (bots: `guards_bots`).

An identifier that more subjects hold than its limit allows belongs to nobody (an office phone, `info@…`, a junk value that
cleaning does not know). A device is shared when more people sign in on it than own it: by the number of people, where
accounts already known to be one person count once, and by how evenly they use it, measured as the inverse Simpson index
(1 / sum of squared shares: the number of equal users that would give the same mix; Hill 1973). Two accounts on one telephone are
one person where nothing is known of them. A kiosk is shared, and a household's tablet: on which two people sign in who each
have devices of their own, or two accounts, of which one at least says who it is, that nothing in their records shows to be one
person; and so is a device on which two ids of one unique namespace sign in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import duckdb

from graph.resolve import guards_bots
from graph.resolve.guards_namespaces import find_namespaces, namespace_bits
from graph.resolve.guards_windows import find_generic_networks, find_holder_windows
from graph.resolve.null_like import NULL_LIKE
from graph.resolve.rules import Database, any_rows, make

__all__ = [
    "TEMPORARY",
    "Limits",
    "add_classes",
    "find_bots",
    "find_generic",
    "find_generic_networks",
    "find_hubs",
    "find_shared_accounts",
    "find_shared_devices",
    "is_generic",
    "mark_generic",
    "mark_identifiers",
    "namespace_bits",
]

TEMPORARY = (
    "generic_identifiers",
    "generic_networks",
    "holder_windows",
    "namespaces",
    "namespace_conflicts",
    "classes",
    "hubs",
    "usage",
)


@dataclass(frozen=True)
class Limits(guards_bots.BotLimits):
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
    """Devices behind one address in one window; more is an office, a campus or a carrier."""
    network_window_days: int = 30
    recycled_kinds: tuple[str, ...] = ("phone",)
    """Kinds of identifier that are given to somebody else after a time without use."""
    recycled_after_days: int = 365
    """Longest time that a telephone number is kept idle (47 CFR 52.15(f)): after a longer pause it may be another person's."""
    unique_namespaces: tuple[str, ...] = ()
    """Sources (of accounts, or names of source folders) in which one person has one id at most."""
    people_per_device: int = 8
    """More people than this share a device however unevenly they use it."""
    even_people: float = 2.5
    """From three people on, a device is shared when its effective number of people reaches this."""
    second_user_share: float = 0.1
    """Of a device's sign-ins; two people of this share at least, twice at least, who also have devices of their own share it,
    or whose records have nothing in common."""
    conflicting_share: float = 0.1
    """Of a device's sign-ins; two people of at least this share whose records conflict share the device."""
    devices_at_once: int = 12
    """Devices that one account uses in overlapping periods; more is an account that people share."""
    accounts_per_device: int = 64
    """Accounts that sign in on one device, from which on it is a kiosk whoever they are: nothing is looked up beyond it."""
    devices_per_account: int = 512
    """Devices on which one account signs in, over all time; more is an account that people share, or a program's."""

    @property
    def most_holders(self) -> int:
        """Holders from which on an identifier of any kind is generic."""
        return max(self.email_holders, self.phone_holders, self.advertising_id_holders)

    @property
    def most_aliases(self) -> int:
        """Aliases of one id from which on none of them is looked at."""
        return 4 * self.alias_partners


_GENERIC_IDENTIFIERS = f"""
SELECT identifier_id, CASE WHEN degree > holders_allowed THEN identifier_kind || ' with ' || degree || ' holders, more than '
           || holders_allowed ELSE identifier_kind || ' that stands for no value' END AS reason
FROM (SELECT *, CASE identifier_kind WHEN 'email' THEN $email WHEN 'phone' THEN $phone ELSE $advertising_id END
      AS holders_allowed FROM identifiers)
WHERE degree > holders_allowed OR regexp_matches(lower(value), '{NULL_LIKE}')
"""

# One row per device and person (a group of accounts known to be one), with the person's share of the device's sign-ins.
_USAGE = """
WITH signed AS (
    SELECT device_id, account_id, count FROM signed_in
    UNION ALL
    SELECT right_id, left_id, 1 FROM aliases WHERE left_kind = 'account' AND right_kind = 'device'
    AND (right_id, left_id) NOT IN (SELECT device_id, account_id FROM signed_in)
), owned AS (
    SELECT device_id, coalesce(g.leader, s.account_id) AS owner, CAST(sum(count) AS BIGINT) AS count
    FROM signed s LEFT JOIN same_accounts g ON g.account_id = s.account_id
    WHERE device_id NOT IN (SELECT id FROM classes WHERE kind = 'device')
      AND s.account_id NOT IN (SELECT id FROM classes WHERE kind = 'account')
    GROUP BY device_id, coalesce(g.leader, s.account_id)
)
SELECT device_id, owner, count, CAST(count AS DOUBLE) / sum(count) OVER (PARTITION BY device_id) AS share,
       count(*) OVER (PARTITION BY device_id) AS owners
FROM owned
"""

_MANY = """
INSERT INTO classes
SELECT 'device', device_id, 'shared', 'sign-ins of ' || owners || ' people, as even as of ' || round(even, 1) || ' equal users'
FROM (SELECT device_id, owners, CAST(sum(count) AS DOUBLE) * CAST(sum(count) AS DOUBLE)
          / CAST(sum(count * count) AS DOUBLE) AS even FROM usage GROUP BY device_id, owners)
WHERE owners > $people OR (owners >= 3 AND even >= $even)
"""

_CONFLICTING = """
INSERT INTO classes
SELECT DISTINCT 'device', a.device_id, 'shared', 'sign-ins of people whose records conflict'
FROM usage a JOIN usage b ON a.device_id = b.device_id AND a.owner < b.owner
JOIN conflicting_owners c ON c.left_owner = a.owner AND c.right_owner = b.owner
WHERE a.share >= $share AND b.share >= $share AND a.device_id NOT IN (SELECT id FROM classes WHERE kind = 'device')
"""

# Two people who each have a device that nobody else uses: who has one needs no second user's, unless it is the family's.
_HOUSEHOLD = """
INSERT INTO classes
WITH own AS (
    SELECT DISTINCT owner FROM usage
    WHERE owners = 1 AND device_id NOT IN (SELECT id FROM classes WHERE kind = 'device')
)
SELECT 'device', device_id, 'shared', 'sign-ins of ' || count(*) || ' people who have devices of their own'
FROM usage JOIN own USING (owner)
WHERE owners >= 2 AND share >= $share AND count >= 2
  AND device_id NOT IN (SELECT id FROM classes WHERE kind = 'device')
GROUP BY device_id HAVING count(*) >= 2
"""

# Where one of two accounts says who it is, and nothing in the other's record agrees, it cannot be told whether they are one
# person's: they stay apart. Where nobody says anything, as in a home without account records, the device decides.
_UNLINKED = """
INSERT INTO classes
WITH described AS (
    SELECT coalesce(g.leader, account_id) AS owner FROM accounts LEFT JOIN same_accounts g USING (account_id)
    WHERE coalesce(given_name, family_name, email, phone, birth_date, gender, street, city, postcode) IS NOT NULL
)
SELECT 'device', device_id, 'shared', 'sign-ins of ' || count(*) || ' accounts that nothing shows to be one person'
FROM usage WHERE owners >= 2 AND share >= $share AND count >= 2
  AND device_id NOT IN (SELECT id FROM classes WHERE kind = 'device')
GROUP BY device_id HAVING count(*) >= 2 AND max(CASE WHEN owner IN (SELECT owner FROM described) THEN 1 ELSE 0 END) = 1
"""

# Ids, not owners: records may have shown the two to be one person, which the namespace denies.
_NAMESPACES = """
INSERT INTO classes
WITH shares AS (
    SELECT device_id, account_id, CAST(count AS DOUBLE) / sum(count) OVER (PARTITION BY device_id) AS share FROM signed_in
), used AS (
    SELECT device_id, namespace_code, count(*) AS ids
    FROM shares JOIN subjects s ON s.kind = 'account' AND s.id = account_id JOIN namespaces USING (number)
    WHERE share >= $share GROUP BY device_id, namespace_code HAVING count(*) >= 2
)
SELECT 'device', device_id, 'shared', 'sign-ins of ' || max(ids) || ' ids of a source in which a person has one'
FROM used WHERE device_id NOT IN (SELECT id FROM classes WHERE kind = 'device') GROUP BY device_id
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


_HUBS = """
CREATE OR REPLACE TEMP TABLE hubs AS
SELECT 'device' AS kind, device_id AS id, 'shared' AS class, 'sign-ins of more than ' || $accounts || ' accounts' AS reason
FROM signed_in GROUP BY device_id HAVING count(*) > $accounts
UNION ALL
SELECT 'account', account_id, 'shared', 'signed in on more than ' || $devices || ' devices'
FROM signed_in GROUP BY account_id HAVING count(*) > $devices
"""

_OTHERS = """
INSERT INTO classes
SELECT kind, id, class, reason FROM {table} WHERE (kind, id) NOT IN (SELECT kind, id FROM classes)
"""


def find_hubs(connection: duckdb.DuckDBPyConnection, limits: Limits) -> None:
    """Make `hubs` (kind, id, class, reason): subjects with so many sign-ins that nothing else about them matters."""
    connection.execute(_HUBS, {"accounts": limits.accounts_per_device, "devices": limits.devices_per_account})


def add_classes(connection: Database, table: str) -> None:
    """Add the rows of a table (kind, id, class, reason) to `classes`, for subjects that have none yet."""
    if any_rows(connection, table):
        connection.execute(_OTHERS.format(table=table))


def find_generic(connection: duckdb.DuckDBPyConnection, limits: Limits) -> None:
    """Make `generic_identifiers`, `generic_networks`, `holder_windows`, `namespaces` and `namespace_conflicts`. Raises
    SettingsError for too many namespaces."""
    mark_generic(connection, limits)
    find_holder_windows(connection, _allowed(limits), limits.recycled_kinds, limits.recycled_after_days)
    find_namespaces(connection, limits.unique_namespaces, 2 * limits.people_per_device)


def mark_generic(connection: duckdb.DuckDBPyConnection, limits: Limits) -> None:
    """Make `generic_identifiers` and `generic_networks` alone, from `identifiers`, `networks` and `seen_on`."""
    mark_identifiers(connection, limits)
    find_generic_networks(connection, limits.network_devices, limits.network_window_days)


def mark_identifiers(connection: Database, limits: Limits) -> None:
    """Make `generic_identifiers` alone."""
    make(connection, "generic_identifiers", _GENERIC_IDENTIFIERS, _allowed(limits))


def is_generic(kind: str, value: str, degree: int, limits: Limits) -> bool:
    """Whether `mark_identifiers` would mark an identifier."""
    return degree > _allowed(limits)[kind] or re.match(NULL_LIKE, value.lower()) is not None


def _allowed(limits: Limits) -> dict[str, int]:
    """Most holders of each kind of identifier."""
    return {"email": limits.email_holders, "phone": limits.phone_holders, "advertising_id": limits.advertising_id_holders}


def find_bots(connection: duckdb.DuckDBPyConnection, limits: Limits) -> None:
    """Make `classes` with the bots, by user agent, rate and evenness."""
    guards_bots.find_bots(connection, limits)


def find_shared_accounts(connection: Database, limits: Limits) -> None:
    """Add accounts that several people use to `classes`."""
    if any_rows(connection, f"signed_in GROUP BY account_id HAVING count(*) > {limits.devices_at_once}"):
        connection.execute(_SHARED_ACCOUNTS, {"devices": limits.devices_at_once})


def find_shared_devices(connection: Database, limits: Limits) -> None:
    """Add shared devices to `classes`; leaves `usage`, who uses each device to what share.

    Reads `same_accounts` (account_id, leader: accounts that identifiers already show to be one person) and
    `conflicting_owners` (left_owner < right_owner: leaders whose records conflict).
    """
    make(connection, "usage", _USAGE)
    if not any_rows(connection, "usage WHERE owners > 1"):
        if limits.unique_namespaces:  # records may have made one owner of two ids that the namespace tells apart
            connection.execute(_NAMESPACES, {"share": limits.conflicting_share})
        return
    connection.execute(_MANY, {"people": limits.people_per_device, "even": limits.even_people})
    connection.execute(_CONFLICTING, {"share": limits.conflicting_share})
    connection.execute(_NAMESPACES, {"share": limits.conflicting_share})
    connection.execute(_HOUSEHOLD, {"share": limits.second_user_share})
    connection.execute(_UNLINKED, {"share": limits.second_user_share})

"""Households: people who live together and are not one person.

In: the temporary tables of `links` and `guards`, the views `accounts` and `events`, and the person of every subject. Out: a table
`person_id, household_id`, people of no household left out. A household's id is `h` and base32(BLAKE2b(smallest person id)).

Evidence is between two people, in log2 odds that they share a home, and adds up:

address     one street and number with one postcode (or city), of each person's latest record that has one:
            base - log2(people there - 1); a block of flats without flat numbers weighs less the more people it has
identifier  one telephone number or e-mail address held by people who are told apart: base - log2(holders - 1)
device      a shared device of a few people, on which both sign in: base
network     a network on which few people's devices are seen in the evening, at night and at weekends, in several weeks each: base
family name the same one raises each pair that something of the above brings together, and none by itself

Pairs are clustered by the rules of `cluster`, so a person is in one household at most, the one to which most ties them, and two
groups need more to become one. What more than `most_people` have in common is an institution's: it says nothing.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graph.resolution import HOUSEHOLDS
from graph.resolve.cluster import cluster
from graph.resolve.contraction import ClusterRules

__all__ = ["TEMPORARY", "HouseholdRules", "find_households", "household_id"]

TEMPORARY = ("residents", "household_pairs")


@dataclass(frozen=True)
class HouseholdRules:
    """Weights in log2 odds that two people share a home, among pairs that have this in common."""

    address: float = 3.0
    identifier: float = 3.0
    device: float = 2.5
    network: float = 2.5
    family_name: float = 2.0
    join_log2_odds: float = 2.0
    strong_log2_odds: float = 4.0
    most_people: int = 12
    """More is an institution."""
    most_people_on_device: int = 6
    most_people_on_network: int = 6
    second_user_share: float = 0.1
    """Of a shared device's sign-ins, two at least; less is a guest's."""
    evening_hour: int = 19
    morning_hour: int = 7
    """Home hours, local time, on weekdays; weekends are home hours altogether."""
    home_weeks: int = 3
    """Different weeks with home hours on a network, from which it is a home's and not a café's."""


_RESIDENTS = """
CREATE OR REPLACE TEMP TABLE residents AS
SELECT number, kind, id, dense_rank() OVER (ORDER BY person_id) - 1 AS person, person_id
FROM subjects JOIN household_members USING (number) WHERE (kind, id) NOT IN (SELECT (kind, id) FROM classes)
"""

# Keys that people have in common: (source of evidence, key, person).
_ADDRESSES = """
SELECT 'address' AS reason, key, person FROM (
    SELECT person, regexp_replace(lower(strip_accents(street)), '[^[:alnum:]]+', ' ', 'g') AS line,
           coalesce(upper(regexp_replace(postcode, '[^[:alnum:]]', '', 'g')), lower(city)) AS place,
           trim(line) || '|' || place || '|' || coalesce(lower(country), '') AS key
    FROM residents JOIN accounts ON kind = 'account' AND id = account_id
    WHERE regexp_matches(street, '[0-9]') AND length(street) >= 5 AND place IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY person ORDER BY created_at DESC NULLS LAST, account_id) = 1)
"""

_IDENTIFIERS = """
SELECT DISTINCT 'identifier' AS reason, identifier_kind || identifier_id AS key, person
FROM holders JOIN residents USING (kind, id)
WHERE identifier_kind IN ('email', 'phone') AND identifier_id NOT IN (SELECT identifier_id FROM generic_identifiers)
"""

_DEVICES = """
SELECT DISTINCT 'device' AS reason, device_id AS key, person
FROM (SELECT device_id, account_id, count, count / sum(count) OVER (PARTITION BY device_id) AS share FROM signed_in
      WHERE device_id IN (SELECT id FROM classes WHERE kind = 'device' AND class = 'shared'))
JOIN residents ON kind = 'account' AND id = account_id WHERE share >= $share AND count >= 2
"""

# An address on which many people are seen at any hour is a carrier's or a café's, whoever comes back to it in the evening.
_NETWORKS = """
SELECT 'network' AS reason, ip AS key, person FROM (
    SELECT ip, person, timezone(zone, "at") AS local
    FROM (SELECT device_id, ip, "at", coalesce(timezone, mode(timezone) OVER (PARTITION BY device_id)) AS zone FROM events
          WHERE ip IN (SELECT ip FROM touches JOIN residents ON kind = 'device' AND id = device_id
                       GROUP BY ip HAVING count(DISTINCT person) BETWEEN 2 AND $most))
    JOIN residents ON kind = 'device' AND id = device_id
    WHERE zone IN (SELECT name FROM pg_timezone_names())
) WHERE hour(local) >= $evening OR hour(local) < $morning OR isodow(local) >= 6
GROUP BY ip, person HAVING count(DISTINCT date_trunc('week', local)) >= $weeks
"""

_PAIRS = """
CREATE OR REPLACE TEMP TABLE household_pairs AS
WITH keys AS (
    SELECT * FROM ({addresses}) UNION ALL SELECT * FROM ({identifiers})
    UNION ALL SELECT * FROM ({devices}) UNION ALL SELECT * FROM ({networks})
), counted AS (
    SELECT *, count(*) OVER (PARTITION BY reason, key) AS people FROM keys
), common AS (
    SELECT reason, key, person, people FROM counted WHERE people BETWEEN 2 AND
        CASE reason WHEN 'device' THEN $on_device WHEN 'network' THEN $on_network ELSE $most END
), weighed AS (
    SELECT a.person AS left_person, b.person AS right_person, reason, max(CASE reason
        WHEN 'address' THEN $address - log2(a.people - 1) WHEN 'identifier' THEN $identifier - log2(a.people - 1)
        WHEN 'device' THEN $device ELSE $network END) AS weight
    FROM common a JOIN common b USING (reason, key) WHERE a.person < b.person GROUP BY ALL
), tied AS (
    SELECT left_person, right_person, sum(greatest(weight, 0)::DECIMAL(18, 6))::DOUBLE AS weight FROM weighed GROUP BY ALL
), named AS (
    SELECT DISTINCT person, lower(strip_accents(family_name)) AS name
    FROM residents JOIN accounts ON kind = 'account' AND id = account_id WHERE family_name IS NOT NULL
), same AS (
    SELECT DISTINCT left_person, right_person FROM tied JOIN named a ON a.person = left_person
    JOIN named b ON b.person = right_person AND a.name = b.name
)
SELECT left_person, right_person, weight + CASE WHEN same.left_person IS NULL THEN 0 ELSE $family_name END AS weight
FROM tied LEFT JOIN same USING (left_person, right_person) ORDER BY left_person, right_person
"""


def household_id(person_ids: list[str]) -> str:
    """`h` and 16 characters of base32(BLAKE2b(smallest person id))."""
    digest = hashlib.blake2b(min(person_ids).encode(), digest_size=10).digest()
    return "h" + base64.b32encode(digest).decode().lower()


def find_households(connection: duckdb.DuckDBPyConnection, person_ids: pa.Array, rules: HouseholdRules) -> pa.Table:
    """Households of the people in `person_ids` (by subject number), with the schema `HOUSEHOLDS`, in order of person. Bots and
    shared devices live nowhere."""
    connection.register("household_members", pa.table({"number": np.arange(len(person_ids)), "person_id": person_ids}))
    connection.execute(_RESIDENTS)
    connection.unregister("household_members")
    connection.execute(
        _PAIRS.format(addresses=_ADDRESSES, identifiers=_IDENTIFIERS, devices=_DEVICES, networks=_NETWORKS),
        {
            "share": rules.second_user_share,
            "evening": rules.evening_hour,
            "morning": rules.morning_hour,
            "weeks": rules.home_weeks,
            "on_device": rules.most_people_on_device,
            "on_network": rules.most_people_on_network,
            "most": rules.most_people,
            "address": rules.address,
            "identifier": rules.identifier,
            "device": rules.device,
            "network": rules.network,
            "family_name": rules.family_name,
        },
    )
    names = (
        connection.sql("SELECT DISTINCT person, person_id FROM residents ORDER BY person")
        .to_arrow_table()["person_id"]
        .to_pylist()
    )
    pairs = connection.sql("SELECT left_person, right_person, weight FROM household_pairs").fetchnumpy()
    left, right = (np.asarray(pairs[n]).astype(np.int64) for n in ("left_person", "right_person"))
    anchor = cluster(
        np.zeros(len(names), bool),
        left,
        right,
        np.asarray(pairs["weight"], np.float64),
        ClusterRules(rules.join_log2_odds, rules.strong_log2_odds, rules.most_people, rules.most_people),
    ).anchor
    return _table(names, anchor)


def _table(names: list[str], anchor: npt.NDArray[np.int64]) -> pa.Table:
    """Clusters of two and more, as a table."""
    size = np.bincount(anchor, minlength=len(anchor))
    members: dict[int, list[str]] = {}
    for person in np.flatnonzero(size[anchor] > 1).tolist():
        members.setdefault(int(anchor[person]), []).append(names[person])
    rows = sorted((person, household_id(people)) for people in members.values() for person in people)
    return pa.table([[p for p, _ in rows], [h for _, h in rows]], schema=HOUSEHOLDS)

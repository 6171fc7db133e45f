"""Deterministic evidence that two devices or accounts are, or are not, one person.

In: the temporary tables of `links` and `guards`. Out: the temporary table `evidence` (left_number < right_number, method,
weight, sources, first_seen, last_seen), one row per pair and rule; numbers are those of `subjects`. A weight is in log2 odds
and the weights of a pair add up to its score (Fellegi and Sunter 1969); probability = 1 / (1 + 2^-weight).

sign_in                an event with both: base + 2 log2(share) - log2(people on the device), where share is the part of either's
                       sign-ins that the pair makes up, 1 - (1 - of the device's)(1 - of the account's). A friend who signed in
                       once on my telephone and mostly signs in elsewhere weighs nothing, which is the least; a new
                       telephone weighs full.
shared_email, shared_phone, shared_advertising_id
                       base - log2(holders - 1). Of k holders each is paired with one earlier holder (the one whose record
                       agrees best, the smallest of those): k - 1 pairs, not k², and no pair of records that conflict.
alias                  a site says that two ids are one: base - 2 log2(accounts said to be the same id).
..._agrees, ..._differs
                       two paired records agree or differ in an attribute (`comparison`). Of records that are not paired only
                       those that conflict are told apart, since pairs are few and comparisons many.

Bots, shared devices and accounts, generic identifiers give no evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb

from graph.resolve.comparison import Comparison, compare
from graph.resolve.guards import Limits

__all__ = ["TEMPORARY", "Weights", "find_device_evidence", "find_record_evidence"]

TEMPORARY = ("eligible", "holder_pairs", "evidence")


@dataclass(frozen=True)
class Weights:
    """Base match weights in log2 odds, before dilution: 2^w true pairs for each false one among such pairs."""

    sign_in: float = 6.0
    email: float = 7.0
    phone: float = 5.0
    """Less than an e-mail address: a household has one landline."""
    advertising_id: float = 10.0
    alias: float = 9.0
    comparison: Comparison = field(default_factory=Comparison)


_ELIGIBLE = """
CREATE OR REPLACE TEMP TABLE eligible AS
SELECT kind, id, number FROM subjects WHERE (kind, id) NOT IN (SELECT (kind, id) FROM classes)
"""

_HOLDER_PAIRS = """
CREATE OR REPLACE TEMP TABLE holder_pairs AS
WITH held AS (
    SELECT identifier_id, identifier_kind, kind, number, sources FROM holders JOIN eligible USING (kind, id)
    WHERE identifier_id NOT IN (SELECT identifier_id FROM generic_identifiers)
)
SELECT a.number AS left_number, b.number AS right_number, identifier_id, identifier_kind,
       a.kind = 'account' AND b.kind = 'account' AS accounts, list_concat(a.sources, b.sources) AS sources
FROM held a JOIN held b USING (identifier_id, identifier_kind) WHERE a.number < b.number
"""

_COMPARED = """
CREATE OR REPLACE TEMP TABLE compared AS
WITH signed AS (
    SELECT device_id, number FROM signed_in JOIN eligible e ON e.kind = 'account' AND e.id = account_id
    WHERE device_id IN (SELECT device_id FROM signed_in GROUP BY device_id HAVING count(*) BETWEEN 2 AND 2 * $people)
)
SELECT left_number, right_number, bool_or(identified) AS identified FROM (
    SELECT left_number, right_number, true AS identified FROM holder_pairs WHERE accounts
    UNION ALL
    SELECT a.number, b.number, false FROM signed a JOIN signed b USING (device_id) WHERE a.number < b.number
) GROUP BY left_number, right_number
"""

_RECORDS = """
CREATE OR REPLACE TEMP TABLE evidence AS
WITH likeness AS (
    SELECT left_number, right_number, sum(weight) AS likeness, sum(least(weight, 0)) AS against
    FROM comparisons GROUP BY left_number, right_number
), best AS (
    SELECT identifier_id, identifier_kind, right_number,
           arg_min(left_number, (-coalesce(likeness, 0), left_number)) AS left_number,
           arg_min(sources, (-coalesce(likeness, 0), left_number)) AS sources
    FROM holder_pairs LEFT JOIN likeness USING (left_number, right_number)
    WHERE coalesce(against, 0) > $conflict GROUP BY identifier_id, identifier_kind, right_number
), weighed AS (
    SELECT left_number, right_number, 'shared_' || identifier_kind AS method, sources,
           CASE identifier_kind WHEN 'email' THEN $email WHEN 'phone' THEN $phone ELSE $advertising_id END
           - log2(degree - 1) AS weight
    FROM best JOIN identifiers USING (identifier_id, identifier_kind)
)
SELECT left_number, right_number, method, max(weight)::DOUBLE AS weight,
       list_sort(list_distinct(flatten(list(sources)))) AS sources,
       NULL::TIMESTAMPTZ AS first_seen, NULL::TIMESTAMPTZ AS last_seen
FROM weighed GROUP BY left_number, right_number, method
UNION ALL
SELECT left_number, right_number, method, weight, []::VARCHAR[], NULL, NULL
FROM comparisons JOIN likeness USING (left_number, right_number)
LEFT JOIN (SELECT DISTINCT left_number, right_number, true AS linked FROM weighed) USING (left_number, right_number)
WHERE linked OR (weight < 0 AND against <= $conflict)
"""

_ALIASES = """
INSERT INTO evidence
WITH ends AS (
    SELECT left_kind AS kind, left_id AS id, right_kind AS other FROM aliases
    UNION ALL SELECT right_kind, right_id, left_kind FROM aliases
), partners AS (
    SELECT kind, id, greatest(count_if(other = 'account'), 1) AS accounts, count(*) AS partners FROM ends GROUP BY kind, id
)
SELECT a.number, b.number, 'alias', $alias - 2 * log2(greatest(p.accounts, q.accounts)), s.sources, s.first_seen, s.last_seen
FROM aliases s
JOIN eligible a ON a.kind = left_kind AND a.id = left_id JOIN eligible b ON b.kind = right_kind AND b.id = right_id
JOIN partners p ON p.kind = left_kind AND p.id = left_id JOIN partners q ON q.kind = right_kind AND q.id = right_id
WHERE greatest(p.accounts, q.accounts) <= $partners AND (left_kind = 'account' AND right_kind = 'account') = $accounts
"""

_SIGN_INS = """
INSERT INTO evidence
WITH totals AS (SELECT account_id, sum(count) AS count FROM signed_in GROUP BY account_id)
SELECT a.number, d.number, 'sign_in',
       greatest($sign_in + 2 * log2(1 - (1 - u.share) * (1 - s.count / t.count)) - log2(u.owners), 0),
       s.sources, s.first_seen, s.last_seen
FROM signed_in s JOIN totals t ON t.account_id = s.account_id
JOIN eligible a ON a.kind = 'account' AND a.id = s.account_id JOIN eligible d ON d.kind = 'device' AND d.id = s.device_id
LEFT JOIN same_accounts g ON g.account_id = s.account_id
JOIN usage u ON u.device_id = s.device_id AND u.owner = coalesce(g.leader, s.account_id)
"""


def find_record_evidence(connection: duckdb.DuckDBPyConnection, weights: Weights, limits: Limits) -> None:
    """Make `evidence` from shared identifiers, comparisons and aliases between accounts; needs no sign-ins."""
    connection.execute(_ELIGIBLE)
    connection.execute(_HOLDER_PAIRS)
    connection.execute(_COMPARED, {"people": limits.people_per_device})
    compare(connection, weights.comparison)
    connection.execute(
        _RECORDS,
        {
            "conflict": weights.comparison.conflict,
            "email": weights.email,
            "phone": weights.phone,
            "advertising_id": weights.advertising_id,
        },
    )
    connection.execute(_ALIASES, {"alias": weights.alias, "partners": limits.alias_partners, "accounts": True})


def find_device_evidence(connection: duckdb.DuckDBPyConnection, weights: Weights, limits: Limits) -> None:
    """Add sign-ins and the aliases that name a device, once shared devices are known."""
    connection.execute(_ELIGIBLE)
    connection.execute(_ALIASES, {"alias": weights.alias, "partners": limits.alias_partners, "accounts": False})
    connection.execute(_SIGN_INS, {"sign_in": weights.sign_in})

"""Evidence that two devices or accounts are, or are not, one person.

In: the temporary tables of `links`, `guards`, `record_pairs` (account pairs scored by their records) and `behaviour_pairs`
(device pairs scored by their behaviour). Out: the temporary table `evidence` (left_number < right_number, method, weight,
sources, first_seen, last_seen), one row per pair and rule; numbers are those of `subjects`. A weight is in log2 odds and the
weights of a pair add up to its score (Fellegi and Sunter 1969); probability = 1 / (1 + 2^-weight).

sign_in                an event with both: base + 2 log2(share) - log2(people on the device), where share is the part of either's
                       sign-ins that the pair makes up, 1 - (1 - of the device's)(1 - of the account's). A friend who signed in
                       once on my telephone and mostly signs in elsewhere weighs nothing, which is the least; a new
                       telephone weighs full.
shared_advertising_id  base - log2(devices - 1). Of k devices each is paired with the first: k - 1 pairs, not k².
alias                  a site says that two ids are one: base - 2 log2(accounts said to be the same id).
records                what the two records say: the model's log2 odds. A pair that does not reach even odds counts by what
                       disagrees alone, without the low odds that any two have beforehand: these are no evidence against what a
                       sign-in says.
behaviour              what the two devices' networks, contents and hours say: the model's log2 odds, but no less than -3, which
                       keeps a third device out of a pair and leaves a sign-in (6) its say.

Bots, shared devices and accounts, generic identifiers give no evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

from graph.resolve.guards import Limits
from graph.resolve.rules import Database, any_rows, make

__all__ = ["LEAST_BEHAVIOUR", "TEMPORARY", "Weights", "find_account_evidence", "find_behaviour_evidence", "find_device_evidence"]

TEMPORARY = ("eligible", "evidence")


@dataclass(frozen=True)
class Weights:
    """Base match weights in log2 odds, before dilution: 2^w true pairs for each false one among such pairs."""

    sign_in: float = 6.0
    advertising_id: float = 10.0
    alias: float = 9.0
    conflict: float = -9.0
    """Log2 Bayes factor of two records at or under which they are two people's, whatever device both sign in on."""


_ELIGIBLE = """
SELECT kind, id, number FROM subjects WHERE (kind, id) NOT IN (SELECT kind, id FROM classes)
"""

_EMPTY = """
CREATE TEMP TABLE evidence (left_number BIGINT, right_number BIGINT, method VARCHAR, weight DOUBLE, sources VARCHAR[],
    first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ)
"""

_SCORED = """
INSERT INTO evidence
SELECT left_number, right_number, '{method}', {weight}, sources, first_seen, last_seen
FROM {pairs} WHERE {condition}
AND left_number IN (SELECT number FROM eligible) AND right_number IN (SELECT number FROM eligible)
"""

_RECORDS = {
    "method": "records",
    "pairs": "record_pairs",
    "weight": "CASE WHEN weight >= 0 THEN weight ELSE likeness END",
    "condition": "(weight >= 0 OR likeness < 0)",
}
LEAST_BEHAVIOUR = -3.0
"""Log2 odds: the most that behaviour speaks against a pair."""
_BEHAVIOUR = {
    "method": "behaviour",
    "pairs": "behaviour_pairs",
    "weight": f"greatest(weight, {LEAST_BEHAVIOUR})",
    "condition": "true",
}

_ADVERTISING = """
INSERT INTO evidence
WITH held AS (
    SELECT identifier_id, number, sources FROM holders JOIN eligible USING (kind, id)
    WHERE identifier_kind = 'advertising_id' AND identifier_id NOT IN (SELECT identifier_id FROM generic_identifiers)
), counted AS (
    SELECT identifier_id, min(number) AS first_number, count(*) AS devices FROM held GROUP BY identifier_id
), weighed AS (
    SELECT first_number, h.number, $advertising_id - log2(devices - 1) AS weight, list_concat(f.sources, h.sources) AS sources
    FROM counted c JOIN held f ON f.identifier_id = c.identifier_id AND f.number = first_number
    JOIN held h ON h.identifier_id = c.identifier_id AND h.number <> first_number
)
SELECT first_number, number, 'shared_advertising_id', max(weight), list_sort(list_distinct(flatten(list(sources)))), NULL, NULL
FROM weighed GROUP BY first_number, number
"""

_ALIASES = """
INSERT INTO evidence
WITH ends AS (
    SELECT left_kind AS kind, left_id AS id, right_kind AS other FROM aliases
    UNION ALL SELECT right_kind, right_id, left_kind FROM aliases
), partners AS (
    SELECT kind, id, greatest(sum(CASE WHEN other = 'account' THEN 1 ELSE 0 END), 1) AS accounts, count(*) AS partners
    FROM ends GROUP BY kind, id
)
SELECT a.number, b.number, 'alias', $alias - 2 * log2(greatest(p.accounts, q.accounts)), s.sources, s.first_seen, s.last_seen
FROM aliases s
JOIN eligible a ON a.kind = left_kind AND a.id = left_id JOIN eligible b ON b.kind = right_kind AND b.id = right_id
JOIN partners p ON p.kind = left_kind AND p.id = left_id JOIN partners q ON q.kind = right_kind AND q.id = right_id
WHERE greatest(p.accounts, q.accounts) <= $partners AND (left_kind = 'account' AND right_kind = 'account') = $accounts
"""

_SIGN_INS = """
INSERT INTO evidence
WITH s AS MATERIALIZED (
    SELECT *, sum(count) OVER (PARTITION BY account_id) AS total FROM signed_in
), a AS MATERIALIZED (
    SELECT id, number FROM eligible WHERE kind = 'account'
), d AS MATERIALIZED (
    SELECT id, number FROM eligible WHERE kind = 'device'
)
SELECT a.number, d.number, 'sign_in',
       greatest($sign_in + 2 * log2(1 - (1 - u.share) * (1 - CAST(s.count AS DOUBLE) / total)) - log2(u.owners), 0),
       s.sources, s.first_seen, s.last_seen
FROM s JOIN a ON a.id = s.account_id JOIN d ON d.id = s.device_id
LEFT JOIN same_accounts g ON g.account_id = s.account_id
JOIN usage u ON u.device_id = s.device_id AND u.owner = coalesce(g.leader, s.account_id)
"""


def find_account_evidence(connection: Database, weights: Weights, limits: Limits) -> None:
    """Make `evidence` with what speaks for and against pairs of accounts; needs no sign-ins."""
    make(connection, "eligible", _ELIGIBLE)
    connection.execute("DROP TABLE IF EXISTS temp.evidence")
    connection.execute(_EMPTY)
    if any_rows(connection, "record_pairs"):
        connection.execute(_SCORED.format(**_RECORDS))
    if any_rows(connection, "aliases"):
        connection.execute(_ALIASES, {"alias": weights.alias, "partners": limits.alias_partners, "accounts": True})


def find_device_evidence(connection: Database, weights: Weights, limits: Limits) -> None:
    """Add what devices take part in, once shared devices are known."""
    make(connection, "eligible", _ELIGIBLE)
    if any_rows(connection, "holders WHERE identifier_kind = 'advertising_id'"):
        connection.execute(_ADVERTISING, {"advertising_id": weights.advertising_id})
    if any_rows(connection, "aliases"):
        connection.execute(_ALIASES, {"alias": weights.alias, "partners": limits.alias_partners, "accounts": False})
    connection.execute(_SIGN_INS, {"sign_in": weights.sign_in})


def find_behaviour_evidence(connection: Database) -> None:
    """Add what devices' behaviour says."""
    if any_rows(connection, "behaviour_pairs"):
        connection.execute(_SCORED.format(**_BEHAVIOUR))

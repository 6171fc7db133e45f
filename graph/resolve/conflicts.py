"""Disagreement between two account records: evidence against their being one person.

In: the temporary table `compared` (left_number < right_number, numbers of accounts in `subjects`) and the view `accounts`.
Out: the temporary table `disagreements` (left_number, right_number, method, weight), one row per attribute that clearly
differs. A household shares e-mail, telephone and family name; given name, birth date and gender tell its people apart. Names
are compared crosswise, since given and family name are often swapped, by Jaro-Winkler similarity (Winkler 1990), so that
typing errors are no disagreement; a birth date differs when two of year, month and day do and day and month are not swapped.
What is missing on either side says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

__all__ = ["TEMPORARY", "Disagreement", "find_disagreements"]

TEMPORARY = ("compared", "disagreements")


@dataclass(frozen=True)
class Disagreement:
    """Match weights in log2 odds of attributes that differ: how much rarer that is within one person's records than between
    two people's. Conservative constants; a fitted match model replaces them where there is one."""

    given_name: float = -4.0
    family_name: float = -2.0
    birth_date: float = -5.0
    gender: float = -2.0
    similarity: float = 0.7
    """Jaro-Winkler similarity under which two names differ."""
    conflict: float = -6.0
    """Sum at or under which two records cannot be one person on shared identifiers alone: two attributes differ."""


_DISAGREEMENTS = """
CREATE OR REPLACE TEMP TABLE disagreements AS
WITH wanted AS (
    SELECT left_number AS number FROM compared UNION SELECT right_number FROM compared
), records AS (
    SELECT number, lower(given_name) AS given, lower(family_name) AS family, lower(left(gender, 1)) AS gender,
           TRY_CAST(birth_date AS DATE) AS birth
    FROM wanted JOIN subjects USING (number) JOIN accounts ON account_id = id WHERE kind = 'account'
), pairs AS (
    SELECT left_number, right_number, a.given AS given_a, b.given AS given_b, a.family AS family_a, b.family AS family_b,
           a.gender AS gender_a, b.gender AS gender_b,
           year(a.birth) <> year(b.birth) AS y, month(a.birth) <> month(b.birth) AS m, day(a.birth) <> day(b.birth) AS d,
           month(a.birth) = day(b.birth) AND day(a.birth) = month(b.birth) AS swapped,
           coalesce(jaro_winkler_similarity(a.given, b.family), 0) AS given_family,
           coalesce(jaro_winkler_similarity(a.family, b.given), 0) AS family_given
    FROM compared JOIN records a ON a.number = left_number JOIN records b ON b.number = right_number
)
SELECT left_number, right_number, 'given_name_differs' AS method, $given::DOUBLE AS weight FROM pairs
WHERE greatest(jaro_winkler_similarity(given_a, given_b), given_family, family_given) < $similarity
  AND given_a IS NOT NULL AND given_b IS NOT NULL
UNION ALL
SELECT left_number, right_number, 'family_name_differs', $family::DOUBLE FROM pairs
WHERE greatest(jaro_winkler_similarity(family_a, family_b), given_family, family_given) < $similarity
  AND family_a IS NOT NULL AND family_b IS NOT NULL
UNION ALL
SELECT left_number, right_number, 'birth_date_differs', $birth::DOUBLE FROM pairs
WHERE y::INTEGER + m::INTEGER + d::INTEGER >= 2 AND NOT (swapped AND NOT y)
UNION ALL
SELECT left_number, right_number, 'gender_differs', $gender::DOUBLE FROM pairs
WHERE gender_a <> gender_b AND gender_a IN ('m', 'f') AND gender_b IN ('m', 'f')
"""


def find_disagreements(connection: duckdb.DuckDBPyConnection, weights: Disagreement) -> None:
    """Make `disagreements` from `compared`."""
    connection.execute(
        _DISAGREEMENTS,
        {
            "given": weights.given_name,
            "family": weights.family_name,
            "birth": weights.birth_date,
            "gender": weights.gender,
            "similarity": weights.similarity,
        },
    )

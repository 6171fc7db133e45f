"""Agreement and disagreement between two account records that something else brings together.

In: the temporary table `compared` (left_number < right_number, numbers of accounts in `subjects`; `identified`: they share an
identifier) and the view `accounts`. Out: the temporary table `comparisons` (left_number, right_number, method, weight), one row
per attribute that clearly agrees or differs; agreement only where an identifier is shared, since it is no evidence by itself.

A household shares e-mail, telephone and family name; given name, birth date and gender tell its people apart. Names are
compared by Jaro-Winkler similarity (Winkler 1990), crosswise too, since given and family name are often swapped; typing errors
are no disagreement, and neither are the same letters, but for one, in another order. A birth date differs when two of year,
month and day do, the dates are not close, and day and month are not swapped. What is missing on either side says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

__all__ = ["TEMPORARY", "Comparison", "compare"]

TEMPORARY = ("compared", "comparisons")


@dataclass(frozen=True)
class Comparison:
    """Match weights in log2 odds of what agrees and differs, among pairs that share an identifier: how much more often that is
    so within one person's records than between two of a household. Conservative constants: different given names outweigh a
    shared e-mail address unless the birth dates agree; a fitted match model replaces them where there is one."""

    given_name_agrees: float = 3.0
    given_name_differs: float = -7.0
    family_name_agrees: float = 1.0
    family_name_differs: float = -2.0
    birth_date_agrees: float = 4.0
    birth_date_differs: float = -3.0
    gender_differs: float = -2.0
    same_similarity: float = 0.8
    """Jaro-Winkler similarity from which two names agree."""
    different_similarity: float = 0.7
    """Similarity under which two names differ, if also more than half of the letters are other ones."""
    near_days: int = 62
    """Birth dates no further apart are one date with typing errors: in a household only twins are born as close."""
    conflict: float = -9.0
    """Sum of what differs at or under which two records are two people's: the given name and one more attribute."""


# Likeness of two names: Jaro-Winkler, raised to $different where no more than half of the letters need editing, or where the
# letters are the same but for one, in whatever order.
_LIKENESS = """CASE WHEN 2 * damerau_levenshtein({a}, {b}) <= greatest(length({a}), length({b}))
    OR 4 * levenshtein(array_to_string(list_sort(string_split({a}, '')), ''),
                       array_to_string(list_sort(string_split({b}, '')), '')) <= least(length({a}), length({b}))
    THEN greatest(jaro_winkler_similarity({a}, {b}), $different) ELSE jaro_winkler_similarity({a}, {b}) END"""

# Names crosswise say that one record has them swapped, not which: of the two the more alike then counts as the family name,
# since it is the given name that tells the people of a household apart.
_COMPARISONS = f"""
CREATE OR REPLACE TEMP TABLE comparisons AS
WITH wanted AS (
    SELECT left_number AS number FROM compared UNION SELECT right_number FROM compared
), records AS (
    SELECT number, lower(given_name) AS given, lower(family_name) AS family, lower(left(gender, 1)) AS gender,
           TRY_CAST(birth_date AS DATE) AS birth
    FROM wanted JOIN subjects USING (number) JOIN accounts ON account_id = id WHERE kind = 'account'
), aligned AS (
    SELECT left_number, right_number, identified, a.given AS given_a, a.family AS family_a,
           coalesce(jaro_winkler_similarity(a.given, b.family), 0) + coalesce(jaro_winkler_similarity(a.family, b.given), 0)
           > coalesce(jaro_winkler_similarity(a.given, b.given), 0) + coalesce(jaro_winkler_similarity(a.family, b.family), 0)
           AS crossed,
           CASE WHEN crossed THEN b.family ELSE b.given END AS given_b,
           CASE WHEN crossed THEN b.given ELSE b.family END AS family_b,
           (year(a.birth) <> year(b.birth))::INTEGER + (month(a.birth) <> month(b.birth))::INTEGER
               + (day(a.birth) <> day(b.birth))::INTEGER AS birth,
           abs(a.birth - b.birth) AS days,
           year(a.birth) = year(b.birth) AND month(a.birth) = day(b.birth) AND day(a.birth) = month(b.birth) AS swapped,
           a.gender <> b.gender AND a.gender IN ('m', 'f') AND b.gender IN ('m', 'f') AS gender
    FROM compared JOIN records a ON a.number = left_number JOIN records b ON b.number = right_number
), alike AS (
    SELECT *, {_LIKENESS.format(a="given_a", b="given_b")} AS first,
           {_LIKENESS.format(a="family_a", b="family_b")} AS second
    FROM aligned
), pairs AS (
    SELECT *, CASE WHEN NOT crossed THEN first
           WHEN first IS NOT NULL AND second IS NOT NULL THEN least(first, second) END AS given,
           CASE WHEN crossed THEN greatest(first, second) ELSE second END AS family
    FROM alike
), said AS (
    SELECT left_number, right_number, identified, unnest([
        CASE WHEN given >= $same THEN 'given_name_agrees' WHEN given < $different THEN 'given_name_differs' END,
        CASE WHEN family >= $same THEN 'family_name_agrees' WHEN family < $different THEN 'family_name_differs' END,
        CASE WHEN birth = 0 THEN 'birth_date_agrees'
             WHEN birth >= 2 AND days > $near AND NOT swapped THEN 'birth_date_differs' END,
        CASE WHEN gender THEN 'gender_differs' END]) AS method
    FROM pairs
)
SELECT left_number, right_number, method, weight FROM said JOIN comparison_weights USING (method)
WHERE identified OR weight < 0
"""

_METHODS = (
    "given_name_agrees",
    "given_name_differs",
    "family_name_agrees",
    "family_name_differs",
    "birth_date_agrees",
    "birth_date_differs",
    "gender_differs",
)


def compare(connection: duckdb.DuckDBPyConnection, weights: Comparison) -> None:
    """Make `comparisons` from `compared`."""
    rows = ", ".join(f"('{method}', {getattr(weights, method):.6f}::DOUBLE)" for method in _METHODS)
    statement = _COMPARISONS.replace("comparison_weights", f"(VALUES {rows}) AS w(method, weight)")
    connection.execute(
        statement,
        {"same": weights.same_similarity, "different": weights.different_similarity, "near": weights.near_days},
    )

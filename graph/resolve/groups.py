"""Accounts that their records alone show to be one person, so that a device on which one person has two accounts counts one.

In: the temporary tables `subjects`, `evidence` (of accounts) and `record_pairs`. Out: `same_accounts` (account_id, leader) and
`conflicting_owners` (left_owner < right_owner: leaders of groups whose records conflict).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from graph.resolve.cluster import components
from graph.resolve.rules import Database, any_rows, make, numbers

__all__ = ["TEMPORARY", "group_accounts"]

TEMPORARY = ("same_accounts", "conflicting_owners")


def group_accounts(connection: Database, join_log2_odds: float, conflict_log2_odds: float) -> None:
    """Make `same_accounts`, accounts that records alone show to be one person, and `conflicting_owners`, groups of which no two
    accounts can be."""
    if not any_rows(connection, "record_pairs") and not any_rows(connection, "evidence"):
        make(connection, "same_accounts", "SELECT '' AS account_id, '' AS leader WHERE 1 = 0")
        make(connection, "conflicting_owners", "SELECT '' AS left_owner, '' AS right_owner WHERE 1 = 0")
        return
    pairs = numbers(
        connection,
        f"""
        SELECT left_number, right_number FROM evidence
        WHERE left_number IN (SELECT number FROM subjects WHERE kind = 'account')
        AND right_number IN (SELECT number FROM subjects WHERE kind = 'account') AND (left_number, right_number) NOT IN (
            SELECT e.left_number, e.right_number FROM evidence e JOIN namespaces x ON x.number = e.left_number
            JOIN namespaces y ON y.number = e.right_number AND y.namespace_code = x.namespace_code)
        GROUP BY left_number, right_number
        HAVING sum(CAST(round(weight * 1000000) AS BIGINT)) >= {round(join_log2_odds * 1_000_000)}
        """,
    )
    left, right = pairs["left_number"].astype(np.int64), pairs["right_number"].astype(np.int64)
    touched = np.unique(np.concatenate([left, right]))
    leader = touched[components(len(touched), np.searchsorted(touched, left), np.searchsorted(touched, right))]
    connection.register("grouped", pa.table({"number": touched, "leader_number": leader}))
    make(
        connection,
        "same_accounts",
        """
        SELECT a.id AS account_id, l.id AS leader
        FROM grouped g JOIN subjects a ON a.number = g.number JOIN subjects l ON l.number = g.leader_number
        """,
    )
    connection.unregister("grouped")
    make(
        connection,
        "conflicting_owners",
        """
        WITH opposed AS (
            SELECT left_number, right_number FROM record_pairs WHERE likeness <= $conflict
        ), owners AS (
            SELECT coalesce(a.leader, l.id) AS a, coalesce(b.leader, r.id) AS b
            FROM opposed JOIN subjects l ON l.number = left_number JOIN subjects r ON r.number = right_number
            LEFT JOIN same_accounts a ON a.account_id = l.id LEFT JOIN same_accounts b ON b.account_id = r.id
        )
        SELECT DISTINCT least(a, b) AS left_owner, greatest(a, b) AS right_owner FROM owners WHERE a <> b
        """,
        {"conflict": conflict_log2_odds},
    )

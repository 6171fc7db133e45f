"""Accounts that their records alone show to be one person, so that a device on which one person has two accounts counts one.

In: the temporary tables `subjects`, `evidence` (of accounts) and `record_pairs`. Out: `same_accounts` (account_id, leader) and
`conflicting_owners` (left_owner < right_owner: leaders of groups whose records conflict).
"""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graph.resolve.cluster import components
from graph.resolve.rows import any_rows

__all__ = ["TEMPORARY", "group_accounts", "numbers"]

TEMPORARY = ("same_accounts", "conflicting_owners")


def numbers(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, npt.NDArray[Any]]:
    """The columns of a query as NumPy arrays."""
    return {name: np.asarray(column) for name, column in connection.sql(query).fetchnumpy().items()}


def group_accounts(connection: duckdb.DuckDBPyConnection, join_log2_odds: float, conflict_log2_odds: float) -> None:
    """Make `same_accounts`, accounts that records alone show to be one person, and `conflicting_owners`, groups of which no two
    accounts can be."""
    if not any_rows(connection, "record_pairs") and not any_rows(connection, "evidence"):
        connection.execute("CREATE OR REPLACE TEMP TABLE same_accounts (account_id VARCHAR, leader VARCHAR)")
        connection.execute("CREATE OR REPLACE TEMP TABLE conflicting_owners (left_owner VARCHAR, right_owner VARCHAR)")
        return
    pairs = numbers(
        connection,
        f"""
        SELECT left_number, right_number FROM evidence
        JOIN subjects l ON l.number = left_number JOIN subjects r ON r.number = right_number
        WHERE l.kind = 'account' AND r.kind = 'account' AND NOT EXISTS (
            SELECT 1 FROM namespaces x JOIN namespaces y USING (namespace_code)
            WHERE x.number = left_number AND y.number = right_number)
        GROUP BY ALL HAVING sum(weight::DECIMAL(18, 6)) >= {join_log2_odds}
        """,
    )
    left, right = pairs["left_number"].astype(np.int64), pairs["right_number"].astype(np.int64)
    touched = np.unique(np.concatenate([left, right]))
    leader = touched[components(len(touched), np.searchsorted(touched, left), np.searchsorted(touched, right))]
    connection.register("grouped", pa.table({"number": touched, "leader_number": leader}))
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE same_accounts AS
        SELECT a.id AS account_id, l.id AS leader
        FROM grouped g JOIN subjects a ON a.number = g.number JOIN subjects l ON l.number = g.leader_number
        """
    )
    connection.unregister("grouped")
    connection.execute(
        """
        CREATE OR REPLACE TEMP TABLE conflicting_owners AS
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

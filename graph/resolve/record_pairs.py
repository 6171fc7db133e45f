"""What the accounts' records say of pairs of accounts, for the steps that weigh evidence.

In: the temporary tables `subjects` and `signed_in`, the view `accounts`, a fitted match model. Out: the temporary table
`record_pairs` (left_number < right_number, weight, likeness, sources, first_seen, last_seen): pairs that the records make more
likely one person than not, and all pairs of accounts that sign in on one device, whose records may conflict. `weight` is the
match weight (log2 odds), `likeness` the same without the odds beforehand (log2 Bayes factor).

Once other evidence has made components, `weigh_components` compares the accounts inside of them that were not compared yet, and
adds to `evidence` what disagrees: blocking finds pairs that are alike, and a component may hold pairs that are not.
"""

from __future__ import annotations

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graph.resolve.cluster import components, score_pairs
from graph.resolve.records import PreparedRecords
from graph.resolve.rules import numbers

__all__ = ["MOST_IN_COMPONENT", "TEMPORARY", "Records", "find_record_pairs", "weigh_components"]

TEMPORARY = ("record_pairs",)
MOST_IN_COMPONENT = 200
"""Accounts of one component that are all compared with each other; in a larger one the candidates of blocking must do."""

Integers = npt.NDArray[np.int64]

_TOGETHER = """
WITH signed AS (
    SELECT device_id, number FROM signed_in JOIN subjects ON kind = 'account' AND id = account_id
    WHERE device_id IN (SELECT device_id FROM signed_in GROUP BY device_id HAVING count(*) BETWEEN 2 AND $accounts)
)
SELECT DISTINCT a.number AS left_number, b.number AS right_number
FROM signed a JOIN signed b USING (device_id) WHERE a.number < b.number
"""

_PAIRS = """
CREATE OR REPLACE TEMP TABLE record_pairs AS
SELECT left_number, right_number, weight, likeness, list_sort(list_distinct([a._source, b._source])) AS sources,
       NULL::TIMESTAMPTZ AS first_seen, NULL::TIMESTAMPTZ AS last_seen
FROM scored JOIN subjects l ON l.number = left_number JOIN subjects r ON r.number = right_number
JOIN accounts a ON a.account_id = l.id JOIN accounts b ON b.account_id = r.id
"""


class Records:
    """Prepared records of accounts, by subject number."""

    def __init__(self, prepared: PreparedRecords, account_ids: pa.Array, subjects: pa.Table) -> None:
        """`account_ids`: in the order of the records. `subjects`: number and id of the accounts."""
        self.prepared = prepared
        place = pc.index_in(subjects["id"].combine_chunks(), value_set=account_ids.cast(pa.string()))
        known = pc.is_valid(place).to_numpy(zero_copy_only=False)
        self._number = np.full(len(account_ids), -1, np.int64)
        self._number[place.drop_null().to_numpy()] = subjects["number"].to_numpy()[known]
        self._place = np.full(int(self._number.max(initial=-1)) + 1, -1, np.int64)
        self._place[self._number] = np.arange(len(account_ids))

    def number(self, places: Integers) -> Integers:
        """Subject numbers of records."""
        found: Integers = self._number[places]
        return found

    def scored(self, left: Integers, right: Integers) -> pa.Table:
        """left_number < right_number, weight, likeness of pairs of subject numbers; those without a record are left out."""
        low, high = np.minimum(left, right), np.maximum(left, right)
        inside = high < len(self._place)
        low, high = low[inside], high[inside]
        inside = (self._place[low] >= 0) & (self._place[high] >= 0)
        low, high = low[inside], high[inside]
        scores = self.prepared.score(self._place[low], self._place[high])
        return pa.table(
            {"left_number": low, "right_number": high, "weight": scores.weight, "likeness": scores.weight - scores.prior}
        )


def find_record_pairs(connection: duckdb.DuckDBPyConnection, records: Records, people_per_device: int) -> None:
    """Make `record_pairs`."""
    matches = records.prepared.matches(0.0)
    together = numbers(connection, _TOGETHER.replace("$accounts", str(2 * people_per_device)))
    left = np.concatenate([records.number(matches.left), together["left_number"].astype(np.int64)])
    right = np.concatenate([records.number(matches.right), together["right_number"].astype(np.int64)])
    pairs = np.unique(np.stack([np.minimum(left, right), np.maximum(left, right)]), axis=1)
    store_pairs(connection, records.scored(pairs[0], pairs[1]))


def store_pairs(connection: duckdb.DuckDBPyConnection, scored: pa.Table) -> None:
    """Make `record_pairs` of scored pairs."""
    connection.register("scored", scored)
    connection.execute(_PAIRS)
    connection.unregister("scored")


def weigh_components(connection: duckdb.DuckDBPyConnection, records: Records, join_log2_odds: float) -> None:
    """Add `records_within` to `evidence`: what disagrees in pairs of one component that nothing compared yet."""
    is_account = numbers(connection, "SELECT kind = 'account' AS a FROM subjects ORDER BY number")["a"].astype(bool)
    pieces = numbers(connection, "SELECT left_number, right_number, weight FROM evidence")
    left, right, score = score_pairs(
        len(is_account),
        pieces["left_number"].astype(np.int64),
        pieces["right_number"].astype(np.int64),
        pieces["weight"].astype(np.float64),
    )
    supports = score >= round(join_log2_odds * 1_000_000)
    anchor = components(len(is_account), left[supports], right[supports])
    compared = numbers(connection, "SELECT left_number, right_number FROM record_pairs")
    pairs = within(anchor, is_account, compared["left_number"].astype(np.int64), compared["right_number"].astype(np.int64))
    differing = disagreeing(records, *pairs)
    connection.register("scored", differing)
    connection.execute(
        """INSERT INTO evidence SELECT left_number, right_number, 'records_within', likeness, []::VARCHAR[], NULL, NULL FROM
        scored"""
    )
    connection.unregister("scored")


def disagreeing(records: Records, left: Integers, right: Integers) -> pa.Table:
    """Of pairs of subject numbers those whose records speak against them."""
    scored = records.scored(left, right)
    return scored.filter(pc.less(scored["likeness"], 0))


def within(anchor: Integers, is_account: npt.NDArray[np.bool_], left: Integers, right: Integers) -> tuple[Integers, Integers]:
    """Pairs of accounts with one anchor, without those of (left, right), left < right."""
    nodes = np.int64(len(anchor))
    accounts = np.flatnonzero(is_account)
    accounts = accounts[np.argsort(anchor[accounts], kind="stable")]
    start = np.flatnonzero(np.diff(anchor[accounts], prepend=-1))
    size = np.diff(np.append(start, len(accounts)))
    found = [np.zeros(0, np.int64)]
    for count in np.unique(size[(size > 1) & (size <= MOST_IN_COMPONENT)]).tolist():
        members = accounts[start[size == count][:, None] + np.arange(count)]
        first, second = np.triu_indices(count, 1)
        found.append((members[:, first] * nodes + members[:, second]).ravel())
    pairs = np.setdiff1d(np.concatenate(found), left * nodes + right)
    return pairs // nodes, pairs % nodes

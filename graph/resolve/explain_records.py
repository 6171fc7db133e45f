"""The match weight of two records as the comparison of each column.

In: pairs of accounts, a fitted match model, a connection with the view `accounts`. Out: per pair the odds beforehand and a part
for each column that both records fill: its level of agreement and its weight (log2 Bayes factor). The values stay in the lake.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import numpy as np
import pyarrow as pa

from graph.errors import InputError
from graph.resolve.explanation import PRIOR, Part
from graph.resolve.records import RecordModel, records_table

__all__ = ["record_parts"]

Pair = tuple[str, str]


def record_parts(
    connection: duckdb.DuckDBPyConnection, model: RecordModel, pairs: Sequence[Pair]
) -> Mapping[Pair, tuple[Part, ...]]:
    """Parts of pairs of account ids, the prior first; without pairs of which the lake has no record or nothing to compare."""
    ids = sorted({id_ for pair in pairs for id_ in pair})
    connection.register("explained_accounts", pa.table({"explained_id": pa.array(ids, pa.string())}))
    try:
        records = records_table(connection, "account_id IN (SELECT explained_id FROM explained_accounts)")
    finally:
        connection.unregister("explained_accounts")
    place = {id_: n for n, id_ in enumerate(records["account_id"].to_pylist())}
    known = [(left, right) for left, right in pairs if left in place and right in place]
    if not known:
        return {}
    try:
        prepared = model.prepare(records)
    except InputError:  # none of the columns of the run is left
        return {}
    left, right = (np.array([place[pair[side]] for pair in known], np.int64) for side in (0, 1))
    scores = prepared.score(left, right)
    found: dict[Pair, tuple[Part, ...]] = {}
    for row, pair in enumerate(known):
        compared = [
            Part(name, levels[level], float(weight))
            for name, levels, level, weight in zip(
                scores.names, scores.level_names, scores.levels[row].tolist(), scores.pieces[row].tolist(), strict=True
            )
            if level >= 0
        ]
        if compared:
            found[pair] = (Part(PRIOR, None, float(scores.prior[row])), *compared)
    return found

"""How good a partition is against the truth. In: (kind, id, person_id) and (kind, id, person) tables. Out: metrics.

Every record of the truth is scored; one that the prediction lacks counts as alone; records without truth are ignored. Pairwise
precision, recall and F1 count pairs of records; B³ (Bagga and Baldwin 1998) averages over records; ARI is Hubert and Arabie's
adjusted Rand index.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.errors import InputError

__all__ = ["evaluate_partition"]


def evaluate_partition(predicted: pa.Table, truth: pa.Table) -> dict[str, float]:
    """Metrics by name. Raises InputError when a column is missing, or a record stands twice in one of the tables."""
    for name, table, column in (("the prediction", predicted, "person_id"), ("the truth", truth, "person")):
        missing = [c for c in ("kind", "id", column) if c not in table.column_names]
        if missing:
            raise InputError(f"{name} lacks the column {missing[0]}; it needs kind, id and {column}")
        if pc.count_distinct(_keys(table)).as_py() != table.num_rows:
            raise InputError(f"a record stands twice in {name}; give each kind and id once")
    keys = _keys(truth)
    place = pc.index_in(keys, value_set=_keys(predicted))
    found = predicted["person_id"].combine_chunks().cast(pa.string()).take(place)
    alone = pc.binary_join_element_wise("alone", keys, "\x00")
    cluster = _codes(pc.coalesce(found, alone))
    person = _codes(truth["person"].combine_chunks())
    return _metrics(person, cluster) | {"missing": float(place.null_count)}


def _keys(table: pa.Table) -> pa.Array:
    kind, identifier = (table[c].combine_chunks().cast(pa.string()) for c in ("kind", "id"))
    return pc.binary_join_element_wise(kind, identifier, ":")


def _codes(values: pa.Array) -> NDArray[np.int64]:
    codes: NDArray[np.int64] = values.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _metrics(person: NDArray[np.int64], cluster: NDArray[np.int64]) -> dict[str, float]:
    records = len(person)
    if not records:
        raise InputError("the truth is empty; nothing can be measured")
    cells, both = np.unique(np.stack([person, cluster]), axis=1, return_counts=True)
    persons, clusters = np.bincount(person), np.bincount(cluster)
    hit, wanted, claimed = _pairs(both), _pairs(persons), _pairs(clusters)
    precision = hit / claimed if claimed else 1.0
    recall = hit / wanted if wanted else 1.0
    b3_precision = float((both * both / clusters[cells[1]]).sum() / records)
    b3_recall = float((both * both / persons[cells[0]]).sum() / records)
    chance = claimed * wanted / _pairs(np.array([records])) if records > 1 else 0.0
    middle = (claimed + wanted) / 2
    mixed = np.bincount(cells[1]) > 1
    return {
        "records": float(records),
        "pair_precision": precision,
        "pair_recall": recall,
        "pair_f1": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        "b3_precision": b3_precision,
        "b3_recall": b3_recall,
        "b3_f1": 2 * b3_precision * b3_recall / (b3_precision + b3_recall),
        "ari": (hit - chance) / (middle - chance) if middle != chance else 1.0,
        "largest_cluster": float(clusters.max()),
        "largest_person": float(persons.max()),
        "share_in_mixed_clusters": float(mixed[cluster].mean()),
    }


def _pairs(counts: NDArray[np.int64]) -> float:
    n = counts.astype(np.float64)
    return float((n * (n - 1) / 2).sum())

"""How good a partition is against the truth. In: (kind, id, person_id) and (kind, id, person) tables. Out: metrics.

Every record of the truth is scored; one that the prediction lacks counts as alone; records without truth are ignored. Pairwise
precision, recall and F1 count pairs of records; B³ (Bagga and Baldwin 1998) averages over records; ARI is Hubert and Arabie's
adjusted Rand index. The interval of F1 is a bootstrap over the persons of the truth (Efron 1979, percentiles): F1 is a ratio of
sums over persons, when each false pair counts half with either of its two persons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.errors import InputError

__all__ = ["Bootstrap", "evaluate_partition", "interval", "record_keys"]

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Bootstrap:
    """How the interval is drawn: how many times, how much of the draws it covers, and the seed."""

    draws: int = 2000
    coverage: float = 0.95
    seed: int = 0


def evaluate_partition(predicted: pa.Table, truth: pa.Table) -> dict[str, float]:
    """Metrics by name. Raises InputError when a column or a value is missing, or a record stands twice in one of the tables."""
    person, cluster, missing = _aligned(predicted, truth)
    return _metrics(person, cluster) | {"missing": float(missing)}


def interval(predicted: pa.Table, truth: pa.Table, bootstrap: Bootstrap | None = None) -> tuple[float, float]:
    """Lower and upper end of the interval of pairwise F1. Raises as `evaluate_partition`.

    People with the same counts are drawn together, which is the same bootstrap, whatever their number.
    """
    bootstrap = bootstrap or Bootstrap()
    person, cluster, _ = _aligned(predicted, truth)
    cells, both = np.unique(np.stack([person, cluster]), axis=1, return_counts=True)
    outside = both * (np.bincount(cluster)[cells[1]] - both)  # pairs with another person, each seen from either side
    hit = np.bincount(cells[0], weights=both * (both - 1) / 2)
    persons = np.bincount(person)
    wanted = persons * (persons - 1) / 2
    claimed = hit + np.bincount(cells[0], weights=outside) / 2
    kinds, count = np.unique(np.stack([hit, wanted + claimed]), axis=1, return_counts=True)
    generator = np.random.default_rng(bootstrap.seed)
    drawn = generator.multinomial(len(persons), count / len(persons), size=bootstrap.draws)
    hits, sums = drawn @ kinds[0], drawn @ kinds[1]
    scores = np.divide(2 * hits, sums, out=np.ones_like(hits), where=sums > 0)
    rest = (1 - bootstrap.coverage) / 2
    low, high = np.quantile(scores, [rest, 1 - rest])
    return float(low), float(high)


def record_keys(table: pa.Table, what: str, column: str) -> pa.Array:
    """`kind:id` of each row of a table with the columns kind, id and `column`. Raises InputError, naming `what`, when a column or
    a value is missing, or a record stands twice."""
    missing = [c for c in ("kind", "id", column) if c not in table.column_names]
    if missing:
        raise InputError(f"{what} lacks the column {missing[0]}; it needs kind, id and {column}")
    for name in ("kind", "id", column):
        if table[name].null_count:
            row = pc.index(pc.is_null(table[name]), True).as_py() + 1
            raise InputError(f"{what} has no {name} in row {row}; give every row kind, id and {column}, or remove it")
    kind, identifier = (table[c].combine_chunks().cast(pa.string()) for c in ("kind", "id"))
    keys = pc.binary_join_element_wise(kind, identifier, ":")
    if pc.count_distinct(keys).as_py() != table.num_rows:
        raise InputError(f"a record stands twice in {what}; give each kind and id once")
    return keys


def _aligned(predicted: pa.Table, truth: pa.Table) -> tuple[Integers, Integers, int]:
    """Person and cluster of each record of the truth, as numbers, and how many of the records are not predicted."""
    known, keys = record_keys(predicted, "the prediction", "person_id"), record_keys(truth, "the truth", "person")
    if not len(keys):
        raise InputError("the truth is empty; nothing can be measured")
    place = pc.index_in(keys, value_set=known)
    found = predicted["person_id"].combine_chunks().cast(pa.string()).take(place)
    alone = pc.binary_join_element_wise("alone", keys, "\x00")
    return _codes(truth["person"].combine_chunks()), _codes(pc.coalesce(found, alone)), place.null_count


def _codes(values: pa.Array) -> Integers:
    codes: Integers = values.dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _metrics(person: Integers, cluster: Integers) -> dict[str, float]:
    records = len(person)
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


def _pairs(counts: Integers) -> float:
    n = counts.astype(np.float64)
    return float((n * (n - 1) / 2).sum())

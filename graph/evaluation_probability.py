"""Whether probabilities of pairs mean what they say. In: pairs with a probability, the (kind, id, person) truth. Out: metrics.

Calibration error is that of reliability diagrams with bins of equal mass (Nguyen and O'Connor 2015), over the pairs of at least
.1: below it nearly everything is false, and saying so would look calibrated. Brier skill is 1 less the mean squared error over
that of the base rate (Brier 1950; Murphy 1973), over all pairs given. Pairs with an end that the truth lacks are left out.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.errors import InputError
from graph.evaluation import record_keys

__all__ = ["BINS", "FLOOR", "evaluate_probabilities", "pair_probabilities"]

BINS = 15
FLOOR = 0.1
"""Least probability that counts for the calibration error."""
_ENDS = ("left_kind", "left_id", "right_kind", "right_id")


def pair_probabilities(evidence: pa.Table) -> pa.Table:
    """One row per pair (left_kind, left_id, right_kind, right_id, probability) of evidence with a `weight` per piece: the weights
    of a pair, in log2 odds, add up; probability = 1 / (1 + 2^-sum). Raises InputError when a column is missing."""
    _require(evidence, (*_ENDS, "weight"), "the evidence")
    summed = evidence.select([*_ENDS, "weight"]).group_by(list(_ENDS), use_threads=False).aggregate([("weight", "sum")])
    weight = np.clip(summed["weight_sum"].to_numpy(), -1000, 1000)  # 2^1000 is still a number
    return summed.select(list(_ENDS)).append_column("probability", pa.array(1 / (1 + np.exp2(-weight))))


def evaluate_probabilities(pairs: pa.Table, truth: pa.Table) -> dict[str, float | None]:
    """Metrics by name, None where no pair, or no two kinds of pairs, are there to measure. Raises InputError when a column is
    missing, or a probability is not between 0 and 1.

    candidate_pairs       pairs with both ends in the truth
    calibration_error     of those of at least .1; calibrated_pairs is their number
    brier_skill           over all of them; 0 for one who only knows the base rate, 1 for one who knows all
    """
    _require(pairs, (*_ENDS, "probability"), "the pairs")
    keys = record_keys(truth, "the truth", "person")
    person = truth["person"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    left, right = (
        pc.index_in(pc.binary_join_element_wise(pairs[f"{end}_kind"], pairs[f"{end}_id"], ":").combine_chunks(), value_set=keys)
        for end in ("left", "right")
    )
    known = pc.and_(pc.is_valid(left), pc.is_valid(right))
    probability = pairs["probability"].combine_chunks().cast(pa.float64()).to_numpy(zero_copy_only=False)
    if not ((probability >= 0) & (probability <= 1)).all():  # also where it is missing
        raise InputError("the pairs hold a probability that is missing or outside 0 to 1; correct it")
    same = person[left.filter(known).to_numpy()] == person[right.filter(known).to_numpy()]
    scores = probability[known.to_numpy(zero_copy_only=False)]
    truths = same.astype(np.float64)
    claimed = scores >= FLOOR
    return {
        "candidate_pairs": float(len(scores)),
        "calibrated_pairs": float(claimed.sum()),
        "calibration_error": _calibration_error(scores[claimed], truths[claimed]),
        "brier_skill": _brier_skill(scores, truths),
    }


def _calibration_error(scores: NDArray[np.float64], truths: NDArray[np.float64]) -> float | None:
    """Mean over bins of equal mass of |mean score - share of true pairs|, weighted by their size."""
    if not len(scores):
        return None
    # Among equal scores true and false pairs are spread evenly: else the order of the rows would decide which bin has which.
    order = np.lexsort((truths, _spread(scores, truths), scores))
    bins = [b for b in np.array_split(order, BINS) if len(b)]
    return float(sum(len(b) * abs(scores[b].mean() - truths[b].mean()) for b in bins) / len(scores))


def _spread(scores: NDArray[np.float64], truths: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each pair its place among equal scores and equal truths, as a share."""
    _, group = np.unique(np.stack([scores, truths]), axis=1, return_inverse=True)
    count = np.bincount(group)
    order = np.argsort(group, kind="stable")
    place = np.empty(len(scores), np.int64)
    place[order] = np.arange(len(scores)) - (np.cumsum(count) - count)[group[order]]
    shares: NDArray[np.float64] = (place + 0.5) / count[group]
    return shares


def _brier_skill(scores: NDArray[np.float64], truths: NDArray[np.float64]) -> float | None:
    if not len(scores):
        return None
    rate = truths.mean()
    reference = rate * (1 - rate)
    return float(1 - ((scores - truths) ** 2).mean() / reference) if reference > 0 else None


def _require(table: pa.Table, columns: tuple[str, ...], what: str) -> None:
    missing = [c for c in columns if c not in table.column_names]
    if missing:
        raise InputError(f"{what} lack the column {missing[0]}; needed are {', '.join(columns)}")

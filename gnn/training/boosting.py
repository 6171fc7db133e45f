"""One member of boosted trees: rows of teachers and judges in, trees as flat arrays out (`gnn.models.trees`).

A pair (person, tag) is an example. At most `MOST_PAIRS` are taught: beyond it fewer pairs without the label are drawn, and fewer
with it where these alone are too many. The odds are set right afterwards: log odds among all pairs are those among the drawn ones
plus log(share of negatives drawn / share of positives drawn). A label between 0 and 1 is an example of both, by its value.
scikit-learn's histogram boosting fits; what it keeps after the round that the judges like best is left away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from gnn.models.trees import Trees, flattened
from gnn.training.inputs import Inputs

__all__ = ["MOST_PAIRS", "BoostingOptions", "fit_trees"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
MOST_PAIRS = 1_000_000
_BATCH = 256


@dataclass(frozen=True)
class BoostingOptions:
    """Chosen on inner splits of labelled persons."""

    learning_rate: float = 0.08
    rounds: int = 200
    leaves: int = 15
    least_in_leaf: int = 100
    l2: float = 5.0
    patience: int = 10
    most_pairs: int = MOST_PAIRS


def fit_trees(
    inputs: Inputs, prior: Floats, labels: Floats, teachers: Indices, judges: Indices, options: BoostingOptions, *, seed: int
) -> tuple[Trees, int]:
    """Trees and their number. `prior` (k,), `labels` (n, k) in 0..1. The same for one seed and number of threads."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    generator = np.random.default_rng(seed)
    log_prior = np.log(prior + 1e-4).astype(np.float32)
    rates = _rates(labels[teachers], options.most_pairs)
    taught = _pairs(inputs, log_prior, labels, teachers, rates, generator)
    judging = _pairs(inputs, log_prior, labels, judges, rates, generator)
    correction = float(np.log(rates[0] / rates[1]))
    if min(len(np.unique(taught[1])), len(np.unique(judging[1]))) < 2:  # nothing to tell apart: what is usual
        usual = float(np.clip(labels[teachers].mean(), 1e-4, 1 - 1e-4))
        return flattened([], float(np.log(usual / (1 - usual))), log_prior), 0
    model = HistGradientBoostingClassifier(
        learning_rate=options.learning_rate,
        max_iter=options.rounds,
        max_leaf_nodes=options.leaves,
        min_samples_leaf=min(options.least_in_leaf, max(len(taught[1]) // 20, 1)),
        l2_regularization=options.l2,
        early_stopping=True,
        n_iter_no_change=options.patience,
        random_state=seed,
    )
    # With weights scikit-learn finds bins by weighted quantiles, which takes longer than all trees: only where they differ.
    weighted = bool((taught[2] != 1).any() or (judging[2] != 1).any())
    weights = {"sample_weight": taught[2], "sample_weight_val": judging[2]} if weighted else {}
    with threadpool_limits(1, user_api="openmp"):  # sums in one order, whatever the machine
        model.fit(*taught[:2], X_val=judging[0], y_val=judging[1], **weights)
    best = int(np.argmax(model.validation_score_))
    trees: list[npt.NDArray[Any]] = [predictor.nodes for (predictor,) in model._predictors[:best]]
    return flattened(trees, float(model._baseline_prediction.ravel()[0]) + correction, log_prior), best


def _rates(labels: Floats, most: int) -> tuple[float, float]:
    """Shares of the pairs without and with a label that are drawn."""
    with_label = int((labels > 0).sum())
    without = labels.size - with_label
    positive = min(1.0, most / 2 / max(with_label, 1))
    left = most - positive * with_label
    return min(1.0, left / max(without, 1)), positive


def _pairs(
    inputs: Inputs,
    log_prior: Floats,
    labels: Floats,
    persons: Indices,
    rates: tuple[float, float],
    generator: np.random.Generator,
) -> tuple[Floats, npt.NDArray[np.int8], Floats]:
    """Features (N, C + 1 + S), classes (N,) and weights (N,)."""
    features: list[Floats] = []
    classes: list[npt.NDArray[np.int8]] = []
    weights: list[Floats] = []
    for start in range(0, len(persons), _BATCH):
        batch = persons[start : start + _BATCH]
        values = labels[batch]
        drawn = generator.random(values.shape) < np.where(values > 0, rates[1], rates[0])
        row, tag = np.nonzero(drawn)
        channels, scalars = _array(inputs.channels(batch)), _array(inputs.scalars[batch.tolist()])
        x = np.hstack([channels[row, tag], log_prior[tag, None], scalars[row]])
        value = values[row, tag]
        for of_class, weight in ((1, value), (0, 1 - value)):
            some = weight > 0
            features.append(x[some])
            classes.append(np.full(int(some.sum()), of_class, np.int8))
            weights.append(weight[some])
    return np.concatenate(features), np.concatenate(classes), np.concatenate(weights).astype(np.float32)


def _array(tensor: Tensor) -> Floats:
    return np.asarray(tensor.float().cpu().numpy(), np.float32)

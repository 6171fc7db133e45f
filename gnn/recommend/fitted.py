"""A fitted recommender: persons' histories in, scores of all contents and the best unseen ones out. NumPy and SciPy only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp

from gnn.recommend.history import History, query_weights
from gnn.recommend.options import TimeView
from gnn.recommend.ranking import best_first, mask_seen

__all__ = ["Factors", "Recommender"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Factors:
    """Scores of f contents from queries (b, known): queries @ first, and @ second where there is one."""

    first: Floats
    """(known, f), or (known, d)."""
    second: Floats | None = None
    """(d, f)."""

    @property
    def contents(self) -> int:
        """f."""
        return int((self.first if self.second is None else self.second).shape[1])

    def score(self, queries: sp.csr_matrix, out: Floats) -> None:
        """Write the scores into `out` (b, f)."""
        thin = np.asarray(queries @ self.first, np.float32)
        if self.second is None:
            out[:] = thin
        else:
            np.matmul(thin, self.second, out=out)


@dataclass(frozen=True)
class Recommender:
    """m contents in an order of its own: those that somebody engaged with, new ones that can be scored, the rest."""

    model: str
    content_ids: pa.Array
    """(m,)"""
    known: int
    """How many contents, the first, have been engaged with."""
    factors: Factors | None
    """Of the known contents; None where popularity is the model."""
    new: Factors | None
    """Of contents that nobody has engaged with, from their features; None where there is nothing to go by."""
    popular: Floats
    """(m,) score in 0..1 for persons of whom nothing is known; what has 0 is not offered to them."""
    view: TimeView
    notes: tuple[str, ...] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)

    @property
    def contents(self) -> int:
        """m."""
        return len(self.content_ids)

    def scores(self, history: History) -> Floats:
        """(b, m) for the persons of a history over all contents, seen ones included; −∞ for what is never offered."""
        scores = np.empty((history.persons, self.contents), np.float32)
        unknown = np.ones(history.persons, np.bool_)
        if self.factors is not None:
            queries = sp.csr_matrix(query_weights(history, self.view)[:, : self.known])
            unknown = np.asarray(queries.getnnz(axis=1) == 0)  # also who knows nothing but contents new to the model
            scored = self.known + (0 if self.new is None else self.new.contents)
            self.factors.score(queries, scores[:, : self.known])
            if self.new is not None:
                self.new.score(queries, scores[:, self.known : scored])
            scores[:, scored:] = -np.inf
        if unknown.any():
            scores[unknown] = np.where(self.popular > 0, self.popular, -np.inf)
        return scores

    def best(self, history: History, seen: sp.csr_matrix, k: int) -> tuple[Indices, Floats]:
        """(b, ≤k) contents, best first, and their scores; what is in `seen` (b, m) is not offered: its score is −∞, and so is
        that of places that nothing is left for."""
        scores = self.scores(history)
        mask_seen(scores, seen)
        chosen = best_first(scores, k)
        return chosen, np.take_along_axis(scores, chosen, axis=1)

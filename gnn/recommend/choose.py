"""Which model, and how it looks at time: judged on each person's latest engagements, hidden from the fit.

Coordinate by coordinate, by NDCG@20, each step only where it gains: ridge, recency, locality, direction, weights, ridge again.
Undated sources hide a random share instead, and have nothing to choose about time. What was found is told beside popularity and
plain EASE (or filter).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from gnn.recommend.ease import Solution
from gnn.recommend.graph_filter import filter_factors
from gnn.recommend.history import History, hide_latest, query_weights
from gnn.recommend.options import RecommendOptions, TimeView
from gnn.recommend.pairs import together_and_after
from gnn.recommend.popular import popularity
from gnn.recommend.ranking import Quality
from graph.progress import Progress

__all__ = ["Choice", "Scorer", "choose", "judge"]

Floats = npt.NDArray[np.float32]
Scorer = Callable[[sp.csr_matrix], Floats]
_RIDGES = (30.0, 100.0, 300.0, 1000.0)
_RECENCIES = (0.0, 1.0, 2.0, 4.0, 8.0)
_LOCALITIES = (1.0, 3.0, 8.0)
_DIRECTIONS = (0.5, 1.0, 2.0)
_FEWEST = 20
_CONTENTS = 2000
_SCORES = 100_000_000
_FEWEST_OF_MANY = 1000
_BATCH_BYTES = 100_000_000


@dataclass(frozen=True)
class Choice:
    """`metrics` name what was judged: the model chosen, popularity, plain EASE or filter; empty where nothing could be."""

    model: str
    ridge: float
    view: TimeView
    metrics: dict[str, dict[str, float]]


def choose(history: History, options: RecommendOptions, progress: Progress) -> Choice:
    """The model of `auto`, or the named one, at its best. Contents beyond `invertible` go to the filter."""
    model = options.model
    if model == "auto":
        model = "ease" if history.contents <= options.invertible else "filter"
    kept, hidden = hide_latest(history, options.hidden_share, options.seed)
    judged = np.flatnonzero(hidden.getnnz(axis=1))
    if len(judged) < _FEWEST:
        return Choice(model, options.ridge, TimeView(), {})
    judged = _some(judged, history, options)
    bench = _Bench(kept, hidden, judged, progress)
    popular = popularity(kept, None)
    trivial = bench.measure("popularity", TimeView(), lambda q: np.tile(popular, (q.shape[0], 1)))
    metrics = {"popularity": trivial}
    if model in ("popular", "embedding"):
        return Choice(model, options.ridge, TimeView(), metrics)
    search = _ease if model == "ease" else _filter
    ridge, view, plain, found = search(bench, options)
    metrics |= {f"plain {model}": plain, model: found}
    if options.model == "auto" and trivial["ndcg"] >= found["ndcg"]:
        model = "popular"
    return Choice(model, ridge, view, metrics)


def judge(history: History, options: RecommendOptions, view: TimeView, fit: Callable[[History], Scorer]) -> dict[str, float]:
    """Recall and NDCG at 20 of a model that is fitted without the hidden engagements; empty where too few can be hidden."""
    kept, hidden = hide_latest(history, options.hidden_share, options.seed)
    judged = np.flatnonzero(hidden.getnnz(axis=1))
    if len(judged) < _FEWEST:
        return {}
    bench = _Bench(kept, hidden, _some(judged, history, options), lambda *_: None)
    return bench.measure(options.model, view, fit(kept))


def _some(judged: Any, history: History, options: RecommendOptions) -> Any:
    """At most `judged_persons`, and fewer where each has very many contents to be scored."""
    most = min(options.judged_persons, max(_FEWEST_OF_MANY, _SCORES // max(history.contents, 1)))
    if len(judged) <= most:
        return judged
    return np.sort(np.random.default_rng([options.seed, 14]).choice(judged, most, replace=False))


class _Bench:
    """The hidden engagements of some persons, and how well they are foreseen."""

    def __init__(self, kept: History, hidden: sp.csr_matrix, judged: Any, progress: Progress) -> None:
        self.kept, self._progress, self._done = kept, progress, 0
        self._history = kept.of_persons(judged)
        self._hidden = sp.csr_matrix(hidden[judged])

    def measure(self, what: str, view: TimeView, scorer: Scorer) -> dict[str, float]:
        """`scorer` gives (b, m) of queries (b, m)."""
        self._done += 1
        self._progress(f"choosing how to recommend: {what}", self._done, self._done + 1)
        sums = Quality()
        seen, queries = self._history.presence(), query_weights(self._history, view)
        for rows in _batches(*seen.shape):
            sums.add(scorer(sp.csr_matrix(queries[rows])), sp.csr_matrix(seen[rows]), sp.csr_matrix(self._hidden[rows]))
        return sums.means()


def _ease(bench: _Bench, options: RecommendOptions) -> tuple[float, TimeView, dict[str, float], dict[str, float]]:
    """With more than 2,000 contents, the choice is made on the 2,000 most popular."""
    kept = bench.kept
    counts = np.bincount(kept.content, minlength=kept.contents)
    chosen = np.sort(np.argsort(-counts, kind="stable")[:_CONTENTS])
    local = kept.among(chosen)
    pairs: dict[float, Any] = {}
    solved: dict[tuple[float, float], Solution] = {}
    tried: dict[tuple[float, TimeView], dict[str, float]] = {}

    def measure(ridge: float, view: TimeView) -> dict[str, float]:
        if (ridge, view) not in tried:
            if (ridge, view.locality) not in solved:  # one at a time: each holds matrices
                solved.clear()
                if view.locality not in pairs:
                    pairs.clear()
                    pairs[view.locality] = together_and_after(local, view.locality)
                together, after = pairs[view.locality]
                solved[ridge, view.locality] = Solution(together, after, ridge)
            weights = solved[ridge, view.locality].weights(view.direction)
            tried[ridge, view] = bench.measure("ease", view, lambda q: _placed(q[:, chosen] @ weights, chosen, kept.contents))
        return tried[ridge, view]

    ridge = max(_RIDGES, key=lambda r: measure(r, TimeView())["ndcg"])
    plain, view = measure(ridge, TimeView()), TimeView()
    if kept.dated:
        view = _better(view, [replace(view, recency=a) for a in _RECENCIES], lambda v: measure(ridge, v)["ndcg"])
        view = _better(view, [replace(view, locality=a) for a in _LOCALITIES], lambda v: measure(ridge, v)["ndcg"])
        view = _better(view, [replace(view, direction=a) for a in _DIRECTIONS], lambda v: measure(ridge, v)["ndcg"])
        if view.direction or view.locality:
            ridge = max((ridge, ridge / 2, ridge * 2), key=lambda r: measure(r, view)["ndcg"])
    view = _better(view, [replace(view, by_weight=True)], lambda v: measure(ridge, v)["ndcg"])
    return ridge, view, plain, measure(ridge, view)


def _filter(bench: _Bench, options: RecommendOptions) -> tuple[float, TimeView, dict[str, float], dict[str, float]]:
    first, second = filter_factors(bench.kept, options.dimensions, options.seed)

    def measure(view: TimeView) -> dict[str, float]:
        return bench.measure("filter", view, lambda q: np.asarray(q @ first, np.float32) @ second)

    views = [TimeView(recency=a) for a in _RECENCIES] if bench.kept.dated else [TimeView()]
    found = {view: measure(view) for view in views}
    view = max(views, key=lambda v: found[v]["ndcg"])
    heavy = replace(view, by_weight=True)
    found[heavy] = measure(heavy)
    if found[heavy]["ndcg"] > found[view]["ndcg"]:
        view = heavy
    return options.ridge, view, found[views[0]], found[view]


def _better(current: TimeView, others: list[TimeView], value: Callable[[TimeView], float]) -> TimeView:
    """The first of the best."""
    return max([current, *others], key=value)


def _placed(scores: Floats, chosen: Any, contents: int) -> Floats:
    if len(chosen) == contents:
        return np.asarray(scores, np.float32)
    out = np.full((scores.shape[0], contents), -np.inf, np.float32)
    out[:, chosen] = scores
    return out


def _batches(rows: int, columns: int) -> Iterator[slice]:
    step = max(1, _BATCH_BYTES // max(4 * columns, 1))
    return (slice(start, start + step) for start in range(0, rows, step))

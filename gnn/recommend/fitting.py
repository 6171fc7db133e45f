"""Fit a recommender: a population in, a `Recommender` out, and in its notes what was chosen and how well it foresaw."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gnn.features.population import Population
from gnn.recommend.choose import Choice, Scorer, choose, judge
from gnn.recommend.content_features import content_features
from gnn.recommend.ease import content_weights
from gnn.recommend.fitted import Factors, Recommender
from gnn.recommend.graph_filter import filter_factors
from gnn.recommend.history import History, history_of
from gnn.recommend.new_contents import new_content_factors
from gnn.recommend.options import RecommendOptions, TimeView
from gnn.recommend.popular import chosen_half_life, popularity
from graph.errors import MissingExtra, SettingsError
from graph.progress import Progress, ignore_progress

__all__ = ["fit_recommender"]

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
_DAY = 86_400_000_000
_EMBEDDING_VIEW = TimeView(recency=4.0)


def fit_recommender(
    data: Population,
    options: RecommendOptions | None = None,
    *,
    text: Floats | None = None,
    progress: Progress = ignore_progress,
) -> Recommender:
    """Fit on everybody in the population. `text` (m, e): vectors of the contents' texts, if there are some.

    Raises MissingExtra where the learned model is asked for without torch, SettingsError for EASE with too many contents.
    """
    options = options or RecommendOptions()
    everything = history_of(data)
    counts = np.bincount(everything.content, minlength=data.contents)
    known = np.flatnonzero(counts)
    history = everything.among(known)
    if options.model == "ease" and len(known) > options.invertible:
        raise SettingsError(f"{len(known)} contents are too many for ease (at most {options.invertible}); use filter or auto")
    choice = choose(history, options, progress) if len(known) else Choice("popular", options.ridge, TimeView(), {})
    model, view, metrics = choice.model, choice.view, dict(choice.metrics)
    progress(f"fitting {model}", 0, 1)
    parts: tuple[Floats, ...] = ()
    if model == "ease":
        parts = (content_weights(history, choice.ridge, view),)
    elif model == "filter":
        parts = filter_factors(history, options.dimensions, options.seed)
    elif model == "embedding":
        view = _EMBEDDING_VIEW if history.dated else TimeView()
        parts, metrics[model] = _learned(history, view, options, progress)
    progress(f"fitting {model}", 1, 1)
    half_life = None if model == "popular" else chosen_half_life(history)  # for newcomers; judged without, for everybody
    fresh, new = _new(data, parts, known, counts, text, options.seed) if parts else (known[:0], None)
    order = np.concatenate([known, fresh])
    order = np.concatenate([order, np.setdiff1d(np.arange(data.contents), order)])
    popular = np.zeros(data.contents, np.float32)
    popular[: len(known)] = popularity(history, half_life)
    return Recommender(
        model=model,
        content_ids=pa.array(data.content_ids, pa.string()).take(pa.array(order)),
        known=len(known),
        factors=Factors(*parts) if parts else None,
        new=new,
        popular=popular / max(float(popular.max(initial=0)), 1e-12),
        view=view,
        notes=_notes(model, choice, view, metrics, half_life, 0 if new is None else new.contents),
        metrics=metrics,
    )


def _learned(
    history: History, view: TimeView, options: RecommendOptions, progress: Progress
) -> tuple[tuple[Floats, Floats], dict[str, float]]:
    try:
        from gnn.recommend.embedding import embedding_factors
    except ImportError as error:
        raise MissingExtra("The learned recommender", "gnn") from error

    def scorer(kept: History) -> Scorer:
        first, second = embedding_factors(kept, options, progress)
        return lambda queries: np.asarray(queries @ first, np.float32) @ second

    return embedding_factors(history, options, progress), judge(history, options, view, scorer)


def _new(
    data: Population, parts: tuple[Floats, ...], known: Indices, counts: Indices, text: Floats | None, seed: int
) -> tuple[Indices, Factors | None]:
    """Which contents are new and can be scored, and how."""
    features = content_features(data, text, seed=seed)
    fresh = np.flatnonzero((counts == 0) & features.any(axis=1)) if features.shape[1] else np.zeros(0, np.int64)
    found = new_content_factors(parts, features[known], features[fresh], counts[known].astype(np.float32), seed)
    return (fresh[:0], None) if found is None else (fresh, Factors(*found))


def _notes(
    model: str, choice: Choice, view: TimeView, metrics: dict[str, dict[str, float]], half_life: float | None, new: int
) -> tuple[str, ...]:
    notes = []
    told = ", ".join(f"{name} {m['recall']:.3f}/{m['ndcg']:.3f}" for name, m in metrics.items() if m)
    if told:
        notes.append(
            f"recommendations: {model}; recall/NDCG at 20 on each person's latest engagements, hidden from the fit: {told}"
        )
    else:
        notes.append(f"recommendations: {model}; too few engagements to choose by")
    if model == "ease":
        notes.append(
            f"recommendations: ridge {choice.ridge:g}, recency {view.recency:g}, locality {view.locality:g}, "
            f"direction {view.direction:g}{', stronger engagements count more' if view.by_weight else ''}"
        )
    if half_life is not None:
        notes.append(f"recommendations: what is popular is counted with a half-life of {half_life / _DAY:.1f} days")
    if new:
        notes.append(f"recommendations: {new} contents that nobody has engaged with are scored by their categories and texts")
    return tuple(notes)

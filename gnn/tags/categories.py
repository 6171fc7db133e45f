"""What contents are about, from the categories of those that have one: texts and text vectors in, a score per category out.

The classifiers are those of `gnn.text.classify`, blended by cross-validation on the contents whose categories are known. A
content's own categories have score 1; of exclusive categories the scores of a content sum to one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gnn.features.population import Population
from gnn.text.classify import Classification, ClassifierOptions, Corpus, classify_texts
from gnn.text.readable import is_readable, spaceless_share
from graph.progress import Progress, ignore_progress

__all__ = ["Classified", "classify_contents"]

Floats = npt.NDArray[np.float32]
_MINIMUM = 20
_CHARACTERS = 2000


@dataclass(frozen=True)
class Classified:
    """`scores` (m, c) in 0..1 or None where nothing could be learned; `metrics` out of fold, `details` of each category and each
    classifier; `notes` say what was chosen, or why nothing was learned."""

    scores: Floats | None
    metrics: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def classify_contents(
    data: Population,
    text: Floats | None,
    *,
    seed: int,
    options: ClassifierOptions | None = None,
    progress: Progress = ignore_progress,
) -> Classified:
    """Scores of every content, learned from those with categories. Needs readable text on at least 20 of them.

    Raises SettingsError (an option that cannot be used), MissingExtra.
    """
    has = data.content_category.getnnz(axis=1) > 0
    readable = np.array([is_readable(t) for t in data.texts], np.bool_)
    rows = np.flatnonzero(readable)
    known = np.flatnonzero(has[rows])
    targets = data.content_category[rows[known]].toarray() > 0
    reason = _nothing_to_learn(targets, int((readable & ~has).sum()))
    if reason:
        return Classified(None, notes=(reason,) if data.categories else ())
    texts = [data.texts[i][:_CHARACTERS] for i in rows]
    corpus = Corpus(
        texts,
        spaceless=spaceless_share(texts) > 0.5,
        exclusive=bool((targets.sum(axis=1) == 1).all()),
        vectors=None if text is None else text[rows],
    )
    found = classify_texts(
        corpus, known, targets, data.categories, options=options or ClassifierOptions(), seed=seed, progress=progress
    )
    scores = np.zeros((data.contents, len(data.categories)), np.float32)
    scores[rows] = found.probabilities
    scores[has] = data.content_category[has].toarray()
    rare = [c for c, n in zip(data.categories, targets.sum(axis=0), strict=True) if n < 2]
    notes = [_chosen(found), *found.notes]
    if rare:
        notes.append(f"{len(rare)} categories have fewer than 2 readable examples and are hardly learned: {', '.join(rare[:5])}")
    return Classified(
        scores,
        {"contents": float(found.report.texts), **found.report.figures()},
        {
            "categories": found.report.rows(),
            "classifiers": {name: {"weight": found.weights[name], **r.figures()} for name, r in found.members.items()},
        },
        tuple(notes),
    )


def _nothing_to_learn(targets: npt.NDArray[np.bool_], unknown: int) -> str:
    """Why contents are not classified; empty where they are. `targets` are those of readable contents."""
    if len(targets) < _MINIMUM:
        return f"{len(targets)} contents with categories have readable text, {_MINIMUM} are needed: the others are not classified"
    if not (targets.any(axis=0) & ~targets.all(axis=0)).any():
        return "all contents that have categories have the same: there is nothing to tell apart"
    return "" if unknown else "no readable content is without categories: none are classified"


def _chosen(found: Classification) -> str:
    """One line: the members, their weights, and how right they are out of fold."""
    parts = [
        f"{name} {found.weights[name]:.2f} ({found.members[name].accuracy:.3f} alone)"
        for name in sorted(found.weights, key=lambda n: (-found.weights[n], n))
    ]
    report = found.report
    return (
        f"contents are classified by {', '.join(parts)}: accuracy {report.accuracy:.3f}, macro-F1 {report.macro_f1:.3f} out of "
        f"fold on {report.texts} contents, {report.majority:.3f} for the most frequent category"
    )
